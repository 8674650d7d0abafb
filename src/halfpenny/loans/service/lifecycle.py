"""Read, lock and move loans: the verbs that every later feature stands on. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from halfpenny.loans import errors, events, store
from halfpenny.loans.decision import FirstApproval
from halfpenny.loans.model import (
    CONDITIONS,
    RESCHEDULED,
    SYSTEM,
    TRANSITIONS,
    Actor,
    FundingState,
    Loan,
    Status,
    check_transition,
)
from halfpenny.loans.service.conflicts import bar_interested_staff
from halfpenny.loans.statuses import FundingStatus, TransitionName
from halfpenny.platform import audit, outbox
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import LoanId

# What a transition does to the hot row. The others leave it as it is.
_FUNDING_STATUS_AFTER: Mapping[TransitionName, FundingStatus] = {
    TransitionName.OPEN_FUNDING: FundingStatus.OPEN,
    TransitionName.COMPLETE_FUNDING: FundingStatus.FULL,
    TransitionName.REOPEN_FUNDING: FundingStatus.OPEN,
    TransitionName.EXPIRE: FundingStatus.CLOSED,
    TransitionName.LAPSE: FundingStatus.CLOSED,
    TransitionName.CANCEL: FundingStatus.CLOSED,
    TransitionName.WITHDRAW: FundingStatus.CLOSED,
    TransitionName.DRAW_DOWN: FundingStatus.CLOSED,
}


async def get(connection: Connection, loan_id: UUID) -> Loan:
    """The loan, not locked. Raises LoanNotFound."""
    found = await store.find(connection, [loan_id])
    if not found:
        raise errors.LoanNotFound()
    return found[0]


async def get_many(connection: Connection, loan_ids: Sequence[UUID]) -> dict[LoanId, Loan]:
    """Those of the loans that exist, not locked."""
    return {loan.id: loan for loan in await store.find(connection, loan_ids)}


async def lock(connection: Connection, loan_id: UUID) -> Loan:
    """The loan with its funding row, locked until the transaction ends. Raises LoanNotFound.

    Take it before any account: the order everywhere is loan_funding rows by id, loan rows by id, accounts by id.
    """
    found = await store.lock(connection, [loan_id])
    if not found:
        raise errors.LoanNotFound()
    return found[0]


async def lock_funding(connection: Connection, loan_ids: Collection[UUID]) -> dict[LoanId, FundingState]:
    """The hot rows, locked in id order. A loan that was never offered to investors has none: it is unknown to them."""
    return await store.lock_funding(connection, loan_ids)


async def add_funded(connection: Connection, rows: Sequence[tuple[UUID, int, int, int]]) -> dict[LoanId, FundingState]:
    """Add (loan, minor units, investors, steps of the version) to the totals in one statement, one row a loan.

    Negative amounts take tickets back. Returns the rows after it. The row's status becomes ``full`` at the target
    and ``open`` again below it; moving the loan itself (complete_funding, reopen_funding) is the caller's next call.
    """
    return await store.add_funded(connection, rows)


async def transition(
    connection: Connection,
    loan_id: UUID,
    name: TransitionName,
    actor: Actor = SYSTEM,
    *,
    expected_version: int | None = None,
    drawn_down_on: date | None = None,
    matures_on: date | None = None,
    reason: str | None = None,
    data: Mapping[str, Any] | None = None,
    locked: Loan | None = None,
) -> Loan:
    """Make one state transition: raise the loan's version, append its domain event, and audit a person's act.

    Returns the loan as it is after. Raises LoanNotFound, StaleVersion where ``expected_version`` is another than
    the loan's, NotYourTransition, WrongStatus. ``drawn_down_on`` and ``matures_on`` are set where given; ``data`` is
    audited with the act. A caller that holds the lock of the loan passes what it knows of it as ``locked``: it must be
    the loan as it is now.
    """
    edge = TRANSITIONS[name]
    before = locked or await lock(connection, loan_id)
    if expected_version is not None and expected_version != before.version:
        raise errors.StaleVersion(version=before.version)
    check_transition(before, edge, actor)
    await bar_interested_staff(connection, actor, before)
    await store.set_status(connection, [loan_id], edge.target, drawn_down_on, matures_on)
    if (funding_status := _FUNDING_STATUS_AFTER.get(name)) is not None:
        await store.set_funding_status(connection, [loan_id], funding_status)
    if edge.name in (TransitionName.SUBMIT, TransitionName.REINSTATE):
        # The risk service answers each version of the terms once: here it is asked anew.
        await store.set_terms_version(connection, loan_id)
    after = await get(connection, loan_id)
    await record_event(connection, edge.event, after, actor, action=f"loan.{name}", reason=reason, data=data)
    if edge.name is TransitionName.COMPLETE_FUNDING and after.conditions == CONDITIONS:
        # The evidence was all there before the last ticket.
        return await transition(connection, loan_id, TransitionName.MEET_CONDITIONS, locked=after)
    return after


async def transition_many(
    connection: Connection, loan_ids: Sequence[UUID], name: TransitionName, *, matures_on: date | None = None
) -> list[Loan]:
    """Move many loans at once, as the system. Loans whose status does not allow it are left alone, unlike above.

    Returns those that moved, as they are after. For jobs that go over ranges of loans and may run twice.
    """
    edge = TRANSITIONS[name]
    if SYSTEM.kind not in edge.actor_kinds:
        raise errors.NotYourTransition(transition=name)
    locked = await store.lock(connection, loan_ids)
    moving = [loan.id for loan in locked if loan.status in edge.sources]
    if not moving:
        return []
    await store.set_status(connection, moving, edge.target, None, matures_on)
    if (funding_status := _FUNDING_STATUS_AFTER.get(name)) is not None:
        await store.set_funding_status(connection, moving, funding_status)
    after = await store.find(connection, moving)
    await outbox.append_many(connection, [events.event(edge.event, loan) for loan in after])
    return after


async def reschedule(connection: Connection, loan_id: UUID, matures_on: date, actor: Actor, reason: str | None) -> Loan:
    """Note that an active loan now matures on another day; its status stays. Raises LoanNotFound."""
    await bar_interested_staff(connection, actor, await lock(connection, loan_id))
    await store.set_maturity(connection, loan_id, matures_on)
    await store.increment_version(connection, loan_id)
    after = await get(connection, loan_id)
    facts = {"matures_on": matures_on.isoformat()}
    await record_event(connection, RESCHEDULED, after, actor, action="loan.reschedule", reason=reason, data=facts)
    return after


async def record_event(
    connection: Connection,
    name: str,
    loan: Loan,
    actor: Actor,
    *,
    action: str,
    reason: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Append the event, and the audit entry where a person acted or there is ``data`` to keep."""
    await outbox.append_many(connection, [events.event(name, loan)])
    if actor.user_id is not None or data:
        facts = {"version": loan.version, "status": loan.status.value, **(data or {})}
        if reason is not None:
            facts["reason"] = reason
        await audit.record(connection, actor.user_id, action, "loan", loan.id, facts)


async def page_in(connection: Connection, statuses: Collection[Status], after: UUID | None, limit: int) -> list[Loan]:
    """A page of the loans in any of the statuses, by id: for jobs that go over all of them."""
    return await store.page_in(connection, statuses, after, limit)


async def awaiting_decision(
    connection: Connection, after: UUID | None, limit: int
) -> list[tuple[Loan, FirstApproval | None]]:
    """A page of loans that wait for an administrator, oldest first, with the approval that one of them may have."""
    waiting = await store.awaiting_decision_page(connection, after, limit)
    approvals = await store.first_approvals(connection, [loan.id for loan in waiting])
    return [(loan, approvals.get(loan.id)) for loan in waiting]


async def past_deadline(connection: Connection, limit: int) -> list[LoanId]:
    """Loans offered or funding whose deadline has passed by the business clock: to ``lapse`` or to ``expire``."""
    return [LoanId(loan_id) for loan_id in await store.past_deadline(connection, limit)]


async def versions_page(connection: Connection, after: UUID | None, limit: int) -> list[tuple[UUID, int, int]]:
    """(loan, version, version of its funding) of every loan that was ever offered, by id: what a projection
    compares itself with."""
    return await store.versions_page(connection, after, limit)
