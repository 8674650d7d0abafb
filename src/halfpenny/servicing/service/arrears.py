"""What an administrator does about a loan in trouble: each is a dated event, replayed and posted like all others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from halfpenny import loans
from halfpenny.ledger import Account, AccountKind, Transfer
from halfpenny.loans import Actor
from halfpenny.platform import audit, outbox
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import LoanId
from halfpenny.primitives.money import Money
from halfpenny.servicing import errors, events
from halfpenny.servicing.model.events import Acceleration, CostAdvanced, Cure, Default, WriteOff
from halfpenny.servicing.service.posting import PostingResult, loan_account, lock_serviced_loan, post_events
from halfpenny.servicing.store import recoveries, serviced_loans


@dataclass(frozen=True, slots=True)
class RecoveryCase:
    """A recovery; ``update_overdue`` while its investors have waited longer than they should for the next update."""

    opened_on: date
    closed_on: date | None
    next_update_due_on: date
    update_overdue: bool
    updated_on: date | None
    newest_update: str


# Investors get an update on a recovery at least this often.
RECOVERY_UPDATE_INTERVAL_DAYS = 30


async def mark_unlikely_to_pay(connection: Connection, loan_id: UUID, actor: Actor, reason: str) -> PostingResult:
    """A default without waiting for ninety days: the other arm of EU 2022/2115, article 1."""
    loan, _ = await lock_serviced_loan(connection, loan_id)
    if loan.status not in loans.RUNNING_STATUSES:
        raise loans.WrongStatus(status=loan.status.value, transition="default")
    await serviced_loans.set_unlikely_to_pay(connection, loan_id, True)
    today = await business_date(connection)
    return await post_events(connection, loan_id, [Default(today, reason, unlikely_to_pay=True)], actor, reason=reason)


async def accelerate(connection: Connection, loan_id: UUID, actor: Actor, reason: str) -> PostingResult:
    """Everything owed falls due at once, once. Only for a loan in default. Raises NotInDefault, AlreadyAccelerated."""
    await _in_default(connection, loan_id)
    if any(isinstance(event, Acceleration) for event in await serviced_loans.events(connection, loan_id)):
        raise errors.AlreadyAccelerated()
    today = await business_date(connection)
    await audit.record(connection, actor.user_id, "loan.accelerate", "loan", loan_id, {"reason": reason})
    posted = await post_events(connection, loan_id, [Acceleration(today)], actor, reason=reason)
    await outbox.append_many(connection, [events.accelerated(loan_id, today)])
    return posted


async def cure(
    connection: Connection, loan_id: UUID, unlikely_to_pay: bool, actor: Actor, reason: str
) -> PostingResult:
    """The default is over; ``unlikely_to_pay`` is whether the mark stays all the same.

    Whether something may still be overdue is for the act to ask. Raises WrongStatus unless the loan is in default.
    """
    await lock_serviced_loan(connection, loan_id)
    today = await business_date(connection)
    await serviced_loans.set_unlikely_to_pay(connection, loan_id, unlikely_to_pay)
    facts = {"unlikely_to_pay": unlikely_to_pay, "reason": reason}
    await audit.record(connection, actor.user_id, "loan.cure", "loan", loan_id, facts)
    posted = await post_events(connection, loan_id, [Cure(today)], actor, reason=reason)
    loan = await loans.transition(connection, LoanId(loan_id), loans.TransitionName.CURE, actor, reason=reason)
    return replace(posted, loan=loan)


async def start_recovery(connection: Connection, loan_id: UUID, actor: Actor, reason: str) -> None:
    """Open the case: from now on the investors get an update at least every thirty days.

    ``reason`` is the first of them, and stands there alone: words to investors can be erased, the audit trail cannot.
    """
    await lock_serviced_loan(connection, loan_id)
    await loans.transition(connection, LoanId(loan_id), loans.TransitionName.START_RECOVERY, actor)
    today = await business_date(connection)
    await recoveries.open_case(connection, loan_id, today, today + timedelta(days=RECOVERY_UPDATE_INTERVAL_DAYS))
    await _add_update(connection, loan_id, today, reason, actor)


async def publish_recovery_update(connection: Connection, loan_id: UUID, text: str, actor: Actor) -> int:
    """Publish an update on a recovery case; returns its number. Raises NoRecoveryCase."""
    await loans.bar_interested_staff(connection, actor, await loans.get(connection, loan_id))
    if await recoveries.lock_case(connection, loan_id) is None:
        raise errors.NoRecoveryCase()
    number = await _add_update(connection, loan_id, await business_date(connection), text, actor)
    await audit.record(connection, actor.user_id, "loan.recovery_update", "loan", loan_id, {"number": number})
    return number


async def recovery_cases(connection: Connection, loan_ids: Sequence[UUID]) -> dict[UUID, RecoveryCase]:
    """The recovery cases of these loans, as everybody may read them."""
    return {
        row["loan_id"]: RecoveryCase(
            row["opened_on"],
            row["closed_on"],
            row["next_update_due_on"],
            row["overdue"],
            row["published_on"],
            row["text"] or "",
        )
        for row in await recoveries.cases(connection, loan_ids)
    }


async def _add_update(connection: Connection, loan_id: UUID, today: date, text: str, actor: Actor) -> int:
    number = await recoveries.add_update(
        connection, loan_id, today, text, actor.user_id, today + timedelta(days=RECOVERY_UPDATE_INTERVAL_DAYS)
    )
    await outbox.append_many(connection, [events.recovery_updated(loan_id, number, today)])
    return number


async def advance_cost(
    connection: Connection, loan_id: UUID, amount: Money, kind: str, actor: Actor, reason: str
) -> PostingResult:
    """The platform pays for the recovery (a court, an agent) from its own bank; the loan owes it back first."""
    _, serviced = await lock_serviced_loan(connection, loan_id)
    today = await business_date(connection)
    own_bank = Account(AccountKind.OWN_BANK, None, serviced.currency)
    paid = Transfer(loan_account(AccountKind.RECOVERY_ADVANCE, serviced), own_bank, amount.minor)
    facts = {"amount": str(amount), "kind": kind, "reason": reason}
    await audit.record(connection, actor.user_id, "loan.advance_cost", "loan", loan_id, facts)
    return await post_events(
        connection, loan_id, [CostAdvanced(today, amount, kind)], actor, extra=[paid], reason=reason
    )


async def write_off(connection: Connection, loan_id: UUID, actor: Actor, reason: str) -> PostingResult:
    """Give up what is left of the principal: the holdings share the loss; later receipts are recoveries."""
    await _in_default(connection, loan_id)
    today = await business_date(connection)
    return await post_events(connection, loan_id, [WriteOff(today)], actor, reason=reason)


async def _in_default(connection: Connection, loan_id: UUID) -> None:
    loan, _ = await lock_serviced_loan(connection, loan_id)
    if loan.status not in loans.IN_DEFAULT_STATUSES:
        raise errors.NotInDefault(status=loan.status.value)
