"""Acts of bank receipts: matching a line to loans, and posting a receipt that no statement shows yet.

A line proves the money, so one person matches it, unless it is more than the loans owe by more than a limit. Without
a line it takes two people, whatever the amount.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from halfpenny import funding, loans
from halfpenny.approvals import Act, ActRun, ObjectState, SecondPersonRule
from halfpenny.identity import Permission
from halfpenny.loans import Actor, ActorKind, LendingRules
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency, Money, format_minor
from halfpenny.servicing import errors, views
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.service import bank_receipts, receiving
from halfpenny.servicing.service.bank_receipts import ExcessRule, LinePart
from halfpenny.servicing.service.posting import serviced_loan
from halfpenny.servicing.store import serviced_loans

MATCH = "receipt.match"
POST_AHEAD = "receipt.post_ahead"


@dataclass(frozen=True, slots=True)
class LineMatch:
    """Where a line goes: one part for each loan, none of them twice."""

    parts: tuple[LinePart, ...]


@dataclass(frozen=True, slots=True)
class PostAhead:
    """The whole receipt, to the loan that it was announced for."""

    apply: Apply | None = None


def excess_rule(above_eur_minor: int, rules: LendingRules) -> ExcessRule:
    """Whether so much more than the debt takes a second person; a currency without a rate always does."""
    limit = SecondPersonRule(above_eur_minor)
    return lambda minor, currency: limit.needs_second(rules.euro_minor(minor, currency))


def receipt_acts(excess_above_eur_minor: int, rules: LendingRules) -> list[Act[Any]]:
    """Both acts, with the limit of the settings on what a receipt may be more than the debt, in euro cents."""

    async def read_line(connection: Connection, line_id: UUID, payload: LineMatch, lock: bool) -> ObjectState:
        return await _line_state(connection, line_id, payload, lock, rules)

    return [
        Act(
            name=MATCH,
            subject="statement_line",
            payload=LineMatch,
            proposed_with=Permission.BANK_BOOK,
            approved_with=Permission.BANK_APPROVE,
            read=read_line,
            bar=_bar_loans,
            check=_check_match,
            run=_match,
            rule=SecondPersonRule(excess_above_eur_minor),
        ),
        Act(
            name=POST_AHEAD,
            subject="receipt",
            payload=PostAhead,
            proposed_with=Permission.BANK_BOOK,
            approved_with=Permission.BANK_APPROVE,
            read=_receipt_state,
            bar=_bar_loan_of_receipt,
            check=_check_post_ahead,
            run=_post_ahead,
        ),
    ]


async def _loan_facts(connection: Connection, loan_id: UUID) -> dict[str, Any]:
    """What an event of the loan changes, and nothing that a day changes by itself."""
    loan = await loans.get(connection, loan_id)
    await serviced_loan(connection, loan_id)
    return {
        "status": loan.status.value,
        "company": loan.application.borrower.company,
        "events": await serviced_loans.next_event_number(connection, loan_id) - 1,
    }


async def _line_state(
    connection: Connection, line_id: UUID, payload: LineMatch, lock: bool, rules: LendingRules
) -> ObjectState:
    if lock:
        await bank_receipts.lock_loans(connection, [part.loan_id for part in payload.parts])
    credit = await funding.credit_in_suspense(connection, line_id, lock=lock)
    currency = credit.remaining.currency
    day = min(credit.line.received_on, await business_date(connection))
    owed = {str(part.loan_id): await bank_receipts.owed_on(connection, part.loan_id, day) for part in payload.parts}
    excess = await bank_receipts.excess_of(connection, payload.parts, day)
    return ObjectState.of_facts(
        {
            "amount": format_minor(credit.line.amount_minor),
            "currency": currency.value,
            "remaining": format_minor(credit.remaining.minor),
            "payer": credit.line.payer,
            "received_on": credit.line.received_on.isoformat(),
            "loans": {str(part.loan_id): await _loan_facts(connection, part.loan_id) for part in payload.parts},
            "owed": {loan_id: format_minor(minor) for loan_id, minor in owed.items()},
            "more_than_owed": format_minor(excess),
        },
        worth_eur_minor=rules.euro_minor(excess, currency),
    )


async def _bar_loans(connection: Connection, user_id: UserId, _: UUID, payload: LineMatch) -> None:
    for part in payload.parts:
        await loans.bar_interested(connection, user_id, await loans.get(connection, part.loan_id))


async def _check_match(connection: Connection, run: ActRun[LineMatch]) -> None:
    await funding.check_remaining(connection, run.object_id, sum(part.amount_minor for part in run.payload.parts))
    credit = await funding.credit_in_suspense(connection, run.object_id)
    for part in run.payload.parts:
        amount = Money(part.amount_minor, credit.remaining.currency)
        await receiving.check_receipt(connection, part.loan_id, amount, credit.line.received_on, part.apply)


async def _match(connection: Connection, run: ActRun[LineMatch]) -> dict[str, Any]:
    actor = Actor(ActorKind.ADMINISTRATOR, run.proposed_by)
    posted = await bank_receipts.allocate(connection, run.object_id, run.payload.parts, actor)
    return views.receipt(posted[0]) | {
        "line_id": str(run.object_id),
        "parts": [views.receipt(each) for each in posted],
    }


async def _receipt_state(connection: Connection, receipt_id: UUID, _: PostAhead, lock: bool) -> ObjectState:
    receipt = await funding.get_receipt(connection, receipt_id)
    loan_id = receipt.loan_id
    if loan_id is None:
        raise errors.ReceiptWithoutLoan()
    if lock:
        await bank_receipts.lock_loans(connection, [loan_id])
        receipt = await funding.lock_receipt(connection, receipt_id)
    owed = await bank_receipts.owed_on(connection, loan_id, receipt.received_on)
    return ObjectState.of_facts(
        {
            **funding.bank_receipt_view(receipt),
            "loan": await _loan_facts(connection, loan_id),
            "owed": format_minor(owed),
            "more_than_owed": format_minor(max(receipt.amount_minor - owed, 0)),
        }
    )


async def _bar_loan_of_receipt(connection: Connection, user_id: UserId, receipt_id: UUID, _: PostAhead) -> None:
    receipt = await funding.get_receipt(connection, receipt_id)
    if receipt.loan_id is not None:
        await loans.bar_interested(connection, user_id, await loans.get(connection, receipt.loan_id))


async def _check_post_ahead(connection: Connection, run: ActRun[PostAhead]) -> None:
    receipt = await funding.lock_receipt(connection, run.object_id)
    await funding.check_post_ahead(connection, receipt)
    if receipt.loan_id is not None:
        # Asked of whoever proposes it: the second person answers nothing.
        amount = Money(receipt.amount_minor, Currency(receipt.currency))
        await receiving.check_receipt(connection, receipt.loan_id, amount, receipt.received_on, run.payload.apply)


async def _post_ahead(connection: Connection, run: ActRun[PostAhead]) -> dict[str, Any]:
    if run.approved_by is None:
        raise LookupError("whoever approved what nobody posts alone")
    receipt = await funding.lock_receipt(connection, run.object_id)
    actor = Actor(ActorKind.ADMINISTRATOR, run.proposed_by)
    posted = await bank_receipts.post_ahead(connection, receipt, run.approved_by, actor, run.payload.apply)
    return views.receipt(posted) | {"receipt_id": str(run.object_id)}
