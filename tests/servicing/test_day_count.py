"""Day counts: identities that hold for every date, and the figures of the published conventions."""

from __future__ import annotations

from calendar import isleap
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.day_count import DayCount, even_weight, runs, year_parts
from halfpenny.servicing.model.due_dates import MonthEnd, add_months, due_dates, months_of

days = st.dates(date(1999, 1, 1), date(2060, 12, 31))
spans = st.integers(0, 900)


def fraction(day_count: DayCount, start: date, end: date) -> Fraction:
    months = months_of(start, max(end, start + timedelta(days=1)), MonthEnd.CLAMP)
    return Fraction(year_parts(day_count, start, end, months), day_count.denominator)


def test_the_published_example_of_act_act() -> None:
    assert fraction(DayCount.ACT_ACT, date(2023, 12, 12), date(2024, 1, 12)) == Fraction(19, 365) + Fraction(12, 366)


@given(st.integers(1999, 2060))
def test_a_calendar_year_is_one_by_act_act(year: int) -> None:
    assert fraction(DayCount.ACT_ACT, date(year - 1, 12, 31), date(year, 12, 31)) == 1


@given(days, st.sampled_from(MonthEnd), st.integers(0, 40))
def test_a_whole_month_is_a_twelfth_by_thirty_360(start: date, month_end: MonthEnd, number: int) -> None:
    first, last = add_months(start, number, month_end), add_months(start, number + 1, month_end)
    assert 28 <= (last - first).days <= 31
    parts = year_parts(DayCount.THIRTY_360, first, last, (first, last))
    assert Fraction(parts, DayCount.THIRTY_360.denominator) == Fraction(1, 12)


def test_part_of_a_month_by_thirty_360() -> None:
    """14 days of a February of 29 are 14/29 of a twelfth (case F-B1)."""
    february = (date(2024, 2, 1), date(2024, 3, 1))
    parts = year_parts(DayCount.THIRTY_360, february[0], date(2024, 2, 15), february)
    assert Fraction(parts, DayCount.THIRTY_360.denominator) == Fraction(14, 29) / 12


@given(days, spans)
def test_actual_days_over_a_fixed_year(start: date, span: int) -> None:
    end = start + timedelta(days=span)
    assert fraction(DayCount.ACT_365F, start, end) == Fraction(span, 365)
    assert fraction(DayCount.ACT_360, start, end) == Fraction(span, 360)


@given(days, spans)
def test_act_act_day_by_day(start: date, span: int) -> None:
    each = (start + timedelta(days=n) for n in range(1, span + 1))
    expected = sum((Fraction(1, 366 if isleap(day.year) else 365) for day in each), Fraction(0))
    assert fraction(DayCount.ACT_ACT, start, start + timedelta(days=span)) == expected


@given(st.sampled_from(DayCount), days, spans, spans)
def test_stretches_add_up(day_count: DayCount, start: date, first: int, second: int) -> None:
    """Interest to the middle and from the middle is interest over the whole, wherever the middle is."""
    middle = start + timedelta(days=first)
    end = middle + timedelta(days=second)
    months = months_of(start, end + timedelta(days=1), MonthEnd.CLAMP)
    whole = year_parts(day_count, start, end, months)
    assert year_parts(day_count, start, middle, months) + year_parts(day_count, middle, end, months) == whole


@given(st.sampled_from(DayCount), days, st.integers(1, 900))
def test_runs_tile_the_stretch(day_count: DayCount, start: date, span: int) -> None:
    end = start + timedelta(days=span)
    months = months_of(start, end, MonthEnd.CLAMP)
    found = runs(day_count, start, end, months)
    assert found[0].start == start
    assert found[-1].end == end
    assert all(before.end == after.start for before, after in pairwise(found))
    weight = even_weight(day_count, months)
    if weight is not None:
        assert {run.weight for run in found} == {weight}


def test_nothing_accrues_on_the_first_day() -> None:
    for day_count in DayCount:
        assert runs(day_count, date(2024, 2, 29), date(2024, 2, 29), ()) == ()


@pytest.mark.parametrize(
    ("month_end", "expected"),
    [
        (MonthEnd.CLAMP, ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]),
        (MonthEnd.ROLL_FORWARD, ["2024-01-31", "2024-03-01", "2024-03-31", "2024-05-01", "2024-05-31"]),
    ],
)
def test_due_dates_are_counted_from_the_advance(month_end: MonthEnd, expected: list[str]) -> None:
    found = due_dates(date(2024, 1, 31), None, month_end, 4)
    assert [day.isoformat() for day in found] == expected


@given(days, st.sampled_from(MonthEnd), st.integers(1, 60))
def test_due_dates_never_drift(start: date, month_end: MonthEnd, periods: int) -> None:
    for number, day in enumerate(due_dates(start, None, month_end, periods)):
        assert day.day == start.day or (day + timedelta(days=1)).day == 1 or day.day == 1
        months = (day.year - start.year) * 12 + day.month - start.month
        assert months in ((number,) if month_end is MonthEnd.CLAMP else (number, number + 1))


def test_a_leap_day_loan_comes_back_to_the_29th() -> None:
    found = due_dates(date(2024, 2, 29), None, MonthEnd.CLAMP, 48)
    assert (found[12], found[48]) == (date(2025, 2, 28), date(2028, 2, 29))


def test_a_first_due_date_of_ones_own_choosing_sets_the_day() -> None:
    found = due_dates(date(2024, 1, 10), date(2024, 3, 31), MonthEnd.CLAMP, 3)
    assert [day.isoformat() for day in found] == ["2024-01-10", "2024-03-31", "2024-04-30", "2024-05-31"]
    usual = due_dates(date(2024, 1, 31), date(2024, 2, 29), MonthEnd.CLAMP, 3)
    assert usual == due_dates(date(2024, 1, 31), None, MonthEnd.CLAMP, 3)
