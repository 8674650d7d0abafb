"""Default rates: actual ones of the platform's whole history with what each was divided by, and expected ones.

Commission Delegated Regulation (EU) 2022/2115: article 2 for the actual rate, article 4 for the expected one. Its risk
category is the loan's grade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final

from halfpenny.servicing.model.due_dates import MonthEnd, add_months

WINDOW_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class DefaultWindow:
    """Twelve months, the last day not included: of ``loans`` running and not in default as it began, with something
    scheduled inside, ``defaulted`` did so inside it. A loan that was cured before is one of them."""

    starts_on: date
    ends_on: date
    defaulted: int
    loans: int


@dataclass(frozen=True, slots=True)
class RunningLoans:
    """The loans of a grade that are running and not in default. ``probability_sum`` is the sum of the model's
    probabilities of default, as fractions of one, of the ``assessed`` ones."""

    loans: int
    assessed: int
    probability_sum: Decimal


@dataclass(frozen=True, slots=True)
class DefaultRate:
    """Of all loans or of one grade. Percentages to two decimals, None where there is nothing to divide by.

    ``expected_percent`` is over the next twelve months of what runs now, from the actual rates by grade;
    ``predicted_percent`` is the mean of what the model expects of the same loans, over their whole terms.
    """

    actual_percent: Decimal | None
    windows: tuple[DefaultWindow, ...]
    running: int
    expected_percent: Decimal | None
    predicted_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class DefaultRates:
    """``expected_of`` counts the running loans that the expected rate of all is an average over: those of a grade that
    has a history."""

    overall: DefaultRate
    grades: Mapping[str, DefaultRate]
    expected_of: int


def window_bounds(first_advanced_on: date | None, as_of: date) -> list[tuple[date, date]]:
    """The bounds of the windows of the whole history, oldest first: without overlap, the last ends on ``as_of``.

    None before a loan had been running for as long as one. Three of them are the 36 months of the regulation.
    """
    starts: list[date] = [as_of]
    while first_advanced_on is not None:
        earlier = add_months(as_of, -WINDOW_MONTHS * len(starts), MonthEnd.CLAMP)
        if earlier < first_advanced_on:
            break
        starts.append(earlier)
    starts.reverse()
    return list(pairwise(starts))


def default_rate_percent(windows: Sequence[tuple[int, int]]) -> Decimal | None:
    """The simple average of (defaulted, loans) ratios by number of loans, in percent, half up to two decimals.

    EU 2022/2115, article 2. Windows without loans are left out.
    """
    return _percent(_mean_of(windows))


def default_rates(
    bounds: Sequence[tuple[date, date]],
    counts: Mapping[tuple[str, date], tuple[int, int]],
    running: Mapping[str, RunningLoans],
) -> DefaultRates:
    """Put together what was counted: ``counts`` has (defaulted, loans) by grade and start of a window."""
    actual: dict[str, Fraction] = {}
    found = {}
    for grade in sorted({grade for grade, _ in counts} | running.keys()):
        windows = _windows(bounds, {start: count for (name, start), count in counts.items() if name == grade})
        mean = _mean_of([(window.defaulted, window.loans) for window in windows])
        if mean is not None:
            actual[grade] = mean
        of_now = running.get(grade, _NO_LOANS)
        expected = mean if of_now.loans else None
        found[grade] = DefaultRate(
            _percent(mean), windows, of_now.loans, _percent(expected), _predicted_percent([of_now])
        )
    totals: dict[date, tuple[int, int]] = {}
    for (_, start), (defaulted, loans) in counts.items():
        before = totals.get(start, (0, 0))
        totals[start] = (before[0] + defaulted, before[1] + loans)
    windows = _windows(bounds, totals)
    expected_of = {grade: held.loans for grade, held in running.items() if grade in actual}
    weighted = sum((actual[grade] * loans for grade, loans in expected_of.items()), Fraction(0))
    counted = sum(expected_of.values())
    overall = DefaultRate(
        default_rate_percent([(window.defaulted, window.loans) for window in windows]),
        windows,
        sum(held.loans for held in running.values()),
        _percent(weighted / counted if counted else None),
        _predicted_percent(running.values()),
    )
    return DefaultRates(overall, found, counted)


_NO_LOANS: Final = RunningLoans(0, 0, Decimal(0))


def _windows(bounds: Sequence[tuple[date, date]], counts: Mapping[date, tuple[int, int]]) -> tuple[DefaultWindow, ...]:
    return tuple(DefaultWindow(start, end, *counts.get(start, (0, 0))) for start, end in bounds)


def _mean_of(windows: Sequence[tuple[int, int]]) -> Fraction | None:
    ratios = [Fraction(defaulted, loans) for defaulted, loans in windows if loans]
    return sum(ratios, Fraction(0)) / len(ratios) if ratios else None


def _predicted_percent(running: Iterable[RunningLoans]) -> Decimal | None:
    held = list(running)
    assessed = sum(each.assessed for each in held)
    probability_sum = sum((Fraction(each.probability_sum) for each in held), Fraction(0))
    return _percent(probability_sum / assessed if assessed else None)


def _percent(share: Fraction | None) -> Decimal | None:
    """A share in percent, half up to two decimals; None stays None."""
    if share is None:
        return None
    of_hundred = share * 100
    hundredths = (200 * of_hundred.numerator + of_hundred.denominator) // (2 * of_hundred.denominator)
    return Decimal(hundredths).scaleb(-2)
