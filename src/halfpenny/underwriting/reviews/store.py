"""All SQL of reviews."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from halfpenny.platform import rows
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId
from halfpenny.underwriting.reviews.model import DecisionReview, ReviewStatus

# Named so that the test of query plans can ask for them.
OPEN_PAGE = (
    "SELECT * FROM decision_review WHERE status = 'open' "
    "AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY id LIMIT $2"
)
OF_LOAN = "SELECT * FROM decision_review WHERE loan_id = $1 ORDER BY id DESC LIMIT $2"


async def insert(connection: Connection, review: DecisionReview) -> bool:
    """Keep a request; False where this decision has one."""
    tag = await rows.insert(
        connection, "decision_review", rows.values(review), then="ON CONFLICT (decision_id) DO NOTHING"
    )
    return tag.endswith(" 1")


async def find(connection: Connection, review_id: UUID) -> DecisionReview | None:
    row = await connection.fetchrow("SELECT * FROM decision_review WHERE id = $1", review_id)
    return None if row is None else rows.read(DecisionReview, row)


async def set_decided(
    connection: Connection, review_id: UUID, status: ReviewStatus, decided_by: UserId, now: datetime, answer: str
) -> None:
    changes = {"status": status, "decided_by": decided_by, "decided_at": now, "answer": answer}
    await rows.update(connection, "decision_review", changes, "id = $1", review_id)


async def open_page(connection: Connection, after: UUID | None, limit: int) -> list[DecisionReview]:
    """Reviews that wait for an answer, those asked for first first: as all have the same time, the first due."""
    return [rows.read(DecisionReview, row) for row in await connection.fetch(OPEN_PAGE, after, limit)]


async def is_open(connection: Connection, loan_id: UUID) -> bool:
    """Whether a review of one of the loan's declines waits for its answer."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM decision_review WHERE loan_id = $1 AND status = $2)", loan_id, ReviewStatus.OPEN
        )
    )


async def of_loan(connection: Connection, loan_id: UUID, limit: int) -> list[DecisionReview]:
    """A loan's reviews, newest first."""
    return [rows.read(DecisionReview, row) for row in await connection.fetch(OF_LOAN, loan_id, limit)]
