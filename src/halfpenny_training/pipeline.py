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
    """Boosted trees by a recipe of CatBoost's parameters, as an artefact that ``promote`` can make again."""
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
    around = avm.surroundings(market)
    last_year = market.test_from.year
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        years = []
        for year in range(last_year - 2, last_year + 1):
            start, end = market.day_of(date(year, 1, 1)), market.day_of(date(year + 1, 1, 1))
            years.append(avm.predict_year(market, around, start, end, scratch))
            error = np.median(np.abs(np.expm1(-years[-1].error)))
            progress(f"{name}: {year} predicted from the years before, median error {error:.2%}")
        calibrator = avm.fit_error_trees(market, years[:2], scratch)
        latest = years[2]
        known = avm.conformal(np.abs(latest.error), avm.predicted_error(calibrator, latest.features))
        some = np.sort(np.random.default_rng(avm.SEED).permutation(latest.rows)[:SIDES])
        masked_features, masked_error = avm.masked(market, latest, some)
        assumed = avm.conformal(np.abs(masked_error), avm.predicted_error(calibrator, masked_features))
        progress(f"{name}: intervals calibrated on {last_year}")
        everything = np.ones(len(market.day), dtype=bool)
        basis = avm.fit_basis(market, everything, walk=False)
        features = avm.all_features(market, basis, around)
        value = avm.fit_value_trees(market, basis, features, everything, scratch)
        error_trees = avm.fit_error_trees(market, years, scratch)
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
        conformal=round(known, 6),
        conformal_assumed=round(assumed, 6),
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
