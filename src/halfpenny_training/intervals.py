"""The intervals of a valuation: calibrated on years before the one that they are for, and how the way was chosen.

A way is chosen on the year before the tested one: the narrowest that covers what it promises, overall and in the
hardest fifth. The tested year is looked at with that way alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halfpenny_risk.market_features import Bools
from halfpenny_risk.normal import Floats
from halfpenny_risk.trees import ObliviousTrees
from halfpenny_training import avm
from halfpenny_training.markets import MarketData

Sides = tuple[Floats, Floats]


@dataclass(frozen=True)
class Way:
    """How many years teach the size of the error, how many calibrate, in how many segments, and whether the larger
    multiple of two years counts (else both years are one sample)."""

    error_years: int
    calibration_years: int
    segments: int
    larger: bool

    def __str__(self) -> str:
        parts = "one multiple" if self.segments == 1 else f"{self.segments} segments"
        joined = ", the larger of them" if self.larger else ""
        return f"{self.error_years} year(s) of errors, {self.calibration_years} to calibrate{joined}, {parts}"


CHOSEN = Way(avm.ERROR_YEARS, avm.CALIBRATION_YEARS, avm.SEGMENTS, larger=True)
TRIED = tuple(
    Way(error_years, calibration_years, segments, larger)
    for error_years, calibration_years in ((2, 1), (1, 1), (1, 2))
    for segments in (1, avm.SEGMENTS)
    for larger in ((False, True) if calibration_years > 1 else (False,))
)


@dataclass(frozen=True)
class Intervals:
    """Trees for the size of the error, and the multiples of it by segment."""

    trees: ObliviousTrees
    edges: Floats
    multiples: list[float]

    def half_widths(self, features: Floats) -> tuple[Floats, Floats]:
        """Half of each interval in logs, and the error that is expected of each sale."""
        expected = avm.predicted_error(self.trees, features)
        return avm.half_widths(expected, self.edges, self.multiples), expected


def calibrated(
    market: MarketData, years: Mapping[int, avm.ForwardYear], test: int, way: Way, scratch: Path
) -> Intervals:
    """Intervals for the year ``test`` from the years before it alone."""
    first = test - way.calibration_years
    trees = avm.fit_error_trees(market, [years[year] for year in range(first - way.error_years, first)], scratch)
    known = [avm.sizes(trees, years[year].features, years[year].error) for year in range(first, test)]
    edges = np.quantile(
        np.concatenate([expected for _, expected in known]), np.linspace(0.0, 1.0, way.segments + 1)[1:-1]
    )
    if not way.larger:
        known = [(np.concatenate([size for size, _ in known]), np.concatenate([expected for _, expected in known]))]
    return Intervals(trees, np.asarray(edges), avm.conformal_by_segment(known, np.asarray(edges)))


def covered(intervals: Intervals, features: Floats, error: Floats) -> tuple[Bools, Bools, Floats]:
    """Which sales lie in their interval, which are the hardest fifth, and half of each interval in logs."""
    half, expected = intervals.half_widths(features)
    return np.abs(error) <= half, expected >= np.quantile(expected, 0.8), half


def trials(market: MarketData, years: Mapping[int, avm.ForwardYear], test: int, scratch: Path) -> list[dict[str, Any]]:
    """What every way would have covered in the year ``test``, for those whose years are there."""
    found = []
    for way in TRIED:
        if test - way.calibration_years - way.error_years not in years:
            continue
        inside, hard, half = covered(
            calibrated(market, years, test, way, scratch), years[test].features, years[test].error
        )
        found.append(
            {
                "way": str(way),
                "chosen": way == CHOSEN,
                "covered": float(inside.mean()),
                "covered_hardest": float(inside[hard].mean()),
                "median_half_width": float(np.median(np.expm1(half))),
            }
        )
    return found


def chosen(tried: Sequence[Mapping[str, Any]], coverage: float = avm.COVERAGE) -> Mapping[str, Any] | None:
    """The narrowest way that covers what it promises, overall and in the hardest fifth; None where none does."""
    good = [one for one in tried if min(one["covered"], one["covered_hardest"]) >= coverage]
    return min(good, key=lambda one: float(one["median_half_width"]), default=None)
