"""Money that comes in for a loan: from the borrower's wallet, from the bank, or with nobody knowing what for."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.loans import Actor, ActorKind
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import JournalId, UserId, uuid7
from halfpenny.primitives.money import Currency, CurrencyMismatch, Money
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.payoff import Payoff, payoff, receive
from halfpenny.servicing.service.posting import PostingResult, bank, lock_serviced_loan, post_events
from halfpenny.servicing.statuses import ReceiptStatus
from halfpenny.servicing.store import receipts, serviced_loans


async def repay(connection: Connection, loan_id: UUID, borrower_id: UserId, amount: Money) -> PostingResult:
    """The borrower pays from their wallet, today.

    What exceeds the amount due repays principal early; what exceeds the whole debt goes straight back. Raises
    LoanNotFound for anybody else's loan, NotServiced, LoanClosed, InsufficientAvailable, CurrencyMismatch.
    """
    # Asked first: whether a loan is serviced yet is not for strangers to learn.
    if (await loans.get(connection, loan_id)).borrower_id != borrower_id:
        raise loans.LoanNotFound()
    _, serviced = await lock_serviced_loan(connection, loan_id)
    wallet = Account(AccountKind.WALLET, borrower_id, serviced.currency)
    return await _receive(connection, loan_id, amount, Actor(ActorKind.BORROWER, borrower_id), wallet)


async def receive_from_bank(
    connection: Connection,
    loan_id: UUID,
    amount: Money,
    received_on: date,
    actor: Actor,
    *,
    source: Account | None = None,
    reference: str = "",
) -> PostingResult:
    """A receipt at the bank for a known loan, by the day the bank credited it: a late message is a replay.

    ``source`` is the account that holds the money by now, the client's bank where it is left out; ``reference`` names
    what brought it, and stays with the loan's event.
    """
    return await _receive(connection, loan_id, amount, actor, source or bank(amount.currency), received_on, reference)


async def _receive(
    connection: Connection,
    loan_id: UUID,
    amount: Money,
    actor: Actor,
    source: Account,
    received_on: date | None = None,
    reference: str = "",
) -> PostingResult:
    _, serviced = await lock_serviced_loan(connection, loan_id)
    if amount.currency is not serviced.currency:
        raise CurrencyMismatch(ours=serviced.currency.value, theirs=amount.currency.value)
    today = await business_date(connection)
    on = received_on or today
    if on > today:
        raise ledger.FutureEffectiveDate()
    known = await serviced_loans.events(connection, loan_id)
    new = receive(serviced.terms, known, on, amount, reference)
    return await post_events(connection, loan_id, new, actor, receipts_from=source)


async def redemption_on(connection: Connection, loan_id: UUID, on: date | None) -> Payoff:
    """What pays the loan off on a day (today where None). Raises NotServiced, EventBeforeAdvance."""
    serviced = await serviced_loans.find(connection, loan_id)
    if serviced is None:
        raise errors.NotServiced()
    day = on or await business_date(connection)
    return payoff(serviced.terms, await serviced_loans.events(connection, loan_id), day)


async def amount_due(connection: Connection, loan_id: UUID) -> int:
    """What the borrower should have paid by today and has not, in minor units. Raises NotServiced."""
    serviced = await serviced_loans.find(connection, loan_id)
    if serviced is None:
        raise errors.NotServiced()
    events = await serviced_loans.events(connection, loan_id)
    return replay(serviced.terms, events, await business_date(connection)).total_due


async def hold_in_suspense(
    connection: Connection, amount: Money, received_on: date, payer: str, reference: str
) -> UUID:
    """A receipt at the bank that names no loan waits in suspense until it is matched or returned."""
    receipt_id = uuid7()
    await receipts.insert_unmatched(connection, receipt_id, amount, received_on, payer, reference)
    suspense = Account(AccountKind.SUSPENSE, None, amount.currency)
    transfer = Transfer(bank(amount.currency), suspense, amount.minor)
    journal = Journal(JournalId(uuid7()), "receipt_unmatched", (transfer,), received_on, receipt_id)
    await ledger.post(connection, journal)
    return receipt_id


async def match(connection: Connection, receipt_id: UUID, loan_id: UUID, actor: Actor) -> PostingResult:
    """An unmatched receipt turns out to be for a loan: it counts from the day it was received."""
    # The loan first: it comes before everything else in the order of locks.
    await lock_serviced_loan(connection, loan_id)
    row = await _open_receipt(connection, receipt_id)
    currency = Currency(row["currency"])
    amount = Money(row["amount_minor"], currency)
    suspense = Account(AccountKind.SUSPENSE, None, currency)
    posted = await _receive(connection, loan_id, amount, actor, suspense, row["received_on"])
    await receipts.resolve(connection, receipt_id, ReceiptStatus.MATCHED, loan_id)
    return posted


async def return_receipt(connection: Connection, receipt_id: UUID) -> None:
    """Nobody knows what an unmatched receipt was for: it returns to where it came from."""
    row = await _open_receipt(connection, receipt_id)
    currency = Currency(row["currency"])
    transfer = Transfer(Account(AccountKind.SUSPENSE, None, currency), bank(currency), row["amount_minor"])
    today = await business_date(connection)
    await ledger.post(connection, Journal(JournalId(uuid7()), "receipt_returned", (transfer,), today, receipt_id))
    await receipts.resolve(connection, receipt_id, ReceiptStatus.RETURNED, None)


async def _open_receipt(connection: Connection, receipt_id: UUID) -> receipts.Record:
    row = await receipts.lock_unmatched(connection, receipt_id)
    if row is None:
        raise errors.UnknownReceipt()
    if row["status"] != ReceiptStatus.UNMATCHED:
        raise errors.ReceiptResolved(status=row["status"])
    return row
