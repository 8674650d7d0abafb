"""What money earns or costs over time. Figures about money, never money itself: they may be floating point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import exp, expm1, fsum, isfinite, log

import pyxirr

from halfpenny.servicing.model.due_dates import MonthEnd, add_months

Flow = tuple[date, int]

# A cent's loan with a fee of euros has a rate a year that no text should show.
_MAX_RATE = 10**9
_TEN_PERCENT = log(1.1)
# No rate below _MAX_RATE lies beyond, and exp() of thirty years of it is still a number.
_MAX_LOG_GROWTH = 21.0
_MIN_LOG_GROWTH = -9.0
_BISECTION_STEPS = 70


def xirr_percent(flows: Sequence[Flow]) -> Decimal | None:
    """The effective annual rate in percent at which the flows (minor units, signed) are worth nothing today.

    Days over 365, as spreadsheets' XIRR counts them: what an investor compares with. Rounded to four decimals; None
    where no such rate exists (no money out and in, or all on one day).
    """
    amounts = [float(amount) for _, amount in flows]
    if len({day for day, _ in flows}) < 2 or min(amounts) >= 0 or max(amounts) <= 0:
        return None
    rate = pyxirr.xirr([day for day, _ in flows], amounts, silent=True)
    if rate is None or not isfinite(rate) or abs(rate) > _MAX_RATE:
        return None
    return Decimal(rate * 100).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def apr_percent(flows: Sequence[Flow]) -> Decimal | None:
    """The annual percentage rate of charge of a borrower's flows (minor units, signed), to four decimals.

    Directive 2014/17/EU, Annex I, taken voluntarily: business loans need none. Time is in whole months of a twelfth of
    a year, counted backwards from each payment to the first advance, and the odd days that are left, over the length of
    the year that ends with them (``year_fraction``). None where no such rate exists.
    """
    first = min(day for day, _ in flows)
    timed = [(year_fraction(first, day), float(amount)) for day, amount in flows]
    if not any(time for time, _ in timed) or min(a for _, a in timed) >= 0 or max(a for _, a in timed) <= 0:
        return None
    growth = _growth(timed)
    if growth is None:
        return None
    rate = expm1(growth)
    if abs(rate) > _MAX_RATE:
        return None
    return Decimal(rate * 100).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)


def year_fraction(start: date, end: date) -> float:
    """Years from ``start`` to ``end`` by Annex I of Directive 2014/17/EU, remarks (c) and (d).

    Dates a whole number of months apart are that many twelfths of a year; the last day of a month that has no such day
    counts as it. Odd days lie at the beginning, first day excluded, over 365 or 366: the days of the year before their
    last.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    for whole in (months, months - 1):
        if end in {add_months(start, whole, month_end) for month_end in MonthEnd}:
            return whole / 12
    last = add_months(end, -months, MonthEnd.CLAMP)
    if last < start:
        months -= 1
        last = add_months(end, -months, MonthEnd.CLAMP)
    year = (last - add_months(last, -12, MonthEnd.CLAMP)).days
    return months / 12 + (last - start).days / year


def _growth(timed: Sequence[tuple[float, float]]) -> float | None:
    """The logarithm of one plus the rate at which the flows are worth nothing, nearest to ten percent a year.

    Found by walking outwards from there until the sign changes, then by halving: it cannot run away as a tangent can.
    """

    def worth(growth: float) -> float:
        return fsum(amount * exp(-growth * time) for time, amount in timed)

    low = high = _TEN_PERCENT
    worth_low = worth_high = worth(low)
    if worth_low == 0:
        return low
    step = 0.02
    while high < _MAX_LOG_GROWTH:
        for outwards in (step, -step) if low > _MIN_LOG_GROWTH else (step,):
            start, before = (high, worth_high) if outwards > 0 else (low, worth_low)
            end = start + outwards
            after = worth(end)
            if (after > 0) != (before > 0):
                return _bisect(worth, *sorted((start, end)))
            if outwards > 0:
                high, worth_high = end, after
            else:
                low, worth_low = end, after
        step *= 1.3
    return None


def _bisect(worth: Callable[[float], float], low: float, high: float) -> float:
    rising = worth(high) > 0
    for _ in range(_BISECTION_STEPS):
        middle = (low + high) / 2
        if (worth(middle) > 0) == rising:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def money_multiple(flows: Sequence[Flow]) -> Decimal | None:
    """Money received over money paid in, to four decimals; None where nothing was paid in."""
    paid = -sum(amount for _, amount in flows if amount < 0)
    if not paid:
        return None
    received = sum(amount for _, amount in flows if amount > 0)
    return (Decimal(received) / paid).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
