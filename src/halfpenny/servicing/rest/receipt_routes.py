"""Receipts at the bank: what waits in suspense, what it is matched to, what is returned."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from halfpenny import identity
from halfpenny.identity import Permission, requires
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AppDatabase, PageOf, PageQuery, once, page
from halfpenny.primitives.money import Money, format_minor, parse_minor
from halfpenny.servicing import views
from halfpenny.servicing.requests import BankReceiptRequest, MatchRequest
from halfpenny.servicing.rest.dependencies import staff
from halfpenny.servicing.service import receiving
from halfpenny.servicing.store import receipts

router = APIRouter(tags=["servicing"])


@router.post("/receipts", dependencies=[requires(Permission.BANK_BOOK)], status_code=201)
async def bank_receipt(
    body: BankReceiptRequest, principal: identity.SignedIn, money: identity.MoneyRequest, database: AppDatabase
) -> JSONResponse:
    """Post a receipt at the bank: for a loan, by the day it was received, or into suspense."""
    amount = Money(parse_minor(body.amount), body.currency)

    async def act(connection: Connection) -> dict[str, Any]:
        if body.loan_id is None:
            receipt_id = await receiving.hold_in_suspense(
                connection, amount, body.received_on, body.payer, body.reference
            )
            return {"id": str(receipt_id), "status": "unmatched"}
        done = await receiving.receive_from_bank(connection, body.loan_id, amount, body.received_on, staff(principal))
        return views.receipt(done)

    return await once(database, money, 201, act)


@router.get("/receipts/unmatched", dependencies=[requires(Permission.BANK_READ)], response_model=PageOf)
async def unmatched(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """Receipts that wait in suspense, oldest first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        rows = await receipts.page_of_unmatched(connection, start[0] if start else None, paging.limit + 1)
    return page(
        rows,
        paging.limit,
        lambda row: (row["id"],),
        lambda row: {
            "id": str(row["id"]),
            "amount": format_minor(row["amount_minor"]),
            "currency": row["currency"],
            "received_on": row["received_on"].isoformat(),
            "payer": row["payer"],
            "reference": row["reference"],
        },
    )


@router.post("/receipts/{receipt_id}/match", dependencies=[requires(Permission.BANK_BOOK)])
async def match(
    receipt_id: UUID,
    body: MatchRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Take a receipt out of suspense for a loan; it counts from the day it was received."""

    async def act(connection: Connection) -> dict[str, Any]:
        return views.receipt(await receiving.match(connection, receipt_id, body.loan_id, staff(principal)))

    return await once(database, money, 200, act)


@router.post("/receipts/{receipt_id}/return", dependencies=[requires(Permission.BANK_BOOK)])
async def return_receipt(
    receipt_id: UUID, principal: identity.SignedIn, money: identity.MoneyRequest, database: AppDatabase
) -> JSONResponse:
    """Send a receipt that belongs to nobody back to its bank."""

    async def act(connection: Connection) -> dict[str, Any]:
        await receiving.return_receipt(connection, receipt_id)
        return {"id": str(receipt_id), "status": "returned"}

    return await once(database, money, 200, act)
