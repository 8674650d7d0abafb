"""How approvals read in JSON."""

from __future__ import annotations

from typing import Any

from halfpenny.approvals.model import ActOutcome, Approval, Standing
from halfpenny.platform.http import AnswerWithStatus


def approval(entry: Approval) -> dict[str, Any]:
    """One approval without its object: what lists, 202 answers and decisions show."""
    return {
        "id": str(entry.id),
        "act": entry.act,
        "status": entry.status.value,
        "subject": entry.subject,
        "object_id": str(entry.object_id),
        "object_version": entry.object_version,
        "payload": dict(entry.payload),
        "reason": entry.reason,
        "proposed_by": str(entry.proposed_by),
        "proposed_at": entry.proposed_at.isoformat(),
        "earliest_at": entry.earliest_at.isoformat(),
        "expires_at": entry.expires_at.isoformat(),
        "decided_by": str(entry.decided_by) if entry.decided_by else None,
        "decided_at": entry.decided_at.isoformat() if entry.decided_at else None,
        "decision_reason": entry.decision_reason,
        "result": None if entry.result is None else dict(entry.result),
    }


def standing(found: Standing) -> dict[str, Any]:
    """One approval with its object then, what changed since, and whether it can still be approved."""
    return {
        **approval(found.approval),
        "facts": dict(found.approval.facts),
        "stale": found.stale,
        "changes": [{"fact": change.fact, "proposed": change.proposed, "now": change.now} for change in found.changes],
    }


def answer(outcome: ActOutcome, done: int = 200) -> AnswerWithStatus:
    """The answer of a route whose act may take two people: its own, or 202 with the approval."""
    if outcome.approval is not None:
        return AnswerWithStatus(202, {"approval": approval(outcome.approval)})
    return AnswerWithStatus(done, outcome.result or {})
