"""What approvals record: one event for each end that a proposal can come to, and one for its beginning."""

from __future__ import annotations

from halfpenny.approvals.model import Approval, ApprovalStatus
from halfpenny.platform.outbox import OutboxEvent

_VERSION = 1
PROPOSED = "approval.proposed"
# The event by the status that it reports.
EVENT_OF: dict[ApprovalStatus, str] = {
    ApprovalStatus.PENDING: PROPOSED,
    ApprovalStatus.APPROVED: "approval.approved",
    ApprovalStatus.REFUSED: "approval.refused",
    ApprovalStatus.WITHDRAWN: "approval.withdrawn",
    ApprovalStatus.EXPIRED: "approval.expired",
}


def event(approval: Approval) -> OutboxEvent:
    """The event of the status that the approval has. Facts and payload stay behind: consumers read them by id."""
    return OutboxEvent(
        EVENT_OF[approval.status],
        _VERSION,
        approval.id,
        {
            "approval_id": str(approval.id),
            "act": approval.act,
            "status": approval.status.value,
            "subject": approval.subject,
            "object_id": str(approval.object_id),
            "proposed_by": str(approval.proposed_by),
            "decided_by": str(approval.decided_by) if approval.decided_by else None,
            "expires_at": approval.expires_at.isoformat(),
        },
    )
