"""What an investment is planned to bring, shown before anybody makes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from halfpenny.loans import Loan
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.investor import expected_shares
from halfpenny.servicing.service.drawing_down import terms_of


@dataclass(frozen=True, slots=True)
class PlannedFlows:
    """Payments to an investor by the day they fall due, before tax, where everything goes to plan; minor units."""

    invested: int
    flows: tuple[tuple[date, int], ...]

    @property
    def total(self) -> int:
        return sum(amount for _, amount in self.flows)

    @property
    def interest(self) -> int:
        return self.total - self.invested


def planned_flows(loan: Loan, amount_minor: int, advanced_on: date) -> PlannedFlows:
    """The part of ``amount_minor`` in the schedule that a drawdown on a day would store: principal and interest.

    Split as ``cash_flows`` splits what a drawn loan is expected to pay. Raises WrongStatus before the offer.
    """
    schedule = replay(terms_of(loan, advanced_on), (), advanced_on).schedule
    due = [(row.due_on, row.principal + row.interest) for row in schedule.instalments]
    return PlannedFlows(amount_minor, expected_shares(due, amount_minor, loan.application.amount_minor))
