"""How money, rates and times read in a language. Amounts come as decimal strings and never become floats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from halfpenny.platform.clock import MARKET_ZONE

# English is written as in Britain and Ireland, where halfpennies come from: 1 Jan 2026, not Jan 1, 2026.
LOCALES: Final[Mapping[str, str]] = {"en": "en_GB", "pl": "pl"}
_PERCENT: Final = "#,##0.##%"
_LETTER_BEFORE_FIGURE: Final = re.compile(r"(?<=[A-Za-z])(?=[0-9])")


def money(amount: dict[str, str], language: str) -> str:
    """``{"amount": "1250.00", "currency": "EUR"}`` as ``€1,250``: cents are shown only where there are some."""
    value, text = Decimal(amount["amount"]), exact_money(amount, language)
    if value == value.to_integral_value():
        cents = format_decimal(Decimal("0.00"), format="#,##0.00", locale=LOCALES[language])[1:]
        text = text.replace(cents, "", 1)
    return text


def exact_money(amount: dict[str, str], language: str) -> str:
    """``{"amount": "1250.00", "currency": "EUR"}`` as ``€1,250.00``: papers, tables and forms always show the cents."""
    text = format_currency(Decimal(amount["amount"]), amount["currency"], locale=LOCALES[language])
    # Where the currency is letters, browsers part it from the figure (CLDR, currencySpacing); Babel does not.
    return _LETTER_BEFORE_FIGURE.sub("\u00a0", text)


def exact_amount(minor: int, language: str) -> str:
    """Minor units without a currency, which stands over the column: ``1,234.56`` in English, ``1 234,56`` in Polish."""
    return format_decimal(Decimal(minor).scaleb(-2), format="#,##0.00", locale=LOCALES[language])


def percent(text: str, language: str) -> str:
    """``"9.50"`` as ``9.5%``."""
    return format_percent(Decimal(text) / 100, format=_PERCENT, locale=LOCALES[language])


def share(text: str, language: str) -> str:
    """A share of one, ``"0.0312"``, as ``3.12%``."""
    return format_percent(Decimal(text), format=_PERCENT, locale=LOCALES[language])


def exact_share(value: float, places: int, language: str) -> str:
    """A share of one in percent with so many decimals, as the others of its column have: ``0.05`` as ``5.0%``."""
    form = "#,##0." + "0" * places + "%" if places else "#,##0%"
    return format_percent(Decimal(f"{value:.{places + 2}f}"), format=form, locale=LOCALES[language])


def number(value: float | int | Decimal, language: str) -> str:
    return format_decimal(value, locale=LOCALES[language])


def decimal(value: float, places: int, language: str) -> str:
    """A measure with so many decimals, as the others of its column have: ``0.840``."""
    return format_decimal(Decimal(f"{value:.{places}f}"), format="#,##0." + "0" * places, locale=LOCALES[language])


def day(text: str, language: str) -> str:
    """An ISO date or timestamp as a date of the market's time zone."""
    if len(text) == len("2026-01-01"):
        return format_date(date.fromisoformat(text), format="medium", locale=LOCALES[language])
    return format_date(_local(text), format="medium", locale=LOCALES[language])


def country(code: str, language: str) -> str:
    """The name of a country of ISO 3166-1; a code without a name in CLDR is shown as it is."""
    return str(Locale.parse(LOCALES[language]).territories.get(code, code))


def long_day(day: date, language: str) -> str:
    """A date with its month in words, as letters write it: ``4 September 2026``."""
    return format_date(day, format="long", locale=LOCALES[language])


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(MARKET_ZONE)
