"""Days past due, buckets and the regulatory default."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from halfpenny.servicing.model.delinquency import (
    Bucket,
    bucket_of,
    days_past_due,
    is_regulatory_default,
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
