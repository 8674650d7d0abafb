"""Statements that only a seed may make."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from halfpenny.platform.database import Connection


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
