"""A borrower's loans as pages: what each waits for, and the offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from halfpenny import identity, loans, servicing
from halfpenny.identity import Permission, Principal, requires
from halfpenny.marketplace import labels
from halfpenny.marketplace.applying import begun_row
from halfpenny.marketplace.errors import DecisionMissing
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.http import AppDatabase, AppPages, FormFields, PageRenderer
from halfpenny.platform.http.page_forms import RefusedForm, fault_of
from halfpenny.platform.views import amount_view
from halfpenny.primitives.errors import HalfpennyError

PAGE_SIZE: Final = 25
router = APIRouter(include_in_schema=False)


@router.get("/borrow", dependencies=[requires(Permission.LOANS_APPLY)])
async def own_loans(
    request: Request,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
    after: UUID | None = None,
) -> Response:
    """One's own loans, newest first, each with what happens next and the page where it does."""
    async with database.reading() as connection:
        found = await loans.own_page(connection, principal.user_id, after, PAGE_SIZE + 1)
        begun = await loans.application_forms.unsent(connection, principal.user_id) if after is None else []
    shown = found[:PAGE_SIZE]
    context = {
        "labels": labels,
        "begun": [begun_row(form) for form in begun if form.version > 1],
        "loans": [_row(loan) for loan in shown],
        "next": f"/borrow?after={shown[-1].id}" if len(found) > PAGE_SIZE else None,
    }
    return pages.render(request, "marketplace/borrow.html", context)


def _row(loan: loans.Loan) -> dict[str, Any]:
    asset = loan.application.property
    return {
        "id": str(loan.id),
        "kind": asset.kind.value,
        "city": asset.city,
        "status": loan.status.value,
        "amount": amount_view(loan.application.amount_minor, loan.application.currency),
        "changed_at": loan.changed_at.isoformat(),
        "link": f"/borrow/{loan.id}",
        "yours": loan.status in (loans.Status.OFFERED, loans.Status.DRAFT),
    }


@router.get("/borrow/{loan_id}/offer", dependencies=[requires(Permission.LOANS_APPLY)])
async def offer(
    loan_id: UUID, request: Request, principal: identity.SignedIn, database: AppDatabase, pages: AppPages
) -> Response:
    """Every term of the offer, what is paid out and what is owed when, and the form to accept it."""
    return await _offer(loan_id, request, principal, database, pages)


@router.post("/borrow/{loan_id}/offer", dependencies=[requires(Permission.LOANS_APPLY)])
async def answer_offer(
    loan_id: UUID,
    request: Request,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
    fields: FormFields,
) -> Response:
    """Accept the version that was read, or withdraw; the page again where that is refused."""
    try:
        async with database.unit_of_work() as connection:
            await _answer(connection, loan_id, principal, fields)
    except HalfpennyError as error:
        return await _offer(loan_id, request, principal, database, pages, RefusedForm(error, fields))
    return RedirectResponse(f"/borrow/{loan_id}", 303)


async def lock_own_as_read(
    connection: Connection, loan_id: UUID, principal: Principal, fields: Mapping[str, str]
) -> None:
    """Lock one's own loan, of the version that the form was shown with. Raises LoanNotFound, StaleVersion."""
    loan = await loans.lock(connection, loan_id)
    if loan.borrower_id != principal.user_id:
        raise loans.LoanNotFound()
    if fields.get("version") != str(loan.version):
        raise loans.StaleVersion()


async def _answer(connection: Connection, loan_id: UUID, principal: Principal, fields: Mapping[str, str]) -> None:
    await lock_own_as_read(connection, loan_id, principal, fields)
    match fields.get("decision"):
        case "accept":
            await loans.accept(connection, principal.user_id, loan_id)
        case "withdraw":
            await loans.withdraw(connection, principal.user_id, loan_id)
        case _:
            raise DecisionMissing()


async def _offer(
    loan_id: UUID,
    request: Request,
    principal: Principal,
    database: Database,
    pages: PageRenderer,
    refused: RefusedForm | None = None,
) -> Response:
    async with database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        if loan.borrower_id != principal.user_id or loan.offer is None:
            raise loans.LoanNotFound()
        today = await business_date(connection)
    currency, terms, found = loan.application.currency, loan.application, loan.offer
    planned = servicing.planned_loan(loan, today)
    context = {
        "labels": labels,
        "loan": _row(loan),
        "version": loan.version,
        "open": loan.status is loans.Status.OFFERED,
        "annual_rate": f"{found.annual_rate:f}",
        "default_rate": f"{found.default_rate:f}",
        "term_months": terms.term_months,
        "interest": terms.interest_mode.value,
        "governing_law": found.product_terms.governing_law,
        "fees": [
            {
                "en": fee.kind.english,
                "pl": fee.kind.polish,
                "amount": amount_view(fee.charge_minor(terms.amount_minor), currency),
            }
            for fee in found.fees
        ],
        "deadline": found.funding_deadline.isoformat(),
        "net_advance": amount_view(planned.net_advance, currency),
        "fees_paid": amount_view(planned.fees, currency),
        "retained": amount_view(planned.retained, currency) if planned.retained else None,
        "asked": amount_view(planned.asked, currency),
        "instalments": [
            {
                "due_on": row.due_on.isoformat(),
                "principal": amount_view(row.principal, currency),
                "interest": amount_view(row.interest, currency),
                "total": amount_view(row.total, currency),
                "from_reserve": row.reserved,
                "from_borrower": servicing.asked_of(row) > 0,
            }
            for row in planned.instalments
        ],
        **fault_of(refused),
    }
    return pages.render(request, "marketplace/offer.html", context, status=refused.status if refused else 200)
