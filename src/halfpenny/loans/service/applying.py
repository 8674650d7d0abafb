"""A borrower applies, changes a draft, takes an application back, or has the security valued anew."""

from __future__ import annotations

from uuid import UUID

from halfpenny.loans import errors, store
from halfpenny.loans.application_rules import check_application, check_evidence
from halfpenny.loans.events import event
from halfpenny.loans.model import (
    REASSESS,
    REASSESSMENT_REQUESTED,
    Actor,
    ActorKind,
    Application,
    LendingRules,
    Loan,
    Status,
    Valuation,
)
from halfpenny.loans.service.conflicts import bar_interested_staff
from halfpenny.loans.service.lifecycle import get, lock, record_event, transition
from halfpenny.loans.statuses import TransitionName
from halfpenny.platform import audit, outbox
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import LoanId, UserId, uuid7


async def draft(connection: Connection, borrower_id: UserId, application: Application, rules: LendingRules) -> Loan:
    """Keep an application that is not sent yet. Raises the named Malformed errors of ``check_application``."""
    check_application(application, rules, await business_date(connection))
    loan_id = LoanId(uuid7())
    now = await business_now(connection)
    await store.insert(connection, loan_id, borrower_id, borrower_id, application, now)
    drafted = await get(connection, loan_id)
    await audit.record(connection, borrower_id, "loan.draft", "loan", loan_id, {"version": 1, **valued(drafted)})
    return drafted


def valued(loan: Loan) -> dict[str, int]:
    """What the property was said to be worth, as the audit trail keeps it with whoever said so: minor units."""
    return {"valuation_minor": loan.application.property.valuation_minor}


async def rewrite(
    connection: Connection, borrower_id: UserId, loan_id: UUID, application: Application, rules: LendingRules
) -> Loan:
    """Replace a draft's terms; only its borrower may, and only while it is a draft."""
    loan = await lock_own(connection, borrower_id, loan_id)
    if loan.status is not Status.DRAFT:
        raise errors.WrongStatus(status=loan.status.value)
    check_application(application, rules, await business_date(connection))
    await store.rewrite(connection, loan_id, application, await business_now(connection))
    after = await get(connection, loan_id)
    facts = {"version": after.version, **valued(after)}
    await audit.record(connection, borrower_id, "loan.rewrite", "loan", loan_id, facts)
    return after


async def submit(connection: Connection, borrower_id: UserId, loan_id: UUID) -> Loan:
    """Send a draft: the application and the event that asks for its assessment commit together."""
    loan = await lock_own(connection, borrower_id, loan_id)
    return await transition(
        connection, loan_id, TransitionName.SUBMIT, Actor(ActorKind.BORROWER, borrower_id), locked=loan
    )


async def apply(connection: Connection, borrower_id: UserId, application: Application, rules: LendingRules) -> Loan:
    """Draft and submit at once."""
    loan = await draft(connection, borrower_id, application, rules)
    # Nobody else can know of it yet, so it is as good as locked.
    return await transition(
        connection, loan.id, TransitionName.SUBMIT, Actor(ActorKind.BORROWER, borrower_id), locked=loan
    )


async def withdraw(connection: Connection, borrower_id: UserId, loan_id: UUID) -> Loan:
    """Withdraw an application, or decline an offer that was not accepted."""
    loan = await lock_own(connection, borrower_id, loan_id)
    return await transition(
        connection, loan_id, TransitionName.WITHDRAW, Actor(ActorKind.BORROWER, borrower_id), locked=loan
    )


async def revalue(connection: Connection, actor: Actor, loan_id: UUID, valuation: Valuation) -> Loan:
    """Take over another valuation before the decision; the risk service is asked again, and a decision waits for it.

    Whoever enters it has edited the application: as an administrator they will not decide on it. Whoever verified
    another's report has not.
    """
    if actor.user_id is None:
        raise errors.NotYourTransition(transition="request_reassessment")
    if actor.kind is ActorKind.BORROWER:
        loan = await lock_own(connection, actor.user_id, loan_id)
    else:
        loan = await lock(connection, loan_id)
        await bar_interested_staff(connection, actor, loan)
    if loan.status not in (Status.SUBMITTED, Status.ASSESSED):
        raise errors.WrongStatus(status=loan.status.value)
    check_evidence(loan.application, valuation, await business_date(connection))
    await adopt_valuation(connection, loan_id, valuation)
    changed = await get(connection, loan_id)
    now = await business_now(connection)
    if valuation.report_id is None:
        await store.insert_edit(connection, loan_id, changed.version, actor.user_id, now)
    if loan.status is Status.ASSESSED:
        return await transition(
            connection, loan_id, TransitionName.REQUEST_REASSESSMENT, actor, data=valued(changed), locked=changed
        )
    await record_event(connection, REASSESSMENT_REQUESTED, changed, actor, action="loan.revalue", data=valued(changed))
    return changed


async def adopt_valuation(connection: Connection, loan_id: UUID, valuation: Valuation) -> None:
    """Store the figure and give the loan's terms a new version; asking the risk service is the caller's."""
    await store.revalue(connection, loan_id, valuation, await business_now(connection))


async def request_reassessment(connection: Connection, loan: Loan, cause: str, asked_by: UserId | None) -> None:
    """Ask the risk service about the same terms once more, such as for another model; ``asked_by`` None is a command.

    The event alone would leave no trace in the loan: the audit entry is what the books hold it against.
    """
    await outbox.append_many(connection, [event(REASSESSMENT_REQUESTED, loan, cause=cause)])
    facts = {"version": loan.terms_version, "cause": cause}
    await audit.record(connection, asked_by, REASSESS, "loan", loan.id, facts)


async def lock_own(connection: Connection, borrower_id: UserId, loan_id: UUID) -> Loan:
    """The borrower's own loan, locked. Another person's does not exist for them: LoanNotFound."""
    loan = await lock(connection, loan_id)
    if loan.borrower_id != borrower_id:
        raise errors.LoanNotFound()
    return loan
