"""Receipts that staff announce, and credits in suspense that go to loans: the bank's side of both.

What a loan does with the money is servicing's. It calls these with the loan locked; the bank's lock comes after
loans and before ledger accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

import msgspec

from halfpenny import ledger
from halfpenny.funding import errors
from halfpenny.funding.bank import StatementLine
from halfpenny.funding.receipts import BankReceipt, is_the_receipt, may_be
from halfpenny.funding.reconciliation import ReconciliationItem, reversed_credit
from halfpenny.funding.service.reconciling import arrived, out_of_suspense, reopened, to_suspense
from halfpenny.funding.statuses import ReceiptStatus
from halfpenny.funding.store import bank_receipts as store
from halfpenny.funding.store import reconciliation, statements
from halfpenny.funding.store.statements import lock_bank
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency, Money, format_minor


@dataclass(frozen=True, slots=True)
class CreditInSuspense:
    """A credit line and what of it still waits: ``remaining_minor`` is zero once it has gone somewhere."""

    line: StatementLine
    item: ReconciliationItem
    is_open: bool

    @property
    def remaining(self) -> Money:
        return Money(self.item.remaining_minor if self.is_open else 0, Currency(self.item.currency))


async def announce(
    connection: Connection,
    announced_by: UserId,
    amount: Money,
    received_on: date,
    payer: str,
    reference: str,
    loan_id: UUID | None,
) -> BankReceipt:
    """Keep a receipt that no statement has been found for yet; it moves nothing. Raises FutureEffectiveDate."""
    if received_on > await business_date(connection):
        raise ledger.FutureEffectiveDate()
    receipt = BankReceipt(
        id=uuid7(),
        currency=amount.currency.value,
        amount_minor=amount.minor,
        received_on=received_on,
        payer=payer,
        reference=reference,
        loan_id=loan_id,
        status=ReceiptStatus.EXPECTED,
        line_id=None,
        announced_by=announced_by,
        announced_at=await business_now(connection),
    )
    await store.insert(connection, receipt)
    await audit.record(
        connection,
        announced_by,
        "receipt.announce",
        "receipt",
        receipt.id,
        {"amount": format_minor(amount.minor), "currency": receipt.currency, "loan_id": loan_id and str(loan_id)},
    )
    return receipt


async def line_of_receipt(connection: Connection, receipt: BankReceipt) -> StatementLine | None:
    """The credit in suspense that this receipt is: found among those of its amount, and nobody else's.

    Raises StatementLineExists where one may be it and nothing says so: people decide, and until then the receipt is
    not posted beside it. Callers hold the bank's lock.
    """
    like = await _credits_that_may_be(connection, receipt)
    sure = [line for line, waits in like if waits and is_the_receipt(line, receipt)]
    if len(sure) == 1:
        return sure[0]
    _refuse_beside(like)
    return None


async def check_post_ahead(connection: Connection, receipt: BankReceipt) -> None:
    """Raise ReceiptEnded unless the receipt waits for its line, StatementLineExists where that may have come.

    A line that surely is the receipt is no better: it is matched, and the receipt is not posted beside it. Callers hold
    the bank's lock.
    """
    if receipt.status is not ReceiptStatus.EXPECTED:
        raise errors.ReceiptEnded(status=receipt.status.value)
    _refuse_beside(await _credits_that_may_be(connection, receipt))


async def _credits_that_may_be(connection: Connection, receipt: BankReceipt) -> list[tuple[StatementLine, bool]]:
    """Credits that may be the receipt, and whether each waits in suspense."""
    return [(line, waits) for line, waits in await store.credits_like(connection, receipt) if may_be(line, receipt)]


def _refuse_beside(like: Sequence[tuple[StatementLine, bool]]) -> None:
    if like:
        raise errors.StatementLineExists(
            lines=[
                {
                    "id": str(line.id),
                    "booked_on": line.booked_on.isoformat(),
                    "payer": line.payer,
                    "remittance": line.remittance,
                    "bank_reference": line.bank_reference,
                    "in_suspense": waits,
                }
                for line, waits in like
            ]
        )


async def lock_receipt(connection: Connection, receipt_id: UUID, *, lock: bool = True) -> BankReceipt:
    """An announced receipt, with its currency's bank locked before it. Raises BankReceiptUnknown."""
    found = await store.find(connection, receipt_id)
    if found is not None and lock:
        await lock_bank(connection, found.currency)
        found = await store.find(connection, receipt_id, lock=True)
    if found is None:
        raise errors.BankReceiptUnknown()
    return found


async def post_ahead(connection: Connection, receipt: BankReceipt, posted_by: UserId) -> BankReceipt:
    """A second person lets the receipt be posted before its line comes. Raises ReceiptEnded, StatementLineExists."""
    await check_post_ahead(connection, receipt)
    now = await business_now(connection)
    await store.posted_ahead(connection, receipt.id, posted_by, now)
    return replace(receipt, status=ReceiptStatus.POSTED_AHEAD, posted_by=posted_by, posted_at=now)


async def withdraw_receipt(connection: Connection, receipt_id: UUID, by: UserId) -> BankReceipt:
    """Stop waiting for a receipt that was announced in error. Raises BankReceiptUnknown, ReceiptEnded."""
    receipt = await lock_receipt(connection, receipt_id)
    if receipt.status is not ReceiptStatus.EXPECTED:
        raise errors.ReceiptEnded(status=receipt.status.value)
    await store.end_waiting(connection, receipt_id)
    await audit.record(connection, by, "receipt.withdraw", "receipt", receipt_id, {})
    return replace(receipt, status=ReceiptStatus.WITHDRAWN)


async def join_line(connection: Connection, receipt_id: UUID, line_id: UUID, by: UserId) -> BankReceipt:
    """Somebody says that a line is a receipt: from now on they are one.

    Of a receipt in the books the line moves nothing: its suspense is undone, and so is what stood there for the line
    that was missing. Raises BankReceiptUnknown, ReceiptEnded, LineUnknown, LineSpent.
    """
    receipt = await lock_receipt(connection, receipt_id)
    if receipt.line_id is not None or receipt.status is ReceiptStatus.WITHDRAWN:
        raise errors.ReceiptEnded(status=receipt.status.value)
    credit = await credit_in_suspense(connection, line_id)
    remaining = credit.remaining
    if (remaining.minor, remaining.currency.value) != (receipt.amount_minor, receipt.currency):
        raise errors.LineSpent(remaining=format_minor(remaining.minor), currency=remaining.currency.value)
    await store.has_its_line(connection, receipt_id, line_id)
    if receipt.in_the_books:
        await _undo_suspense(connection, receipt, credit, by)
    await audit.record(connection, by, "receipt.join_line", "receipt", receipt_id, {"line_id": str(line_id)})
    return replace(receipt, status=ReceiptStatus.MATCHED, line_id=line_id)


async def _undo_suspense(connection: Connection, receipt: BankReceipt, credit: CreditInSuspense, by: UserId) -> None:
    now, today = await business_now(connection), await business_date(connection)
    back = Account(AccountKind.CLIENT_BANK, None, Currency(receipt.currency))
    await ledger.post(connection, out_of_suspense(credit.item, back, today))
    await reconciliation.resolve(connection, credit.item.id, by, now)
    await _end_missing(connection, receipt, by)


async def _end_missing(connection: Connection, receipt: BankReceipt, by: UserId) -> None:
    """The line of a receipt is not missing any more: what covered it goes back."""
    now, today = await business_now(connection), await business_date(connection)
    for missing in await reconciliation.missing_items(connection, receipt.currency, [receipt.id.hex]):
        await ledger.post(connection, out_of_suspense(missing, arrived(missing), today))
        await reconciliation.resolve(connection, missing.id, by, now)


async def credit_in_suspense(connection: Connection, line_id: UUID, *, lock: bool = True) -> CreditInSuspense:
    """A credit that stands, or stood, in suspense, with its currency's bank locked before it. Raises LineUnknown."""
    item = await reconciliation.item_of_line(connection, line_id)
    if item is not None and lock:
        await lock_bank(connection, item.currency)
        item = await reconciliation.item_of_line(connection, line_id, lock=True)
    line = await statements.line(connection, line_id)
    if item is None or line is None or not item.is_unknown_credit:
        raise errors.LineUnknown()
    return CreditInSuspense(line, item, await reconciliation.is_open(connection, item.id))


async def check_remaining(connection: Connection, line_id: UUID, wanted_minor: int) -> None:
    """Raise LineSpent unless so much of a credit, and more than nothing, stands in suspense. Raises LineUnknown."""
    credit = await credit_in_suspense(connection, line_id)
    if not 0 < wanted_minor <= credit.remaining.minor:
        raise errors.LineSpent(remaining=format_minor(credit.remaining.minor), currency=credit.item.currency)


async def allocate(
    connection: Connection, credit: CreditInSuspense, loan_id: UUID, amount: Money, by: UserId | None
) -> UUID:
    """Write down that so much of a credit goes to a loan; returns the allocation's id. The loan posts the money.

    ``by`` is None where the platform found the loan by an announced receipt. Raises LineSpent.
    """
    current = await reconciliation.item_of_line(connection, credit.line.id, lock=True)
    left = current.remaining_minor if current and await reconciliation.is_open(connection, current.id) else 0
    if amount.currency is not credit.remaining.currency or amount.minor > left:
        raise errors.LineSpent(remaining=format_minor(left), currency=credit.item.currency)
    allocation_id, now = uuid7(), await business_now(connection)
    await store.insert_allocation(
        connection, allocation_id, credit.item.id, credit.line.id, loan_id, amount.minor, now, by
    )
    if amount.minor == left:
        await reconciliation.resolve(connection, credit.item.id, by, now)
    elif credit.item.question is not None:
        await reconciliation.set_question(connection, credit.item.id, None)
    await _join_expected(connection, credit.line, loan_id, amount)
    return allocation_id


async def receipts_under(connection: Connection, named: UUID) -> list[UUID]:
    """What went to loans under the id of an allocation, of an announced receipt or of a statement's line.

    These are the ids under which loans know their receipts, taken back or not, oldest first; none where nothing did.
    """
    receipt = await store.find(connection, named)
    if receipt is None and (of_line := await store.posted_ahead_of_line(connection, named)) is not None:
        receipt = of_line
    if receipt is not None and receipt.posted_at is not None:
        return [receipt.id]
    line_id = named if receipt is None else receipt.line_id
    allocations = await store.allocations_of(connection, line_id) if line_id is not None else []
    return [row["id"] for row in allocations] or [named]


async def take_back(connection: Connection, named: UUID, by: UserId) -> AccountKind:
    """A loan gives back an allocation of a credit, or a receipt that was posted ahead; the loan posts the money.

    Returns where it goes. A credit that a statement shows stands in suspense again; money that no statement ever
    showed leaves the books as it came, and what covered it with it. Raises BankReceiptUnknown for anything else, and
    for what was taken back before.
    """
    now = await business_now(connection)
    row = await store.lock_allocation(connection, named)
    if row is not None and row["taken_back_at"] is None:
        await store.take_back(connection, named, by, now)
        await reconciliation.reopen(connection, row["item_id"])
        return AccountKind.SUSPENSE
    receipt = await lock_receipt(connection, named)
    if not receipt.in_the_books:
        raise errors.BankReceiptUnknown()
    await store.reverse(connection, named)
    today = await business_date(connection)
    if receipt.line_id is not None:
        await _back_into_suspense(connection, receipt.line_id, receipt.currency, today)
    await _end_missing(connection, receipt, by)
    return AccountKind.CLIENT_BANK


async def _back_into_suspense(connection: Connection, line_id: UUID, currency: str, today: date) -> None:
    """A line that was a receipt in the books is a credit that nobody has been found for."""
    item = await reconciliation.item_of_line(connection, line_id, lock=True)
    if item is not None:
        await ledger.post(connection, reopened(item, today))
        await reconciliation.reopen(connection, item.id)
        return
    line = await statements.line(connection, line_id)
    if line is None:
        raise errors.LineUnknown()
    item = reversed_credit(line, currency)
    await ledger.post(connection, to_suspense(item, today))
    statement_id = await statements.statement_of_line(connection, line_id)
    await reconciliation.insert_findings(connection, statement_id, [item], await business_now(connection))


async def _join_expected(connection: Connection, line: StatementLine, loan_id: UUID, amount: Money) -> None:
    """A receipt of the same amount that this loan waited for is what the line was: it does not wait any more."""
    if amount.minor != line.amount_minor:
        return
    waiting = await store.without_line(connection, amount.currency.value, [amount.minor])
    same = [each for each in waiting if each.loan_id == loan_id and not each.in_the_books and may_be(line, each)]
    if same and not await store.receipt_of_line(connection, line.id):
        await store.has_its_line(connection, same[0].id, line.id)


async def leave_question(connection: Connection, line_id: UUID, refusal: HalfpennyError) -> None:
    """Keep with a credit in suspense why the loan that it was meant for did not take it."""
    item = await reconciliation.item_of_line(connection, line_id, lock=True)
    if item is not None and await reconciliation.is_open(connection, item.id):
        data = msgspec.to_builtins(dict(refusal.data), str_keys=True)
        await reconciliation.set_question(connection, item.id, refusal.code, data)
