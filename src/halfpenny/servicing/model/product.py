"""How an offered loan becomes terms of the engine: only what the offer says counts, whatever the settings say now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from halfpenny.primitives import legal_maximum
from halfpenny.primitives.fees import OfferedFee
from halfpenny.primitives.money import Money
from halfpenny.primitives.product_terms import ProductTerms
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.terms import Fee, InterestMode, LoanTerms, Materiality, Repayment
from halfpenny_messages import LoanInterestMode

# How the engine repays a loan of each kind that may be applied for; a new kind is one line here.
REPAYMENTS: Final[Mapping[LoanInterestMode, tuple[Repayment, InterestMode]]] = {
    LoanInterestMode.SERVICED: (Repayment.BULLET, InterestMode.SERVICED),
    LoanInterestMode.RETAINED: (Repayment.BULLET, InterestMode.RETAINED),
    LoanInterestMode.ROLLED_UP: (Repayment.BULLET, InterestMode.ROLLED_UP),
}


def loan_terms(
    principal: Money,
    annual_rate: Decimal,
    fees: Sequence[OfferedFee],
    term_months: int,
    interest_mode: LoanInterestMode,
    advanced_on: date,
    product: ProductTerms,
) -> LoanTerms:
    """A loan on the offer's terms: the same that quotes show and that investors saw before investing.

    Overdue amounts bear the contract rate and the product's margin; the law's maximum of the day of the advance limits
    that.
    """
    rate = Rate.of_percent(annual_rate)
    repayment, mode = REPAYMENTS[interest_mode]
    law = legal_maximum.published().get((product.governing_law, principal.currency))
    return LoanTerms(
        principal=principal,
        rate=rate,
        repayment=repayment,
        interest_mode=mode,
        periods=term_months,
        advanced_on=advanced_on,
        day_count=product.day_count,
        fees=tuple(
            Fee(fee.kind.value, fee.kind.when, percent_millionths=Rate.of_percent(fee.percent).millionths)
            for fee in fees
        ),
        minimum_interest_months=product.minimum_interest_months,
        rebate_of_retained_interest=product.rebate_of_retained_interest,
        count_due_date=product.count_due_date,
        default_rate=product.default_rate(rate),
        default_day_count=product.default_day_count,
        default_interest_on_interest=product.default_interest_on_interest,
        governing_law=product.governing_law,
        legal_maximum=law.on(advanced_on) if law else None,
        waterfall=product.waterfall,
        materiality=Materiality(product.materiality_above_minor, Rate.of_percent(product.materiality_above_percent)),
    )
