"""The products that are lent on: how an offered loan becomes terms of the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from halfpenny.primitives.fees import OfferedFee
from halfpenny.primitives.money import Money
from halfpenny.primitives.rate import MILLIONTHS, Rate
from halfpenny.servicing.model.terms import Fee, InterestMode, LoanTerms, Repayment
from halfpenny.servicing.model.waterfall import DEFAULT_WATERFALL
from halfpenny_messages import LoanInterestMode

# What overdue amounts bear unless the settings name another rate.
DEFAULT_RATE = Rate(12 * MILLIONTHS)
# How the engine repays a loan of each kind that may be applied for; a new kind is one line here.
REPAYMENTS: Final[Mapping[LoanInterestMode, tuple[Repayment, InterestMode]]] = {
    LoanInterestMode.SERVICED: (Repayment.BULLET, InterestMode.SERVICED),
    LoanInterestMode.RETAINED: (Repayment.BULLET, InterestMode.RETAINED),
    LoanInterestMode.ROLLED_UP: (Repayment.BULLET, InterestMode.ROLLED_UP),
}


@dataclass(frozen=True, slots=True)
class Product:
    """What every loan of the platform has in common beyond its offer. Rates are percent a year."""

    default_rate: Rate = DEFAULT_RATE
    minimum_interest_months: int = 0
    rebate_of_retained_interest: bool = True
    waterfall: str = DEFAULT_WATERFALL


def as_rate(percent: Decimal) -> Rate:
    """NUMERIC(9,6) percent, exactly."""
    return Rate(int(percent.scaleb(6)))


def product_terms(
    principal: Money,
    annual_rate: Decimal,
    fees: Sequence[OfferedFee],
    term_months: int,
    interest_mode: LoanInterestMode,
    advanced_on: date,
    product: Product,
) -> LoanTerms:
    """A loan on the offer's terms: the same that quotes show and that investors saw before investing."""
    repayment, mode = REPAYMENTS[interest_mode]
    return LoanTerms(
        principal=principal,
        rate=as_rate(annual_rate),
        repayment=repayment,
        interest_mode=mode,
        periods=term_months,
        advanced_on=advanced_on,
        fees=tuple(
            Fee(fee.kind.value, fee.kind.when, percent_millionths=as_rate(fee.percent).millionths) for fee in fees
        ),
        minimum_interest_months=min(product.minimum_interest_months, term_months),
        rebate_of_retained_interest=product.rebate_of_retained_interest,
        default_rate=product.default_rate,
        waterfall=product.waterfall,
    )
