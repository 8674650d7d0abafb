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
from halfpenny.primitives.money import MalformedAmount, format_minor, parse_minor

# English is written as in Britain and Ireland, where halfpennies come from: 1 Jan 2026, not Jan 1, 2026.
LOCALES: Final[Mapping[str, str]] = {"en": "en_GB", "pl": "pl"}
# The largest amount that travels, with a blank between each two characters.
_LONGEST_AMOUNT: Final = 40
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
    # A minus sign is as wide as a figure; a hyphen is not, and may end a line.
    text = text.replace("-", "\u2212")
    # Where the currency is letters, browsers part it from the figure (CLDR, currencySpacing); Babel does not.
    return _LETTER_BEFORE_FIGURE.sub("\u00a0", text)


def exact_amount(minor: int, language: str) -> str:
    """Minor units without a currency, which stands over the column: ``1,234.56`` in English, ``1 234,56`` in Polish."""
    return format_decimal(Decimal(minor).scaleb(-2), format="#,##0.00", locale=LOCALES[language])


_BLANKS: Final = re.compile(r"[\s\u00a0\u202f\u2009']")
_TYPED: Final = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{3})+|[0-9]+)(?:[.,]([0-9]{1,2}))?", re.ASCII)


def read_amount(typed: str) -> str:
    """An amount as people type it, as the decimal string of the interfaces: ``1 234,56`` and ``1,234.56`` alike.

    Money has at most two decimals, so a point or comma before three figures parts thousands, in either language.
    Raises MalformedAmount where that leaves a doubt.
    """
    plain = _BLANKS.sub("", typed) if len(typed) <= _LONGEST_AMOUNT else ""
    found = _TYPED.fullmatch(plain)
    if found is None:
        raise MalformedAmount()
    whole, cents = found[1], found[2]
    marks = {mark for mark in whole if mark in ".,"}
    if len(marks) > 1 or (cents is not None and plain[-len(cents) - 1] in marks):
        raise MalformedAmount()
    digits = whole.replace(".", "").replace(",", "").lstrip("0") or "0"
    return format_minor(parse_minor(f"{digits}.{(cents or '0').ljust(2, '0')}"))


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


def moment(text: str, language: str) -> str:
    """An ISO timestamp to the minute on the market's clock, with its zone: ``29 Nov 2026, 14:05 CET``."""
    local = _local(text)
    return f"{format_date(local.date(), format='medium', locale=LOCALES[language])}, {local:%H:%M} {local.tzname()}"


def country(code: str, language: str) -> str:
    """The name of a country of ISO 3166-1; a code without a name in CLDR is shown as it is."""
    return str(Locale.parse(LOCALES[language]).territories.get(code, code))


def long_day(day: date, language: str) -> str:
    """A date with its month in words, as letters write it: ``4 September 2026``."""
    return format_date(day, format="long", locale=LOCALES[language])


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(MARKET_ZONE)
