"""REST routes of reviews."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

from halfpenny import identity, loans
from halfpenny.identity import Permission, requires
from halfpenny.platform.clock import business_date
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, ProseText, RequestModel, code_of, page
from halfpenny.underwriting.reviews import service, store
from halfpenny.underwriting.reviews.model import ReviewStatus
from halfpenny.underwriting.reviews.views import review_view

router = APIRouter(tags=["reviews"])
_SHOWN = 50


class ReviewRequest(RequestModel):
    """What the borrower has to say against the decision, and what was not known."""

    statement: ProseText


class ReviewDecisionRequest(RequestModel):
    """Whether the decision stands, and the answer that the borrower reads."""

    outcome: Annotated[ReviewStatus, code_of(ReviewStatus, only=(ReviewStatus.UPHELD, ReviewStatus.OVERTURNED))]
    answer: ProseText


@router.post("/loans/{loan_id}/reviews", dependencies=[requires(Permission.LOANS_APPLY)], status_code=201)
async def request_review(
    loan_id: UUID, body: ReviewRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Contest a decline within 60 days: a person who did not take the decision reviews it within a month."""
    async with database.unit_of_work() as connection:
        review = await service.request_review(connection, principal.user_id, loan_id, body.statement)
        today = await business_date(connection)
    return review_view(review, today, staff=False)


@router.get("/loans/{loan_id}/reviews", dependencies=[requires(Permission.LOANS_READ)])
async def of_loan(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """The reviews of a loan's decisions, newest first: for its borrower and staff."""
    async with database.reading() as connection:
        reader = loans.require_party(await loans.get(connection, loan_id), principal)
        found = await store.of_loan(connection, loan_id, _SHOWN)
        today = await business_date(connection)
    staff = reader is loans.LoanReader.STAFF
    return {"items": [review_view(review, today, staff=staff) for review in found]}


@router.get("/reviews", dependencies=[requires(Permission.LOANS_READ_ALL)], response_model=PageOf)
async def open_reviews(_: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """Reviews that wait for an answer: reviews without an answer, the first due first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await service.open_reviews(connection, start[0] if start else None, paging.limit + 1)
        today = await business_date(connection)
    return page(found, paging.limit, lambda review: (review.id,), lambda review: review_view(review, today, staff=True))


@router.post("/reviews/{review_id}/decision", dependencies=[requires(Permission.LOANS_DECIDE)])
async def decide(
    review_id: UUID, body: ReviewDecisionRequest, principal: identity.SignedIn, database: AppDatabase
) -> dict[str, Any]:
    """Answer a review. Overturned, the application is assessed and decided anew, by others than who declined it."""
    async with database.unit_of_work() as connection:
        review = await service.decide(
            connection,
            principal.user_id,
            review_id,
            overturned=body.outcome is ReviewStatus.OVERTURNED,
            answer=body.answer,
        )
        today = await business_date(connection)
    return review_view(review, today, staff=True)
