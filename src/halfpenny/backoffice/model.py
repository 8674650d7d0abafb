"""Views of the back office and who may act on them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from halfpenny.loans import FirstApproval, LendingRules, Loan, Status, needs_second_person
from halfpenny.primitives.ids import UserId


@dataclass(frozen=True, slots=True)
class ApplicationAwaitingDecision:
    """One application in the queue: what is due next, and whether the reader may be the one to do it."""

    loan: Loan
    first: FirstApproval | None
    needs_second_person: bool
    next_step: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit trail. ``sealed`` is whether it has its place in the hash chain yet."""

    id: int
    actor_id: UUID | None
    actor_name: str | None
    action: str
    subject: str
    subject_id: UUID
    data: dict[str, Any]
    recorded_at: datetime
    sealed: bool


def application_awaiting_decision(
    loan: Loan, first: FirstApproval | None, reader: UserId, rules: LendingRules
) -> ApplicationAwaitingDecision:
    """What the loan waits for: ``assessment``, ``first_approval``, ``second_approval`` or ``another_person``.

    Relations and edits are judged when the decision comes; this only spares a person a click that cannot work.
    """
    involved = {loan.entered_by, loan.borrower_id} | ({first.made_by} if first else set())
    needs_second = needs_second_person(loan, rules)
    if loan.status is Status.SUBMITTED:
        step = "assessment"
    elif reader in involved:
        step = "another_person"
    elif first is not None:
        step = "second_approval"
    else:
        step = "first_approval"
    return ApplicationAwaitingDecision(loan, first, needs_second, step)
