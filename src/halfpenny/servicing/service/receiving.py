"""Money that comes in for a loan: from the borrower's wallet, from the bank, or with nobody knowing what for."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import Actor, ActorKind
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Money
from halfpenny.servicing import errors
from halfpenny.servicing.model.due_dates import MonthEnd, add_months
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.model.payoff import payoff, payoff_by_day, receive
from halfpenny.servicing.model.redemption import Payoff
from halfpenny.servicing.service.known_events import current_position, known_events
from halfpenny.servicing.service.posting import PostingResult, bank, lock_serviced_loan, post_events, serviced_loan


async def repay(
    connection: Connection, loan_id: UUID, borrower_id: UserId, amount: Money, apply: Apply | None = None
) -> PostingResult:
    """The borrower pays from their wallet, today.

    What exceeds the amount due waits for the next instalment, or repays principal early where ``apply`` says so; what
    covers the redemption figure redeems, and what exceeds it goes straight back. Raises LoanNotFound for anybody else's
    loan, NotServiced, LoanClosed, ApplyNeeded where ``apply`` is left out and more than the next instalment would wait,
    InsufficientAvailable, CurrencyMismatch.
    """
    # Asked first: whether a loan is serviced yet is not disclosed to others.
    if (await loans.get(connection, loan_id)).borrower_id != borrower_id:
        raise loans.LoanNotFound()
    _, serviced = await lock_serviced_loan(connection, loan_id)
    wallet = Account(AccountKind.WALLET, borrower_id, serviced.currency)
    return await _receive(connection, loan_id, amount, Actor(ActorKind.BORROWER, borrower_id), wallet, apply=apply)


async def receive_from_bank(
    connection: Connection,
    loan_id: UUID,
    amount: Money,
    received_on: date,
    actor: Actor,
    *,
    source: Account | None = None,
    reference: str = "",
    apply: Apply | None = None,
) -> PostingResult:
    """A receipt at the bank for a known loan, by the day the bank credited it: a late message is a replay.

    ``source`` is the account that holds the money by now, the client's bank where it is left out; ``reference`` names
    what brought it, and stays with the loan's event. Raises ApplyNeeded as ``repay`` does: the money then stays where
    it is until somebody says what it is for.
    """
    source = source or bank(amount.currency)
    return await _receive(connection, loan_id, amount, actor, source, received_on, reference, apply)


async def check_receipt(
    connection: Connection, loan_id: UUID, amount: Money, received_on: date, apply: Apply | None
) -> None:
    """Raise what ``receive_from_bank`` would refuse by the loan's rules; nothing is posted."""
    serviced = await serviced_loan(connection, loan_id)
    amount.check_currency(serviced.currency)
    if received_on > await business_date(connection):
        raise ledger.FutureEffectiveDate()
    known = await known_events(connection, serviced, received_on)
    receive(serviced.terms, known, received_on, amount, apply=apply)


async def _receive(
    connection: Connection,
    loan_id: UUID,
    amount: Money,
    actor: Actor,
    source: Account,
    received_on: date | None = None,
    reference: str = "",
    apply: Apply | None = None,
) -> PostingResult:
    _, serviced = await lock_serviced_loan(connection, loan_id)
    amount.check_currency(serviced.currency)
    today = await business_date(connection)
    on = received_on or today
    if on > today:
        raise ledger.FutureEffectiveDate()
    known = await known_events(connection, serviced, on)
    # What a wallet paid stays paid: only what a bank credited can be taken back by it.
    receipt_id = "" if source.kind is AccountKind.WALLET else reference or str(uuid7())
    new = receive(serviced.terms, known, on, amount, reference, apply, receipt_id)
    return await post_events(connection, loan_id, [new], actor, receipts_from=source)


async def redemption_on(connection: Connection, loan_id: UUID, on: date | None) -> Payoff:
    """What pays the loan off on a day (today where None). Raises NotServiced, RedemptionDayOutOfRange."""
    serviced = await serviced_loan(connection, loan_id)
    day = _redemption_day(on, await business_date(connection))
    return payoff(serviced.terms, await known_events(connection, serviced, day), day)


async def redemption_by_day(connection: Connection, loan_id: UUID, on: date | None, days: int) -> tuple[Payoff, ...]:
    """What pays the loan off on each of ``days`` days from ``on`` (today where None), as far as is known today.

    Raises NotServiced, LoanClosed, RedemptionDayOutOfRange.
    """
    serviced = await serviced_loan(connection, loan_id)
    first = _redemption_day(on, await business_date(connection))
    if serviced.closed_on is not None:
        raise errors.LoanClosed(closed_on=serviced.closed_on.isoformat())
    known = await known_events(connection, serviced, first + timedelta(days=days))
    return payoff_by_day(serviced.terms, known, first, days)


def _redemption_day(on: date | None, today: date) -> date:
    """Today where ``on`` is None. Raises RedemptionDayOutOfRange for the past and for more than a year ahead."""
    last = add_months(today, 12, MonthEnd.CLAMP)
    if on is not None and not today <= on <= last:
        raise errors.RedemptionDayOutOfRange(first=today.isoformat(), last=last.isoformat())
    return on or today


async def amount_due(connection: Connection, loan_id: UUID) -> int:
    """What the borrower should have paid by today and has not, in minor units. Raises NotServiced."""
    return (await current_position(connection, await serviced_loan(connection, loan_id))).total_due
