"""A hedonic price index by month: what the same house would have cost at another time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from halfpenny_training.table import Floats

# Weight of the penalty on the second difference of the monthly levels (Whittaker smoothing): enough to
# take the noise of a thin month out, little enough to keep the season in.
SMOOTHING = 2.0


@dataclass(frozen=True)
class PriceIndex:
    """``level[m]``: the log price level of month ``m`` (0 = the first month), relative to the last month.

    ``volatility`` is the standard deviation a year of the index's own changes; ``drift`` its mean growth a
    year; both in logs.
    """

    level: Floats
    drift: float
    volatility: float

    def at(self, month: Floats) -> Floats:
        """The log level at fractional months; before the first and after the last month it stays level.

        No trend is carried on past the data: an extrapolated boom is how valuations go wrong.
        """
        middle = np.arange(len(self.level)) + 0.5
        return np.interp(month, middle, self.level)


def hedonic_index(log_price: Floats, month: Floats, hedonics: Floats) -> PriceIndex:
    """Regress log price on monthly dummies and hedonic features, with smoothed monthly levels.

    ``month`` counts whole months from the first; ``hedonics`` has a row per sale, NaN-free. The normal
    equations are solved with a ridge of 1e-6 so that a constant column does no harm.
    """
    months = int(month.max()) + 1
    centred = (hedonics - hedonics.mean(axis=0)) / np.maximum(hedonics.std(axis=0), 1e-9)
    width = centred.shape[1]
    design = np.zeros((months + width, months + width))
    target = np.zeros(months + width)
    slot = month.astype(np.int64)
    counts = np.bincount(slot, minlength=months).astype(np.float64)
    design[np.arange(months), np.arange(months)] = counts
    cross = np.zeros((months, width))
    np.add.at(cross, slot, centred)
    design[:months, months:] = cross
    design[months:, :months] = cross.T
    design[months:, months:] = centred.T @ centred
    second = np.diff(np.eye(months), n=2, axis=0)
    design[:months, :months] += SMOOTHING * counts.mean() * second.T @ second
    design[np.arange(months + width), np.arange(months + width)] += 1e-6
    target[:months] = np.bincount(slot, weights=log_price, minlength=months)
    target[months:] = centred.T @ log_price
    level = np.linalg.solve(design, target)[:months]
    changes = np.diff(level)
    # Annual from quarterly changes: monthly ones of a smoothed index understate how far it can move.
    quarterly = level[3:] - level[:-3]
    volatility = float(np.std(quarterly, ddof=1) * 2.0) if len(quarterly) > 1 else float("nan")
    drift = float(np.mean(changes) * 12.0) if len(changes) else 0.0
    return PriceIndex(level - level[-1], drift, volatility)
