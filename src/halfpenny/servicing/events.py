"""Domain events of servicing, beside the transitions of a loan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from halfpenny.platform.outbox import OutboxEvent
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import format_minor
from halfpenny.servicing.model.events import Event, Pause, Waiver

RANGE_CLOSED = "servicing.range_closed"
DAY_CLOSED = "servicing.day_closed"
RECOVERY_UPDATED = "servicing.recovery_updated"
ACCELERATED = "servicing.accelerated"
INTEREST_PAUSED = "servicing.interest_paused"
WAIVED = "servicing.waived"
DISTRIBUTION_PAID = "servicing.distribution_paid"


def range_closed(day: date, first: UUID, last: UUID, loans: int, released: int, late: int) -> OutboxEvent:
    return OutboxEvent(
        RANGE_CLOSED,
        1,
        first,
        {
            "business_date": day.isoformat(),
            "first_loan_id": str(first),
            "last_loan_id": str(last),
            "loans": loans,
            "released": released,
            "late": late,
        },
    )


def day_closed(day: date, loans: int) -> OutboxEvent:
    return OutboxEvent(DAY_CLOSED, 1, uuid7(), {"business_date": day.isoformat(), "loans": loans})


def recovery_updated(loan_id: UUID, number: int, published_on: date) -> OutboxEvent:
    return OutboxEvent(
        RECOVERY_UPDATED,
        1,
        loan_id,
        {"loan_id": str(loan_id), "number": number, "published_on": published_on.isoformat()},
    )


def accelerated(loan_id: UUID, effective_on: date) -> OutboxEvent:
    return OutboxEvent(ACCELERATED, 1, loan_id, {"loan_id": str(loan_id), "effective_on": effective_on.isoformat()})


def forbearance_measures(loan_id: UUID, first_number: int, new: Sequence[Event]) -> list[OutboxEvent]:
    """An event for each pause and waiver among the new events of a loan, which are numbered from ``first_number``.

    Both days of a pause belong to it; the amount of a waiver is a decimal string.
    """
    found = []
    for number, event in enumerate(new, first_number):
        data: dict[str, str | int] = {"loan_id": str(loan_id), "number": number}
        match event:
            case Pause():
                data |= {"paused_from": event.effective_date.isoformat(), "paused_to": event.until.isoformat()}
                found.append(OutboxEvent(INTEREST_PAUSED, 1, loan_id, data))
            case Waiver():
                amount = {"amount": format_minor(event.amount.minor), "currency": event.amount.currency.value}
                found.append(OutboxEvent(WAIVED, 1, loan_id, data | {"component": event.component.value} | amount))
    return found


def distribution_paid(loan_id: UUID, distribution_id: UUID) -> OutboxEvent:
    return OutboxEvent(
        DISTRIBUTION_PAID, 1, loan_id, {"loan_id": str(loan_id), "distribution_id": str(distribution_id)}
    )
