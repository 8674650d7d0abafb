"""The statistics of monitoring: tests of a rate, measures of a ranking, and how far two populations are apart.

Plain Python, so that the worker needs no numerical library. The tests hold each against an independent one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

BINS = 10
# Below these counts a figure would say more about chance than about the loans.
ENOUGH_FOR_PSI = 50
_TINY = 1e-300


def beta_cdf(a: float, b: float, x: float) -> float:
    """P(X <= x) of a beta distribution: the regularised incomplete beta function.

    By its continued fraction (DiDonato and Morris, "Algorithm 708", 1992; modified Lentz), on the side where it
    converges fast.
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(a, b, x) / a
    return 1.0 - front * _beta_fraction(b, a, 1.0 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _off_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        step = 1.0
        for term in (even, odd):
            d = 1.0 / _off_zero(1.0 + term * d)
            c = _off_zero(1.0 + term / c)
            step = c * d
            value *= step
        if abs(step - 1.0) < 1e-14:
            break
    return value


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def beta_quantile(a: float, b: float, probability: float) -> float:
    """The x at which ``beta_cdf`` is ``probability``, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if beta_cdf(a, b, middle) < probability:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def jeffreys_p_value(defaults: int, loans: int, predicted: float) -> float:
    """How believable it is that the true rate is at most ``predicted``, after ``defaults`` among ``loans``.

    The posterior of the rate is Beta(defaults + 1/2, loans - defaults + 1/2); a small value says that the prediction is
    too low (European Central Bank, "Instructions for reporting the validation results of internal models", 2019).
    """
    return beta_cdf(defaults + 0.5, loans - defaults + 0.5, predicted)


def jeffreys_interval(defaults: int, loans: int, coverage: float = 0.95) -> tuple[float, float]:
    """The interval that holds the true rate with this probability; it touches 0 without and 1 with only defaults."""
    tail = 0.5 * (1.0 - coverage)
    low = 0.0 if defaults == 0 else beta_quantile(defaults + 0.5, loans - defaults + 0.5, tail)
    high = 1.0 if defaults == loans else beta_quantile(defaults + 0.5, loans - defaults + 0.5, 1.0 - tail)
    return low, high


def binomial_p_value(defaults: int, loans: int, predicted: float) -> float:
    """P(at least so many defaults) where each of the loans defaults with the predicted probability, independently."""
    if defaults <= 0:
        return 1.0
    # The upper tail of a binomial is an incomplete beta function (Abramowitz and Stegun 26.5.24).
    return beta_cdf(float(defaults), loans - defaults + 1.0, predicted)


def area_under_curve(defaulted: Sequence[bool], predicted: Sequence[float]) -> float | None:
    """The chance that a defaulted loan was predicted worse than a good one, ties by half; None without both kinds."""
    bad = sum(defaulted)
    good = len(defaulted) - bad
    if not bad or not good:
        return None
    ranked = sorted(zip(predicted, defaulted, strict=True))
    rank_sum, seen = 0.0, 0
    for _, ties in groupby(ranked, key=lambda pair: pair[0]):
        group = [is_bad for _, is_bad in ties]
        rank_sum += sum(group) * (seen + (len(group) + 1) / 2)
        seen += len(group)
    return (rank_sum - bad * (bad + 1) / 2) / (bad * good)


def brier(defaulted: Sequence[bool], predicted: Sequence[float]) -> float:
    """The mean squared distance of prediction and outcome: smaller is better."""
    return sum((p - is_bad) ** 2 for p, is_bad in zip(predicted, defaulted, strict=True)) / len(defaulted)


def paired_difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """The mean of ``one - other`` and its 95 % interval by the normal approximation, over the same loans."""
    differences = [a - b for a, b in zip(one, other, strict=True)]
    count = len(differences)
    mean = sum(differences) / count
    if count < 2:
        return mean, -math.inf, math.inf
    spread = math.sqrt(sum((each - mean) ** 2 for each in differences) / (count - 1) / count)
    return mean, mean - 1.96 * spread, mean + 1.96 * spread


@dataclass(frozen=True, slots=True)
class Stability:
    """A population stability index, and what pure chance would make of it on average with so few loans."""

    psi: float
    by_chance: float


def population_stability(reference: Sequence[float | None], actual: Sequence[float | None]) -> Stability | None:
    """How far ``actual`` has moved from ``reference``: sum of (a - r) ln(a / r) over bins of the reference's deciles.

    Unknown values (None) are a bin of their own. A bin that is empty on one side counts as half a loan. None where
    either side has fewer than ENOUGH_FOR_PSI. By chance a PSI comes to (bins - 1)(1/n + 1/m) (Yurdakul, "Statistical
    properties of population stability index", 2018).
    """
    if min(len(reference), len(actual)) < ENOUGH_FOR_PSI:
        return None
    known = sorted(value for value in reference if value is not None)
    edges = sorted({known[len(known) * place // BINS] for place in range(1, BINS)}) if known else []
    return _stability(_counts(reference, edges), _counts(actual, edges))


def mix_stability(reference: Sequence[str], actual: Sequence[str]) -> Stability | None:
    """The same for a word such as a country: each word is a bin."""
    if min(len(reference), len(actual)) < ENOUGH_FOR_PSI:
        return None
    words = sorted({*reference, *actual})
    return _stability([reference.count(word) for word in words], [actual.count(word) for word in words])


def _counts(values: Sequence[float | None], edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) + 2)
    for value in values:
        counts[-1 if value is None else bisect_left(edges, value)] += 1
    return counts


def _stability(expected: Sequence[int], found: Sequence[int]) -> Stability:
    n, m = sum(expected), sum(found)
    psi, used = 0.0, 0
    for before, after in zip(expected, found, strict=True):
        if before == after == 0:
            continue
        used += 1
        r, a = max(before, 0.5) / n, max(after, 0.5) / m
        psi += (a - r) * math.log(a / r)
    return Stability(psi, (used - 1) * (1.0 / n + 1.0 / m))
