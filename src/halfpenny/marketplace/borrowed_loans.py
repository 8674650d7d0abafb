"""One of a borrower's own loans on a page: where it stands, who acts next, and what it owes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from halfpenny import identity, loans, servicing
from halfpenny.identity import Permission, Principal, requires
from halfpenny.marketplace import application_labels, labels
from halfpenny.marketplace.borrowing import lock_own_as_read
from halfpenny.marketplace.errors import DecisionMissing
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.http import AppDatabase, AppPages, FormFields, PageRenderer
from halfpenny.platform.http.page_forms import RefusedForm, fault_of
from halfpenny.platform.views import amount_view
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import Currency

router = APIRouter(include_in_schema=False)
_BEFORE_DECISION = frozenset({loans.Status.SUBMITTED, loans.Status.ASSESSED})
_WITHDRAWN_HERE = _BEFORE_DECISION | {loans.Status.DRAFT, loans.Status.APPROVED}
_CONDITIONS_SHOWN = frozenset(
    {loans.Status.ACCEPTED, loans.Status.FUNDING, loans.Status.FUNDED, loans.Status.CONDITIONS_MET}
)


@router.get("/borrow/{loan_id}", dependencies=[requires(Permission.LOANS_APPLY)])
async def own_loan(
    loan_id: UUID,
    request: Request,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
    rules: loans.Rules,
) -> Response:
    """What happens next and who acts; price and reasons once assessed, conditions once accepted, then what is owed."""
    return await _own_loan(loan_id, request, principal, database, pages, rules)


@router.post("/borrow/{loan_id}", dependencies=[requires(Permission.LOANS_APPLY)])
async def act_on_own_loan(
    loan_id: UUID,
    request: Request,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
    rules: loans.Rules,
    fields: FormFields,
) -> Response:
    """Send a draft or withdraw the version that was read; the page again where that is refused."""
    try:
        async with database.unit_of_work() as connection:
            await _act(connection, loan_id, principal, fields)
    except HalfpennyError as error:
        return await _own_loan(loan_id, request, principal, database, pages, rules, RefusedForm(error, fields))
    return RedirectResponse(request.url.path, 303)


async def _act(connection: Connection, loan_id: UUID, principal: Principal, fields: Mapping[str, str]) -> None:
    await lock_own_as_read(connection, loan_id, principal, fields)
    match fields.get("decision"):
        case "submit":
            await loans.submit(connection, principal.user_id, loan_id)
        case "withdraw":
            await loans.withdraw(connection, principal.user_id, loan_id)
        case _:
            raise DecisionMissing()


async def _own_loan(
    loan_id: UUID,
    request: Request,
    principal: Principal,
    database: Database,
    pages: PageRenderer,
    rules: loans.LendingRules,
    refused: RefusedForm | None = None,
) -> Response:
    async with database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        if loan.borrower_id != principal.user_id:
            raise loans.LoanNotFound()
        today = await business_date(connection)
        account = await servicing.borrower_account(connection, loan_id)
    terms, currency = loan.application, loan.application.currency
    planned = None
    if loan.status in _BEFORE_DECISION:
        planned = servicing.planned_at_suggested_rate(loan, rules, today)
    context = {
        "labels": labels,
        "words": application_labels,
        "loan_id": str(loan.id),
        "version": loan.version,
        "status": loan.status.value,
        "kind": terms.property.kind.value,
        "city": terms.property.city,
        "amount": amount_view(terms.amount_minor, currency),
        "changed_at": loan.changed_at.isoformat(),
        "public": loan.is_public,
        "stage": application_labels.STAGE_OF.get(loan.status.value),
        "assessed": loan.risk is not None and loan.risk.loan_version == loan.terms_version,
        "risk": _risk(loan),
        "planned": planned and _planned(planned, currency),
        "terms": _terms(loan),
        "conditions": [{"name": name, "met": name in loan.conditions} for name in application_labels.CONDITION_PROOF]
        if loan.status in _CONDITIONS_SHOWN
        else [],
        "funding": loan.funding
        and {
            "funded": amount_view(loan.funding.funded_minor, currency),
            "target": amount_view(loan.funding.target_minor, currency),
            "funded_minor": loan.funding.funded_minor,
            "target_minor": loan.funding.target_minor,
            "deadline": loan.funding.deadline.isoformat(),
        },
        "account": account and _account(account, currency),
        "may_submit": loan.status is loans.Status.DRAFT,
        "may_withdraw": loan.status in _WITHDRAWN_HERE,
        **fault_of(refused),
    }
    return pages.render(request, "marketplace/borrowed_loan.html", context, status=refused.status if refused else 200)


def _terms(loan: loans.Loan) -> dict[str, Any]:
    terms = loan.application
    return {
        "term_months": terms.term_months,
        "interest": terms.interest_mode.value,
        "ltv": f"{loan.ltv_percent:f}",
        "valuation": amount_view(terms.property.valuation_minor, terms.currency),
        "annual_rate": f"{loan.offer.annual_rate:f}" if loan.offer else None,
    }


def _risk(loan: loans.Loan) -> dict[str, Any] | None:
    """The grade, the suggested price, and the reasons that are for the borrower, in both languages."""
    if loan.risk is None:
        return None
    own = [reason for reason in loan.risk.reasons if "borrower" in reason.audience]
    return {
        "grade": loan.risk.grade,
        "suggested_rate": f"{loan.risk.suggested_rate:f}",
        "against": [{"en": one.english, "pl": one.polish} for one in own if not one.favours],
        "favouring": [{"en": one.english, "pl": one.polish} for one in own if one.favours],
    }


def _planned(planned: servicing.PlannedLoan, currency: Currency) -> dict[str, Any]:
    return {
        "net_advance": amount_view(planned.net_advance, currency),
        "fees": amount_view(planned.fees, currency),
        "retained": amount_view(planned.retained, currency) if planned.retained else None,
        "asked": amount_view(planned.asked, currency),
    }


def _account(account: servicing.BorrowerAccount, currency: Currency) -> dict[str, Any]:
    following = account.next_payment
    return {
        "today": account.today.isoformat(),
        "due": amount_view(account.due, currency) if account.due else None,
        "next": following
        and {"on": following.row.due_on.isoformat(), "amount": amount_view(following.unpaid, currency)},
        "redemption": None if account.redemption is None else amount_view(account.redemption, currency),
        "instalments": [
            {
                "due_on": one.row.due_on.isoformat(),
                "principal": amount_view(one.row.principal, currency),
                "interest": amount_view(one.row.interest, currency),
                "total": amount_view(one.row.total, currency),
                "unpaid": amount_view(one.unpaid, currency),
                "settled_on": one.settled_on.isoformat() if one.settled_on else None,
                "past": one.row.due_on <= account.today,
                "nothing": one.unpaid == 0,
            }
            for one in account.instalments
        ],
    }
