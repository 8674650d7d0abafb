"""Money reads strictly and splits exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.money import (
    MAX_MINOR,
    Currency,
    CurrencyMismatch,
    MalformedAmount,
    Money,
    format_minor,
    parse_minor,
    percent_of,
    split,
)


@pytest.mark.parametrize(
    "text",
    ["-1", "+1", "NaN", "Infinity", "1e400", "1e3", "0.001", "92233720368547758.08", "١٢", "1,00", " 1", "1 ", "01",
     "", ".5", "1.", "0x10", "10000000000000.01", "1_000", "1\n"],
)  # fmt: skip
def test_anything_but_a_plain_decimal_string_is_refused(text: str) -> None:
    with pytest.raises(MalformedAmount):
        parse_minor(text)


@pytest.mark.parametrize("value", [1, 1.5, True, None, b"1"])
def test_a_number_is_not_an_amount(value: object) -> None:
    with pytest.raises(MalformedAmount):
        parse_minor(value)  # type: ignore[arg-type]


@given(st.integers(0, MAX_MINOR))
def test_what_is_written_reads_back(minor: int) -> None:
    assert parse_minor(format_minor(minor)) == minor


def test_short_forms_and_negative_output() -> None:
    assert [parse_minor(text) for text in ("250", "250.5", "0", "0.05")] == [25_000, 25_050, 0, 5]
    assert format_minor(-5) == "-0.05"


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**12), min_size=1, max_size=40))
def test_a_split_adds_up_and_is_fair_to_a_cent(total: int, weights: list[int]) -> None:
    if not sum(weights):
        return
    parts = split(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        exact = Decimal(total) * weight / sum(weights)
        assert abs(part - exact) < 1
        assert weight or not part


def test_published_splits() -> None:
    assert split(10_000, [333_333, 333_333, 333_334]) == [3_333, 3_333, 3_334]  # M-D8a
    assert split(600_000, [333_333, 333_333, 333_334]) == [200_000, 200_000, 200_000]  # M-D8b
    assert split(2, [1, 1, 1]) == [1, 1, 0]  # a tie goes to the earlier position


@pytest.mark.parametrize(("total", "weights"), [(1, []), (1, [0, 0]), (-1, [1]), (1, [-1, 2])])
def test_an_impossible_split_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="split"):
        split(total, weights)


def test_currencies_never_mix() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, Currency.EUR) + Money(1, Currency.PLN)


def test_percent_is_rounded_half_up_once() -> None:
    assert percent_of(100_000, Decimal("1.5")) == 1_500  # F-B8
    assert percent_of(50, Decimal(1)) == 1
