"""Statements that only a seed may make."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from halfpenny.platform.database import Connection


async def keep_unasked(connection: Connection, loan_ids: Sequence[UUID]) -> None:
    """Take back the questions about these loans before anybody has heard them."""
    await connection.execute(
        "DELETE FROM outbox WHERE name = 'loan.submitted' AND published_at IS NULL AND aggregate_id = ANY($1)",
        list(loan_ids),
    )


async def wait_for_the_disk(connection: Connection) -> None:
    """Make this transaction's commit durable, whatever the connection was opened with."""
    await connection.execute("SET LOCAL synchronous_commit = on")
