"""The pages of reviews: a borrower contests a decline and reads the answer; staff see what waits and answer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from halfpenny import identity, loans
from halfpenny.identity import Permission, Principal, requires
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.http import AppDatabase, AppPages, FormFields, RequestModel, failure_kind_of
from halfpenny.platform.papers import PaperLanguage
from halfpenny.platform.views import view
from halfpenny.primitives.errors import HalfpennyError, Malformed
from halfpenny.primitives.money import format_minor
from halfpenny.underwriting import labels, service, store
from halfpenny.underwriting.documents import store as document_store
from halfpenny.underwriting.documents.model import MOST_DOCUMENTS, asked_for
from halfpenny.underwriting.reviews import DecisionReview, ReviewStatus, errors, review_view
from halfpenny.underwriting.reviews import service as reviews
from halfpenny.underwriting.reviews import store as review_store
from halfpenny.underwriting.reviews.model import ANSWER_WITHIN_DAYS, REQUEST_WITHIN_DAYS
from halfpenny.underwriting.reviews.rest import ReviewDecisionRequest, ReviewRequest
from halfpenny.underwriting.valuation_reports import store as report_store

_SHOWN: Final = 50
_QUEUE: Final = "/staff/queues/reviews"
_Model = TypeVar("_Model", bound=RequestModel)
router = APIRouter(include_in_schema=False)


@router.get("/borrow/{loan_id}/review", dependencies=[requires(Permission.LOANS_APPLY)])
async def borrowers_review(
    loan_id: UUID, request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages
) -> Response:
    """The decline of one's own application: its reasons, the letter, and the request for a review or its answer."""
    return await _borrowers_page(request, loan_id, principal, database, pages)


@router.post("/borrow/{loan_id}/review", dependencies=[requires(Permission.LOANS_APPLY)])
async def request_review(
    loan_id: UUID,
    request: Request,
    fields: FormFields,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
) -> Response:
    """Ask for the review; the same page again where that is refused."""
    try:
        asked = _read(ReviewRequest, {"statement": fields.get("statement", "")})
        async with database.unit_of_work() as connection:
            await reviews.request_review(connection, principal.user_id, loan_id, asked.statement)
    except HalfpennyError as refusal:
        return await _borrowers_page(request, loan_id, principal, database, pages, _Refused(refusal, fields))
    return RedirectResponse(request.url.path, 303)


@router.get(_QUEUE, dependencies=[requires(Permission.LOANS_READ_ALL)])
async def queue(
    request: Request, _: identity.SignedIn, database: AppDatabase, pages: AppPages, after: UUID | None = None
) -> Response:
    """What waits for an answer, the first due first."""
    async with database.reading() as connection:
        found = await reviews.open_reviews(connection, after, _SHOWN + 1)
        shown = found[:_SHOWN]
        about = await loans.get_many(connection, [review.loan_id for review in shown])
        today = await business_date(connection)
    rows = [
        {"review": review_view(review, today, staff=True), "loan": _loan(about[review.loan_id])} for review in shown
    ]
    following = f"{_QUEUE}?after={shown[-1].id}" if len(found) > _SHOWN else None
    context = {"rows": rows, "next": following, "answer_days": ANSWER_WITHIN_DAYS}
    return pages.render(request, "underwriting/reviews.html", context)


@router.get("/staff/reviews/{review_id}", dependencies=[requires(Permission.LOANS_READ_ALL)])
async def case(
    review_id: UUID, request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages
) -> Response:
    """One review: the borrower's statement, the decision, what the model said, the application, and the answer."""
    return await _case_page(request, review_id, principal, database, pages)


@router.post("/staff/reviews/{review_id}", dependencies=[requires(Permission.LOANS_DECIDE)])
async def answer(
    review_id: UUID,
    request: Request,
    fields: FormFields,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
) -> Response:
    """Answer a review; the same page again where that is refused."""
    try:
        given = _read(ReviewDecisionRequest, {name: fields.get(name, "") for name in ("outcome", "answer")})
        async with database.unit_of_work() as connection:
            overturned = given.outcome is ReviewStatus.OVERTURNED
            await reviews.decide(connection, principal.user_id, review_id, overturned=overturned, answer=given.answer)
    except HalfpennyError as refusal:
        return await _case_page(request, review_id, principal, database, pages, _Refused(refusal, fields))
    return RedirectResponse(request.url.path, 303)


class _Refused:
    """A form that was not taken: why, and what was typed."""

    def __init__(self, error: HalfpennyError, fields: Mapping[str, str]) -> None:
        code = "malformed" if isinstance(error, Malformed) else error.code
        if code not in labels.FAULT:
            raise error
        self.fault, self.fields, self.status = labels.FAULT[code], fields, failure_kind_of(error).status


def _read(model: type[_Model], fields: Mapping[str, str]) -> _Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Malformed() from error


async def _borrowers_page(
    request: Request,
    loan_id: UUID,
    principal: Principal,
    database: Database,
    pages: AppPages,
    refused: _Refused | None = None,
) -> Response:
    lending = request.app.state.settings.lending
    async with database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        if loan.borrower_id != principal.user_id:
            raise loans.LoanNotFound()
        found = await review_store.of_loan(connection, loan_id, _SHOWN)
        decline = await loans.newest_decline(connection, loan_id)
        declined = await _declined(connection, loan, lending.lender_name, lending.lender_address)
        today = await business_date(connection)
    if not found and declined is None:
        raise errors.NothingToReview(status=loan.status.value)
    asked = any(review.decision_id == decline for review in found)
    context = {
        "labels": labels,
        "loan": _loan(loan),
        "declined": declined,
        "reviews": [review_view(review, today, staff=False) for review in found],
        "may_ask": declined is not None and not asked,
        "request_days": REQUEST_WITHIN_DAYS,
        "answer_days": ANSWER_WITHIN_DAYS,
        **_form(refused),
    }
    return pages.render(request, "underwriting/decline.html", context, status=refused.status if refused else 200)


async def _case_page(
    request: Request,
    review_id: UUID,
    principal: Principal,
    database: Database,
    pages: AppPages,
    refused: _Refused | None = None,
) -> Response:
    lending = request.app.state.settings.lending
    async with database.reading() as connection:
        review = await reviews.get_review(connection, review_id)
        loan = await loans.get(connection, review.loan_id)
        # An earlier decision's reasons are not those of the newest: nothing is shown under its review.
        declined, assessed = None, None
        if review.decision_id == await loans.newest_decline(connection, loan.id):
            declined = await _declined(connection, loan, lending.lender_name, lending.lender_address)
            assessed = await store.decided_on(connection, loan.id, loan.terms_version)
        reports = await report_store.of_loan(connection, loan.id, _SHOWN)
        papers = await document_store.of_loan(connection, loan.id, MOST_DOCUMENTS)
        deciders = await loans.decliners(connection, loan.id)
        today = await business_date(connection)
    context = {
        "labels": labels,
        "review": review_view(review, today, staff=True),
        "loan": _loan(loan),
        "declined": declined,
        "assessed": None if assessed is None else assessed.answer,
        "reports": [view(report) for report in reports],
        "documents": [view(document) for document in papers],
        "asked_for": [view(asked) for asked in asked_for(papers)],
        "may_answer": _may_answer(review, principal, deciders),
        "took_the_decision": principal.user_id in deciders,
        **_form(refused),
    }
    return pages.render(request, "underwriting/review.html", context, status=refused.status if refused else 200)


def _may_answer(review: DecisionReview, principal: Principal, deciders: frozenset[Any]) -> bool:
    return (
        review.status is ReviewStatus.OPEN
        and principal.may(Permission.LOANS_DECIDE)
        and principal.user_id not in deciders
    )


def _form(refused: _Refused | None) -> dict[str, Any]:
    return {"fault": refused.fault if refused else None, "typed": refused.fields if refused else {}}


async def _declined(connection: Connection, loan: loans.Loan, lender: str, address: str) -> dict[str, Any] | None:
    """What the letter says, in each language; None where the application is declined no longer."""
    if loan.status is not loans.Status.DECLINED:
        return None
    return {
        language.value: await service.declined_application(connection, loan, lender, address, language)
        for language in PaperLanguage
    }


def _loan(loan: loans.Loan) -> dict[str, Any]:
    """The application as a reviewer and its borrower read it; amounts with their currency."""
    terms = loan.application
    asset, borrower = terms.property, terms.borrower

    def amount(minor: int | None) -> dict[str, str] | None:
        return None if minor is None else {"amount": format_minor(minor), "currency": terms.currency.value}

    return {
        "id": str(loan.id),
        "company": borrower.company,
        "secured_on": f"{asset.address}, {asset.city}",
        "amount": amount(terms.amount_minor),
        "term_months": terms.term_months,
        "charge_rank": terms.charge_rank,
        "prior_debt": amount(terms.prior_debt_minor),
        "valuation": amount(asset.valuation_minor),
        "valued_on": asset.valued_on.isoformat(),
        "ltv_percent": str(loan.ltv_percent),
        "income": amount(borrower.income_minor),
        "yearly_costs": amount(borrower.yearly_costs_minor),
        "assets": amount(borrower.assets_minor),
        "debts": amount(borrower.debts_minor),
        "adverse_records": borrower.adverse_records,
        "years_trading": borrower.years_trading,
        "premises": borrower.premises.value if borrower.premises else None,
        "decided_on": loan.decided_at.isoformat() if loan.decided_at else None,
        "decision_reason": loan.decision_reason,
    }
