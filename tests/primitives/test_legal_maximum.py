"""The table of the law's maximum rates, held against figures that others published."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives import legal_maximum
from halfpenny.primitives.money import Currency
from halfpenny.primitives.rate import Rate

POLISH = legal_maximum.published()["PL", Currency.PLN]


@pytest.mark.parametrize(
    ("on", "contract", "default"),
    [
        # infor.pl, inforfk.pl and inforlex.pl, "Odsetki ustawowe i odsetki za opóźnienie", by period.
        (date(2020, 6, 1), "7.2", "11.2"),
        (date(2022, 7, 8), "20", "24"),
        (date(2022, 9, 7), "20", "24"),
        (date(2025, 5, 8), "17.5", "21.5"),
        (date(2025, 10, 9), "16", "20"),
        (date(2025, 11, 5), "16", "20"),
        (date(2025, 11, 6), "15.5", "19.5"),
    ],
)
def test_the_polish_maximum_is_the_published_one(on: date, contract: str, default: str) -> None:
    found = POLISH.on(on)
    assert found is not None
    assert (str(found.contract), str(found.default)) == (contract, default)


def test_before_the_table_begins_no_maximum_is_known() -> None:
    assert POLISH.on(POLISH.rates[0].since - timedelta(days=1)) is None
    assert POLISH.on(POLISH.rates[0].since) == POLISH.rates[0]


@given(st.dates(date(2010, 1, 1), date(2040, 1, 1)))
def test_the_row_in_force_is_the_newest_that_has_begun(on: date) -> None:
    begun = [row for row in POLISH.rates if row.since <= on]
    assert POLISH.on(on) == (begun[-1] if begun else None)


def test_default_interest_may_be_four_points_above_contract_interest() -> None:
    """Twice two points: the default rate that the law allows is never below the contract rate that it allows."""
    days = [row.since for row in POLISH.rates]
    assert days == sorted(set(days))
    for row in POLISH.rates:
        assert row.default == Rate(row.contract.millionths + 4_000_000)
