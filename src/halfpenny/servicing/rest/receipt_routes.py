"""Receipts at the bank: announced ahead of a statement, or a statement's lines that stand in suspense."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from halfpenny import approvals, funding, identity, loans
from halfpenny.approvals import Acts, AppActs
from halfpenny.funding import BankReceipt, Resolution, StatementLine
from halfpenny.identity import Permission, requires
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.http import AnswerWithStatus, AppDatabase, PageOf, PageQuery, once, page
from halfpenny.primitives.money import Money, format_minor, parse_minor
from halfpenny.servicing import errors, views
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.receipt_acts import MATCH, POST_AHEAD, LineMatch, PostAhead
from halfpenny.servicing.requests import (
    BankReceiptRequest,
    JoinLineRequest,
    MatchRequest,
    ReversalRequest,
    UnmatchRequest,
)
from halfpenny.servicing.rest.dependencies import staff
from halfpenny.servicing.service import bank_receipts, reversing
from halfpenny.servicing.service.bank_receipts import LinePart
from halfpenny.servicing.service.posting import PostingResult

router = APIRouter(tags=["servicing"])
_ANNOUNCED = "A receipt at the bank."
Act: TypeAlias = Callable[[Connection], Awaitable[AnswerWithStatus]]
_MATCHED = "A statement shows it."


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
    amount = Money(parse_minor(body.amount), body.currency)
    lines: list[UUID] = [] if body.line_id is None else [body.line_id]

    async def act(connection: Connection) -> AnswerWithStatus:
        if body.loan_id is not None:
            await loans.bar_interested(connection, principal.user_id, await loans.get(connection, body.loan_id))
            await bank_receipts.lock_loans(connection, [body.loan_id])
            await bank_receipts.check_currency(connection, body.loan_id, amount)
        await funding.lock_bank(connection, amount.currency.value)
        if body.line_id is not None:
            return await _post_line(connection, acts, principal, body.line_id, body.loan_id, amount, body.apply)
        receipt = await funding.announce(
            connection, principal.user_id, amount, body.received_on, body.payer, body.reference, body.loan_id
        )
        line = await funding.line_of_receipt(connection, receipt)
        lines.extend([line.id] if line is not None else [])
        return await _post_announced(connection, acts, principal, receipt, line, amount, body.apply)

    return await _or_question(database, money, 201, act, lines)


async def _post_line(
    connection: Connection,
    acts: Acts,
    principal: identity.Principal,
    line_id: UUID,
    loan_id: UUID | None,
    amount: Money,
    apply: Apply | None,
) -> AnswerWithStatus:
    """A statement shows it: one person posts it, and what names no loan goes on standing in suspense."""
    if loan_id is None:
        await funding.check_remaining(connection, line_id, amount.minor)
        return AnswerWithStatus(201, {"id": str(line_id), "status": "unmatched"})
    payload = LineMatch((LinePart(loan_id, amount.minor, apply),))
    outcome = await approvals.perform(connection, acts, MATCH, principal, line_id, payload, _MATCHED)
    return approvals.answer(outcome, 201)


async def _post_announced(
    connection: Connection,
    acts: Acts,
    principal: identity.Principal,
    receipt: BankReceipt,
    line: StatementLine | None,
    amount: Money,
    apply: Apply | None,
) -> AnswerWithStatus:
    """Its line where there is one; else it waits for that, or for a second person."""
    if line is not None:
        await funding.join_line(connection, receipt.id, line.id, principal.user_id)
        answer = await _post_line(connection, acts, principal, line.id, receipt.loan_id, amount, apply)
    elif receipt.loan_id is None:
        answer = AnswerWithStatus(202, {"id": str(receipt.id), "status": receipt.status.value})
    else:
        outcome = await approvals.perform(
            connection, acts, POST_AHEAD, principal, receipt.id, PostAhead(apply), _ANNOUNCED
        )
        answer = approvals.answer(outcome)
    return AnswerWithStatus(answer.status, answer.body | {"receipt_id": str(receipt.id)})


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


@router.post(
    "/receipts/{receipt_id}/match",
    dependencies=[requires(Permission.BANK_BOOK)],
    responses={202: {"description": "A second person is due: the approval."}},
)
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
            connection, acts, MATCH, principal, receipt_id, payload, body.reason or _MATCHED
        )
        return approvals.answer(outcome)

    return await _or_question(database, money, 200, act, [receipt_id])


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
        credit = await funding.credit_in_suspense(connection, receipt_id)
        await funding.resolve(connection, principal.user_id, credit.item.id, Resolution.RETURNED)
        return {"id": str(receipt_id), "status": Resolution.RETURNED, "amount": format_minor(credit.remaining.minor)}

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


async def _or_question(
    database: Database, money: identity.MoneyRequest, status: int, act: Act, line_ids: Sequence[UUID]
) -> JSONResponse:
    """Do it once; where the loan does not take the money, its line keeps why, and what the answers would do."""
    try:
        return await once(database, money, status, act)
    except (errors.ApplyNeeded, errors.LoanClosed) as refusal:
        async with database.unit_of_work() as connection:
            for line_id in line_ids:
                await funding.leave_question(connection, line_id, refusal)
        raise
