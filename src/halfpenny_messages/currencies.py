"""The currencies that loans are made in: one line each, read by the marketplace and the risk service."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final, Self

RATES_ON: Final = date(2026, 6, 3)
RATES_SOURCE: Final = "National Bank of Poland, table A of average rates, by way of calculla.com/nbp_exchange_rates"


class Currency(StrEnum):
    """ISO 4217 code and number, and units in a euro on ``RATES_ON``. All have two decimals.

    The rates are near enough to compare a loan with limits in euros; no money is ever converted by them, and a setting
    replaces them. A new currency is one line here, one in the database's ``is_currency`` and one reference rate.
    """

    EUR = "EUR", 978, "1"
    PLN = "PLN", 985, "4.2433"
    GBP = "GBP", 826, "0.86355"
    USD = "USD", 840, "1.16086"
    ILS = "ILS", 376, "3.33122"

    iso_number: int
    units_per_eur: Decimal

    def __new__(cls, code: str, iso_number: int = 0, units_per_eur: str = "1") -> Self:  # looked up by code alone
        currency = str.__new__(cls, code)
        currency._value_ = code
        currency.iso_number = iso_number
        currency.units_per_eur = Decimal(units_per_eur)
        return currency
