"""A loan as servicing keeps it: terms, the sums posted so far, and what the next close reads without a replay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.primitives.money import Currency, percent_of
from halfpenny.servicing.model.flows import Flows
from halfpenny.servicing.model.position import LoanPosition, LoanStanding
from halfpenny.servicing.model.reserve import ReserveMoveKind
from halfpenny.servicing.model.schedule import Instalment
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.model.waterfall import WATERFALLS


@dataclass(frozen=True, slots=True)
class ServicedLoan:
    """One serviced loan. Amounts are minor units of ``currency``."""

    loan_id: UUID
    borrower_id: UUID
    currency: Currency
    terms: LoanTerms
    posted: Flows
    closed_on: date | None
    unlikely_to_pay: bool
    standing: LoanStanding
    days_past_due: int
    principal_outstanding: int
    replayed_on: date


@dataclass(frozen=True, slots=True)
class InstalmentBalance:
    """An instalment with what is still unpaid of it; one that has not fallen due yet counts as unpaid, except for
    the interest that its reserve will pay."""

    row: Instalment
    unpaid: int
    settled_on: date | None


@dataclass(frozen=True, slots=True)
class Release:
    """Retained interest that a future close takes from the reserve, and the servicing fee on it."""

    due_on: date
    amount: int
    fee: int


def instalment_balances(position: LoanPosition) -> list[InstalmentBalance]:
    """The whole schedule, past and future, with what the borrower still has to bring."""
    fallen_due = {state.number: state for state in position.instalments}
    from_reserve: dict[int, int] = {}
    for move in position.reserve_plan:
        if move.kind is ReserveMoveKind.RELEASED and move.instalment is not None:
            from_reserve[move.instalment] = from_reserve.get(move.instalment, 0) + move.amount
    posted = []
    for row in position.schedule.instalments:
        state = fallen_due.get(row.number)
        if state is not None:
            posted.append(InstalmentBalance(row, state.unpaid, state.settled_on))
        else:
            posted.append(InstalmentBalance(row, row.total - from_reserve.get(row.number, 0), None))
    return posted


def releases_ahead(terms: LoanTerms, position: LoanPosition) -> list[Release]:
    """The reserve's coming releases, each with the servicing fee that the sum of all so far leaves for it."""
    rate = WATERFALLS[terms.waterfall].servicing_fee.percent
    released = 0
    by_day: dict[date, Release] = {}
    for move in position.reserve_plan:
        if move.kind is not ReserveMoveKind.RELEASED:
            continue
        before, released = released, released + move.amount
        # The last day also pays what else is owed: that is the replay's work, not the close's.
        if move.on <= position.as_of or move.on >= position.schedule.ends_on:
            continue
        fee = percent_of(released, rate) - percent_of(before, rate)
        kept = by_day.get(move.on, Release(move.on, 0, 0))
        by_day[move.on] = Release(move.on, kept.amount + move.amount, kept.fee + fee)
    return list(by_day.values())
