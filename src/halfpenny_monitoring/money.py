"""Amounts of monitoring: converted to euros, and rounded once where they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

EuroRates = Mapping[str, Decimal]
"""Units of each currency in a euro."""


def in_euro(amount: Decimal, currency: str, rates: EuroRates) -> Decimal:
    """The amount in euros, not rounded; raises KeyError for a currency that has no rate."""
    return amount / rates[currency]


def cents(amount: Decimal | int) -> Decimal:
    """Rounded half up to hundredths."""
    return Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_UP)
