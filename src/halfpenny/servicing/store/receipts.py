"""SQL of receipts that nobody could match yet."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.money import Money
from halfpenny.servicing.statuses import ReceiptStatus

__all__ = ["Record", "insert_unmatched", "lock_unmatched", "page_of_unmatched", "resolve"]

LIST_UNMATCHED = (
    f"SELECT * FROM unmatched_receipt WHERE status = '{ReceiptStatus.UNMATCHED}' "
    "AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY id LIMIT $2"
)


async def insert_unmatched(
    connection: Connection, receipt_id: UUID, amount: Money, received_on: date, payer: str, reference: str
) -> None:
    await connection.execute(
        "INSERT INTO unmatched_receipt (id, currency, amount_minor, received_on, payer, reference) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        receipt_id,
        amount.currency.value,
        amount.minor,
        received_on,
        payer,
        reference,
    )


async def lock_unmatched(connection: Connection, receipt_id: UUID) -> Record | None:
    return await connection.fetchrow("SELECT * FROM unmatched_receipt WHERE id = $1 FOR UPDATE", receipt_id)


async def resolve(connection: Connection, receipt_id: UUID, status: ReceiptStatus, loan_id: UUID | None) -> None:
    await connection.execute(
        "UPDATE unmatched_receipt SET status = $2, loan_id = $3, resolved_at = now() WHERE id = $1",
        receipt_id,
        status,
        loan_id,
    )


async def page_of_unmatched(connection: Connection, after: UUID | None, limit: int) -> list[Record]:
    return await connection.fetch(LIST_UNMATCHED, after, limit)
