"""Domain events of funding: facts in the past tense, written with the money that they report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from halfpenny.funding.model import AcceptedTicket, Investment, LoanState, Ticket, milestones_crossed
from halfpenny.funding.receipts import BankReceipt
from halfpenny.platform.outbox import OutboxEvent
from halfpenny.primitives.money import format_minor

INVESTMENT_MADE = "investment.made"
INVESTMENT_REVOKED = "investment.revoked"
INVESTMENT_RETURNED = "investment.returned"
MILESTONE_REACHED = "funding.milestone_reached"
DEPOSIT_SETTLED = "deposit.settled"
WITHDRAWAL_SETTLED = "withdrawal.settled"
WITHDRAWAL_RETURNED = "withdrawal.returned"
PAYMENT_ENDED = (DEPOSIT_SETTLED, WITHDRAWAL_SETTLED, WITHDRAWAL_RETURNED)
RECEIPT_ARRIVED = "receipt.arrived"


def of_batch(
    taken: Sequence[tuple[Ticket, AcceptedTicket]], moved: Iterable[LoanState], before_minor: Mapping[UUID, int]
) -> list[OutboxEvent]:
    """One ``investment.made`` a loan with all of its tickets in the batch, and the milestones that it crossed."""
    tickets: dict[UUID, list[dict[str, Any]]] = {}
    for ticket, decision in taken:
        tickets.setdefault(ticket.loan_id, []).append(
            {
                "id": str(decision.answer.investment_id),
                "investor_id": str(ticket.investor_id),
                "amount": format_minor(ticket.amount_minor),
                "version": decision.answer.version,
            }
        )
    recorded: list[OutboxEvent] = []
    for loan in moved:
        payload = {**funding(loan), "investments": tickets[loan.loan_id]}
        recorded.append(OutboxEvent(INVESTMENT_MADE, 1, loan.loan_id, payload))
        recorded += milestones(loan, before_minor[loan.loan_id])
    return recorded


def milestones(loan: LoanState, before_minor: int) -> list[OutboxEvent]:
    """The milestones between what was funded before and what is now. Consumers notify of each of them once."""
    return [
        OutboxEvent(MILESTONE_REACHED, 1, loan.loan_id, {**funding(loan), "percent": percent})
        for percent in milestones_crossed(loan.target_minor, before_minor, loan.funded_minor)
    ]


def funding(loan: LoanState) -> dict[str, Any]:
    """Where a loan's funding stands, as every event and every subscriber gets it."""
    return {
        "loan_id": str(loan.loan_id),
        "currency": loan.currency,
        "target": format_minor(loan.target_minor),
        "funded": format_minor(loan.funded_minor),
        "remaining": format_minor(loan.target_minor - loan.funded_minor),
        "investors": loan.investors,
        "version": loan.version,
    }


def tickets_ended(name: str, loan: LoanState, tickets: Sequence[Investment], why: str) -> OutboxEvent:
    """``investment.revoked`` or ``investment.returned``: the tickets whose money went back."""
    ended = [
        {"id": str(one.id), "investor_id": str(one.investor_id), "amount": format_minor(one.amount_minor)}
        for one in tickets
    ]
    return OutboxEvent(name, 1, loan.loan_id, {**funding(loan), "investments": ended, "reason": why})


def payment(name: str, payment_id: UUID, user_id: UUID, amount_minor: int, currency: str) -> OutboxEvent:
    payload = {
        "payment_id": str(payment_id),
        "user_id": str(user_id),
        "amount": format_minor(amount_minor),
        "currency": currency,
    }
    return OutboxEvent(name, 1, user_id, payload)


def receipt_arrived(receipt: BankReceipt, line_id: UUID) -> OutboxEvent:
    """``receipt.arrived``: the line of a receipt that was waited for; its money stands in suspense."""
    payload = {
        "receipt_id": str(receipt.id),
        "line_id": str(line_id),
        "loan_id": str(receipt.loan_id) if receipt.loan_id else None,
    }
    return OutboxEvent(RECEIPT_ARRIVED, 1, receipt.id, payload)
