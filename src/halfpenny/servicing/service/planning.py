"""What an investment is planned to bring, shown before anybody makes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from halfpenny.loans import LendingRules, Loan, Offer
from halfpenny.primitives.money import percent_of
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.model.investor import expected_shares
from halfpenny.servicing.model.schedule import Instalment
from halfpenny.servicing.model.waterfall import WATERFALLS
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
    """The part of ``amount_minor`` in the schedule that a drawdown on a day would store: principal and interest, less
    the servicing fee.

    Split as ``cash_flows`` splits what a drawn loan is expected to pay. Raises WrongStatus before the offer.
    """
    terms = terms_of(loan, advanced_on)
    schedule = replay(terms, (), advanced_on).schedule
    kept = WATERFALLS[terms.waterfall].servicing_fee.percent
    due = [(row.due_on, row.principal + row.interest - percent_of(row.interest, kept)) for row in schedule.instalments]
    return PlannedFlows(amount_minor, expected_shares(due, amount_minor, loan.application.amount_minor))


@dataclass(frozen=True, slots=True)
class PlannedLoan:
    """What a borrower gets and owes where everything goes to plan; minor units.

    ``net_advance`` is the loan less ``fees`` and ``retained`` interest: what a drawdown pays into the wallet.
    """

    fees: int
    retained: int
    net_advance: int
    instalments: tuple[Instalment, ...]

    @property
    def asked(self) -> int:
        """What the borrower is asked for over the term."""
        return sum(asked_of(row) for row in self.instalments)


def asked_of(row: Instalment) -> int:
    """What the borrower pays of an instalment; interest that is reserved comes from the reserve."""
    return row.total - (row.interest if row.reserved else 0)


def planned_loan(loan: Loan, advanced_on: date) -> PlannedLoan:
    """The loan as a drawdown on a day would store it. Raises WrongStatus before the offer."""
    terms = terms_of(loan, advanced_on)
    position = replay(terms, (), advanced_on)
    fees, retained = terms.advance_fees_minor(), flows_of(terms, position).retained
    return PlannedLoan(fees, retained, terms.principal.minor - fees - retained, position.schedule.instalments)


def planned_at_suggested_rate(loan: Loan, rules: LendingRules, advanced_on: date) -> PlannedLoan | None:
    """The loan as an offer made now at the risk service's rate would have it; None where it suggested none."""
    if loan.risk is None or loan.risk.suggested_rate <= 0:
        return None
    terms = rules.product_terms(loan.application)
    offer = Offer(loan.risk.suggested_rate, rules.fees, terms, loan.changed_at)
    return planned_loan(replace(loan, offer=offer), advanced_on)
