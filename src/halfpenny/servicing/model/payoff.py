"""Paying a loan off: what that takes on a day, and what a payment that is more than what is due means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from halfpenny.primitives.money import Money
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Acceleration, EndAct, Event, Receipt, Redemption, WriteOff
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.reserve import ReserveMoveKind
from halfpenny.servicing.model.terms import LoanTerms


@dataclass(frozen=True, slots=True)
class Payoff:
    """Minor units. ``payable`` is all that must come in on the day; ``rebate`` is retained interest that goes back
    to the borrower, so ``payable - rebate`` is what the redemption costs them."""

    on: date
    principal: int
    interest: int
    fees: int
    default_interest: int
    recovery_costs: int
    rebate: int

    @property
    def payable(self) -> int:
        return self.principal + self.interest + self.fees + self.default_interest + self.recovery_costs


def payoff(terms: LoanTerms, events: Sequence[Event], on: date) -> Payoff:
    """What redeems the whole loan on ``on``, after the events that are known."""
    after = replay(terms, [*events, Redemption(on)], on)
    rebate = sum(move.amount for move in after.reserve_moves if move.kind is ReserveMoveKind.REBATED and move.on == on)
    return Payoff(
        on=on,
        principal=after.principal_due,
        interest=after.interest_due,
        fees=after.fees_due + after.penalties_due,
        default_interest=after.default_interest_due,
        recovery_costs=after.recovery_costs_due,
        rebate=rebate,
    )


def receive(
    terms: LoanTerms, events: Sequence[Event], on: date, amount: Money, reference: str = ""
) -> tuple[Event, ...]:
    """The events that a payment is: a receipt, and a redemption before it where it is more than what is due.

    What exceeds the amount due repays principal early. Where it covers all principal the loan is redeemed: what
    is then missing of the interest to the day stays due, and what exceeds the whole debt is the receipt's
    overpayment and goes back. ``reference`` names what brought the money. Raises LoanClosed for a settled loan.
    """
    receipt = Receipt(on, amount, reference, _follows(events, on))
    position = replay(terms, events, on)
    excess = amount.minor - position.total_due
    if excess <= 0 or not runs(position):
        return (receipt,)
    if excess >= position.principal_outstanding - position.principal_due:
        return (Redemption(on), receipt)
    return (Redemption(on, Money(excess, amount.currency)), receipt)


def _follows(events: Sequence[Event], on: date) -> EndAct | None:
    """The act of the same day that this money comes in after."""
    kinds = {type(event) for event in events if event.effective_date == on}
    if WriteOff in kinds:
        return EndAct.WRITE_OFF
    return EndAct.ACCELERATION if Acceleration in kinds else None


def runs(position: LoanPosition) -> bool:
    """Whether principal is still to fall due."""
    return position.closed_on is None and position.schedule.ends_on > position.as_of
