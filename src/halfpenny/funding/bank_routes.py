"""Statements of the client accounts, what does not agree with them, and the sandbox bank's own counter."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from halfpenny import approvals, identity
from halfpenny.approvals import AppActs
from halfpenny.funding import acts as funding_acts
from halfpenny.funding import bank, views
from halfpenny.funding.reconciliation import Resolution
from halfpenny.funding.requests import BankCreditRequest, ResolveRequest
from halfpenny.funding.service import reconciling, statements
from halfpenny.funding.store import statements as statement_store
from halfpenny.identity import Permission, requires
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, once, page
from halfpenny.primitives.money import Currency, parse_minor

router = APIRouter(tags=["funding"])
sandbox_router = APIRouter(prefix="/sandbox/bank", tags=["sandbox"])


@router.post(
    "/reconciliation/statements",
    dependencies=[requires(Permission.BANK_BOOK)],
    status_code=201,
    responses={202: {"description": "A second person is due: the approval."}},
)
async def reconcile(
    request: Request, principal: identity.SignedIn, database: AppDatabase, acts: AppActs
) -> JSONResponse:
    """Match the statements of a camt.053 file (the request's body); those accepted before find nothing new.

    409 `statement_of_another_account`, `statement_of_future`, `statement_out_of_order` and `opening_balance_differs`
    refuse the file whole. The first statement of an account, and any that brings a credit which no payment of a wallet
    explains, is a proposal (202) until a second person accepts it.
    """
    document = await request.body()
    async with database.unit_of_work() as connection:
        file_id = await statements.take_file(connection, document, principal.user_id)
        outcome = await approvals.perform(
            connection,
            acts,
            funding_acts.STATEMENT,
            principal,
            file_id,
            funding_acts.StatementFile(),
            "A statement of the client account.",
        )
    if outcome.result is not None:
        return JSONResponse(outcome.result["findings"], 201)
    answer = approvals.answer(outcome)
    return JSONResponse(answer.body, answer.status)


@router.get("/reconciliation/statements", dependencies=[requires(Permission.BANK_READ)], response_model=PageOf)
async def accepted_statements(_: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """Accepted statements, newest first, each with what of it was not understood."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        rows = await statement_store.page_of_statements(connection, start[0] if start else None, paging.limit + 1)
    return page(rows, paging.limit, lambda row: (row["id"],), views.bank_statement)


@router.get("/reconciliation/items", dependencies=[requires(Permission.BANK_READ)], response_model=PageOf)
async def reconciliation_items(_: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """What does not agree with the bank and is not resolved yet, oldest first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await reconciling.open_findings(connection, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda one: (one.id,), views.finding)


@router.post("/reconciliation/items/{item_id}/resolve", dependencies=[requires(Permission.BANK_BOOK)])
async def resolve(
    item_id: UUID,
    body: ResolveRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Resolve a finding: a surplus is returned or credited, a shortfall corrected by the bank or covered by us."""

    async def act(connection: Connection) -> dict[str, Any]:
        found = await reconciling.resolve(connection, principal.user_id, item_id, Resolution(body.resolution))
        return {**views.finding(found), "resolution": body.resolution}

    return await once(database, money, 200, act)


@sandbox_router.get("/accounts", dependencies=[requires(Permission.OWN_BOOKS)])
async def client_accounts(_: identity.SignedIn) -> list[dict[str, str]]:
    """The client accounts of the sandbox bank: where somebody outside pays to."""
    return [{"account": iban, "currency": currency.value} for currency, iban in bank.CLIENT_ACCOUNTS.items()]


@sandbox_router.post(
    "/credits",
    dependencies=[requires(Permission.WALLET, Permission.SERVICING_ACT, Permission.BANK_BOOK)],
    status_code=201,
)
async def credit(
    body: BankCreditRequest, principal: identity.SignedIn, money: identity.MoneyRequest, database: AppDatabase
) -> JSONResponse:
    """Pay into a client account from outside: the credit is on the day's statement, which comes when the day is over.

    `account` is the IBAN, or the currency of the client account.
    """
    currency: Currency = bank.currency_of_account(body.account)
    asked = bank.BankCredit(currency, parse_minor(body.amount), body.payer, body.reference, body.day)

    async def act(connection: Connection) -> dict[str, Any]:
        line = await statements.pay_from_outside(connection, asked)
        shown = views.statement_line(line, currency.value)
        return {"account": bank.CLIENT_ACCOUNTS[currency], **{k: v for k, v in shown.items() if k != "id"}}

    return await once(database, money, 201, act)
