"""What redeems a loan on a day: all that is owed then, and who pays which part of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Payoff:
    """What is owed when the loan is redeemed on ``on``, by kind, and what pays it; minor units.

    The retained-interest reserve pays ``from_reserve``, an advance payment that waits pays ``from_advance``; what is
    left is ``payable``, the redemption figure: the one that a payer must send, and sending it on that day redeems the
    loan.
    """

    on: date
    principal: int
    interest: int
    fees: int
    default_interest: int
    recovery_costs: int
    from_reserve: int
    from_advance: int

    @property
    def owed(self) -> int:
        """All that is owed, whoever pays it."""
        return self.principal + self.interest + self.fees + self.default_interest + self.recovery_costs

    @property
    def payable(self) -> int:
        return self.owed - self.from_reserve - self.from_advance
