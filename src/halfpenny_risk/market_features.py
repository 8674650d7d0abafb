"""The features of the automated valuation, computed alike in training and in the service.

A home is described by its attributes and by what was paid near it: residuals of a hedonic regression at the
fifteen nearest and the fifteen most similar earlier sales. A sale never sees itself or anything later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.normal import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEAREST = 15
WIDE = 60
DAYS_A_YEAR = 365.25
DAYS_A_MONTH = DAYS_A_YEAR / 12.0
# A home sold again within a year was mostly bought to be improved and sold on; a home that was just bought and is now
# being valued was not. So a price paid less than a year ago counts among the neighbours' only.
PREVIOUS_AFTER_DAYS = 365.0
# How fast the weight of a neighbour falls with distance (km), with dissimilarity and with age (years).
GEO_KM, SIMILAR, RECENT_YEARS = 0.3, 1.5, 2.0
WIDE_KM, WIDE_YEARS = 0.6, (0.5, 3.0)
BLOCK = ("residual", "level", "level_per_area", "distance", "count", "spread", "age")
LOCAL = (
    *(f"near_{name}" for name in BLOCK),
    *(f"similar_{name}" for name in BLOCK),
    *(f"wide_{years:g}" for years in WIDE_YEARS),
    "previous_residual",
    "previous_age",
    "hedonic",
)


@dataclass(frozen=True)
class Attributes:
    """Homes as rows of named attributes; ``log_area`` must be among the names. ``x_km``, ``y_km``: a local plane."""

    names: tuple[str, ...]
    values: Floats
    x_km: Floats
    y_km: Floats

    def column(self, name: str) -> Floats:
        """One attribute of all homes."""
        return np.asarray(self.values[:, self.names.index(name)])

    def rows(self, keep: Bools | Ints) -> Attributes:
        """Some of the homes."""
        return Attributes(self.names, self.values[keep], self.x_km[keep], self.y_km[keep])

    def similarity_plane(self, scales: dict[str, float]) -> Floats:
        """Coordinates in which near means alike: half a kilometre, and each attribute in its own unit."""
        columns = [self.x_km / 0.5, self.y_km / 0.5]
        columns += [np.nan_to_num(self.column(name)) / scale for name, scale in scales.items()]
        return np.column_stack(columns)

    def ground_plane(self) -> Floats:
        """Kilometres east and north."""
        return np.column_stack([self.x_km, self.y_km])


@dataclass(frozen=True)
class Sales:
    """What was paid: ``day`` since the market's epoch, ``level`` the log price less the index, ``residual`` less the
    hedonic regression too."""

    homes: Attributes
    day: Floats
    level: Floats
    residual: Floats


@dataclass(frozen=True)
class Neighbours:
    """For each subject its neighbouring sales, nearest first; ``good`` is False where there were too few."""

    index: Ints
    distance: Floats
    good: Bools

    def rows(self, keep: Ints) -> Neighbours:
        """Those of some of the subjects."""
        return Neighbours(self.index[keep], self.distance[keep], self.good[keep])


def feature_names(attributes: tuple[str, ...]) -> tuple[str, ...]:
    """All features in order."""
    return (*attributes, "x_km", "y_km", "north_east", "south_east", "season", *LOCAL)


def feature_rows(
    homes: Attributes,
    day: Floats,
    hedonic: Floats,
    sales: Sales,
    near: Neighbours,
    similar: Neighbours,
    wide: Neighbours,
    previous: Neighbours,
) -> Floats:
    """The features of each subject, from its neighbours among the sales."""
    columns = [homes.values]
    x, y = homes.x_km, homes.y_km
    season = np.floor(day / DAYS_A_MONTH) % 12.0
    columns.append(np.column_stack([x, y, x + y, x - y, season]))
    columns.append(_block(day, sales, near, GEO_KM))
    columns.append(_block(day, sales, similar, SIMILAR))
    age = (day[:, None] - sales.day[wide.index]) / DAYS_A_YEAR
    columns.extend(
        _weighted(sales.residual[wide.index], _weights(wide, age, WIDE_KM, years), wide.good)[:, None]
        for years in WIDE_YEARS
    )
    known = previous.good[:, 0]
    last = previous.index[:, 0]
    columns.append(np.where(known, sales.residual[last], np.nan)[:, None])
    columns.append(np.where(known, (day - sales.day[last]) / DAYS_A_YEAR, np.nan)[:, None])
    columns.append(hedonic[:, None])
    return np.hstack(columns)


def _weights(neighbours: Neighbours, age: Floats, reach: float, years: float) -> Floats:
    weights = np.exp(-neighbours.distance / reach) * np.exp(-np.maximum(age, 0.0) / years) + 1e-9
    return np.asarray(weights)


def _weighted(values: Floats, weights: Floats, good: Bools) -> Floats:
    weights = weights * good
    total = weights.sum(axis=1)
    mean = (values * weights).sum(axis=1) / np.where(total > 0.0, total, 1.0)
    return np.where(total > 0.0, mean, np.nan)


def _block(day: Floats, sales: Sales, neighbours: Neighbours, reach: float) -> Floats:
    index, good = neighbours.index, neighbours.good
    age = (day[:, None] - sales.day[index]) / DAYS_A_YEAR
    weights = _weights(neighbours, age, reach, RECENT_YEARS)
    residual, level = sales.residual[index], sales.level[index]
    area = sales.homes.column("log_area")[index]
    count = good.sum(axis=1)
    mean = (residual * good).sum(axis=1) / np.maximum(count, 1)
    variance = (((residual - mean[:, None]) ** 2) * good).sum(axis=1) / np.maximum(count, 1)
    any_good = count > 0
    return np.column_stack(
        [
            _weighted(residual, weights, good),
            _weighted(level, weights, good),
            _weighted(level - area, weights, good),
            np.where(any_good, (neighbours.distance * good).sum(axis=1) / np.maximum(count, 1), np.nan),
            count,
            np.where(any_good, np.sqrt(variance), np.nan),
            _weighted(age, weights, good),
        ]
    )


def nearest(plane: Floats, subjects: Floats, count: int, allowed: Bools | None = None) -> Neighbours:
    """The ``count`` sales nearest to each subject by a search through all of them: right for one subject at a time."""
    index = np.zeros((len(subjects), count), dtype=np.int64)
    distance = np.full((len(subjects), count), np.inf)
    for row, subject in enumerate(subjects):
        between = plane - subject
        apart = np.einsum("ij,ij->i", between, between)
        if allowed is not None:
            apart = np.where(allowed, apart, np.inf)
        take = min(count, len(apart))
        closest = np.argpartition(apart, take - 1)[:take]
        closest = closest[np.argsort(apart[closest], kind="stable")]
        index[row, :take], distance[row, :take] = closest, np.sqrt(apart[closest])
    good = np.isfinite(distance)
    return Neighbours(index, np.where(good, distance, 0.0), good)


def hedonic_design(homes: Attributes, zone: Ints, zones: int) -> Floats:
    """The columns of the hedonic regression: attributes, squares of the ages, and a dummy a zone."""
    squares = [homes.column(name) ** 2 for name in homes.names if name.endswith("age")]
    dummies = np.zeros((len(zone), zones))
    dummies[np.arange(len(zone)), zone] = 1.0
    return np.column_stack([homes.values, *squares, dummies])


def plane_of(lat: Floats | float, lon: Floats | float, centre: tuple[float, float]) -> tuple[Any, Any]:
    """Kilometres east and north of the market's centre; flat enough for one city."""
    x = (np.asarray(lon) - centre[1]) * 111.32 * np.cos(np.radians(centre[0]))
    y = (np.asarray(lat) - centre[0]) * 111.32
    return x, y
