"""Drawdown, repayments, receipts and what a loan owes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from halfpenny import identity, ledger, loans
from halfpenny.identity import Permission, requires
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, once, page
from halfpenny.platform.papers import PaperLanguage
from halfpenny.primitives.money import Money, parse_minor
from halfpenny.servicing import errors, redemption_letter, views
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.rates import rates_in_force
from halfpenny.servicing.model.serviced_loan import instalment_balances
from halfpenny.servicing.model.waterfall import WATERFALLS, Component, simulate
from halfpenny.servicing.requests import PaymentRequest, SimulationRequest
from halfpenny.servicing.rest.dependencies import staff, visible_loan
from halfpenny.servicing.service import drawing_down, receiving
from halfpenny.servicing.service.known_events import current_position, known_events
from halfpenny.servicing.store import serviced_loans

router = APIRouter(tags=["servicing"])
OnDay = Annotated[date | None, Query(alias="on", description="From today to a year ahead; today when left out.")]


@router.post("/loans/{loan_id}/drawdown", dependencies=[requires(Permission.LOANS_DRAW_DOWN)])
async def draw_down(
    loan_id: UUID,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Pay the borrower from escrow, less fees and retained interest; interest runs from today.

    409 ``reflection_running`` while an investor may still take a ticket back, ``wrong_status`` before the
    conditions are met.
    """

    async def act(connection: Connection) -> dict[str, Any]:
        done = await drawing_down.draw_down(connection, loan_id, staff(principal))
        return views.drawdown(done, done.serviced.terms.advance_fees_minor())

    return await once(database, money, 200, act)


@router.post("/loans/{loan_id}/repayments", dependencies=[requires(Permission.LOANS_APPLY)], status_code=201)
async def repay(
    loan_id: UUID,
    body: PaymentRequest,
    principal: identity.Cleared,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Repay a loan from one's wallet.

    Beyond what is due the money waits for the next instalment, or repays principal (``prepay``).

    Paying the redemption figure redeems; what is more than owed stays in the wallet. 409 ``apply_needed`` with both
    outcomes where ``apply`` is left out and more than the next instalment would wait.
    """
    amount = Money(parse_minor(body.amount), body.currency)

    async def act(connection: Connection) -> dict[str, Any]:
        return views.receipt(await receiving.repay(connection, loan_id, principal.user_id, amount, body.apply))

    return await once(database, money, 201, act)


@router.get(
    "/loans/{loan_id}/redemption",
    dependencies=[requires(Permission.LOANS_APPLY, Permission.LOANS_READ_ALL, refusal=loans.LoanNotFound)],
)
async def redemption(
    loan_id: UUID, principal: identity.SignedIn, database: AppDatabase, on: OnDay = None
) -> dict[str, Any]:
    """What pays the loan off on a day, for its borrower and staff.

    422 ``redemption_day_out_of_range`` for the past and for more than a year ahead.
    """
    async with database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        loans.require_party(loan, principal)
        found = await receiving.redemption_on(connection, loan_id, on)
    return views.payoff(found, loan.application.currency)


@router.get(
    "/loans/{loan_id}/redemption-statement",
    dependencies=[requires(Permission.LOANS_APPLY, Permission.LOANS_READ_ALL, refusal=loans.LoanNotFound)],
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The statement."}},
)
async def redemption_statement(
    loan_id: UUID,
    principal: identity.SignedIn,
    database: AppDatabase,
    request: Request,
    on: OnDay = None,
    language: PaperLanguage = PaperLanguage.ENGLISH,
) -> Response:
    """What pays the loan off on each of the next days, with what a further day costs, as a PDF for its two sides.

    Its first day is today or one of the next year (422 ``redemption_day_out_of_range``). A loan that is paid off has
    none: 409 ``loan_closed``.
    """
    lending = request.app.state.settings.lending
    async with database.reading() as connection:
        loan = await loans.get(connection, loan_id)
        loans.require_party(loan, principal)
        days = await receiving.redemption_by_day(connection, loan_id, on, redemption_letter.VALID_DAYS)
        today = await business_date(connection)
    terms = loan.application
    statement = redemption_letter.RedemptionStatement(
        lender=lending.lender_name,
        lender_address=lending.lender_address,
        borrower=terms.borrower.company,
        title=loan.title,
        secured_on=f"{terms.property.address}, {terms.property.city}",
        reference=str(loan.id),
        issued_on=today,
        currency=terms.currency,
        days=days,
    )
    content = await run_in_threadpool(redemption_letter.render, statement, language)
    headers = {"Content-Disposition": f'attachment; filename="redemption-{loan_id}-{language}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


@router.get("/loans/{loan_id}/schedule", dependencies=[identity.ANYONE])
async def schedule(loan_id: UUID, principal: identity.MaybeSignedIn, database: AppDatabase) -> dict[str, Any]:
    """The posted schedule, or before drawdown the one that a drawdown today would store: one function makes both."""
    async with database.reading() as connection:
        loan = await visible_loan(connection, loan_id, principal)
        serviced = await serviced_loans.find(connection, loan_id)
        if serviced is not None:
            # By the same replay as the redemption figure: before the close of a day too.
            position = await current_position(connection, serviced)
            return {"posted": True, "instalments": [views.instalment(one) for one in instalment_balances(position)]}
        today = await business_date(connection)
    planned = replay(drawing_down.terms_of(loan, today), (), today).schedule
    return {"posted": False, "instalments": [views.planned_instalment(row) for row in planned.instalments]}


@router.get("/loans/{loan_id}/rates", dependencies=[identity.ANYONE])
async def rates(loan_id: UUID, principal: identity.MaybeSignedIn, database: AppDatabase) -> dict[str, Any]:
    """The contract rate and the rate of default interest: as agreed, and today, limited by the law's maximum.

    Before the drawdown they are those of a drawdown today. 409 ``wrong_status`` before there is an offer.
    """
    async with database.reading() as connection:
        loan = await visible_loan(connection, loan_id, principal)
        serviced = await serviced_loans.find(connection, loan_id)
        today = await business_date(connection)
        events = await known_events(connection, serviced, today) if serviced else []
    terms = serviced.terms if serviced else drawing_down.terms_of(loan, today)
    return views.rates(terms, rates_in_force(terms, events, today), today)


@router.get("/loans/{loan_id}/waterfall", dependencies=[identity.ANYONE])
async def waterfall(
    loan_id: UUID, principal: identity.MaybeSignedIn, database: AppDatabase, rules: loans.Rules
) -> dict[str, Any]:
    """The order in which receipts will be, or are, used: shown before anybody invests."""
    async with database.reading() as connection:
        loan = await visible_loan(connection, loan_id, principal)
    return views.waterfall(_waterfall_of(loan, rules))


def _waterfall_of(loan: loans.Loan, rules: loans.LendingRules) -> str:
    """That of the offer; before there is one, that of an offer made now."""
    product = loan.offer.product_terms if loan.offer else rules.product_terms(loan.application)
    return product.waterfall


@router.post("/loans/{loan_id}/waterfall/simulations", dependencies=[identity.ANYONE])
async def simulation(
    loan_id: UUID,
    body: SimulationRequest,
    principal: identity.MaybeSignedIn,
    database: AppDatabase,
    rules: loans.Rules,
) -> dict[str, Any]:
    """What an amount would pay of what is owed, by this loan's waterfall; nothing is stored."""
    async with database.reading() as connection:
        loan = await visible_loan(connection, loan_id, principal)
    if unknown := sorted(set(body.owed) - {component.value for component in Component}):
        raise errors.UnknownComponent(components=unknown)
    owed = {Component(name): parse_minor(amount) for name, amount in body.owed.items()}
    waterfall = WATERFALLS[_waterfall_of(loan, rules)]
    lines, left = simulate(waterfall, owed, parse_minor(body.amount), defaulted=body.defaulted)
    return views.simulated(lines, left)


@router.get("/loans/{loan_id}/ledger", dependencies=[requires(Permission.LEDGER_READ)], response_model=PageOf)
async def loan_ledger(
    loan_id: UUID, principal: identity.SignedIn, database: AppDatabase, paging: PageQuery
) -> dict[str, Any]:
    """Every transfer on the loan's accounts, newest first, for staff."""
    start = paging.start(str)
    before = None if start is None else ledger.read_transfers_cursor(*start)
    async with database.reading() as connection:
        await loans.get(connection, loan_id)
        found = await ledger.transfers_of(connection, loan_id, before, paging.limit + 1)
    return page(found, paging.limit, lambda one: (ledger.transfers_cursor(one[1]),), lambda one: views.transfer(one[0]))
