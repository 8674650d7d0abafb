"""REST routes of an investor's reports: cash flows, yearly statements, tax export."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import PlainTextResponse, Response

from halfpenny import identity
from halfpenny.identity import Permission, requires
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, page
from halfpenny.primitives.money import format_minor
from halfpenny.servicing import views
from halfpenny.servicing.model.investor import tax_csv
from halfpenny.servicing.service import investor_reporting
from halfpenny.servicing.service.portfolio import portfolio

router = APIRouter(tags=["investor"])
Year = Annotated[int, Path(ge=2000, le=2200, description="A calendar year.")]


@router.get("/portfolio", dependencies=[requires(Permission.OWN_BOOKS)], response_model=PageOf)
async def own_portfolio(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """One's positions and holdings, a line a loan, newest loan first: what is owed, what came back, what was lost."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        lines = await portfolio(connection, principal.user_id, start[0] if start else None, paging.limit + 1)
    return page(lines, paging.limit, lambda line: (line.loan.id,), views.portfolio_line)


@router.get("/portfolio/{loan_id}/cash-flows", dependencies=[requires(Permission.OWN_BOOKS)])
async def cash_flows(loan_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """What one loan has paid and is expected to pay, with the yield (XIRR) and money multiple of both."""
    async with database.reading() as connection:
        found = await investor_reporting.cash_flows(connection, principal.user_id, loan_id)
    return {
        "stake": format_minor(found.stake),
        "since": found.since.isoformat(),
        "received": [{"on": on.isoformat(), "amount": format_minor(amount)} for on, amount in found.received],
        "expected": [{"on": on.isoformat(), "amount": format_minor(amount)} for on, amount in found.expected],
        "xirr_percent": None if found.xirr_percent is None else f"{found.xirr_percent:f}",
        "money_multiple": None if found.money_multiple is None else f"{found.money_multiple:f}",
    }


@router.get("/statements/{year}", dependencies=[requires(Permission.OWN_BOOKS)])
async def statement(year: Year, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """A calendar year: sums by currency, and every movement of each wallet with its transfer."""
    async with database.reading() as connection:
        found = await investor_reporting.year_statement(connection, principal.user_id, year)
    return {
        "year": year,
        "totals": [
            {
                "currency": line.currency.value,
                "interest": format_minor(line.interest),
                "withheld": format_minor(line.withheld),
                "principal": format_minor(line.principal),
                "recovered": format_minor(line.recovered),
                "paid": format_minor(line.paid),
            }
            for line in found.totals
        ],
        "wallets": [
            {
                "currency": wallet.account.currency.value,
                "opening": format_minor(wallet.opening),
                "closing": format_minor(wallet.closing),
                "entries": [
                    {
                        "effective_date": entry.effective_date.isoformat(),
                        "event": entry.event,
                        "amount": format_minor(entry.amount),
                        "journal_id": str(entry.journal_id),
                    }
                    for entry in wallet.entries
                ],
            }
            for wallet in found.wallets
        ],
    }


@router.get("/statements/{year}/pdf", dependencies=[requires(Permission.OWN_BOOKS)], response_class=Response)
async def statement_pdf(
    year: Year, principal: identity.SignedIn, database: AppDatabase, people: identity.RunningIdentity
) -> Response:
    """The same as a PDF."""
    async with database.reading() as connection:
        found = await investor_reporting.year_statement(connection, principal.user_id, year)
    person = await identity.me(people, principal)
    content = await run_in_threadpool(investor_reporting.statement_pdf, found, person.full_name)
    headers = {"Content-Disposition": f'attachment; filename="halfpenny-statement-{year}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get(
    "/statements/{year}/tax.csv",
    dependencies=[requires(Permission.OWN_BOOKS)],
    response_class=PlainTextResponse,
)
async def tax_export(year: Year, principal: identity.SignedIn, database: AppDatabase) -> Response:
    """Interest and tax withheld, one row a payment, for a spreadsheet."""
    async with database.reading() as connection:
        found = await investor_reporting.year_statement(connection, principal.user_id, year)
    headers = {"Content-Disposition": f'attachment; filename="halfpenny-tax-{year}.csv"'}
    return Response(tax_csv(found.payments), media_type="text/csv; charset=utf-8", headers=headers)
