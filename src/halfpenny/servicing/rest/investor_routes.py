"""REST routes of an investor's reports: cash flows, yearly statements, tax export."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from halfpenny import identity
from halfpenny.identity import Permission, requires
from halfpenny.platform.clock import business_date
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, page
from halfpenny.platform.papers import PaperLanguage
from halfpenny.primitives.money import format_minor
from halfpenny.servicing import statement as statement_paper
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
    """What one loan has paid, lost and is expected to pay.

    Yield (XIRR, percent a year) and money multiple are given for what was received alone, and for that together with
    what is expected; the latter two are null for a loan in default.
    """
    async with database.reading() as connection:
        found = await investor_reporting.cash_flows(connection, principal.user_id, loan_id)
    return views.cash_flows(found)


@router.get("/statements/{year}", dependencies=[requires(Permission.OWN_BOOKS)])
async def statement(year: Year, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """An investor's statement of a calendar year: sums by currency and by loan, and every movement of each wallet."""
    async with database.reading() as connection:
        found = await investor_reporting.year_statement(connection, principal.user_id, year)
    return {
        "year": year,
        "totals": [views.year_totals(line) for line in found.totals],
        "loans": [
            {"loan_id": str(line.loan_id), "title": found.titles[line.loan_id], **views.year_totals(line)}
            for line in found.loans
            if line.loan_id is not None
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
    year: Year,
    principal: identity.SignedIn,
    database: AppDatabase,
    people: identity.RunningIdentity,
    request: Request,
    language: PaperLanguage = PaperLanguage.ENGLISH,
) -> Response:
    """An investor's yearly statement as a PDF, in English or Polish."""
    lending = request.app.state.settings.lending
    async with database.reading() as connection:
        found = await investor_reporting.year_statement(connection, principal.user_id, year)
        today = await business_date(connection)
    person = await identity.me(people, principal)
    parties = statement_paper.StatementParties(lending.lender_name, lending.lender_address, person.full_name, today)
    content = await run_in_threadpool(statement_paper.render, found, parties, language)
    headers = {"Content-Disposition": f'attachment; filename="halfpenny-statement-{year}-{language}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get(
    "/statements/{year}/tax.csv",
    dependencies=[requires(Permission.OWN_BOOKS)],
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "The rows, with their names first."}},
)
async def tax_export(year: Year, principal: identity.SignedIn, database: AppDatabase) -> Response:
    """Payments with the tax withheld, and losses, one row each, for a spreadsheet."""
    async with database.reading() as connection:
        found = await investor_reporting.year_statement(connection, principal.user_id, year)
    headers = {"Content-Disposition": f'attachment; filename="halfpenny-tax-{year}.csv"'}
    return Response(
        tax_csv(found.payments, found.losses, found.titles), media_type="text/csv; charset=utf-8", headers=headers
    )
