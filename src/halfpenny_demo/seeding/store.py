"""Statements that only a seed may make."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from halfpenny.platform.database import Connection
from halfpenny_messages import LOAN_SUBMITTED, LoanSubmitted, decode_payload


async def submissions(connection: Connection, loan_ids: Sequence[UUID]) -> list[LoanSubmitted]:
    """What these loans ask of the risk service, as the events say it, in the order of ``loan_ids``."""
    rows = await connection.fetch(
        "SELECT aggregate_id, version, payload FROM outbox WHERE name = $1 AND aggregate_id = ANY($2)",
        LOAN_SUBMITTED,
        list(loan_ids),
    )
    found = {}
    for row in rows:
        message = decode_payload(LOAN_SUBMITTED, row["version"], row["payload"])
        if isinstance(message, LoanSubmitted):
            found[row["aggregate_id"]] = message
    return [found[loan_id] for loan_id in loan_ids]


async def mark_submissions_published(connection: Connection, loan_ids: Sequence[UUID]) -> None:
    """Mark the submissions of these loans as published before they are relayed: nobody receives them."""
    await connection.execute(
        "UPDATE outbox SET published_at = now() "
        "WHERE name = 'loan.submitted' AND published_at IS NULL AND aggregate_id = ANY($1)",
        list(loan_ids),
    )


async def require_durable_commit(connection: Connection) -> None:
    """Make this transaction's commit durable, whatever the connection was opened with."""
    await connection.execute("SET LOCAL synchronous_commit = on")
