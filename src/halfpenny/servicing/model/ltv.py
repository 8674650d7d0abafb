"""Loan to value of a loan that is drawn in stages."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal


def cumulative_ltv_percent(stage_minor: int, earlier_minor: int, valuation_minor: int) -> Decimal:
    """All stages up to this one over the property's value, in percent, half up to two decimals.

    Raises ValueError for a valuation that is not positive.
    """
    if valuation_minor <= 0:
        raise ValueError("a valuation is positive")
    ratio = Decimal(100 * (stage_minor + earlier_minor)) / valuation_minor
    return ratio.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
