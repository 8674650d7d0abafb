"""The bridge product: how an offered loan becomes terms of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from halfpenny.primitives.money import Money
from halfpenny.primitives.rate import MILLIONTHS, NO_RATE, Rate
from halfpenny.servicing.model.terms import Fee, FeeTime, InterestMode, LoanTerms, Repayment
from halfpenny.servicing.model.waterfall import DEFAULT_WATERFALL

# What overdue amounts bear unless the settings name another rate.
DEFAULT_RATE = Rate(12 * MILLIONTHS)


@dataclass(frozen=True, slots=True)
class Product:
    """What every loan of the platform has in common beyond its offer. Rates are percent a year."""

    exit_fee: Rate = NO_RATE
    default_rate: Rate = DEFAULT_RATE
    minimum_interest_months: int = 0
    rebate_of_retained_interest: bool = True
    waterfall: str = DEFAULT_WATERFALL


def as_rate(percent: Decimal) -> Rate:
    """NUMERIC(9,6) percent, exactly."""
    return Rate(int(percent.scaleb(6)))


def bridge_terms(
    principal: Money,
    annual_rate: Decimal,
    arrangement_fee_percent: Decimal,
    term_months: int,
    interest_mode: str,
    advanced_on: date,
    product: Product,
) -> LoanTerms:
    """A bullet loan on the offer's terms: the same that quotes show and that investors saw before investing."""
    fees = []
    if arrangement_fee_percent:
        fees.append(Fee("arrangement", FeeTime.ADVANCE, percent_millionths=as_rate(arrangement_fee_percent).millionths))
    if product.exit_fee.millionths:
        fees.append(Fee("exit", FeeTime.REDEMPTION, percent_millionths=product.exit_fee.millionths))
    return LoanTerms(
        principal=principal,
        rate=as_rate(annual_rate),
        repayment=Repayment.BULLET,
        interest_mode=InterestMode(interest_mode),
        periods=term_months,
        advanced_on=advanced_on,
        fees=tuple(fees),
        minimum_interest_months=min(product.minimum_interest_months, term_months),
        rebate_of_retained_interest=product.rebate_of_retained_interest,
        default_rate=product.default_rate,
        waterfall=product.waterfall,
    )
