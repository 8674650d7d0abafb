"""From data to signed artefacts, one function a model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from halfpenny_risk.artefacts import write_json
from halfpenny_risk.market import PREFIX, MarketSpec, trees_to_arrays
from halfpenny_risk.models import CHAMPION_FILE, SCORECARD_FILE
from halfpenny_training import avm, borrower
from halfpenny_training.markets import MARKETS
from halfpenny_training.sources import sha256_of
from halfpenny_training.table import read_csv

SIDES = 1500
Progress = Callable[[str], None]
CREDIT_FILE = "credit.csv"


def train_borrower(data: Path, out: Path, progress: Progress) -> None:
    """The champion and the scorecard, from the credit applications in ``data``; each names what it was made from."""
    rows, bad = borrower.credit_matrix(read_csv(data / CREDIT_FILE))
    progress(f"borrower: {len(bad)} applications, {bad.mean():.1%} bad")
    write_json(out / SCORECARD_FILE, borrower.fit_scorecard(rows, bad) | {"training": trained_on(data, None)})
    progress("borrower: scorecard fitted")
    write_json(out / CHAMPION_FILE, boosted_artefact(data, borrower.CATBOOST))
    progress("borrower: champion fitted and calibrated out of fold")


def boosted_artefact(data: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Boosted trees by a recipe of CatBoost's parameters, as an artefact that ``judge`` can make again."""
    rows, bad = borrower.credit_matrix(read_csv(data / CREDIT_FILE))
    with tempfile.TemporaryDirectory() as scratch:
        content = borrower.fit_champion(rows, bad, Path(scratch), recipe)
    return content | {"training": trained_on(data, recipe)}


def trained_on(data: Path, recipe: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a borrower model was made from: the hash of the applications, and its recipe (None: a scorecard)."""
    return {
        "data_sha256": sha256_of(data / CREDIT_FILE),
        "kind": "scorecard" if recipe is None else "boosted",
        "recipe": dict(recipe or {}),
    }


def train_market(name: str, data: Path, out: Path, progress: Progress) -> None:
    """The valuation of one market: trained on every sale, its intervals calibrated on years that were predicted."""
    market = MARKETS[name](data)
    progress(f"{name}: {len(market.day)} sales, finding each one's neighbours")
    around = avm.find_neighbours(market)
    last_year = market.test_from.year
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        years = []
        for year in range(last_year - avm.CALIBRATION_YEARS - avm.ERROR_YEARS + 1, last_year + 1):
            start, end = market.day_of(date(year, 1, 1)), market.day_of(date(year + 1, 1, 1))
            years.append(avm.predict_year(market, around, start, end, scratch))
            error = np.median(np.abs(np.expm1(-years[-1].error)))
            progress(f"{name}: {year} predicted from the years before, median error {error:.2%}")
        error_trees = avm.fit_error_trees(market, years[: avm.ERROR_YEARS], scratch)
        calibration = years[avm.ERROR_YEARS :]
        known = [avm.sizes(error_trees, year.features, year.error) for year in calibration]
        masked = []
        for year_of in calibration:
            some = np.sort(np.random.default_rng(avm.SEED).permutation(year_of.rows)[:SIDES])
            masked.append(avm.sizes(error_trees, *avm.masked(market, year_of, some)))
        edges = avm.segment_edges(np.concatenate([expected for _, expected in known]))
        progress(f"{name}: intervals calibrated on the last {avm.CALIBRATION_YEARS} years")
        everything = np.ones(len(market.day), dtype=bool)
        basis = avm.fit_basis(market, everything, walk=False)
        features = avm.all_features(market, basis, around)
        value = avm.fit_value_trees(market, basis, features, everything, scratch)
    spec = MarketSpec(
        name=market.name,
        country=market.country,
        currency=market.currency,
        centre=market.centre,
        epoch=market.epoch,
        last_day=market.epoch + timedelta(days=int(market.day.max())),
        reach_km=market.reach_km,
        kinds=dict(market.kinds),
        attributes=market.homes.names,
        similarity=dict(market.similarity),
        volatility=round(basis.index.volatility, 6),
        drift=round(basis.index.drift, 6),
        segment_edges=tuple(round(float(edge), 6) for edge in edges),
        conformal=tuple(round(multiple, 6) for multiple in avm.conformal_by_segment(known, edges)),
        conformal_assumed=tuple(round(multiple, 6) for multiple in avm.conformal_by_segment(masked, edges)),
        least_error=avm.LEAST_ERROR,
    )
    write_json(out / f"{PREFIX}{name}.json", msgspec.to_builtins(spec))
    arrays = trees_to_arrays(value, "value") | trees_to_arrays(error_trees, "error")
    arrays |= {
        "hedonic": basis.coefficients,
        "zone": market.zone.astype(np.int16),
        "homes": market.homes.values.astype(np.float32),
        "x_km": market.homes.x_km.astype(np.float32),
        "y_km": market.homes.y_km.astype(np.float32),
        "day": market.day.astype(np.int16),
        "level": basis.sales.level.astype(np.float32),
        "residual": basis.sales.residual.astype(np.float32),
        "price": market.price.astype(np.int32),
    }
    np.savez_compressed(out / f"{PREFIX}{name}.npz", **arrays)
    progress(f"{name}: valuation written")
