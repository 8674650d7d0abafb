"""What loans have had from the bank and give back: allocations of credits, and receipts posted ahead of their line."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny import ledger
from halfpenny.funding import errors
from halfpenny.funding.receipts import BankReceipt
from halfpenny.funding.reconciliation import reversed_credit
from halfpenny.funding.service.bank_receipts import end_missing, lock_receipt
from halfpenny.funding.service.reconciling import take_back_release, to_suspense
from halfpenny.funding.store import bank_receipts as store
from halfpenny.funding.store import reconciliation, statements
from halfpenny.ledger import AccountKind
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId


async def receipts_under(connection: Connection, named: UUID) -> list[UUID]:
    """What went to loans under the id of an allocation, of an announced receipt or of a statement's line.

    These are the ids under which loans know their receipts, taken back or not, oldest first; the id that was named
    where it is none of these.
    """
    receipt = await store.find(connection, named)
    if receipt is not None and receipt.posted_at is not None:
        return [receipt.id]
    line_id = named if receipt is None else receipt.line_id
    if line_id is None:
        return [named]
    allocated = [row["id"] for row in await store.allocations_of(connection, line_id)]
    return sorted([*allocated, *await store.posted_ahead_of_line(connection, line_id)]) or [named]


async def take_back(connection: Connection, named: UUID, by: UserId) -> AccountKind:
    """A loan gives back an allocation of a credit, or a receipt that was posted ahead; the loan posts the money.

    Returns where it goes. A credit that a statement shows stands in suspense again; money that no statement ever
    showed leaves the books as it came, and what covered it with it. The caller holds the bank's lock, as the ledger's
    accounts are locked after it. Raises BankReceiptUnknown for anything else, and for what was taken back before.
    """
    item = await reconciliation.credit_of_allocation(connection, named)
    if item is None:
        return await _take_back_posted_ahead(connection, named, by)
    row = await store.lock_allocation(connection, named)
    if row is None or row["taken_back_at"] is not None:
        raise errors.BankReceiptUnknown()
    await store.take_back(connection, named, by, await business_now(connection))
    await reconciliation.reopen(connection, item)
    return AccountKind.SUSPENSE


async def _take_back_posted_ahead(connection: Connection, named: UUID, by: UserId) -> AccountKind:
    receipt = await lock_receipt(connection, named)
    if not receipt.in_the_books:
        raise errors.BankReceiptUnknown()
    await store.reverse(connection, named)
    if receipt.line_id is not None:
        await _back_into_suspense(connection, receipt, receipt.line_id, await business_date(connection))
    await end_missing(connection, receipt, by)
    return AccountKind.CLIENT_BANK


async def _back_into_suspense(connection: Connection, receipt: BankReceipt, line_id: UUID, today: date) -> None:
    """A line that was a receipt in the books is a credit that nobody has been found for."""
    item = await reconciliation.credit_of_line(connection, line_id, lock=True)
    if item is not None:
        await take_back_release(connection, item, receipt.amount_minor, released_by=receipt.id)
        return
    line = await statements.line(connection, line_id)
    if line is None:
        raise errors.LineUnknown()
    item = reversed_credit(line, receipt.currency)
    await ledger.post(connection, to_suspense(item, today))
    statement_id = await statements.statement_of_line(connection, line_id)
    await reconciliation.insert_findings(connection, statement_id, [item], await business_now(connection))
