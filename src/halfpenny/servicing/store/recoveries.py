"""SQL of recovery cases and the updates that investors get."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record

LIST_UPDATES = "SELECT * FROM recovery_update WHERE loan_id = $1 AND number > $2 ORDER BY number LIMIT $3"


async def open_case(connection: Connection, loan_id: UUID, opened_on: date, next_due: date) -> None:
    case = {"loan_id": loan_id, "opened_on": opened_on, "next_update_due_on": next_due}
    await rows.insert(connection, "recovery_case", case)


async def close_with_loan(connection: Connection, loan_id: UUID, closed_on: date | None) -> None:
    """The case, where there is one, ends on the day that its loan closed, and is open again where it did not."""
    moved = "loan_id = $1 AND closed_on IS DISTINCT FROM $2"
    await rows.update(connection, "recovery_case", {"closed_on": closed_on}, moved, loan_id, closed_on)


async def lock_case(connection: Connection, loan_id: UUID) -> Record | None:
    return await connection.fetchrow(
        "SELECT * FROM recovery_case WHERE loan_id = $1 AND closed_on IS NULL FOR NO KEY UPDATE", loan_id
    )


async def case(connection: Connection, loan_id: UUID) -> Record | None:
    """The case with ``overdue``: whether an update to the investors is overdue."""
    return await connection.fetchrow(
        "SELECT *, closed_on IS NULL AND next_update_due_on < business_date() AS overdue "
        "FROM recovery_case WHERE loan_id = $1",
        loan_id,
    )


CASES = """
SELECT c.*, c.closed_on IS NULL AND c.next_update_due_on < business_date() AS overdue, u.published_on, u.text
FROM recovery_case c
LEFT JOIN LATERAL (SELECT published_on, text FROM recovery_update u WHERE u.loan_id = c.loan_id
  ORDER BY number DESC LIMIT 1) u ON true
WHERE c.loan_id = ANY ($1)
"""


async def cases(connection: Connection, loan_ids: Sequence[UUID]) -> list[Record]:
    """The cases of these loans, each with ``overdue`` and its newest update."""
    return await connection.fetch(CASES, list(loan_ids))


async def add_update(
    connection: Connection, loan_id: UUID, published_on: date, text: str, published_by: UUID | None, next_due: date
) -> int:
    number: int = await connection.fetchval(
        "INSERT INTO recovery_update (loan_id, number, published_on, text, published_by) "
        "SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4 FROM recovery_update WHERE loan_id = $1 RETURNING number",
        loan_id,
        published_on,
        text,
        published_by,
    )
    await rows.update(connection, "recovery_case", {"next_update_due_on": next_due}, "loan_id = $1", loan_id)
    return number


async def updates(connection: Connection, loan_id: UUID, after: int, limit: int) -> list[Record]:
    return await connection.fetch(LIST_UPDATES, loan_id, after, limit)
