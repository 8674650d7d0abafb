"""Receipts at the bank: announced ahead of a statement, or a statement's lines that stand in suspense."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from halfpenny import approvals, funding, identity
from halfpenny.approvals import AppActs
from halfpenny.funding import Resolution
from halfpenny.identity import Permission, requires
from halfpenny.platform.database import Connection
from halfpenny.platform.http import AnswerWithStatus, AppDatabase, PageOf, PageQuery, once, page
from halfpenny.primitives.money import Money, format_minor, parse_minor
from halfpenny.servicing import views
from halfpenny.servicing.receipt_acts import MATCH, LineMatch
from halfpenny.servicing.requests import (
    BankReceiptRequest,
    JoinLineRequest,
    MatchRequest,
    ReversalRequest,
    UnmatchRequest,
)
from halfpenny.servicing.rest.dependencies import SECOND_PERSON, staff
from halfpenny.servicing.service import bank_receipts, receipt_reports, reversing
from halfpenny.servicing.service.posting import PostingResult
from halfpenny.servicing.service.receipt_reports import MATCHED, ReceiptReport, Reported

router = APIRouter(tags=["servicing"])


@router.post(
    "/receipts",
    dependencies=[requires(Permission.BANK_BOOK)],
    status_code=201,
    responses={202: {"description": "The receipt waits for its statement line, or for a second person."}},
)
async def bank_receipt(
    body: BankReceiptRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    acts: AppActs,
) -> JSONResponse:
    """A receipt at the bank for a loan, by the day it was received.

    201 where a statement shows it: the line that `line_id` names, or the one that it is found to be. Otherwise 202: it
    waits for its line, or for a second person, whatever the amount. 409 `statement_line_exists` where a line may be it.
    """
    lines: list[UUID] = []
    reported = ReceiptReport(
        Money(parse_minor(body.amount), body.currency),
        body.received_on,
        body.payer,
        body.reference,
        body.loan_id,
        body.line_id,
        body.apply,
    )

    async def act(connection: Connection) -> AnswerWithStatus:
        return _reported(await receipt_reports.report(connection, acts, principal, reported, lines))

    async with bank_receipts.keeping_question(database, lines):
        return await once(database, money, 201, act)


def _reported(found: Reported) -> AnswerWithStatus:
    """201 where a statement shows it, 202 where it waits for its line or a second person."""
    of_receipt = {} if found.receipt is None else {"receipt_id": str(found.receipt.id)}
    if found.outcome is not None:
        answer = approvals.answer(found.outcome, 201)
        return AnswerWithStatus(answer.status, answer.body | of_receipt)
    if found.line_id is not None:
        return AnswerWithStatus(201, {"id": str(found.line_id), "status": "unmatched"} | of_receipt)
    waiting = {} if found.receipt is None else {"id": str(found.receipt.id), "status": found.receipt.status.value}
    return AnswerWithStatus(202, waiting | of_receipt)


@router.get("/receipts/unmatched", dependencies=[requires(Permission.BANK_READ)], response_model=PageOf)
async def unmatched(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """Credits of statements that stand in suspense, oldest first; `question` is why the loan meant did not take it."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        rows = await funding.page_of_suspense(connection, start[0] if start else None, paging.limit + 1)
    return page(
        rows,
        paging.limit,
        lambda row: (row["id"],),
        lambda row: (
            funding.statement_line_view(funding.line_of(row), row["currency"])
            | {"remaining": format_minor(row["remaining_minor"]), "kind": row["kind"]}
            | {"question": row["question"], "question_data": row["question_data"]}
        ),
    )


@router.get("/receipts/expected", dependencies=[requires(Permission.BANK_READ)], response_model=PageOf)
async def expected(principal: identity.SignedIn, database: AppDatabase, paging: PageQuery) -> dict[str, Any]:
    """Announced receipts whose line has not come, oldest first."""
    start = paging.start(UUID)
    async with database.reading() as connection:
        found = await funding.page_of_expected(connection, start[0] if start else None, paging.limit + 1)
    return page(found, paging.limit, lambda one: (one.id,), funding.bank_receipt_view)


@router.get("/receipts/{receipt_id}", dependencies=[requires(Permission.BANK_READ)])
async def one_receipt(receipt_id: UUID, principal: identity.SignedIn, database: AppDatabase) -> dict[str, Any]:
    """An announced receipt, or a credit that stands or stood in suspense, with where its money went."""
    async with database.reading() as connection:
        return await bank_receipts.shown(connection, receipt_id)


@router.post("/receipts/{receipt_id}/match", dependencies=[requires(Permission.BANK_BOOK)], responses=SECOND_PERSON)
async def match(
    receipt_id: UUID,
    body: MatchRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
    acts: AppActs,
) -> JSONResponse:
    """Take a credit out of suspense for one loan, or split it over several; it counts from the day of its credit.

    One loan without an amount takes all that is left. 202 where it is more than the loans owe, beyond a limit: a second
    person must agree.
    """

    async def act(connection: Connection) -> AnswerWithStatus:
        parts = [
            (one.loan_id, None if one.amount is None else parse_minor(one.amount), one.apply) for one in body.wanted
        ]
        payload = LineMatch(await bank_receipts.parts_of(connection, receipt_id, parts))
        outcome = await approvals.perform(
            connection, acts, MATCH, principal, receipt_id, payload, body.reason or MATCHED
        )
        return approvals.answer(outcome)

    async with bank_receipts.keeping_question(database, [receipt_id]):
        return await once(database, money, 200, act)


@router.post("/receipts/{receipt_id}/line", dependencies=[requires(Permission.BANK_BOOK)])
async def join_line(
    receipt_id: UUID,
    body: JoinLineRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Match a line in suspense to this announced receipt; of one that was posted ahead it moves no money again."""

    async def act(connection: Connection) -> dict[str, Any]:
        return funding.bank_receipt_view(
            await bank_receipts.join_line(connection, receipt_id, body.line_id, principal.user_id)
        )

    return await once(database, money, 200, act)


@router.post("/receipts/{receipt_id}/withdraw", dependencies=[requires(Permission.BANK_BOOK)])
async def withdraw(
    receipt_id: UUID, principal: identity.SignedIn, money: identity.MoneyRequest, database: AppDatabase
) -> JSONResponse:
    """Stop waiting for a receipt that was announced in error."""

    async def act(connection: Connection) -> dict[str, Any]:
        return funding.bank_receipt_view(await funding.withdraw_receipt(connection, receipt_id, principal.user_id))

    return await once(database, money, 200, act)


@router.post("/receipts/{receipt_id}/return", dependencies=[requires(Permission.BANK_BOOK)])
async def return_receipt(
    receipt_id: UUID, principal: identity.SignedIn, money: identity.MoneyRequest, database: AppDatabase
) -> JSONResponse:
    """Send what is left of a credit that belongs to nobody back to its bank."""

    async def act(connection: Connection) -> dict[str, Any]:
        returned = await funding.return_credit(connection, receipt_id, principal.user_id)
        return {"id": str(receipt_id), "status": Resolution.RETURNED, "amount": str(returned)}

    return await once(database, money, 200, act)


@router.post("/receipts/{receipt_id}/unmatch", dependencies=[requires(Permission.BANK_BOOK)])
async def unmatch(
    receipt_id: UUID,
    body: UnmatchRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Take a line that was matched to the wrong loan back into suspense, or an amount of it.

    Named by the line, by the receipt that it is, or by one allocation of a line that was split. The loans stand as if
    the money had never come; what is left of a part goes on counting from the day of its credit.
    """

    async def act(connection: Connection) -> dict[str, Any]:
        amount = None if body.amount is None else parse_minor(body.amount)
        return _reversed(await reversing.unmatch(connection, receipt_id, amount, staff(principal), body.reason))

    return await once(database, money, 200, act)


@router.post("/receipts/{receipt_id}/reverse", dependencies=[requires(Permission.BANK_BOOK)])
async def reverse_receipt(
    receipt_id: UUID,
    body: ReversalRequest,
    principal: identity.SignedIn,
    money: identity.MoneyRequest,
    database: AppDatabase,
) -> JSONResponse:
    """Take back a receipt that the bank took back: a bounced direct debit, a recalled transfer.

    Named by the statement's line, by the receipt that was announced, or by one allocation of a line that was split. The
    loans stand as if the money had never come. What investors have had of it is netted from what the loan brings them
    next; their proofs show it. 409 ``receipt_reversed`` the second time, 404 for what a wallet paid.
    """

    async def act(connection: Connection) -> dict[str, Any]:
        actor = staff(principal)
        return _reversed(
            await reversing.reverse_receipt(
                connection, receipt_id, body.reversed_on, actor, body.reason, reference=body.reference
            )
        )

    return await once(database, money, 200, act)


def _reversed(posted: list[PostingResult]) -> dict[str, Any]:
    """The first loan's position at the top, and every loan's in ``parts``."""
    return views.receipt(posted[0]) | {"parts": [views.receipt(each) for each in posted]}
