"""Train and judge the borrower models on the credit applications of modeldata (see the model card)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.borrower import (
    DIRECTIONS,
    FEATURES,
    OPTIONAL_FEATURES,
    BorrowerFacts,
    Scorecard,
    scorecard_from,
)
from halfpenny_risk.errors import BadTable
from halfpenny_risk.normal import Floats, expit, logit
from halfpenny_risk.trees import ObliviousTrees, trees_from_json
from halfpenny_training.metrics import calibration, logistic_fit
from halfpenny_training.splits import stratified_folds
from halfpenny_training.table import Table

SEED = 20160101
FOLDS = 5
CATBOOST = {
    "iterations": 400,
    "depth": 4,
    "learning_rate": 0.04,
    "l2_leaf_reg": 8.0,
    "rsm": 0.6,
    "bootstrap_type": "Bernoulli",
    "subsample": 0.8,
    "loss_function": "Logloss",
    "random_seed": SEED,
}
HOUSEKEEPING = {"thread_count": 2, "verbose": False, "allow_writing_files": False}
# Of a row whose optional facts were withheld, beside the same row as it was stated. Chosen by five-fold trials: with 1
# the stated rows lose 0.009 of AUC, with 0 a withheld fact multiplies the odds by more than it ever does in the data.
WITHHELD_WEIGHT = 0.25
# Medians of the training data (the mean for debts, whose median is zero): the units of its borrowers.
INCOME_UNIT, ASSETS_UNIT, DEBTS_UNIT, AMOUNT_UNIT, TERM_UNIT, COSTS_UNIT = 125.0, 3000.0, 343.0, 1000.0, 48.0, 51.0
# Columns with what may never be scored; the fairness report is all that they are read for.
PROTECTED = ("Age", "Marital")


def credit_matrix(table: Table) -> tuple[Floats, NDArray[np.int64]]:
    """Rows of ``FEATURES`` and whether each borrower went bad, from the credit applications."""
    income, assets, debts = table.floats("Income"), table.floats("Assets"), table.floats("Debt")
    amount, price, months = table.floats("Amount"), table.floats("Price"), table.floats("Time")
    costs = table.floats("Expenses")
    records = np.where(table.texts("Records") == "yes", 1.0, 0.0)
    facts = BorrowerFacts(
        amount=amount / AMOUNT_UNIT,
        ltv=amount / price,
        income=income / INCOME_UNIT,
        assets=assets / ASSETS_UNIT,
        debts=debts / DEBTS_UNIT,
        debts_to_assets=debts / np.maximum(assets, 1.0),
        adverse_records=records,
        term=months / TERM_UNIT,
        costs=costs / COSTS_UNIT,
        # Years in the present work, and the home that is owned, stand in for the business's age and its premises.
        years_trading=table.floats("Seniority"),
        premises_owned=(table.texts("Home") == "owner").astype(np.float64),
    )
    return facts.rows(), (table.texts("Status") == "bad").astype(np.int64)


def without_optional(rows: Floats) -> Floats:
    """The rows as they are scored where every optional fact of the application was withheld."""
    short = rows.copy()
    for name, worst in OPTIONAL_FEATURES.items():
        short[:, FEATURES.index(name)] = worst
    return short


def with_withheld(rows: Floats, bad: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Each row as stated and once more with its optional facts withheld; and the weight of each.

    Withheld facts count as the worst, where the constraints keep the model: without the second kind of row it would
    take somebody who states no costs for somebody who has endless ones.
    """
    weights = np.concatenate([np.ones(len(rows)), np.full(len(rows), WITHHELD_WEIGHT)])
    return np.vstack([rows, without_optional(rows)]), np.concatenate([bad, bad]), weights


def fit_boosted(
    rows: Floats, bad: NDArray[np.int64], scratch: Path, recipe: Mapping[str, Any] = CATBOOST
) -> tuple[ObliviousTrees, dict[str, Any]]:
    """Monotone boosted trees by ``recipe`` (CatBoost's parameters), on the rows stated and withheld."""
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(**recipe, **HOUSEKEEPING, monotone_constraints=[DIRECTIONS[name] for name in FEATURES])
    both, outcome, weights = with_withheld(rows, bad)
    model.fit(both, outcome, sample_weight=weights)
    content = saved_json(model, scratch)
    if content is None:
        raise BadTable(f"the trees found no split: none of {', '.join(FEATURES)} tells anything of these rows")
    return trees_from_json(content, FEATURES), content


def fit_champion(
    rows: Floats, bad: NDArray[np.int64], scratch: Path, recipe: Mapping[str, Any] = CATBOOST
) -> dict[str, Any]:
    """The champion's artefact but for what it was trained on: the trees, and their calibration out of fold."""
    checked = cross_validate(rows, bad, boosted_fitter(scratch, recipe))
    slope, intercept = calibration(bad, checked.stated)
    _, content = fit_boosted(rows, bad, scratch, recipe)
    return {
        "features": list(FEATURES),
        "calibration": {"slope": round(slope, 6), "intercept": round(intercept, 6)},
        "model": content,
    }


def saved_json(model: Any, scratch: Path) -> dict[str, Any] | None:
    """The model as CatBoost's own JSON, without the parts that hold times and paths; None where no tree has a split."""
    path = scratch / "catboost.json"
    model.save_model(str(path), format="json")
    content = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    # A tree that found nothing to ask has null for its splits, or no such member.
    if not any(tree.get("splits") for tree in content["oblivious_trees"]):
        return None
    return {
        "oblivious_trees": [
            {
                "splits": [
                    {"float_feature_index": split["float_feature_index"], "border": split["border"]}
                    for split in tree.get("splits") or []
                ],
                "leaf_values": tree["leaf_values"],
                "leaf_weights": tree["leaf_weights"],
            }
            for tree in content["oblivious_trees"]
        ],
        "scale_and_bias": content["scale_and_bias"],
    }


def fit_scorecard(rows: Floats, bad: NDArray[np.int64]) -> dict[str, Any]:
    """A weight-of-evidence scorecard: quantile bins, merged until they are monotone, weighted by a logistic fit.

    Returns the content of its artefact. A feature whose weight comes out negative is dropped and the rest fitted
    again, since a negative weight would turn its direction round.
    """
    # Its bins take no weights: one row in four stands for the rows with withheld facts.
    some = slice(None, None, round(1.0 / WITHHELD_WEIGHT))
    both, outcome = np.vstack([rows, without_optional(rows[some])]), np.concatenate([bad, bad[some]])
    bins = [_binned(both[:, i], outcome, DIRECTIONS[name]) for i, name in enumerate(FEATURES)]
    evidence = np.column_stack([_evidence(both[:, i], *bins[i]) for i in range(len(FEATURES))])
    used = [i for i in range(len(FEATURES)) if evidence[:, i].std() > 1e-6]
    while True:
        weights = logistic_fit(evidence[:, used], outcome, ridge=1.0)
        wrong = [i for i, weight in zip(used, weights[1:], strict=True) if weight < 0.0]
        if not wrong:
            break
        used = [i for i in used if i not in wrong]
    slopes = dict(zip(used, weights[1:], strict=True))
    features = {}
    for i, name in enumerate(FEATURES):
        edges, points, missing = bins[i]
        slope = float(slopes.get(i, 0.0))
        features[name] = {
            "edges": [float(f"{edge:.6g}") for edge in edges],
            "points": [round(float(point) * slope, 4) for point in points],
            "missing": round(float(missing) * slope, 4),
            "mean": round(float(evidence[:, i].mean()) * slope, 4),
        }
    base = float(weights[0]) + sum(card["mean"] for card in features.values())  # type: ignore[misc]
    return {"base": round(base, 4), "features": features}


def _binned(values: Floats, bad: NDArray[np.int64], direction: int) -> tuple[Floats, Floats, float]:
    known = ~np.isnan(values)
    log_odds = float(logit(np.array([bad.mean()]))[0])
    edges = np.unique(np.quantile(values[known], np.linspace(0.0, 1.0, 11)[1:-1]))
    slot = np.searchsorted(edges, values[known], side="left")
    total = np.bincount(slot, minlength=len(edges) + 1).astype(np.float64)
    hits = np.bincount(slot, weights=bad[known], minlength=len(edges) + 1)
    groups = [(total[0], hits[0], [0])]
    for i in range(1, len(total)):
        groups.append((total[i], hits[i], [i]))
        # Pool neighbours that break the direction or hold too few rows.
        while len(groups) > 1 and _must_merge(groups[-2], groups[-1], direction):
            right, left = groups.pop(), groups.pop()
            groups.append((left[0] + right[0], left[1] + right[1], left[2] + right[2]))
    kept = np.array([edges[members[-1]] for _, _, members in groups[:-1]])
    points = np.array([_smoothed(total, hits, bad.mean()) - log_odds for total, hits, _ in groups])
    unknown = int((~known).sum())
    missing = _smoothed(unknown, bad[~known].sum(), bad.mean()) - log_odds if unknown >= 100 else 0.0
    return kept, points, float(missing)


def _must_merge(left: tuple[float, float, list[int]], right: tuple[float, float, list[int]], direction: int) -> bool:
    if min(left[0], right[0]) < 60:
        return True
    return bool(direction * (right[1] / right[0] - left[1] / left[0]) < 0.0)


def _smoothed(total: float, hits: float, mean: float) -> float:
    share = (hits + 20.0 * mean) / (total + 20.0)
    return float(np.log(share / (1.0 - share)))


def _evidence(values: Floats, edges: Floats, points: Floats, missing: float) -> Floats:
    return np.where(np.isnan(values), missing, points[np.searchsorted(edges, np.nan_to_num(values), side="left")])


@dataclass(frozen=True)
class CrossValidated:
    """Predicted probabilities, each made by a model that had not seen its row.

    ``stated``: every fact that an application asks for; ``withheld``: without the optional ones.
    """

    stated: Floats
    withheld: Floats


def cross_validate(
    rows: Floats, bad: NDArray[np.int64], fit: Callable[[Floats, NDArray[np.int64]], Callable[[Floats], Floats]]
) -> CrossValidated:
    """Five-fold predictions on rows as an application states them and on rows with the optional facts withheld."""
    stated, withheld = np.empty(len(bad)), np.empty(len(bad))
    for held_out in stratified_folds(bad, FOLDS, SEED):
        rest = np.setdiff1d(np.arange(len(bad)), held_out)
        predict = fit(rows[rest], bad[rest])
        stated[held_out] = expit(predict(rows[held_out]))
        withheld[held_out] = expit(predict(without_optional(rows[held_out])))
    return CrossValidated(stated, withheld)


def scorecard_fitter(rows: Floats, bad: NDArray[np.int64]) -> Callable[[Floats], Floats]:
    """Fit a scorecard and give its log-odds."""
    card: Scorecard = scorecard_from(fit_scorecard(rows, bad), "fold")
    return card.log_odds


def boosted_fitter(
    scratch: Path, recipe: Mapping[str, Any] = CATBOOST
) -> Callable[[Floats, NDArray[np.int64]], Callable[[Floats], Floats]]:
    """Fit boosted trees and give their log-odds."""

    def fit(rows: Floats, bad: NDArray[np.int64]) -> Callable[[Floats], Floats]:
        return fit_boosted(rows, bad, scratch, recipe)[0].predict

    return fit


def logistic_fitter(rows: Floats, bad: NDArray[np.int64]) -> Callable[[Floats], Floats]:
    """The simple benchmark: a logistic regression on standardised features, medians where unknown."""
    middle = np.nanmedian(rows, axis=0)
    low, high = np.nanquantile(rows, 0.01, axis=0), np.nanquantile(rows, 0.99, axis=0)

    def prepared(some: Floats) -> Floats:
        return np.clip(np.where(np.isnan(some), middle, some), low, high)

    ready = prepared(rows)
    centre, scale = ready.mean(axis=0), np.maximum(ready.std(axis=0), 1e-9)
    weights = logistic_fit((ready - centre) / scale, bad, ridge=1.0)

    def predict(some: Floats) -> Floats:
        return np.asarray(weights[0] + (prepared(some) - centre) / scale @ weights[1:])

    return predict
