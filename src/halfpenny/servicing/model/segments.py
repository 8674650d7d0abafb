"""Accrual segments: stretches of days that all accrue the same, written ahead so that SQL only multiplies and sums.

A segment carries what has accrued before it, so the interest to any day is one multiplication, one addition and
one rounding on the single segment that holds the day:

    div(2 * (before + per_day * (day - from)) + scale, 2 * scale)

all in whole numbers (NUMERIC without decimals). ``docs/algorithms/schedules.md`` shows the worked table.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from operator import attrgetter
from typing import NamedTuple

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.rate import WHOLE

# Compounded interest is carried to a millionth of a millionth of a cent; a base is in these units.
BASE_UNITS = 10**12


def accrual_scale(day_count: DayCount) -> int:
    """Accrual numerators are whole numbers over this; dividing by it gives minor units."""
    return BASE_UNITS * WHOLE * day_count.denominator


def half_up(numerator: int, denominator: int) -> int:
    """A non-negative fraction to the nearest whole number, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)


class AccrualSegment(NamedTuple):
    """Days over (start, end] on one base at one rate.

    ``base`` is in BASE_UNITS of a minor unit; ``rate`` in millionths of a percent a year (zero in a pause);
    ``weight`` is a day's parts of a year by ``day_count``; ``before`` is the accrual numerator from the advance
    to ``start``, in which interest that has fallen due counts as the rounded cents that it was.
    """

    period: int
    start: date
    end: date
    base: int
    rate: int
    day_count: DayCount
    weight: int
    before: int

    @property
    def per_day(self) -> int:
        return self.base * self.rate * self.weight

    @property
    def scale(self) -> int:
        return accrual_scale(self.day_count)

    def accrued_minor(self, on: date) -> int:
        """Interest from the advance to ``on`` (within the segment), in minor units, rounded once."""
        return half_up(self.before + self.per_day * (on - self.start).days, self.scale)


def accrued_minor(segments: Sequence[AccrualSegment], on: date) -> int:
    """Interest accrued from the advance to ``on``; after the last segment it stays at what fell due."""
    place = bisect_left(segments, on, key=_start)
    if not place:
        return 0
    segment = segments[place - 1]
    return segment.accrued_minor(min(on, segment.end))


_start = attrgetter("start")
