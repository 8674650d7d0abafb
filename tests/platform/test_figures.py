"""Figures as people of each language read them: papers and tables keep every decimal, so that columns line up."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.platform import figures


@pytest.mark.parametrize(
    ("amount", "currency", "english", "polish"),
    [
        ("5356200.00", "EUR", "€5,356,200.00", "5 356 200,00 €"),
        ("66522.51", "EUR", "€66,522.51", "66 522,51 €"),
        ("504000.00", "PLN", "PLN 504,000.00", "504 000,00 zł"),
    ],
)
def test_an_exact_amount_always_shows_its_cents(amount: str, currency: str, english: str, polish: str) -> None:
    money = {"amount": amount, "currency": currency}
    assert figures.exact_money(money, "en").replace("\xa0", " ") == english
    assert figures.exact_money(money, "pl").replace("\xa0", " ") == polish
    assert figures.money(money, "en").replace("\xa0", " ") == english.removesuffix(".00")


@given(st.integers(0, 10**13), st.sampled_from(["en", "pl"]))
def test_no_cent_is_lost_in_an_exact_amount(minor: int, language: str) -> None:
    shown = figures.exact_money({"amount": f"{minor // 100}.{minor % 100:02}", "currency": "EUR"}, language)
    assert int("".join(digit for digit in shown if digit.isdigit())) == minor


@pytest.mark.parametrize(
    ("value", "places", "english", "polish"),
    [(0.05, 1, "5.0%", "5,0%"), (0.046, 1, "4.6%", "4,6%"), (1.0, 0, "100%", "100%"), (0.0614, 2, "6.14%", "6,14%")],
)
def test_a_share_has_as_many_decimals_as_its_column(value: float, places: int, english: str, polish: str) -> None:
    assert figures.exact_share(value, places, "en") == english
    assert figures.exact_share(value, places, "pl") == polish


@given(st.floats(-1e6, 1e6), st.integers(1, 4))
def test_a_measure_is_rounded_to_its_columns_decimals(value: float, places: int) -> None:
    shown = figures.decimal(value, places, "en").replace(",", "")
    assert Decimal(shown) == Decimal(f"{value:.{places}f}") and len(shown.rpartition(".")[2]) == places


def test_a_long_day_has_its_month_in_words() -> None:
    assert figures.long_day(date(2026, 9, 4), "en") == "4 September 2026"
    assert figures.long_day(date(2026, 9, 4), "pl") == "4 września 2026"
