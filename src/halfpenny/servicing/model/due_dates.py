"""When instalments fall due: months are counted from the advance, never from the previous due date."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache


class MonthEnd(StrEnum):
    """What a month without that day does: ``clamp`` takes its last day, ``roll_forward`` the next month's first."""

    CLAMP = "clamp"
    ROLL_FORWARD = "roll_forward"


def add_months(start: date, months: int, month_end: MonthEnd) -> date:
    """``months`` after ``start``; 31 January and one month is 28 February, or 1 March rolled forward."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    month += 1
    last = monthrange(year, month)[1]
    if start.day <= last:
        return date(year, month, start.day)
    if month_end is MonthEnd.CLAMP:
        return date(year, month, last)
    return date(year, month, last) + timedelta(days=1)


@lru_cache(maxsize=16_384)
def due_dates(advanced_on: date, first_due_on: date | None, month_end: MonthEnd, periods: int) -> tuple[date, ...]:
    """``periods + 1`` dates: the advance, then each due date.

    A first due date of one's own choosing becomes the day that later months are counted from, unless it is the
    one that counting from the advance gives anyway (so 31 January, 28 February is followed by 31 March).
    """
    if first_due_on is None or first_due_on == add_months(advanced_on, 1, month_end):
        return tuple(add_months(advanced_on, n, month_end) for n in range(periods + 1))
    later = (add_months(first_due_on, n, month_end) for n in range(periods))
    return (advanced_on, *later)


@lru_cache(maxsize=16_384)
def months_of(start: date, end: date, month_end: MonthEnd) -> tuple[date, ...]:
    """The whole months from ``start`` that cover (start, end]; a first period may be longer or shorter than one."""
    found = [start]
    while found[-1] < end:
        found.append(add_months(start, len(found), month_end))
    return tuple(found)
