"""Receipts that staff announce before their line has come: posted ahead of it, joined with it, or withdrawn.

What a loan does with the money is servicing's. It calls these with the loan locked; the bank's lock comes after
loans and before ledger accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from halfpenny import ledger
from halfpenny.funding import errors
from halfpenny.funding.bank import StatementLine
from halfpenny.funding.receipts import BankReceipt, is_the_receipt, may_be
from halfpenny.funding.service.reconciling import arrived, release
from halfpenny.funding.service.suspense import CreditInSuspense, credit_in_suspense
from halfpenny.funding.statuses import ReceiptStatus
from halfpenny.funding.store import bank_receipts as store
from halfpenny.funding.store import reconciliation
from halfpenny.funding.store.statements import lock_bank
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency, Money, format_minor


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


async def get_receipt(connection: Connection, receipt_id: UUID, *, lock: bool = False) -> BankReceipt:
    """An announced receipt. Raises BankReceiptUnknown."""
    found = await store.find(connection, receipt_id, lock=lock)
    if found is None:
        raise errors.BankReceiptUnknown()
    return found


async def lock_receipt(connection: Connection, receipt_id: UUID) -> BankReceipt:
    """An announced receipt, with its currency's bank locked before it. Raises BankReceiptUnknown."""
    await lock_bank(connection, (await get_receipt(connection, receipt_id)).currency)
    return await get_receipt(connection, receipt_id, lock=True)


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
    that was missing. Raises BankReceiptUnknown, ReceiptEnded, LineUnknown, LineHasReceipt, LineSpent.
    """
    receipt = await lock_receipt(connection, receipt_id)
    if receipt.line_id is not None or receipt.status in (ReceiptStatus.WITHDRAWN, ReceiptStatus.REVERSED):
        raise errors.ReceiptEnded(status=receipt.status.value)
    credit = await credit_in_suspense(connection, line_id)
    if (other := await store.receipt_of_line(connection, line_id)) is not None:
        raise errors.LineHasReceipt(receipt_id=str(other.id))
    remaining = credit.remaining
    if (remaining.minor, remaining.currency.value) != (receipt.amount_minor, receipt.currency):
        raise errors.LineSpent(remaining=format_minor(remaining.minor), currency=remaining.currency.value)
    await store.has_its_line(connection, receipt_id, line_id)
    if receipt.in_the_books:
        await _undo_suspense(connection, receipt, credit, by)
    await audit.record(connection, by, "receipt.join_line", "receipt", receipt_id, {"line_id": str(line_id)})
    return replace(receipt, status=ReceiptStatus.MATCHED, line_id=line_id)


async def _undo_suspense(connection: Connection, receipt: BankReceipt, credit: CreditInSuspense, by: UserId) -> None:
    back = Account(AccountKind.CLIENT_BANK, None, Currency(receipt.currency))
    # Under the receipt's id: it has one line in its life, and taking it back takes this journal back.
    await release(connection, credit.item, back, by, journal_id=receipt.id)
    await end_missing(connection, receipt, by)


async def end_missing(connection: Connection, receipt: BankReceipt, by: UserId) -> None:
    """The line of a receipt is not missing any more: what covered it goes back."""
    for missing in await reconciliation.missing_items(connection, receipt.currency, [receipt.id.hex]):
        await release(connection, missing, arrived(missing), by)
