"""Train and judge the automated valuation. Every figure is out of time: a model never sees a later sale.

Steps: a monthly index and a hedonic regression on the training sales; residuals at earlier neighbours as
features; boosted trees for what the regression leaves; trees for the size of the error; and a conformal multiple
of that size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halfpenny_risk.errors import BadTable
from halfpenny_risk.market_features import (
    DAYS_A_YEAR,
    NEAREST,
    PREVIOUS_AFTER_DAYS,
    WIDE,
    Attributes,
    Bools,
    Ints,
    Neighbours,
    Sales,
    feature_names,
    feature_rows,
    hedonic_design,
    nearest,
)
from halfpenny_risk.normal import Floats
from halfpenny_risk.trees import ObliviousTrees, trees_from_json
from halfpenny_training.borrower import saved_json
from halfpenny_training.index import PriceIndex, hedonic_index
from halfpenny_training.markets import MarketData

SEED = 20160101
SEARCHED = 400
SEARCHED_WIDE = 1200
COVERAGE = 0.90
# Sales are calibrated by fifths of the error that is expected of them: one multiple for all would cover the plain homes
# too often and the odd ones too seldom.
SEGMENTS = 5
# Years that calibrate the intervals, and the years before those whose errors teach the trees how large an error is. A
# year differs from the one before: the larger of two years' multiples holds where one year's fell short. Chosen on
# 2015: the narrowest that covers what it promises, overall and in the hardest fifth (docs/models/validation.md).
CALIBRATION_YEARS, ERROR_YEARS = 2, 1
LEAST_ERROR = 0.02
COMMON = {
    "random_seed": SEED,
    "thread_count": 2,
    "verbose": False,
    "allow_writing_files": False,
    "bootstrap_type": "Bernoulli",
    "subsample": 0.8,
    "rsm": 0.5,
}
VALUE_TREES = COMMON | {
    "loss_function": "MAE",
    "iterations": 2000,
    "depth": 6,
    "learning_rate": 0.07,
    "l2_leaf_reg": 3.0,
}
ERROR_TREES = COMMON | {
    "loss_function": "RMSE",
    "iterations": 300,
    "depth": 5,
    "learning_rate": 0.04,
    "l2_leaf_reg": 10.0,
}
# What an application does not hold and a register may not know; masked to measure what that costs.
NOT_STATED = ("grade", "log_lot", "waterfront", "baths", "eff_age", "rooms", "garage_area", "stories", "brick")


def recipe() -> dict[str, Any]:
    """What an evaluation was made with: another recipe needs another evaluation."""
    return {
        "value_trees": VALUE_TREES,
        "error_trees": ERROR_TREES,
        "not_stated": list(NOT_STATED),
        "coverage": COVERAGE,
        "segments": SEGMENTS,
        "calibration_years": CALIBRATION_YEARS,
        "error_years": ERROR_YEARS,
    }


@dataclass(frozen=True)
class NeighbourSets:
    """Each sale's neighbours among strictly earlier sales. They depend on days and places only, not on any fit."""

    near: Neighbours
    similar: Neighbours
    wide: Neighbours
    previous: Neighbours


def find_neighbours(market: MarketData, freeze_at: float | None = None) -> NeighbourSets:
    """Find the neighbours; with ``freeze_at`` later sales see nothing that was sold on or after that day."""
    return NeighbourSets(
        _earlier(market, market.homes.ground_plane(), NEAREST, SEARCHED, freeze_at),
        _earlier(market, market.homes.similarity_plane(dict(market.similarity)), NEAREST, SEARCHED, freeze_at),
        _earlier(market, market.homes.ground_plane(), WIDE, SEARCHED_WIDE, freeze_at),
        _previous_sale(market, freeze_at),
    )


def _earlier(market: MarketData, plane: Floats, count: int, searched: int, freeze_at: float | None) -> Neighbours:
    from scipy.spatial import cKDTree

    searched = min(searched, len(plane))
    distance, index = cKDTree(plane).query(plane, k=searched, workers=2)
    limit = market.day if freeze_at is None else np.minimum(market.day, freeze_at)
    allowed = market.day[index] < limit[:, None]
    order = np.argsort(~allowed, axis=1, kind="stable")[:, :count]
    return Neighbours(
        np.take_along_axis(index, order, 1),
        np.take_along_axis(distance, order, 1),
        np.take_along_axis(allowed, order, 1),
    )


def _previous_sale(market: MarketData, freeze_at: float | None) -> Neighbours:
    sold: dict[int, list[int]] = {}
    index = np.zeros((len(market.day), 1), dtype=np.int64)
    good = np.zeros((len(market.day), 1), dtype=bool)
    for row in range(len(market.day)):
        parcel = int(market.parcel[row])
        earlier = [sale for sale in sold.get(parcel, ()) if market.day[sale] <= market.day[row] - PREVIOUS_AFTER_DAYS]
        if earlier:
            index[row], good[row] = earlier[-1], True
        if freeze_at is None or market.day[row] < freeze_at:
            sold.setdefault(parcel, []).append(row)
    return Neighbours(index, np.zeros((len(market.day), 1)), good)


@dataclass(frozen=True)
class Basis:
    """The index and the hedonic regression as known on the last training day. ``level``: the log price level of every
    sale's month; ``hedonic``: the regression's log price at level 0; both for all sales, later ones too."""

    index: PriceIndex
    coefficients: Floats
    level: Floats
    hedonic: Floats
    sales: Sales


def fit_basis(market: MarketData, train: Bools, *, walk: bool) -> Basis:
    """Fit on the training sales.

    Later months get the level that could be known when they began (``walk``: from all sales before that month)
    or, without it, nothing but the last year's average step carried on.
    """
    month = market.month
    log_price = np.log(market.price)
    zones = int(market.zone.max()) + 1
    design = hedonic_design(market.homes, market.zone, zones)
    index = hedonic_index(log_price[train], month[train].astype(np.float64), design[train])
    known = len(index.level)
    levels = np.zeros(max(int(month.max()) + 1, known))
    levels[:known] = index.level
    for ahead in range(known, len(levels)):
        if walk:
            before = month < ahead
            current = hedonic_index(log_price[before], month[before].astype(np.float64), design[before]).level
            levels[ahead] = current[-1] - current[known - 1] + _next_step(current)
        else:
            levels[ahead] = levels[known - 1] + (ahead - known + 1) * float(np.diff(index.level[-13:]).mean())
    level = levels[month]
    z = log_price - level
    ridge = design[train].T @ design[train] + 1e-3 * np.eye(design.shape[1])
    centre = float(z[train].mean())
    slopes = np.linalg.solve(ridge, design[train].T @ (z[train] - centre))
    hedonic = centre + design @ slopes
    sales = Sales(market.homes, market.day, z, z - hedonic)
    return Basis(index, np.concatenate([[centre], slopes]), level, hedonic, sales)


def _next_step(level: Floats) -> float:
    """How far the coming month should move: half the last year's pace, half the same month's step then."""
    if len(level) < 14:
        return 0.0
    pace = float(np.diff(level[-13:]).mean())
    season = float(level[-12] - level[-13])
    return 0.5 * (pace + season)


def all_features(market: MarketData, basis: Basis, neighbours: NeighbourSets) -> Floats:
    """The features of every sale."""
    return feature_rows(
        market.homes,
        market.day,
        basis.hedonic,
        basis.sales,
        neighbours.near,
        neighbours.similar,
        neighbours.wide,
        neighbours.previous,
    )


def fit_trees(
    rows: Floats, target: Floats, names: tuple[str, ...], how: dict[str, Any], scratch: Path
) -> ObliviousTrees:
    """Boosted oblivious trees, as the numpy evaluator reads them."""
    from catboost import CatBoostRegressor

    model = CatBoostRegressor(**how)
    model.fit(rows, target)
    content = saved_json(model, scratch)
    if content is None:
        raise BadTable(f"the trees found no split: none of {', '.join(names)} tells anything of these sales")
    return trees_from_json(content, names)


@dataclass(frozen=True)
class ForwardYear:
    """One year predicted by a model of the years before it; prices and errors are in logs."""

    rows: Ints
    predicted: Floats
    error: Floats
    features: Floats
    basis: Basis
    trees: ObliviousTrees


def predict_year(
    market: MarketData, neighbours: NeighbourSets, start: float, end: float, scratch: Path, *, walk: bool = True
) -> ForwardYear:
    """Train on the sales before ``start`` and predict those from there to ``end`` (day numbers)."""
    train = market.day < start
    basis = fit_basis(market, train, walk=walk)
    features = all_features(market, basis, neighbours)
    trees = fit_value_trees(market, basis, features, train, scratch)
    rows = np.flatnonzero((market.day >= start) & (market.day < end))
    predicted = basis.level[rows] + basis.hedonic[rows] + trees.predict(features[rows])
    error = np.log(market.price[rows]) - predicted
    return ForwardYear(rows, predicted, error, features[rows], basis, trees)


def fit_value_trees(market: MarketData, basis: Basis, features: Floats, train: Bools, scratch: Path) -> ObliviousTrees:
    """Trees for what the hedonic regression leaves. The first year has too few earlier sales to learn from."""
    learn = train & (market.day > market.day[train].min() + DAYS_A_YEAR)
    return fit_trees(
        features[learn], basis.sales.residual[learn], feature_names(market.homes.names), VALUE_TREES, scratch
    )


def fit_error_trees(market: MarketData, years: list[ForwardYear], scratch: Path) -> ObliviousTrees:
    """Trees for the size of the error, from years that were predicted and not fitted; wild misses are held in."""
    features = np.vstack([year.features for year in years])
    size = np.concatenate([np.minimum(np.abs(year.error), 0.6) for year in years])
    return fit_trees(features, size, feature_names(market.homes.names), ERROR_TREES, scratch)


def predicted_error(trees: ObliviousTrees, features: Floats) -> Floats:
    """The size of the error that the trees expect, never less than the least."""
    return np.maximum(trees.predict(features), LEAST_ERROR)


def sizes(trees: ObliviousTrees, features: Floats, error: Floats) -> tuple[Floats, Floats]:
    """The size of each error and what the trees expected of it."""
    return np.abs(error), predicted_error(trees, features)


def conformal(size: Floats, expected: Floats, coverage: float = COVERAGE) -> float:
    """The multiple of the expected error that covers a share of the calibration sales (split conformal: the
    ceil((n+1) coverage)-th smallest ratio)."""
    ratio = np.sort(size / expected)
    place = min(int(np.ceil((len(ratio) + 1) * coverage)), len(ratio)) - 1
    return float(ratio[place])


def segment_edges(expected: Floats) -> Floats:
    """The expected errors that part the calibration sales into ``SEGMENTS`` equal parts."""
    return np.asarray(np.quantile(expected, np.linspace(0.0, 1.0, SEGMENTS + 1)[1:-1]))


def conformal_by_segment(years: list[tuple[Floats, Floats]], edges: Floats, coverage: float = COVERAGE) -> list[float]:
    """One multiple a segment: the largest that any of the calibration years needed there.

    ``years``: the sizes of the errors and what was expected of them. A segment that a year has no sale of takes the
    year's multiple for all sales.
    """
    found = []
    for segment in range(len(edges) + 1):
        needed = []
        for size, expected in years:
            own = np.searchsorted(edges, expected) == segment
            some = own if own.any() else np.ones(len(own), dtype=bool)
            needed.append(conformal(size[some], expected[some], coverage))
        found.append(max(needed))
    return found


def half_widths(expected: Floats, edges: Floats, multiples: list[float]) -> Floats:
    """Half of each interval in logs."""
    return np.asarray(multiples)[np.searchsorted(edges, expected)] * expected


def masked(market: MarketData, year: ForwardYear, rows: Ints) -> tuple[Floats, Floats]:
    """The features and the errors of some sales of ``year`` as if only an application's fields were known.

    What is not stated is taken from the fifteen nearest earlier sales, and no earlier sale of the same home is known.
    """
    homes, sales, basis = market.homes, year.basis.sales, year.basis
    ground = homes.ground_plane()
    features = np.empty((len(rows), len(feature_names(homes.names))))
    hedonic = np.empty(len(rows))
    zones = int(market.zone.max()) + 1
    for place, row in enumerate(rows):
        allowed = (market.day < market.day[row]) & (market.parcel != market.parcel[row])
        wide = nearest(ground, ground[row : row + 1], WIDE, allowed)
        near = Neighbours(wide.index[:, :NEAREST], wide.distance[:, :NEAREST], wide.good[:, :NEAREST])
        values = homes.values[row].copy()
        for column, name in enumerate(homes.names):
            if name in NOT_STATED:
                values[column] = np.median(homes.values[near.index[0], column])
        subject = Attributes(homes.names, values[None, :], homes.x_km[row : row + 1], homes.y_km[row : row + 1])
        plane = homes.similarity_plane(dict(market.similarity))
        similar = nearest(plane, subject.similarity_plane(dict(market.similarity)), NEAREST, allowed)
        nothing = Neighbours(np.zeros((1, 1), dtype=np.int64), np.zeros((1, 1)), np.zeros((1, 1), dtype=bool))
        zone = market.zone[near.index[:, 0]]
        estimate = basis.coefficients[0] + hedonic_design(subject, zone, zones) @ basis.coefficients[1:]
        hedonic[place] = estimate[0]
        features[place] = feature_rows(
            subject, market.day[row : row + 1], estimate, sales, near, similar, wide, nothing
        )[0]
    predicted = basis.level[rows] + hedonic + year.trees.predict(features)
    return features, np.log(market.price[rows]) - predicted
