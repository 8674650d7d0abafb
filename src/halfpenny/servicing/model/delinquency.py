"""Arrears: days past due, buckets and regulatory default."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

# Commission Delegated Regulation (EU) 2022/2115, article 1: past due more than 90 days.
REGULATORY_DEFAULT_DAYS: Final = 90
# From the oldest unpaid due date to the first day past the limit.
DAYS_TO_DEFAULT: Final = REGULATORY_DEFAULT_DAYS + 1


class Bucket(StrEnum):
    CURRENT = "current"
    DAYS_1_30 = "1-30"
    DAYS_31_60 = "31-60"
    DAYS_61_90 = "61-90"
    OVER_90 = "over-90"


def days_past_due(oldest_unpaid_due_on: date | None, as_of: date, *, count_due_date: bool = False) -> int:
    """Days from the oldest unpaid due date, at the end of ``as_of``: zero on that date, one with the option."""
    if oldest_unpaid_due_on is None or as_of < oldest_unpaid_due_on:
        return 0
    return (as_of - oldest_unpaid_due_on).days + int(count_due_date)


def bucket_of(days: int) -> Bucket:
    if days <= 0:
        return Bucket.CURRENT
    if days <= 30:
        return Bucket.DAYS_1_30
    if days <= 60:
        return Bucket.DAYS_31_60
    return Bucket.DAYS_61_90 if days <= REGULATORY_DEFAULT_DAYS else Bucket.OVER_90


def is_regulatory_default(days: int, *, unlikely_to_pay: bool = False, material: bool = True) -> bool:
    """Unlikely to pay, or more than 90 days past due on a material obligation (EU 2022/2115, article 1)."""
    return unlikely_to_pay or (material and days > REGULATORY_DEFAULT_DAYS)
