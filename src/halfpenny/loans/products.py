"""The products that are offered: their published definitions, and what the settings add to an offer.

A published version is never edited: a change is a new version, and each loan keeps the one that was accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from halfpenny.loans.errors import RateAboveLegalMaximum
from halfpenny.primitives import legal_maximum
from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.legal_maximum import MaximumRates
from halfpenny.primitives.money import Currency
from halfpenny.primitives.product_terms import ProductTerms
from halfpenny.primitives.rate import Rate
from halfpenny_messages import LoanInterestMode


@dataclass(frozen=True, slots=True)
class ProductDefinition:
    """One version of a product: how its interest and its days are counted, and in which order receipts pay.

    ``count_due_date``: the due date itself is the first day past due.
    """

    key: str
    version: int
    day_count: DayCount = DayCount.THIRTY_360
    default_day_count: DayCount = DayCount.ACT_365F
    count_due_date: bool = False
    waterfall: str = "halfpenny/1"


# The newest version of each: what an application for this kind of interest is offered.
PRODUCTS: Final[Mapping[LoanInterestMode, ProductDefinition]] = MappingProxyType(
    {mode: ProductDefinition(mode.value, 1) for mode in LoanInterestMode}
)


@dataclass(frozen=True, slots=True)
class ProductSettings:
    """What the settings say of every product; an offer keeps what they were when it was made.

    ``default_margin`` is percentage points a year above the contract rate, ``governing_law`` ISO 3166-1 alpha-2,
    ``materiality_above_eur_minor`` euro cents.
    """

    default_margin: Decimal = Decimal(5)
    governing_law: str = "PL"
    minimum_interest_months: int = 0
    rebate_of_retained_interest: bool = True
    materiality_above_eur_minor: int = 0
    materiality_above_percent: Decimal = Decimal(0)

    def offered(
        self, mode: LoanInterestMode, term_months: int, currency: Currency, units_per_eur: Decimal
    ) -> ProductTerms:
        """The terms of an offer made now; ``units_per_eur`` is of the loan's currency."""
        product = PRODUCTS[mode]
        law = legal_maximum.published().get((self.governing_law, currency))
        return ProductTerms(
            product=product.key,
            version=product.version,
            day_count=product.day_count,
            default_margin=self.default_margin,
            default_day_count=product.default_day_count,
            default_interest_on_interest=law is None or law.default_interest_on_interest,
            governing_law=self.governing_law,
            minimum_interest_months=min(self.minimum_interest_months, term_months),
            rebate_of_retained_interest=self.rebate_of_retained_interest,
            count_due_date=product.count_due_date,
            waterfall=product.waterfall,
            # Whole minor units: an amount is above the exact product where it is above this.
            materiality_above_minor=int(self.materiality_above_eur_minor * units_per_eur),
            materiality_above_percent=self.materiality_above_percent,
        )


def check_legal_maximum(rate: Rate, governing_law: str, currency: Currency, on: date) -> MaximumRates | None:
    """The maximum that the law knows on ``on``. Raises RateAboveLegalMaximum for a contract rate above it."""
    law = legal_maximum.published().get((governing_law, currency))
    maximum = law.on(on) if law else None
    if maximum is not None and rate.millionths > maximum.contract.millionths:
        raise RateAboveLegalMaximum(
            governing_law=governing_law, maximum=f"{maximum.contract}", since=maximum.since.isoformat()
        )
    return maximum
