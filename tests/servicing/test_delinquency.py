"""Days past due, buckets and default rates."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from halfpenny.servicing.model.delinquency import (
    Bucket,
    DefaultRateRecord,
    bucket_of,
    days_past_due,
    default_rate,
    default_rate_percent,
    is_regulatory_default,
    observe_window,
)

DUE = date(2025, 3, 1)


@pytest.mark.parametrize(
    ("days", "option", "expected"),
    [(-1, False, 0), (0, False, 0), (1, False, 1), (90, False, 90), (0, True, 1), (4, True, 5), (-1, True, 0)],
)
def test_days_are_counted_from_the_oldest_unpaid_due_date(days: int, option: bool, expected: int) -> None:
    assert days_past_due(DUE, DUE + timedelta(days=days), count_due_date=option) == expected
    assert days_past_due(None, DUE, count_due_date=option) == 0


def test_buckets_meet_without_gap() -> None:
    edges = {0: Bucket.CURRENT, 1: Bucket.DAYS_1_30, 30: Bucket.DAYS_1_30, 31: Bucket.DAYS_31_60, 60: Bucket.DAYS_31_60}
    edges |= {61: Bucket.DAYS_61_90, 90: Bucket.DAYS_61_90, 91: Bucket.OVER_90, 4_000: Bucket.OVER_90}
    assert {days: bucket_of(days) for days in edges} == edges


@pytest.mark.parametrize(
    ("days", "unlikely", "material", "default"),
    [
        (90, False, True, False),
        (91, False, True, True),
        (91, False, False, False),
        (0, True, False, True),
        (0, False, True, False),
    ],
)
def test_a_regulatory_default_begins_after_ninety_days_and_not_on_them(
    days: int, unlikely: bool, material: bool, default: bool
) -> None:
    """More than 90 days past due on a material obligation: Delegated Delegated Regulation (EU) 2022/2115, article 1."""
    assert is_regulatory_default(days, unlikely_to_pay=unlikely, material=material) is default


def monthly(first: date, count: int) -> tuple[date, ...]:
    return tuple(first + timedelta(days=30 * number) for number in range(1, count + 1))


JANUARY = date(2024, 1, 1)
SOUND = DefaultRateRecord(date(2023, 9, 1), monthly(date(2023, 9, 1), 12))
COUNTED = {
    "sound": (SOUND, (0, 1)),
    "defaulted inside": (DefaultRateRecord(date(2023, 9, 1), SOUND.due_on, defaulted_on=date(2024, 6, 1)), (1, 1)),
    "defaulted after": (DefaultRateRecord(date(2023, 9, 1), SOUND.due_on, defaulted_on=date(2025, 1, 1)), (0, 1)),
    "in default as it began": (
        DefaultRateRecord(date(2023, 9, 1), SOUND.due_on, defaulted_on=date(2023, 12, 31)),
        (0, 0),
    ),
    "advanced inside": (DefaultRateRecord(date(2024, 2, 1), monthly(date(2024, 2, 1), 3), date(2024, 5, 1)), (0, 0)),
    "redeemed before": (DefaultRateRecord(date(2023, 1, 1), SOUND.due_on, ended_on=date(2023, 12, 1)), (0, 0)),
    "redeemed inside": (DefaultRateRecord(date(2023, 9, 1), SOUND.due_on, ended_on=date(2024, 3, 1)), (0, 1)),
    "nothing scheduled inside": (DefaultRateRecord(date(2023, 9, 1), (date(2025, 3, 1),), date(2024, 6, 1)), (0, 0)),
}


@pytest.mark.parametrize("name", COUNTED)
def test_which_loans_a_window_counts(name: str) -> None:
    record, expected = COUNTED[name]
    window = observe_window([record], JANUARY)
    assert (window.defaulted, window.loans) == expected
    assert window.ends_on == date(2025, 1, 1)


def test_a_rate_shows_what_it_was_divided_by() -> None:
    records = [record for record, _ in COUNTED.values()]
    rate = default_rate(records, date(2025, 1, 1), windows=2)
    assert [(window.starts_on, window.defaulted, window.loans) for window in rate.windows] == [
        (date(2023, 1, 1), 0, 0),
        (JANUARY, 1, 4),
    ]
    # The empty window says nothing, so it is not averaged in as a zero.
    assert rate.percent == Decimal("25.00")


def test_no_loans_no_rate() -> None:
    assert default_rate_percent([]) is None
    assert default_rate_percent([(0, 0)]) is None
    assert default_rate_percent([(0, 3)]) == Decimal("0.00")
