"""What an offer takes over from its product and from the settings, beside its rate and its fees."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.rate import MAX_MILLIONTHS, Rate


def default_rate(contract: Rate, margin: Decimal) -> Rate:
    """What overdue amounts bear as agreed: ``margin`` percentage points above the contract rate, as far as rates go.

    The law's maximum may limit it.
    """
    return Rate(min(contract.millionths + int(margin.scaleb(6)), MAX_MILLIONTHS))


@dataclass(frozen=True, slots=True)
class ProductTerms:
    """The terms that are fixed with an offer: what is published or set later changes nothing in them.

    ``product`` and ``version`` name the product's published definition. ``default_margin`` is what overdue amounts bear
    above the contract rate, in percentage points a year; overdue interest bears it only where
    ``default_interest_on_interest``. ``governing_law`` is ISO 3166-1 alpha-2. An amount past due
    is material above ``materiality_above_minor``, minor units of the loan's currency, and above
    ``materiality_above_percent`` of what the loan owes: both (Delegated Regulation (EU) 2018/171, article 2).
    """

    product: str
    version: int
    day_count: DayCount
    default_margin: Decimal
    default_day_count: DayCount
    default_interest_on_interest: bool
    governing_law: str
    minimum_interest_months: int
    rebate_of_retained_interest: bool
    count_due_date: bool
    waterfall: str
    materiality_above_minor: int
    materiality_above_percent: Decimal

    def default_rate(self, contract: Rate) -> Rate:
        """``default_rate`` with the margin that was agreed."""
        return default_rate(contract, self.default_margin)
