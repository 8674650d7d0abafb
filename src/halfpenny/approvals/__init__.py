"""Four eyes, once: an act proposed by one person, bound to its object's version, approved or refused by another.

A feature registers an ``Act`` and its route calls ``perform``; what the act does stays in the feature, which this
one does not know. docs/guides/approvals.md shows how.
"""

from halfpenny.approvals.check import check
from halfpenny.approvals.dependencies import AppActs, registered_acts
from halfpenny.approvals.errors import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalStale,
    ApprovalTooEarly,
    FourEyes,
    ProposerBarred,
)
from halfpenny.approvals.events import EVENT_OF, PROPOSED
from halfpenny.approvals.model import (
    ALWAYS,
    Act,
    ActOutcome,
    ActRun,
    Acts,
    Approval,
    ApprovalStatus,
    ObjectState,
    SecondPersonRule,
)
from halfpenny.approvals.service import (
    approve,
    expire_due,
    get,
    history_of,
    pending,
    pending_on,
    perform,
    refuse,
    withdraw,
)
from halfpenny.approvals.views import answer, approval

__all__ = [
    "ALWAYS",
    "EVENT_OF",
    "PROPOSED",
    "Act",
    "ActOutcome",
    "ActRun",
    "Acts",
    "AppActs",
    "Approval",
    "ApprovalDecided",
    "ApprovalExpired",
    "ApprovalNotFound",
    "ApprovalStale",
    "ApprovalStatus",
    "ApprovalTooEarly",
    "FourEyes",
    "ObjectState",
    "ProposerBarred",
    "SecondPersonRule",
    "answer",
    "approval",
    "approve",
    "check",
    "expire_due",
    "get",
    "history_of",
    "pending",
    "pending_on",
    "perform",
    "refuse",
    "registered_acts",
    "withdraw",
]
