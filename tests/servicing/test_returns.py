"""XIRR, APR and money multiple on flows whose answer is known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.servicing.model.due_dates import MonthEnd, add_months
from halfpenny.servicing.model.returns import apr_percent, money_multiple, xirr_percent, year_fraction

START = date(2023, 1, 1)
YEAR_LATER = date(2024, 1, 1)


def test_one_year_one_payment() -> None:
    assert xirr_percent([(START, -10_000), (YEAR_LATER, 11_000)]) == Decimal("10.0000")
    assert xirr_percent([(START, 10_000), (YEAR_LATER, -11_000)]) == Decimal("10.0000")


def test_the_example_of_the_spreadsheets_manual() -> None:
    """Microsoft's documentation of XIRR: 37.34 % (0.373362535)."""
    flows = [
        (date(2008, 1, 1), -1_000_000),
        (date(2008, 3, 1), 275_000),
        (date(2008, 10, 30), 425_000),
        (date(2009, 2, 15), 325_000),
        (date(2009, 4, 1), 275_000),
    ]
    assert xirr_percent(flows) == Decimal("37.3363")


def test_a_loss_is_a_negative_return() -> None:
    assert xirr_percent([(START, -10_000), (YEAR_LATER, 9_000)]) == Decimal("-10.0000")


def test_flows_without_a_rate_have_none() -> None:
    assert xirr_percent([(START, -100), (START, 100)]) is None
    assert xirr_percent([(START, -100), (YEAR_LATER, -100)]) is None
    assert xirr_percent([(START, 100), (YEAR_LATER, 100)]) is None


def test_money_multiple() -> None:
    assert money_multiple([(START, -10_000), (YEAR_LATER, 7_000), (YEAR_LATER, 5_500)]) == Decimal("1.2500")
    assert money_multiple([(START, 10)]) is None


@pytest.mark.parametrize(
    ("start", "end", "years"),
    [
        (date(2025, 2, 1), date(2025, 5, 1), Fraction(3, 12)),
        (date(2024, 1, 1), date(2025, 1, 1), Fraction(1)),
        (date(2023, 1, 31), date(2023, 2, 28), Fraction(1, 12)),
        (date(2023, 1, 31), date(2023, 3, 1), Fraction(1, 12)),
        # Five odd days that end on 10 March 2025: the year before them has 365 days; before 5 March 2024 it has 366.
        (date(2025, 3, 5), date(2025, 6, 10), Fraction(3, 12) + Fraction(5, 365)),
        (date(2024, 2, 29), date(2024, 6, 5), Fraction(3, 12) + Fraction(5, 366)),
        (date(2025, 3, 5), date(2025, 3, 5), Fraction(0)),
        (date(2025, 3, 5), date(2025, 3, 25), Fraction(20, 365)),
    ],
)
def test_time_is_in_equal_months_and_odd_days_before_them(start: date, end: date, years: Fraction) -> None:
    assert year_fraction(start, end) == pytest.approx(float(years), abs=1e-15)


@given(st.integers(-50, 400), st.lists(st.integers(1, 60), min_size=1, max_size=12))
def test_the_apr_discounts_the_payments_to_the_advance(percent: int, months: list[int]) -> None:
    """Payments grown at a rate that is known: the APR is that rate."""
    start = date(2024, 1, 1)
    flows = [(start, 10**9 * len(months))]
    for after in months:
        due = add_months(start, after, MonthEnd.CLAMP)
        flows.append((due, -round(10**9 * (1 + percent / 100) ** (after / 12))))
    found = apr_percent(flows)
    assert found is not None
    assert abs(found - percent) <= Decimal("0.0001") * max(1, percent)


def test_an_apr_that_does_not_exist_is_none() -> None:
    assert apr_percent([(START, 100), (START, -100)]) is None
    assert apr_percent([(START, 100), (YEAR_LATER, 100)]) is None
    assert apr_percent([(START, 1), (date(2023, 1, 2), -(10**9))]) is None
