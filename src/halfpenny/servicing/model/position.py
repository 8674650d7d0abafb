"""Where a loan stands on a day: the answer of the engine. All amounts are minor units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from halfpenny.servicing.model.reserve import ReserveMove
from halfpenny.servicing.model.schedule import Schedule
from halfpenny.servicing.model.segments import AccrualSegment
from halfpenny.servicing.model.waterfall import Component


class LoanStanding(StrEnum):
    CURRENT = "current"
    LATE = "late"
    DEFAULTED = "defaulted"
    WRITTEN_OFF = "written_off"
    CLOSED = "closed"


class MoneySource(StrEnum):
    """Where the money of an allocation came from: outside, the interest reserve, or an advance payment that waited."""

    RECEIPT = "receipt"
    RESERVE = "reserve"
    ADVANCE = "advance"


class Allocation(NamedTuple):
    """How one receipt was used. ``returned`` is the overpayment that goes back to the borrower, ``held`` waits as an
    advance payment for what falls due next.

    ``receipt_id`` is the receipt's own, where a bank brought it. ``recovery`` means that the principal had been written
    off before: it is a later recovery of a loss.
    """

    effective_date: date
    amount: int
    recovery_cost: int
    fee: int
    penalty: int
    default_interest: int
    interest: int
    principal: int
    returned: int
    held: int
    after_default: bool
    recovery: bool
    source: MoneySource
    receipt_id: str = ""

    @property
    def applied(self) -> int:
        return self.amount - self.returned - self.held

    def part(self, component: Component) -> int:
        amount: int = getattr(self, component.value)
        return amount


class InstalmentState(NamedTuple):
    """What is left unpaid of an instalment that has fallen due. ``settled_on`` is None while anything is."""

    number: int
    due_on: date
    principal: int
    interest: int
    fees: int
    settled_on: date | None

    @property
    def unpaid(self) -> int:
        return self.principal + self.interest + self.fees


@dataclass(frozen=True, slots=True)
class LoanPosition:
    """``*_due`` has fallen due and is unpaid; ``accrued_interest`` has accrued and not yet fallen due.

    ``principal_outstanding`` is what the loan owes its investors: drawn, less repaid, less written off.
    ``overdue_segments`` write the default interest ahead, as long as nothing more is paid: the accrual of the
    segment that holds a day, ``as_of`` included, less ``default_interest_settled``, is the default interest due that
    day. Where none holds it, nothing accrues and ``default_interest_due`` stays as it is. ``advance_held`` waits for
    what falls due next. ``past_limit`` are the stretches of days on which an instalment had been unpaid for more than
    ninety days: the first of them, and the day on whose end it was not any more (None while it is). ``reserve_plan``
    are the reserve's moves to the end, ``reserve_moves`` those that have happened.
    """

    as_of: date
    schedule: Schedule
    drawn: int
    principal_outstanding: int
    principal_repaid: int
    principal_due: int
    interest_due: int
    interest_repaid: int
    default_interest_due: int
    default_interest_paid: int
    default_interest_waived: int
    recovery_costs_waived: int
    waived: int
    fees_due: int
    penalties_due: int
    recovery_costs_due: int
    accrued_interest: int
    reserve_held: int
    reserve_moves: tuple[ReserveMove, ...]
    reserve_plan: tuple[ReserveMove, ...]
    advance_held: int
    written_off: int
    written_off_on: date | None
    recovered: int
    returned: int
    oldest_unpaid_due_on: date | None
    days_past_due: int
    defaulted_on: date | None
    closed_on: date | None
    past_limit: tuple[tuple[date, date | None], ...]
    allocations: tuple[Allocation, ...]
    instalments: tuple[InstalmentState, ...]
    overdue_segments: tuple[AccrualSegment, ...]

    @property
    def owed(self) -> dict[Component, int]:
        """What a receipt of the day would meet, for the waterfall's simulator."""
        return {
            Component.RECOVERY_COST: self.recovery_costs_due,
            Component.FEE: self.fees_due,
            Component.PENALTY: self.penalties_due,
            Component.DEFAULT_INTEREST: self.default_interest_due,
            Component.INTEREST: self.interest_due,
            Component.PRINCIPAL: self.principal_due,
        }

    @property
    def default_interest_settled(self) -> int:
        """What was paid of the default interest, and what was waived of it."""
        return self.default_interest_paid + self.default_interest_waived

    @property
    def total_due(self) -> int:
        return sum(self.owed.values())

    @property
    def standing(self) -> LoanStanding:
        if self.closed_on is not None:
            return LoanStanding.CLOSED
        if self.written_off:
            return LoanStanding.WRITTEN_OFF
        if self.defaulted_on is not None:
            return LoanStanding.DEFAULTED
        return LoanStanding.LATE if self.days_past_due else LoanStanding.CURRENT
