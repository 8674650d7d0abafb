"""Ask for a review of a decline, list what waits for one, and answer it."""

from __future__ import annotations

from uuid import UUID

from halfpenny import loans, realtime
from halfpenny.platform import audit, outbox
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection
from halfpenny.platform.outbox import OutboxEvent
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.underwriting.reviews import errors, store
from halfpenny.underwriting.reviews.model import DecisionReview, ReviewStatus, check_request, check_reviewer

REVIEW_REQUESTED = "loan.review_requested"
REVIEW_DECIDED = "loan.review_decided"
REQUESTED_ACTION = "loan.review_request"
DECIDED_ACTION = "loan.review_decide"
_VERSION = 1


async def request_review(connection: Connection, borrower_id: UserId, loan_id: UUID, statement: str) -> DecisionReview:
    """The borrower contests the decline of their application. Free of charge, once for each decision.

    Raises LoanNotFound (also for another's loan), NothingToReview, ReviewTooLate, ReviewRequested.
    """
    loan = await loans.lock(connection, loan_id)
    if loan.borrower_id != borrower_id:
        raise loans.LoanNotFound()
    decision_id = await loans.newest_decline(connection, loan_id)
    if loan.status is not loans.Status.DECLINED or loan.decided_at is None or decision_id is None:
        raise errors.NothingToReview(status=loan.status.value)
    now = await business_now(connection)
    due_on = check_request(loan.decided_at, now)
    review = DecisionReview(uuid7(), loan.id, decision_id, borrower_id, now, statement, due_on, ReviewStatus.OPEN)
    if not await store.insert(connection, review):
        raise errors.ReviewRequested()
    await _append_event(connection, REVIEW_REQUESTED, review)
    facts = {
        "review_id": str(review.id),
        "due_on": due_on.isoformat(),
        "statement_sha256": audit.text_digest(review.id, statement),
    }
    await audit.record(connection, borrower_id, REQUESTED_ACTION, "loan", loan_id, facts)
    return review


async def decide(
    connection: Connection, reviewer: UserId, review_id: UUID, *, overturned: bool, answer: str
) -> DecisionReview:
    """Uphold the decision or overturn it; overturned, the application is assessed anew and decided by another person.

    Raises ReviewNotFound, SelfDealing, ReviewDecided, FourEyes for whoever took the decision.
    """
    found = await get_review(connection, review_id)
    loan = await loans.lock(connection, found.loan_id)
    await loans.bar_interested(connection, reviewer, loan)
    # Read again under the loan's lock: two reviewers may be at it at once.
    review = await get_review(connection, review_id)
    check_reviewer(review, reviewer, await loans.decliners(connection, loan.id))
    now = await business_now(connection)
    status = ReviewStatus.OVERTURNED if overturned else ReviewStatus.UPHELD
    await store.set_decided(connection, review_id, status, reviewer, now, answer)
    if overturned:
        await loans.reinstate(connection, reviewer, loan.id, review_id)
    decided = await get_review(connection, review_id)
    await _append_event(connection, REVIEW_DECIDED, decided)
    data = {"loan_id": str(loan.id), "review_id": str(review_id), "status": status.value}
    await realtime.notify_many(
        connection,
        [realtime.Notice(loan.borrower_id, realtime.NotificationKind.REVIEW_DECIDED, data, f"review:{review_id}")],
    )
    facts = {"review_id": str(review_id), "status": status, "answer_sha256": audit.text_digest(review_id, answer)}
    await audit.record(connection, reviewer, DECIDED_ACTION, "loan", loan.id, facts)
    return decided


async def get_review(connection: Connection, review_id: UUID) -> DecisionReview:
    """Raises ReviewNotFound."""
    found = await store.find(connection, review_id)
    if found is None:
        raise errors.ReviewNotFound()
    return found


async def open_reviews(connection: Connection, after: UUID | None, limit: int) -> list[DecisionReview]:
    """Staff's queue: reviews without an answer, the first due first."""
    return await store.open_page(connection, after, limit)


async def _append_event(connection: Connection, name: str, review: DecisionReview) -> None:
    payload = {"loan_id": str(review.loan_id), "review_id": str(review.id), "status": review.status.value}
    await outbox.append_many(connection, [OutboxEvent(name, _VERSION, review.loan_id, payload)])
