"""SQL of announced receipts, and of lines that stand in suspense until they are allocated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from halfpenny.funding.bank import StatementLine
from halfpenny.funding.receipts import NEAR, BankReceipt
from halfpenny.funding.statuses import ReceiptStatus
from halfpenny.funding.store.reconciliation import ALLOCATED, UNKNOWN_CREDIT
from halfpenny.funding.store.statements import line_of
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record

_FIRST = "00000000-0000-0000-0000-000000000000"
# Lines that nobody has been found for, or not for all of the money; oldest first.
SUSPENSE_PAGE = (
    "SELECT l.*, i.id AS item_id, i.kind, i.question, i.question_data, "
    f"i.suspense_minor - i.resolved_minor - {ALLOCATED} AS remaining_minor "
    "FROM reconciliation_item i JOIN bank_statement_line l ON l.id = i.line_id "
    f"WHERE i.status = 'open' AND {UNKNOWN_CREDIT} AND i.line_id > coalesce($1::uuid, '{_FIRST}') "
    "ORDER BY i.line_id LIMIT $2"
)
EXPECTED_PAGE = (
    "SELECT * FROM bank_receipt WHERE line_id IS NULL AND status NOT IN ('withdrawn', 'reversed') "
    f"AND id > coalesce($1::uuid, '{_FIRST}') ORDER BY id LIMIT $2"
)


def receipt_of_row(row: Record) -> BankReceipt:
    return rows.read(BankReceipt, row)


async def insert(connection: Connection, receipt: BankReceipt) -> None:
    await rows.insert(connection, "bank_receipt", rows.values(receipt))


async def find(connection: Connection, receipt_id: UUID, *, lock: bool = False) -> BankReceipt | None:
    row = await connection.fetchrow(
        f"SELECT * FROM bank_receipt WHERE id = $1{' FOR UPDATE' if lock else ''}", receipt_id
    )
    return receipt_of_row(row) if row else None


async def receipt_of_line(connection: Connection, line_id: UUID) -> BankReceipt | None:
    """The announced receipt that a line is."""
    row = await connection.fetchrow("SELECT * FROM bank_receipt WHERE line_id = $1 AND status <> 'reversed'", line_id)
    return receipt_of_row(row) if row else None


async def posted_ahead_of_line(connection: Connection, line_id: UUID) -> list[UUID]:
    """The receipts that a line is or was and that went to their loans before it came, given back since or not."""
    found = await connection.fetch("SELECT id FROM bank_receipt WHERE line_id = $1 AND posted_at IS NOT NULL", line_id)
    return [row["id"] for row in found]


async def without_line(connection: Connection, currency: str, amounts: Sequence[int]) -> list[BankReceipt]:
    """Receipts of these amounts whose line has not come; callers hold the bank's lock."""
    found = await connection.fetch(
        "SELECT * FROM bank_receipt WHERE line_id IS NULL AND currency = $1 AND amount_minor = ANY($2) "
        "AND status IN ('expected', 'posted_ahead') ORDER BY id",
        currency,
        list(amounts),
    )
    return [receipt_of_row(row) for row in found]


async def posted_without_line(connection: Connection, currency: str, until: date) -> list[BankReceipt]:
    """Posted ahead for days until ``until``, no line has come, and nobody has been notified of that."""
    found = await connection.fetch(
        "SELECT r.* FROM bank_receipt r WHERE r.line_id IS NULL AND r.currency = $1 AND r.status = 'posted_ahead' "
        "AND r.received_on <= $2 AND NOT EXISTS (SELECT FROM reconciliation_item i WHERE i.kind = 'missing' "
        "AND i.reference = replace(r.id::text, '-', '')) ORDER BY r.id",
        currency,
        until,
    )
    return [receipt_of_row(row) for row in found]


async def has_its_line(connection: Connection, receipt_id: UUID, line_id: UUID) -> None:
    matched = {"status": ReceiptStatus.MATCHED, "line_id": line_id}
    await rows.update(connection, "bank_receipt", matched, "id = $1 AND line_id IS NULL", receipt_id)


async def posted_ahead(connection: Connection, receipt_id: UUID, posted_by: UUID, now: datetime) -> None:
    posted = {"status": ReceiptStatus.POSTED_AHEAD, "posted_by": posted_by, "posted_at": now}
    await rows.update(connection, "bank_receipt", posted, "id = $1", receipt_id)


async def reverse(connection: Connection, receipt_id: UUID) -> None:
    """A receipt that was posted ahead is in the books no more; a line that it was goes on being listed with it."""
    await connection.execute("UPDATE bank_receipt SET status = 'reversed' WHERE id = $1", receipt_id)


async def end_waiting(connection: Connection, receipt_id: UUID) -> None:
    await rows.update(connection, "bank_receipt", {"status": ReceiptStatus.WITHDRAWN}, "id = $1", receipt_id)


async def credits_like(connection: Connection, receipt: BankReceipt) -> list[tuple[StatementLine, bool]]:
    """Credits of the receipt's amount about its day, and whether each stands in suspense or has gone to its loan."""
    found = await connection.fetch(
        "SELECT l.*, i.status = 'open' AS in_suspense FROM bank_statement_line l "
        "JOIN reconciliation_item i ON i.line_id = l.id "
        "WHERE l.direction = 'CRDT' AND l.currency = $1 AND l.amount_minor = $2 "
        "AND l.booked_on BETWEEN $3::date - $4::int AND $3::date + $4::int "
        f"AND {UNKNOWN_CREDIT} AND (i.status = 'open' OR EXISTS (SELECT FROM line_allocation a "
        "WHERE a.item_id = i.id AND a.loan_id = $5 AND a.taken_back_at IS NULL)) "
        "AND NOT EXISTS (SELECT FROM bank_receipt r WHERE r.line_id = l.id AND r.status <> 'reversed') ORDER BY l.id",
        receipt.currency,
        receipt.amount_minor,
        receipt.received_on,
        6 * NEAR.days,
        receipt.loan_id,
    )
    return [(line_of(row), row["in_suspense"]) for row in found]


async def page_of_suspense(connection: Connection, after: UUID | None, limit: int) -> list[Record]:
    """Credits in suspense, oldest first, each with what remains of it."""
    return await connection.fetch(SUSPENSE_PAGE, after, limit)


async def page_of_expected(connection: Connection, after: UUID | None, limit: int) -> list[BankReceipt]:
    """Announced receipts without a line, oldest first."""
    return [receipt_of_row(row) for row in await connection.fetch(EXPECTED_PAGE, after, limit)]


async def insert_allocation(
    connection: Connection,
    allocation_id: UUID,
    item_id: UUID,
    loan_id: UUID,
    amount_minor: int,
    now: datetime,
    allocated_by: UUID | None,
) -> None:
    allocated = {"amount_minor": amount_minor, "allocated_at": now, "allocated_by": allocated_by}
    ids = {"id": allocation_id, "item_id": item_id, "loan_id": loan_id}
    await rows.insert(connection, "line_allocation", ids | allocated)


async def allocations_of(connection: Connection, line_id: UUID) -> list[Record]:
    """Where a line went, in their order; those taken back have a moment for it."""
    return await connection.fetch(
        "SELECT a.* FROM line_allocation a JOIN reconciliation_item i ON i.id = a.item_id WHERE i.line_id = $1 "
        "ORDER BY a.id",
        line_id,
    )


async def origins(connection: Connection, ids: Sequence[UUID]) -> list[Record]:
    """Who paid what loans know under these ids, and on which statement's line, where there is one."""
    return await connection.fetch(
        "SELECT a.id, l.payer, l.id AS line_id, l.booked_on, l.amount_minor FROM line_allocation a "
        "JOIN reconciliation_item i ON i.id = a.item_id JOIN bank_statement_line l ON l.id = i.line_id "
        "WHERE a.id = ANY($1) UNION ALL "
        "SELECT r.id, r.payer, l.id, l.booked_on, l.amount_minor FROM bank_receipt r "
        "LEFT JOIN bank_statement_line l ON l.id = r.line_id WHERE r.id = ANY($1)",
        list(ids),
    )


async def line_of_allocation(connection: Connection, allocation_id: UUID) -> UUID | None:
    found: UUID | None = await connection.fetchval(
        "SELECT i.line_id FROM line_allocation a JOIN reconciliation_item i ON i.id = a.item_id WHERE a.id = $1",
        allocation_id,
    )
    return found


async def lock_allocation(connection: Connection, allocation_id: UUID) -> Record | None:
    return await connection.fetchrow("SELECT * FROM line_allocation WHERE id = $1 FOR UPDATE", allocation_id)


async def take_back(connection: Connection, allocation_id: UUID, taken_by: UUID, now: datetime) -> None:
    taken = {"taken_back_at": now, "taken_back_by": taken_by}
    await rows.update(connection, "line_allocation", taken, "id = $1", allocation_id)
