"""Statements that only a seed may make."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from halfpenny.platform.database import Connection


async def delete_unread_submissions(connection: Connection, loan_ids: Sequence[UUID]) -> None:
    """Delete the submissions of these loans from the outbox before they are relayed."""
    await connection.execute(
        "DELETE FROM outbox WHERE name = 'loan.submitted' AND published_at IS NULL AND aggregate_id = ANY($1)",
        list(loan_ids),
    )


async def require_durable_commit(connection: Connection) -> None:
    """Make this transaction's commit durable, whatever the connection was opened with."""
    await connection.execute("SET LOCAL synchronous_commit = on")
