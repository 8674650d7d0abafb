"""The pages of reviews: a borrower contests a decline and reads the answer; staff see what waits and answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from halfpenny import identity, loans
from halfpenny.identity import Permission, Principal, requires
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.http import AppDatabase, AppPages, FormFields, PageRenderer, RequestModel, failure_kind_of
from halfpenny.platform.papers import PaperLanguage
from halfpenny.platform.views import amount_view, view
from halfpenny.primitives.errors import HalfpennyError, Malformed
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


class _Refused:
    """A form that was not taken: why, and what was typed."""

    def __init__(self, error: HalfpennyError, fields: Mapping[str, str]) -> None:
        code = "malformed" if isinstance(error, Malformed) else error.code
        if code not in labels.FAULT:
            raise error
        self.fault, self.fields, self.status = labels.FAULT[code], fields, failure_kind_of(error).status


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Who asks for a page, what it is made from, and the form on it that was not taken."""

    request: Request
    principal: Principal
    database: Database
    pages: PageRenderer
    refused: _Refused | None = None

    def render(self, template: str, context: Mapping[str, Any]) -> Response:
        refused = self.refused
        form = {"fault": refused.fault if refused else None, "typed": refused.fields if refused else {}}
        status = refused.status if refused else 200
        return self.pages.render(self.request, template, {"labels": labels, **context, **form}, status=status)


def _page_request(
    request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages
) -> PageRequest:
    return PageRequest(request, principal, database, pages)


_Page = Annotated[PageRequest, Depends(_page_request)]


@router.get("/borrow/{loan_id}/review", dependencies=[requires(Permission.LOANS_APPLY)])
async def borrowers_review(loan_id: UUID, page: _Page) -> Response:
    """The decline of one's own application: its reasons, the letter, and the request for a review or its answer."""
    lending = page.request.app.state.settings.lending
    async with page.database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        if loan.borrower_id != page.principal.user_id:
            raise loans.LoanNotFound()
        found = await review_store.of_loan(connection, loan_id, _SHOWN)
        decline = await loans.newest_decline(connection, loan_id)
        declined = await _declined(connection, loan, lending.lender_name, lending.lender_address)
        today = await business_date(connection)
    if not found and declined is None:
        raise errors.NothingToReview(status=loan.status.value)
    has_review = any(review.decision_id == decline for review in found)
    context = {
        "loan": _loan(loan),
        "declined": declined,
        "reviews": [review_view(review, today, staff=False) for review in found],
        "may_ask": declined is not None and not has_review,
        "request_days": REQUEST_WITHIN_DAYS,
        "answer_days": ANSWER_WITHIN_DAYS,
    }
    return page.render("underwriting/decline.html", context)


@router.post("/borrow/{loan_id}/review", dependencies=[requires(Permission.LOANS_APPLY)])
async def request_review(loan_id: UUID, page: _Page, fields: FormFields) -> Response:
    """Ask for the review; the same page again where that is refused."""

    async def request(connection: Connection, form: ReviewRequest) -> None:
        await reviews.request_review(connection, page.principal.user_id, loan_id, form.statement)

    return await _submit(page, loan_id, fields, ReviewRequest, request, borrowers_review)


@router.get(_QUEUE, dependencies=[requires(Permission.LOANS_READ_ALL)])
async def queue(page: _Page, after: UUID | None = None) -> Response:
    """What waits for an answer, the first due first."""
    async with page.database.reading() as connection:
        found = await reviews.open_reviews(connection, after, _SHOWN + 1)
        shown = found[:_SHOWN]
        about = await loans.get_many(connection, [review.loan_id for review in shown])
        today = await business_date(connection)
    rows = [
        {"review": review_view(review, today, staff=True), "loan": _loan(about[review.loan_id])} for review in shown
    ]
    following = f"{_QUEUE}?after={shown[-1].id}" if len(found) > _SHOWN else None
    return page.render(
        "underwriting/reviews.html", {"rows": rows, "next": following, "answer_days": ANSWER_WITHIN_DAYS}
    )


@router.get("/staff/reviews/{review_id}", dependencies=[requires(Permission.LOANS_READ_ALL)])
async def case(review_id: UUID, page: _Page) -> Response:
    """One review: the borrower's statement, the decision, what the model said, the application, and the answer."""
    lending = page.request.app.state.settings.lending
    async with page.database.reading() as connection:
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
        "review": review_view(review, today, staff=True),
        "loan": _loan(loan),
        "declined": declined,
        "assessed": None if assessed is None else assessed.answer,
        "reports": [view(report) for report in reports],
        "documents": [view(document) for document in papers],
        "asked_for": [view(paper) for paper in asked_for(papers)],
        "may_answer": _may_answer(review, page.principal, deciders),
        "took_the_decision": page.principal.user_id in deciders,
    }
    return page.render("underwriting/review.html", context)


@router.post("/staff/reviews/{review_id}", dependencies=[requires(Permission.LOANS_DECIDE)])
async def answer(review_id: UUID, page: _Page, fields: FormFields) -> Response:
    """Answer a review; the same page again where that is refused."""

    async def decide(connection: Connection, form: ReviewDecisionRequest) -> None:
        overturned = form.outcome is ReviewStatus.OVERTURNED
        await reviews.decide(connection, page.principal.user_id, review_id, overturned=overturned, answer=form.answer)

    return await _submit(page, review_id, fields, ReviewDecisionRequest, decide, case)


async def _submit(
    page: PageRequest,
    page_id: UUID,
    fields: Mapping[str, str],
    model: type[_Model],
    run: Callable[[Connection, _Model], Awaitable[None]],
    show: Callable[[UUID, PageRequest], Awaitable[Response]],
) -> Response:
    """Do in one transaction what a form asks for and lead back to its page; ``show`` it at once where it is refused."""
    try:
        try:
            form = model.model_validate({name: fields.get(name, "") for name in model.model_fields})
        except ValidationError as error:
            raise Malformed() from error
        async with page.database.unit_of_work() as connection:
            await run(connection, form)
    except HalfpennyError as refusal:
        return await show(page_id, replace(page, refused=_Refused(refusal, fields)))
    return RedirectResponse(page.request.url.path, 303)


def _may_answer(review: DecisionReview, principal: Principal, deciders: frozenset[Any]) -> bool:
    return (
        review.status is ReviewStatus.OPEN
        and principal.may(Permission.LOANS_DECIDE)
        and principal.user_id not in deciders
    )


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
        return None if minor is None else amount_view(minor, terms.currency)

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
