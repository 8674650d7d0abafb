"""REST routes of funding: parse, call one use case, present."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from halfpenny import identity, ledger, loans
from halfpenny.funding import views
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.funding.errors import InvestmentUnknown, WaitingTicketUnknown
from halfpenny.funding.model import Ticket
from halfpenny.funding.requests import (
    AmountRequest,
    BulkRequest,
    CancelRequest,
    InvestRequest,
    ticket_fingerprint,
)
from halfpenny.funding.service import bulk, payments, tickets
from halfpenny.funding.statuses import InvestmentStatus
from halfpenny.funding.store import payments as payment_store
from halfpenny.funding.store import tickets as ticket_store
from halfpenny.identity import Permission, declares, requires
from halfpenny.ledger import Account, AccountKind, Balance
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AppDatabase, CurrencyText, IdempotencyKey, PageOf, PageQuery, once, page
from halfpenny.primitives.money import Currency, Money, parse_minor

router = APIRouter(tags=["funding"])


def desk_of(request: Request) -> FundingDesk:
    found: FundingDesk = request.app.state.desk
    return found


Desk = Annotated[FundingDesk, Depends(desk_of)]
_INVESTED = {
    "investment": {
        "id": "0198f0a0-0000-7000-8000-000000000001",
        "loan_id": "0198f0a0-0000-7000-8000-000000000002",
        "amount": "250.00",
        "currency": "EUR",
        "status": InvestmentStatus.COMMITTED.value,
        "revocable_until": "2026-03-31T10:00:00+00:00",
    },
    "funding": {
        "target": "300000.00",
        "funded": "12500.00",
        "remaining": "287500.00",
        "investors": 31,
        "version": 58,
    },
}


@router.post(
    "/loans/{loan_id}/invest",
    dependencies=[declares(Permission.INVEST)],
    status_code=201,
    response_class=Response,
    responses={
        201: {"description": "Invested.", "content": {"application/json": {"example": _INVESTED}}},
        403: {"description": "self_dealing, email_unverified, kyc_required, wrong_role"},
        404: {"description": "loan_not_found"},
        409: {
            "description": "loan_not_open, loan_fully_funded, exceeds_remaining, below_minimum, not_a_multiple, "
            "above_maximum, insufficient_available"
        },
        503: {"description": "Nothing is lost: retry with the same Idempotency-Key after Retry-After seconds."},
    },
)
async def invest(
    loan_id: UUID, body: InvestRequest, principal: identity.SignedIn, key: IdempotencyKey, desk: Desk
) -> Response:
    """Invest money from one's wallet in a loan."""
    ticket = Ticket(
        loan_id=loan_id,
        investor_id=principal.user_id,
        amount_minor=parse_minor(body.amount),
        currency=body.currency.value,
        key=key,
        fingerprint=ticket_fingerprint(loan_id, body.amount, body.currency.value),
    )
    answer = await desk.invest(ticket)
    return Response(views.invest_answer(answer), 201, media_type="application/json")


@router.post("/investments/bulk", dependencies=[declares(Permission.INVEST)])
async def invest_many(
    body: BulkRequest, request: Request, money: identity.MoneyRequest, database: AppDatabase, desk: Desk
) -> dict[str, Any]:
    """Invest in many loans at once: up to 500 tickets, each decided by itself.

    ``results`` has the answers in the order of the request.
    """
    asked = [
        Ticket(
            loan_id=one.loan_id,
            investor_id=money.user_id,
            amount_minor=parse_minor(one.amount),
            currency=one.currency.value,
            # No client can send a key with a blank, so a bulk's tickets never meet single ones.
            key=f"{money.key} {place}",
            fingerprint=money.fingerprint,
        )
        for place, one in enumerate(body.investments)
    ]
    return await bulk.invest_many(database, desk, money, asked, request.url.path)


@router.post(
    "/investments/{investment_id}/revoke",
    dependencies=[requires(Permission.INVEST, refusal=InvestmentUnknown)],
)
async def revoke(
    investment_id: UUID, principal: identity.SignedIn, money: identity.MoneyRequest, database: AppDatabase
) -> JSONResponse:
    """Revoke a ticket in full within its reflection period of four days (EU 2020/1503, article 22)."""

    async def act(connection: Connection) -> dict[str, Any]:
        return {"investment": views.investment(await tickets.revoke(connection, principal.user_id, investment_id))}

    return await once(database, money, 200, act)


@router.post(
    "/loans/{loan_id}/cancel",
    dependencies=[requires(Permission.LOANS_APPLY, Permission.LOANS_CANCEL, refusal=loans.LoanNotFound)],
)
async def cancel(
    loan_id: UUID,
    body: CancelRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Cancel a loan before drawdown, as its borrower or as staff; every ticket is returned to its wallet."""
    staff = principal.may(Permission.LOANS_CANCEL)

    async def act(connection: Connection) -> dict[str, Any]:
        loan = await loans.get(connection, loan_id)
        if not staff and loan.borrower_id != principal.user_id:
            raise loans.LoanNotFound()
        actor = loans.Actor(loans.ActorKind.ADMINISTRATOR if staff else loans.ActorKind.BORROWER, principal.user_id)
        loan = await tickets.cancel(connection, loan_id, actor, body.reason)
        return {"id": str(loan.id), "status": loan.status.value, "version": loan.version}

    return await once(database, money, 200, act)


@router.post("/loans/{loan_id}/waiting-list", dependencies=[requires(Permission.INVEST)], status_code=202)
async def wait(
    loan_id: UUID,
    body: InvestRequest,
    principal: identity.Cleared,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Wait for up to an amount of a full loan. Whoever came first is served first when a ticket is taken back."""
    amount = Money(parse_minor(body.amount), body.currency)

    async def act(connection: Connection) -> dict[str, Any]:
        waiting = await tickets.join_waiting_list(connection, principal.user_id, loan_id, amount)
        return {"waiting": views.waiting(waiting)}

    return await once(database, money, 202, act)


@router.get("/waiting-list", dependencies=[requires(Permission.OWN_BOOKS)], response_model=PageOf)
async def waiting_list(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """One's own entries in waiting lists, newest first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await ticket_store.waiting_of_investor(
            connection, principal.user_id, start[0] if start else None, paging.limit + 1
        )
    return page(found, paging.limit, lambda one: (one.id,), views.waiting)


@router.post("/waiting-list/{waiting_id}/leave", dependencies=[requires(Permission.OWN_BOOKS)], status_code=204)
async def leave(waiting_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> None:
    """Leave a waiting list."""
    async with database.unit_of_work() as connection:
        now = await business_now(connection)
        if not await ticket_store.leave_waiting_list(connection, waiting_id, principal.user_id, now):
            raise WaitingTicketUnknown()


@router.get("/wallets", dependencies=[requires(Permission.OWN_BOOKS)])
async def wallets(principal: identity.SignedIn, database: AppDatabase) -> list[dict[str, Any]]:
    """All of one's wallets: ``balance`` is what is there, ``available`` what may be spent."""
    async with database.reading() as connection:
        found = await ledger.wallets(connection, principal.user_id)
    by_currency = {account.currency: balance for account, balance in found.items()}
    return [views.wallet(currency, by_currency.get(currency, Balance(0, 0))) for currency in Currency]


@router.get("/wallets/{currency}/entries", dependencies=[requires(Permission.OWN_BOOKS)], response_model=PageOf)
async def entries(
    currency: CurrencyText, principal: identity.SignedIn, database: AppDatabase, paging: PageQuery
) -> dict[str, Any]:
    """What moved in a wallet, newest first."""
    start = paging.start(int)
    account = Account(AccountKind.WALLET, principal.user_id, currency)
    async with database.reading() as connection:
        found = await ledger.entries(
            connection, account, before_version=start[0] if start else None, limit=paging.limit + 1
        )
    return page(found, paging.limit, lambda one: (one.version,), views.entry)


@router.post("/wallets/{currency}/deposits", dependencies=[requires(Permission.WALLET)], status_code=202)
async def deposit(
    currency: CurrencyText,
    body: AmountRequest,
    principal: identity.Cleared,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Announce a deposit; the wallet moves when the bank has it."""
    amount = Money(parse_minor(body.amount), currency)

    async def act(connection: Connection) -> dict[str, Any]:
        return views.payment(await payments.request_deposit(connection, principal.user_id, amount))

    return await once(database, money, 202, act)


@router.post("/wallets/{currency}/withdrawals", dependencies=[requires(Permission.WALLET)], status_code=202)
async def withdraw(
    currency: CurrencyText,
    body: AmountRequest,
    principal: identity.Cleared,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Pay out to one's bank account. The amount is reserved at once; the bank settles or returns it."""
    amount = Money(parse_minor(body.amount), currency)

    async def act(connection: Connection) -> dict[str, Any]:
        return views.payment(await payments.request_withdrawal(connection, principal.user_id, amount))

    return await once(database, money, 202, act)


@router.get("/payments", dependencies=[requires(Permission.OWN_BOOKS)], response_model=PageOf)
async def own_payments(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """One's deposits and withdrawals with what became of them, newest first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await payment_store.of_user(
            connection, principal.user_id, start[0] if start else None, paging.limit + 1
        )
    return page(found, paging.limit, lambda one: (one.id,), views.payment)
