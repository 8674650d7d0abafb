"""Statements that only a seed may make."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from halfpenny.platform.database import Connection
from halfpenny_messages import (
    LOAN_REASSESSMENT_REQUESTED,
    LOAN_SUBMITTED,
    LoanSubmitted,
    ReassessmentRequested,
    decode_payload,
)


async def submissions(connection: Connection, loan_ids: Sequence[UUID]) -> list[LoanSubmitted]:
    """What these loans ask of the risk service, as the events say it, in the order of ``loan_ids``."""
    rows = await connection.fetch(
        "SELECT aggregate_id, name, version, payload FROM outbox WHERE name = ANY($1) AND aggregate_id = ANY($2) "
        "ORDER BY seq",
        [LOAN_SUBMITTED, LOAN_REASSESSMENT_REQUESTED],
        list(loan_ids),
    )
    found = {}
    for row in rows:
        message = decode_payload(row["name"], row["version"], row["payload"])
        if isinstance(message, ReassessmentRequested):
            message = message.loan
        if isinstance(message, LoanSubmitted):
            # The last question is about the terms as they stand.
            found[row["aggregate_id"]] = message
    return [found[loan_id] for loan_id in loan_ids]


async def mark_submissions_published(connection: Connection, loan_ids: Sequence[UUID]) -> None:
    """Mark the submissions of these loans as published before they are relayed: nobody receives them."""
    await connection.execute(
        "UPDATE outbox SET published_at = now() "
        "WHERE name = ANY($2) AND published_at IS NULL AND aggregate_id = ANY($1)",
        list(loan_ids),
        [LOAN_SUBMITTED, LOAN_REASSESSMENT_REQUESTED],
    )


async def require_durable_commit(connection: Connection) -> None:
    """Make this transaction's commit durable, whatever the connection was opened with."""
    await connection.execute("SET LOCAL synchronous_commit = on")
