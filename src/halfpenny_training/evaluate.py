"""``halfpenny-training evaluate``: the figures of our own models, out of time or cross-validated, with intervals."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.market_features import Ints, hedonic_design
from halfpenny_risk.normal import Floats
from halfpenny_training import avm, borrower, intervals
from halfpenny_training.markets import MARKETS, MarketData
from halfpenny_training.metrics import (
    Estimate,
    auc,
    bootstrap,
    brier,
    calibration,
    expected_calibration_error,
    reliability,
)
from halfpenny_training.pipeline import CREDIT_FILE, SIDES
from halfpenny_training.report import Line, at_least, at_most, between, print_lines
from halfpenny_training.table import read_csv

Progress = Callable[[str], None]
# The two kinds of row that are served: what an application asks for, and the same without what it may leave out.
STATED, WITHHELD = "every field that is asked for", "optional fields withheld"
FAIR_AGES = (0, 25, 35, 45, 55, 200)


def evaluate_market(name: str, data: Path, progress: Progress) -> dict[str, Any]:
    """The valuation of one market on its last year, by models that saw nothing of it."""
    market = MARKETS[name](data)
    test, before = market.test_from.year, market.test_from.year - 1
    wanted = predicted_years(market)
    progress(f"{name}: out-of-time evaluation on {test}; this trains {len(wanted) + 1} models")
    neighbours = avm.find_neighbours(market)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        years = {year: _year(market, neighbours, year, scratch) for year in wanted}
        frozen = avm.find_neighbours(market, freeze_at=market.day_of(market.test_from))
        strict = avm.predict_year(
            market, frozen, market.day_of(market.test_from), market.day_of(date(test + 1, 1, 1)), scratch, walk=False
        )
        interval_lines, half = _interval_lines(market, years, test, scratch, ours=name == "seattle")
        tried = intervals.trials(market, years, before, scratch)
    latest = years[test]
    some = np.sort(np.random.default_rng(avm.SEED + 1).permutation(latest.rows)[:SIDES])
    _, masked_error = avm.masked(market, latest, some)
    parcels = market.parcel[latest.rows]
    ours = name == "seattle"
    lines = [
        *_errors(f"AVM, trained to {before}, tested on {test}", latest.error, parcels, ours),
        *interval_lines,
        *_errors(f"the same, nothing of {test} known (no comparables, no index)", strict.error, parcels, None),
        *_errors("the same, only what an application says", masked_error, market.parcel[some], None),
        *_errors("benchmark: hedonic regression and index", _hedonic_error(market, latest), parcels, None),
    ]
    print_lines(f"Valuation, {name} ({len(latest.rows)} sales of {test})", lines, progress)
    return {
        "lines": [line.as_json() for line in lines],
        "sales_tested": len(latest.rows),
        "median_half_width": float(np.median(np.exp(half) - 1.0)),
        "bias_log": float(np.median(latest.error)),
        "by_price_fifth": _by_price(market, latest),
        "interval_trials": {"year": before, "tried": tried},
        "recipe": avm.recipe(),
    }


def predicted_years(market: MarketData) -> range:
    """The years to predict: the tested one, the one before it to choose on, and those that calibrate and teach both.

    A market with too short a history has fewer: trees learn from no sale of its first year, so the second is not
    predicted.
    """
    test = market.test_from.year
    first_sold = (market.epoch + timedelta(days=int(market.day.min()))).year
    return range(max(test - 1 - avm.CALIBRATION_YEARS - avm.ERROR_YEARS, first_sold + 2), test + 1)


def _interval_lines(
    market: MarketData, years: Mapping[int, avm.ForwardYear], test: int, scratch: Path, *, ours: bool
) -> tuple[list[Line], Floats]:
    """The coverage of the tested year, and half of each interval in logs."""
    latest = years[test]
    parcels = market.parcel[latest.rows]
    fitted = intervals.calibrated(market, years, test, intervals.CHOSEN, scratch)
    inside, hard, half = intervals.covered(fitted, latest.features, latest.error)
    lines = [
        _coverage("90 % interval, all", inside, parcels, (0.88, 0.92) if ours else None),
        _coverage("90 % interval, hardest fifth", inside[hard], parcels[hard], (0.87, 1.0) if ours else None),
    ]
    return lines, half


def _year(market: MarketData, neighbours: avm.NeighbourSets, year: int, scratch: Path) -> avm.ForwardYear:
    return avm.predict_year(
        market, neighbours, market.day_of(date(year, 1, 1)), market.day_of(date(year + 1, 1, 1)), scratch
    )


def _errors(title: str, error: Floats, parcels: Ints, ours: bool | None) -> list[Line]:
    off = np.abs(np.exp(-error) - 1.0)
    median = bootstrap(lambda rows: float(np.median(off[rows])), len(off), groups=parcels)
    within = bootstrap(lambda rows: float((off[rows] <= 0.10).mean()), len(off), groups=parcels)
    if ours:
        return [
            at_most(f"{title}: median error", median, 0.09, "%"),
            at_least(f"{title}: within 10 %", within, 0.545, "%"),
        ]
    return [Line(f"{title}: median error", median, unit="%"), Line(f"{title}: within 10 %", within, unit="%")]


def _coverage(title: str, covered: NDArray[np.bool_], parcels: Ints, limits: tuple[float, float] | None) -> Line:
    estimate = bootstrap(lambda rows: float(covered[rows].mean()), len(covered), groups=parcels)
    if limits is None:
        return Line(title, estimate, unit="%")
    if limits[1] >= 1.0:
        return at_least(title, estimate, limits[0], "%")
    return between(title, estimate, *limits, unit="%")


def _hedonic_error(market: MarketData, year: avm.ForwardYear) -> Floats:
    basis = year.basis
    zones = int(market.zone.max()) + 1
    design = hedonic_design(market.homes.rows(year.rows), market.zone[year.rows], zones)
    predicted = basis.level[year.rows] + basis.coefficients[0] + design @ basis.coefficients[1:]
    return np.asarray(np.log(market.price[year.rows]) - predicted)


def _by_price(market: MarketData, year: avm.ForwardYear) -> list[dict[str, float]]:
    """Whether cheap homes are valued too high and dear ones too low: the ratio and the error in each fifth."""
    order = np.argsort(market.price[year.rows], kind="stable")
    return [
        {
            "price_to": float(market.price[year.rows[part]].max()),
            "median_ratio": float(np.median(np.exp(-year.error[part]))),
            "median_error": float(np.median(np.abs(np.exp(-year.error[part]) - 1.0))),
        }
        for part in np.array_split(order, 5)
    ]


def evaluate_borrower(data: Path, progress: Progress) -> dict[str, Any]:
    """The borrower models by five-fold cross-validation, the logistic benchmark beside them, and fairness."""
    table = read_csv(data / CREDIT_FILE)
    rows, bad = borrower.credit_matrix(table)
    progress(f"borrower: five-fold cross-validation on {len(bad)} applications")
    with tempfile.TemporaryDirectory() as scratch:
        fitters = {
            "champion": borrower.boosted_fitter(Path(scratch)),
            "scorecard": borrower.scorecard_fitter,
            "logistic benchmark": borrower.logistic_fitter,
        }
        found = {name: borrower.cross_validate(rows, bad, fit) for name, fit in fitters.items()}
    lines: list[Line] = []
    for name, predicted in found.items():
        for what, probability in ((STATED, predicted.stated), (WITHHELD, predicted.withheld)):
            lines += _borrower_lines(f"{name}, {what}", bad, probability, name == "champion" and what == STATED)
    print_lines("Borrower strength (five folds, age and marital status left out)", lines, progress)
    champion = found["champion"].stated
    fairness = _fairness(table, bad, champion)
    progress("\nFairness: attributes that are never scored; observed and predicted rates, and AUC within each group")
    for row in fairness:
        progress(
            f"{row['group']:<28} n={row['rows']:<5} observed {row['observed']:.3f}  "
            f"predicted {row['predicted']:.3f}  AUC {row['auc']:.3f}"
        )
    return {
        "lines": [line.as_json() for line in lines],
        "reliability": reliability(bad, champion),
        "fairness": fairness,
    }


def _borrower_lines(title: str, bad: Ints, probability: Floats, is_ours: bool) -> list[Line]:
    area = bootstrap(lambda some: auc(bad[some], probability[some]), len(bad))
    error = bootstrap(lambda some: brier(bad[some], probability[some]), len(bad))
    slope = bootstrap(lambda some: calibration(bad[some], probability[some])[0], len(bad))
    intercept = bootstrap(lambda some: calibration(bad[some], probability[some])[1], len(bad))
    gap = bootstrap(lambda some: expected_calibration_error(bad[some], probability[some]), len(bad))
    if is_ours:
        return [
            Line(f"{title}: AUC", area),
            Line(f"{title}: Brier", error),
            between(f"{title}: calibration slope", slope, 0.9, 1.1),
            between(f"{title}: calibration intercept", intercept, -0.15, 0.15),
            Line(f"{title}: calibration error (ECE)", gap),
        ]
    return [
        Line(f"{title}: AUC", area),
        Line(f"{title}: Brier", error),
        Line(f"{title}: calibration slope", slope),
    ]


def _fairness(table: Any, bad: Ints, probability: Floats) -> list[dict[str, Any]]:
    age, marital = table.floats("Age"), table.texts("Marital")
    groups = {
        f"age {low}-{high - 1}" if high < 200 else f"age {low} and more": (age >= low) & (age < high)
        for low, high in itertools.pairwise(FAIR_AGES)
    }
    groups |= {f"marital status {word}": marital == word for word in sorted(set(marital.tolist()) - {""})}
    return [
        {
            "group": name,
            "rows": int(some.sum()),
            "observed": float(bad[some].mean()),
            "predicted": float(probability[some].mean()),
            "auc": auc(bad[some], probability[some]),
        }
        for name, some in groups.items()
        if some.sum() >= 50
    ]


def evaluate_monotone(trials: int, progress: Progress) -> dict[str, Any]:
    """Perturb loan-to-value, adverse records and income of random applications; count moves the wrong way."""
    from halfpenny_training.perturb import monotone_breaks

    breaks = monotone_breaks(trials)
    lines = [
        at_most(f"monotone breaks in {trials} perturbations, {model}", Estimate(count, count, count), 0.0)
        for model, count in breaks.items()
    ]
    print_lines("Monotonicity of the whole score", lines, progress)
    return {"lines": [line.as_json() for line in lines]}
