"""Amounts as people type them, in the notations of both languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.platform import figures
from halfpenny.primitives.money import MAX_MINOR, MalformedAmount, format_minor


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("1\u202f234,5", "1234.50"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234", "1234.00"),
        ("1.234", "1234.00"),
        ("12,345,678", "12345678.00"),
        ("1234,5", "1234.50"),
        ("1234.56", "1234.56"),
        ("  250 ", "250.00"),
        ("0,07", "0.07"),
        ("007", "7.00"),
        ("0", "0.00"),
        ("1'234.50", "1234.50"),
    ],
)
def test_an_amount_is_read_in_either_notation(typed: str, read: str) -> None:
    assert figures.read_amount(typed) == read


@pytest.mark.parametrize(
    "typed",
    ["", " ", "-5", "+5", "1e3", "1,2,3", "12,34,567", "1,234,56", "1.234.56", "1,234.567,8", "1.2345", "1,23.45",
     "5 EUR", "€5", "٣", "NaN", "1/2", ".5", "5.", "9" * 14, "9" * 100, "1,234.567.890", "0x10", "1\x002"],
)  # fmt: skip
def test_what_leaves_a_doubt_is_refused(typed: str) -> None:
    with pytest.raises(MalformedAmount):
        figures.read_amount(typed)


@given(minor=st.integers(0, MAX_MINOR), language=st.sampled_from(["en", "pl"]))
def test_what_a_page_shows_is_read_as_what_it_was(minor: int, language: str) -> None:
    assert figures.read_amount(figures.exact_amount(minor, language)) == format_minor(minor)
    assert figures.read_amount(format_minor(minor)) == format_minor(minor)


def test_a_moment_is_shown_to_the_minute_with_its_zone() -> None:
    assert figures.moment("2026-11-29T13:05:59+00:00", "en") == "29 Nov 2026, 14:05 CET"
    assert figures.moment("2026-07-01T22:30:00Z", "pl") == "2 lip 2026, 00:30 CEST"


def test_an_amount_that_left_has_a_minus_sign() -> None:
    assert figures.exact_money({"amount": "-750.00", "currency": "EUR"}, "en") == "\N{MINUS SIGN}€750.00"
