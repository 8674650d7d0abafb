"""Investing on pages: what an amount brings and what can go wrong, the act, its receipt, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from halfpenny import funding, identity, loans, servicing
from halfpenny.funding import FundingDesk, Ticket
from halfpenny.identity import Permission, Principal, requires
from halfpenny.marketplace import labels
from halfpenny.marketplace.errors import LoanChanged
from halfpenny.marketplace.model import Document, loan_node
from halfpenny.platform.clock import business_date, business_now
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.figures import read_amount
from halfpenny.platform.http import AppDatabase, AppPages, FormFields, PageRenderer, check_idempotency_key, once
from halfpenny.platform.http.page_forms import KEY, RefusedForm, fault_of, form_fingerprint, key_of, with_new_key
from halfpenny.platform.idempotency import RequestKey
from halfpenny.platform.views import amount_view
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Money, parse_minor

router = APIRouter(include_in_schema=False)
_OPEN: Final = frozenset({loans.Status.FUNDING})


def _desk(request: Request) -> FundingDesk:
    found: FundingDesk = request.app.state.desk
    return found


@dataclass(frozen=True, slots=True)
class InvestorRequest:
    """Who asks for a page of investing, and what it is made from."""

    request: Request
    principal: Principal
    database: Database
    pages: PageRenderer
    desk: FundingDesk


def _investor_request(
    request: Request,
    principal: identity.SignedIn,
    database: AppDatabase,
    pages: AppPages,
    desk: Annotated[FundingDesk, Depends(_desk)],
) -> InvestorRequest:
    return InvestorRequest(request, principal, database, pages, desk)


_Page = Annotated[InvestorRequest, Depends(_investor_request)]


@router.get("/loans/{loan_id}/invest", dependencies=[requires(Permission.INVEST)])
async def invest_form(loan_id: UUID, page: _Page) -> Response:
    """What an amount brings, and the form to invest it; the receipt where this form has invested already."""
    key = key_of(page.request)
    if key is None:
        return with_new_key(page.request)
    async with page.database.reading() as connection:
        made = await funding.find_investment_by_key(connection, page.principal.user_id, key)
    if made is not None:
        return RedirectResponse(f"/investments/{made.id}", 303)
    typed = page.request.query_params.get("amount")
    return await _form(loan_id, page, key, {"amount": typed or ""})


@router.post("/loans/{loan_id}/invest", dependencies=[requires(Permission.INVEST)])
async def invest(loan_id: UUID, page: _Page, fields: FormFields) -> Response:
    """Invest what the form names, once under its key; the form again where that is refused."""
    try:
        key = check_idempotency_key(fields.get(KEY))
        amount = read_amount(fields.get("amount", ""))
        if parse_minor(amount) == 0:
            raise funding.AmountNotPositive()
        loan = await _shown_terms(page, loan_id, fields.get("terms_version", ""))
        currency = loan.application.currency.value
        ticket = Ticket(
            loan_id=loan_id,
            investor_id=page.principal.user_id,
            amount_minor=parse_minor(amount),
            currency=currency,
            key=key,
            fingerprint=funding.ticket_fingerprint(loan_id, amount, currency),
        )
        answer = await page.desk.invest(ticket)
    except HalfpennyError as error:
        refused = RefusedForm(error, fields)
        return await _form(loan_id, page, fields.get(KEY) or str(uuid7()), fields, refused)
    return RedirectResponse(f"/investments/{answer.investment_id}", 303)


async def _shown_terms(page: InvestorRequest, loan_id: UUID, version: str) -> loans.Loan:
    """The loan, on the terms that the form showed. Raises LoanChanged."""
    async with page.database.reading() as connection:
        loan = await loans.get(connection, loan_id)
    loans.reader_of(loan, page.principal)
    if version != str(loan.terms_version):
        raise LoanChanged()
    return loan


async def _form(
    loan_id: UUID, page: InvestorRequest, key: str, typed: Mapping[str, str], refused: RefusedForm | None = None
) -> Response:
    who = page.principal.user_id
    amount, unread = _read(typed.get("amount", ""))
    async with page.database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        loans.reader_of(loan, page.principal)
        if loan.offer is None or loan.funding is None:
            raise loans.LoanNotFound()
        person = await identity.person(connection, who)
        free = await funding.free_to_invest(connection, who, loan.funding)
        made = await funding.investments_of_investor(connection, who, [loan_id])
        minor = None if amount is None else parse_minor(amount)
        foreseen = unread or await funding.refusal_of(connection, who, loan.funding, minor)
        today = await business_date(connection)
    fault = refused or (RefusedForm(foreseen, typed) if foreseen else None)
    context = {
        "labels": labels,
        "loan": loan_node(loan),
        "terms_version": loan.terms_version,
        "open": loan.status in _OPEN,
        "full": loan.funding.status is loans.FundingStatus.FULL,
        "free": amount_view(free, loan.application.currency),
        "amount": None if minor is None else amount_view(minor, loan.application.currency),
        "plain_amount": amount,
        "planned": None if foreseen else _planned(loan, minor, today),
        "key": key,
        "key_name": KEY,
        "reflects": not person.sophisticated,
        "made": [funding.investment_view(one) for one in made],
        **fault_of(fault),
        "typed": typed,
    }
    response = page.pages.render(
        page.request, "marketplace/invest.html", context, status=fault.status if fault else 200
    )
    if fault is not None and "retry_after_s" in fault.error.data:
        response.headers["retry-after"] = str(fault.error.data["retry_after_s"])
    return response


def _read(typed: str) -> tuple[str | None, HalfpennyError | None]:
    """The amount as it is understood, and why it is not; nothing typed is no fault."""
    try:
        return (read_amount(typed) if typed else None), None
    except HalfpennyError as error:
        return None, error


def _planned(loan: loans.Loan, minor: int | None, today: date) -> Document | None:
    """What the amount brings as planned; None without one."""
    if minor is None:
        return None
    found = servicing.planned_flows(loan, minor, today)
    return {
        "flows": [
            {"on": on.isoformat(), "amount": amount_view(part, loan.application.currency)} for on, part in found.flows
        ],
        "total": amount_view(found.total, loan.application.currency),
        "interest": amount_view(found.interest, loan.application.currency),
    }


@router.post("/loans/{loan_id}/waiting-list", dependencies=[requires(Permission.INVEST)])
async def wait(loan_id: UUID, page: _Page, fields: FormFields) -> Response:
    """Join the waiting list of a full loan with the amount that was typed."""
    try:
        page.principal.require_cleared()
        key = check_idempotency_key(fields.get(KEY))
        amount = read_amount(fields.get("amount", ""))
        if parse_minor(amount) == 0:
            raise funding.AmountNotPositive()

        async def act(connection: Connection) -> dict[str, Any]:
            loan = await loans.get(connection, loan_id)
            asked = Money(parse_minor(amount), loan.application.currency)
            waiting = await funding.join_waiting_list(connection, page.principal.user_id, loan_id, asked)
            return {"waiting": str(waiting.id)}

        money = RequestKey(page.principal.user_id, key, form_fingerprint(page.request, fields))
        await once(page.database, money, 202, act)
    except HalfpennyError as error:
        return await _form(loan_id, page, fields.get(KEY) or str(uuid7()), fields, RefusedForm(error, fields))
    return RedirectResponse(f"/portfolio?{urlencode({'waiting': 'yes'})}", 303)


@router.get("/investments/{investment_id}", dependencies=[requires(Permission.INVEST)])
async def receipt(investment_id: UUID, page: _Page) -> Response:
    """One's own investment: what was agreed, until when it can be taken back, and what became of it."""
    return await _receipt(investment_id, page)


@router.post("/investments/{investment_id}", dependencies=[requires(Permission.INVEST)])
async def take_back(investment_id: UUID, page: _Page, fields: FormFields) -> Response:
    """Take the investment back in full within its reflection period; the receipt again where that is refused."""
    who = page.principal.user_id
    try:
        key = check_idempotency_key(fields.get(KEY))

        async def act(connection: Connection) -> dict[str, Any]:
            return {"investment": funding.investment_view(await funding.revoke(connection, who, investment_id))}

        await once(page.database, RequestKey(who, key, form_fingerprint(page.request, fields)), 200, act)
    except HalfpennyError as error:
        return await _receipt(investment_id, page, RefusedForm(error, fields))
    return RedirectResponse(page.request.url.path, 303)


async def _receipt(investment_id: UUID, page: InvestorRequest, refused: RefusedForm | None = None) -> Response:
    async with page.database.reading() as connection:
        found = await funding.find_investment(connection, investment_id)
        if found is None or found.investor_id != page.principal.user_id:
            raise funding.InvestmentUnknown()
        loan = await loans.get(connection, found.loan_id)
        now = await business_now(connection)
        today = await business_date(connection)
    if loan.funding is None:
        raise funding.InvestmentUnknown()
    try:
        funding.check_revocable(found, loan.funding.status, now)
        revocable = True
    except HalfpennyError:
        revocable = False
    context = {
        "labels": labels,
        "loan": loan_node(loan),
        "investment": funding.investment_view(found),
        "amount": amount_view(found.amount_minor, loan.application.currency),
        "revocable": revocable,
        "planned": None if loan.drawn_down_on else _planned(loan, found.amount_minor, today),
        "key": str(uuid7()),
        "key_name": KEY,
        **fault_of(refused),
    }
    status = refused.status if refused else 200
    return page.pages.render(page.request, "marketplace/investment.html", context, status=status)
