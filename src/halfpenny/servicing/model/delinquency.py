"""Arrears: days past due, buckets, regulatory default, and default rates with what they were divided by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from halfpenny.servicing.model.due_dates import MonthEnd, add_months

# Commission Delegated Regulation (EU) 2022/2115, article 1: past due more than 90 days.
REGULATORY_DEFAULT_DAYS: Final = 90
# From the oldest unpaid due date to the first day past the limit.
DAYS_TO_DEFAULT: Final = REGULATORY_DEFAULT_DAYS + 1
WINDOW_MONTHS: Final = 12


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


@dataclass(frozen=True, slots=True)
class DefaultRateRecord:
    """The event log of one loan, for default rates. ``ended_on`` is its redemption or write-off."""

    advanced_on: date
    due_on: tuple[date, ...]
    defaulted_on: date | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class DefaultWindow:
    """One window of twelve months: of ``loans`` that were sound at its start, ``defaulted`` did so inside it."""

    starts_on: date
    ends_on: date
    defaulted: int
    loans: int


@dataclass(frozen=True, slots=True)
class DefaultRate:
    """``percent`` to two decimals, None where no window has a loan to count."""

    percent: Decimal | None
    windows: tuple[DefaultWindow, ...]


def observe_window(records: Iterable[DefaultRateRecord], starts_on: date) -> DefaultWindow:
    """Count one window of twelve months from ``starts_on``.

    A loan counts when it was running and not in default as the window began and a payment of it was scheduled
    inside: a loan that could not have missed a payment would only flatter the rate.
    """
    ends_on = add_months(starts_on, WINDOW_MONTHS, MonthEnd.CLAMP)
    loans = defaulted = 0
    for record in records:
        ended = min(filter(None, (record.ended_on, record.defaulted_on)), default=date.max)
        if record.advanced_on >= starts_on or ended < starts_on:
            continue
        if not any(starts_on <= due < ends_on for due in record.due_on):
            continue
        loans += 1
        defaulted += record.defaulted_on is not None and record.defaulted_on < ends_on
    return DefaultWindow(starts_on, ends_on, defaulted, loans)


def default_rate_percent(windows: Sequence[tuple[int, int]]) -> Decimal | None:
    """The simple average of (defaulted, loans) ratios by number of loans, in percent, half up to two decimals.

    EU 2022/2115, article 2. Windows without loans are left out.
    """
    ratios = [Fraction(defaulted, loans) for defaulted, loans in windows if loans]
    if not ratios:
        return None
    mean = sum(ratios, Fraction(0)) * 100 / len(ratios)
    hundredths = (200 * mean.numerator + mean.denominator) // (2 * mean.denominator)
    return Decimal(hundredths).scaleb(-2)


def default_rate(records: Sequence[DefaultRateRecord], as_of: date, windows: int) -> DefaultRate:
    """Over the last ``windows`` non-overlapping windows of twelve months that end by ``as_of``."""
    starts = [add_months(as_of, -WINDOW_MONTHS * back, MonthEnd.CLAMP) for back in range(windows, 0, -1)]
    observed = tuple(observe_window(records, start) for start in starts)
    percent = default_rate_percent([(window.defaulted, window.loans) for window in observed])
    return DefaultRate(percent, observed)
