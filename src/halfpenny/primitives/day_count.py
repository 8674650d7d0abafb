"""Day counts: how many parts of a year lie between two dates, as exact whole numbers.

Every day count here gives each day a whole-number weight over one fixed denominator, so accrual is a sum of
integers that SQL can repeat, and nothing is rounded until the period's interest is. Days are counted over
(from, to]: the first day excluded, the last included. Conventions: ``tests/acceptance/schedules.json``.
"""

from __future__ import annotations

from calendar import isleap
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

# A monthly period has 28 to 31 actual days; 12 periods of lcm(28, 29, 30, 31) parts make the THIRTY_360 year.
_MONTH_PARTS = 377_580


class DayCount(StrEnum):
    """ACT_365F and ACT_360 are the ISDA 2006 conventions; ACT_ACT splits by calendar year (ISDA).

    THIRTY_360 makes a whole monthly period exactly one twelfth of a year; a part of it accrues by actual days
    over the period's actual days.
    """

    ACT_365F = "ACT_365F"
    ACT_360 = "ACT_360"
    ACT_ACT = "ACT_ACT"
    THIRTY_360 = "THIRTY_360"

    @property
    def denominator(self) -> int:
        """Parts in a year; a run's weight times its days is over this."""
        return _DENOMINATORS[self]


_DENOMINATORS = {
    DayCount.ACT_365F: 365,
    DayCount.ACT_360: 360,
    DayCount.ACT_ACT: 365 * 366,
    DayCount.THIRTY_360: 12 * _MONTH_PARTS,
}


class Run(NamedTuple):
    """Days over (start, end] that all weigh the same."""

    start: date
    end: date
    weight: int

    @property
    def parts(self) -> int:
        return (self.end - self.start).days * self.weight


@lru_cache(maxsize=65_536)
def runs(day_count: DayCount, start: date, end: date, months: tuple[date, ...]) -> tuple[Run, ...]:
    """Cut (start, end] into runs of equal daily weight.

    ``months`` are the boundaries of the monthly periods that cover the stretch, in order; only THIRTY_360 reads
    them. Cached, because millions of loans share the same few thousand stretches.
    """
    if end <= start:
        return ()
    if day_count is DayCount.ACT_ACT:
        return tuple(_by_year(start, end))
    if day_count is DayCount.THIRTY_360:
        return tuple(_by_month(start, end, months))
    return (Run(start, end, 1),)


def even_weight(day_count: DayCount, months: tuple[date, ...]) -> int | None:
    """The weight of every day of the period that ``months`` bound, or None where its days differ.

    Most periods are one run: knowing that beforehand spares a lookup for each.
    """
    if day_count is DayCount.THIRTY_360:
        return _MONTH_PARTS // (months[1] - months[0]).days if len(months) == 2 else None
    if day_count is not DayCount.ACT_ACT:
        return 1
    first, last = months[0], months[-1]
    if first.year != last.year:
        return None
    return 365 if isleap(last.year) else 366


def _by_year(start: date, end: date) -> list[Run]:
    found = []
    while start < end:
        # The day after ``start`` decides the year, because ``start`` itself is excluded.
        year = date.fromordinal(start.toordinal() + 1).year
        stop = min(end, date(year, 12, 31))
        found.append(Run(start, stop, 365 if isleap(year) else 366))
        start = stop
    return found


def _by_month(start: date, end: date, months: tuple[date, ...]) -> list[Run]:
    found = []
    for first, last in pairwise(months):
        begin, stop = max(start, first), min(end, last)
        if begin < stop:
            found.append(Run(begin, stop, _MONTH_PARTS // (last - first).days))
    return found


def year_parts(day_count: DayCount, start: date, end: date, months: tuple[date, ...] = ()) -> int:
    """The numerator of the year fraction of (start, end], over ``day_count.denominator``."""
    return sum(run.parts for run in runs(day_count, start, end, months))
