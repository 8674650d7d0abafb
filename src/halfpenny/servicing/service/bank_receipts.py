"""Bank credits become receipts of loans: from the line of a statement, or ahead of it by two people.

Loans are locked first, in the order of their ids, then the bank, then ledger accounts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias
from uuid import UUID

from halfpenny import funding, loans
from halfpenny.funding import BankReceipt, CreditInSuspense, StatementLine
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import Actor, ActorKind
from halfpenny.platform import audit
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency, Money, format_minor
from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.model.payoff import payoff
from halfpenny.servicing.service import receiving
from halfpenny.servicing.service.known_events import known_events
from halfpenny.servicing.service.posting import PostingResult, lock_serviced_loan, serviced_loan

ExcessRule: TypeAlias = Callable[[int, Currency], bool]
"""Whether so many minor units more than a loan owes take a second person."""


@dataclass(frozen=True, slots=True)
class LinePart:
    """So much of a line, in minor units of its currency, goes to this loan; what is beyond its due does ``apply``."""

    loan_id: UUID
    amount_minor: int
    apply: Apply | None = None


async def lock_loans(connection: Connection, loan_ids: Sequence[UUID]) -> None:
    """All serviced loans of an act, in the order of their ids. Raises LoanNotFound, NotServiced."""
    for loan_id in sorted(set(loan_ids)):
        await lock_serviced_loan(connection, loan_id)


async def owed_on(connection: Connection, loan_id: UUID, on: date) -> int:
    """All that the loan owes on a day, redeemed or closed, in minor units. Raises NotServiced, EventBeforeAdvance."""
    serviced = await serviced_loan(connection, loan_id)
    return payoff(serviced.terms, await known_events(connection, serviced, on), on).payable


async def excess_of(connection: Connection, parts: Sequence[LinePart], on: date) -> int:
    """By how much the parts are more than their loans owe on a day, in minor units."""
    return sum([max(part.amount_minor - await owed_on(connection, part.loan_id, on), 0) for part in parts])


async def parts_of(
    connection: Connection, line_id: UUID, wanted: Sequence[tuple[UUID, int | None, Apply | None]]
) -> tuple[LinePart, ...]:
    """The parts with their amounts: where one loan names none, it gets all that is left. Raises LineUnknown."""
    credit = await funding.credit_in_suspense(connection, line_id, lock=False)
    return tuple(
        LinePart(loan_id, credit.remaining.minor if minor is None else minor, apply) for loan_id, minor, apply in wanted
    )


async def allocate(
    connection: Connection, line_id: UUID, parts: Sequence[LinePart], actor: Actor
) -> list[PostingResult]:
    """Take a credit out of suspense for one loan or several; each counts from the day the bank credited it.

    Raises LineUnknown, LineSpent, LoanNotFound, NotServiced, CurrencyMismatch, FutureEffectiveDate, LoanClosed,
    ApplyNeeded.
    """
    await lock_loans(connection, [part.loan_id for part in parts])
    credit = await funding.credit_in_suspense(connection, line_id)
    return [await _allocate_part(connection, credit, part, actor) for part in parts]


async def _allocate_part(
    connection: Connection, credit: CreditInSuspense, part: LinePart, actor: Actor
) -> PostingResult:
    amount = Money(part.amount_minor, credit.remaining.currency)
    by = None if actor.user_id is None else UserId(actor.user_id)
    allocation_id = await funding.allocate(connection, credit, part.loan_id, amount, by)
    posted = await receiving.receive_from_bank(
        connection,
        part.loan_id,
        amount,
        credit.line.received_on,
        actor,
        source=Account(AccountKind.SUSPENSE, None, amount.currency),
        reference=str(allocation_id),
        apply=part.apply,
    )
    data = {
        "loan_id": str(part.loan_id),
        "amount": format_minor(amount.minor),
        "currency": amount.currency.value,
        "allocation_id": str(allocation_id),
    }
    await audit.record(connection, by, "receipt.allocate", "statement_line", credit.line.id, data)
    return posted


async def post_ahead(
    connection: Connection, receipt: BankReceipt, approved_by: UserId, actor: Actor, apply: Apply | None = None
) -> PostingResult:
    """Post an announced receipt before its line has come, which a second person has approved.

    Raises ReceiptEnded, StatementLineExists, LoanClosed, ApplyNeeded.
    """
    if receipt.loan_id is None:
        raise errors.ReceiptWithoutLoan()
    await funding.post_ahead(connection, receipt, approved_by)
    amount = Money(receipt.amount_minor, Currency(receipt.currency))
    return await receiving.receive_from_bank(
        connection, receipt.loan_id, amount, receipt.received_on, actor, reference=str(receipt.id), apply=apply
    )


async def allocate_arrived(
    connection: Connection, line_id: UUID, loan_id: UUID, excess_limit_reached: ExcessRule
) -> str | None:
    """A line has come that was announced for a loan: it goes there, unless the loan does not take it.

    Returns the code of the question that stays with the line in suspense; None where the loan took it.
    """
    try:
        async with connection.transaction():
            await lock_loans(connection, [loan_id])
            credit = await funding.credit_in_suspense(connection, line_id)
            if not credit.remaining.minor:
                return None
            part = LinePart(loan_id, credit.remaining.minor)
            day = min(credit.line.received_on, await business_date(connection))
            if excess_limit_reached(await excess_of(connection, [part], day), credit.remaining.currency):
                raise errors.ReceiptExceedsDebt()
            await _allocate_part(connection, credit, part, loans.SYSTEM)
    except HalfpennyError as refusal:
        if refusal.retryable:
            raise
        await funding.leave_question(connection, line_id, refusal)
        return refusal.code
    return None


@asynccontextmanager
async def keeping_question(database: Database, line_ids: Sequence[UUID]) -> AsyncIterator[None]:
    """Where a loan does not take the money, its line keeps why, and what the answers would do; the refusal goes on.

    ``line_ids`` are read when it ends: the act itself may have found the line.
    """
    try:
        yield
    except (errors.ApplyNeeded, errors.LoanClosed) as refusal:
        async with database.unit_of_work() as connection:
            for line_id in line_ids:
                await funding.leave_question(connection, line_id, refusal)
        raise


async def join_line(connection: Connection, receipt_id: UUID, line_id: UUID, by: UserId) -> BankReceipt:
    """Make a line the receipt that it is; one that is not in the books goes to its loan where it is not more than owed.

    Raises BankReceiptUnknown, ReceiptEnded, LineUnknown, LineHasReceipt, LineSpent, ReceiptExceedsDebt and what the
    loan refuses.
    """
    receipt = await funding.get_receipt(connection, receipt_id)
    if receipt.loan_id is not None:
        await loans.bar_interested(connection, by, await loans.get(connection, receipt.loan_id))
        await lock_loans(connection, [receipt.loan_id])
    joined = await funding.join_line(connection, receipt_id, line_id, by)
    if joined.loan_id is not None and not joined.in_the_books:
        part = LinePart(joined.loan_id, joined.amount_minor)
        if await excess_of(connection, [part], joined.received_on):
            raise errors.ReceiptExceedsDebt()
        await allocate(connection, line_id, [part], Actor(ActorKind.ADMINISTRATOR, by))
    return joined


async def shown(connection: Connection, named: UUID) -> dict[str, Any]:
    """A receipt or a credit by either's id, with the loans that it went to. Raises BankReceiptUnknown."""
    receipt = await funding.find_receipt(connection, named) or await funding.receipt_of_line(connection, named)
    if receipt is None:
        credit = await funding.find_credit(connection, named)
        if credit is None:
            raise funding.BankReceiptUnknown()
        return await _line_shown(connection, credit.line, credit, credit.item.currency)
    answer = funding.bank_receipt_view(receipt)
    line = None if receipt.line_id is None else await funding.line(connection, receipt.line_id)
    if line is None:
        return answer | {"line": None, "allocations": []}
    # The line of a receipt that was posted ahead may never have stood in suspense.
    credit = await funding.find_credit(connection, line.id)
    return answer | await _line_shown(connection, line, credit, receipt.currency)


async def _line_shown(
    connection: Connection, line: StatementLine, credit: CreditInSuspense | None, currency: str
) -> dict[str, Any]:
    return {
        "line": funding.statement_line_view(line, currency),
        "remaining": format_minor(credit.remaining.minor if credit else 0),
        "question": credit.item.question if credit else None,
        "question_data": credit.item.question_data if credit else None,
        "allocations": [
            {
                "id": str(row["id"]),
                "loan_id": str(row["loan_id"]),
                "amount": format_minor(row["amount_minor"]),
                "allocated_at": row["allocated_at"].isoformat(),
                "allocated_by": None if row["allocated_by"] is None else str(row["allocated_by"]),
                "taken_back_at": None if row["taken_back_at"] is None else row["taken_back_at"].isoformat(),
            }
            for row in await funding.allocations_of(connection, line.id)
        ],
    }
