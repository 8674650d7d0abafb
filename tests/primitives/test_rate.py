"""Rates: read exactly, refused by name."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.rate import MalformedRate, NegativeRate, Rate, RateOutOfRange, format_percent, parse_percent


@given(st.integers(0, 999_999_999))
def test_rates_survive_their_text(millionths: int) -> None:
    assert Rate.parse_annual(str(Rate(millionths))).millionths == millionths
    assert Rate(millionths).percent * 10**6 == millionths


@pytest.mark.parametrize(
    ("text", "millionths"),
    [("0", 0), ("12", 12_000_000), ("9.4822", 9_482_200), ("0.000001", 1), ("17.250", 17_250_000)],
)
def test_percent_texts(text: str, millionths: int) -> None:
    assert parse_percent(text) == millionths
    assert Rate.parse_annual(text).percent == Decimal(text)


def test_twelve_months_make_the_year() -> None:
    assert Rate.parse_monthly("0.85") == Rate.parse_annual("10.2")


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "01", ".5", "1.", "1,5", "1e3", "NaN", "Infinity", "1.0000001", "1000", "+1", "--1", "-", "١"],
)
def test_other_texts_are_malformed(text: str) -> None:
    with pytest.raises(MalformedRate):
        parse_percent(text)


def test_a_json_number_is_malformed() -> None:
    with pytest.raises(MalformedRate):
        parse_percent(12)  # type: ignore[arg-type]


def test_negative_rates_have_a_name_of_their_own() -> None:
    with pytest.raises(NegativeRate):
        Rate.parse_annual("-0.1")
    with pytest.raises(NegativeRate):
        Rate(-1)


def test_a_thousand_percent_is_out_of_range() -> None:
    with pytest.raises(RateOutOfRange):
        Rate.parse_monthly("83.333334")


def test_format_drops_idle_decimals() -> None:
    assert [format_percent(value) for value in (0, 12_000_000, 10_500_000, -500_000)] == ["0", "12", "10.5", "-0.5"]
