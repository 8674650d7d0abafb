"""Fit the model of a loan-level table: how many trees, their share beside the logistic part, and its calibration.

Everything is chosen on rows that the judged model had not seen. Random folds choose the number of trees and their share
and give the calibration; where there is a time, the latest rows, predicted by a model of the earlier ones, move it by
what they differ beyond noise, since that is how the model will be used.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halfpenny_risk.errors import BadTable
from halfpenny_risk.normal import Floats, expit, logit
from halfpenny_training.borrower import saved_json
from halfpenny_training.encoding import ColumnCode, encode_all, encode_for_training, learn_code
from halfpenny_training.loans import FEWEST_OF_A_CLASS, SEED, Ints, LoansModel, LoansTable
from halfpenny_training.metrics import auc, logistic_fit
from halfpenny_training.splits import stratified_folds, time_split

Progress = Callable[[str], None]

FOLDS = 3
HELD_BACK = 0.25
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
FEWEST_FOR_TREES = 40
# Fewer cases of the rarer outcome than this calibrate worse than they are: slope 1 and the folds' level are kept.
FEWEST_FOR_CALIBRATION = 40
MOST_ITERATIONS = 1000
PATIENCE = 100
# A single column that predicts the target this well is more likely a leak than a discovery.
LEAK_AUC = 0.97
# Quartile distances from the median beyond which a value counts as this much.
OUTLIER_REACH = 5.0


@dataclass(frozen=True)
class Choice:
    """What the rows held back decided: the trees' number and share, and the calibration of the log-odds."""

    tree_weight: float
    iterations: int
    slope: float
    intercept: float


def fit_loans(data: LoansTable, rows: Ints, target_name: str, progress: Progress) -> LoansModel:
    """Fit on some rows of the table; raises ``BadTable`` where there is too little of one class."""
    if data.target is None or not len(data.target):
        raise BadTable(f"the file has no target {target_name!r} to learn from")
    target = data.target[rows]
    least = int(min(target.sum(), len(target) - target.sum()))
    if least < FEWEST_OF_A_CLASS:
        raise BadTable(f"only {least} rows of the rarer outcome to learn from; at least {FEWEST_OF_A_CLASS} are needed")
    progress(f"{len(rows)} rows to learn from, {target.mean():.2%} positive")
    choice = choose(data, rows, with_trees=least >= FEWEST_FOR_TREES)
    codes = _codes_of(data, rows)
    matrix = encode_for_training(data.table.rows(rows), codes, target, SEED)
    _warn_of_leaks(matrix, codes, target, progress)
    parts = _fit_parts(matrix, target, choice.iterations)
    listed = ", ".join(map(repr, data.features))
    if choice.iterations and parts["trees"] is None:
        raise BadTable(f"the trees found no split: nothing to learn from in {listed}")
    if not choice.slope:
        raise BadTable(
            f"rows held back are predicted no better than by the overall rate: nothing to learn from in {listed}"
        )
    model = LoansModel(
        target=target_name,
        positive=data.positive or "1",
        codes=codes,
        tree_weight=choice.tree_weight,
        base_rate=float(target.mean()),
        slope=choice.slope,
        intercept=choice.intercept,
        rows=len(rows),
        **parts,
    )
    progress(
        f"model: {len(codes)} columns, share of the trees {choice.tree_weight:g}, {choice.iterations} trees; "
        f"calibrated on rows held back: slope {choice.slope:.3f}, intercept {choice.intercept:+.3f}"
    )
    return model


def choose(data: LoansTable, rows: Ints, *, with_trees: bool) -> Choice:
    """Number and share of the trees by folds, then the calibration: by time where there is one, else by the folds."""
    target = _target(data)
    group = None if data.group is None else data.group[rows]
    held_parts = [
        (rows[np.setdiff1d(np.arange(len(rows)), held)], rows[held])
        for held in stratified_folds(target[rows], FOLDS, SEED, group)
    ]
    parts = [(inner, held) for inner, held in held_parts if len(held) and _both(target[inner])]
    if not parts:
        return Choice(0.0, 0, 1.0, 0.0)
    curves, fitted = [], []
    for inner, held in parts:
        fold = _Fold.fit(data, inner, held, MOST_ITERATIONS if with_trees else 0)
        fitted.append(fold)
        curves.append(fold.curve)
    iterations = _best_iterations(curves) if with_trees else 0
    outcome = np.concatenate([target[held] for _, held in parts])
    linear = np.concatenate([fold.linear for fold in fitted])
    trees = np.concatenate([fold.trees(iterations) for fold in fitted])
    losses = [_log_loss(outcome, (1.0 - share) * linear + share * trees) for share in WEIGHTS]
    weight = WEIGHTS[int(np.argmin(losses))] if with_trees else 0.0
    if weight == 0.0:
        iterations = 0
    mixed = (1.0 - weight) * linear + weight * trees
    slope, intercept = _calibrated(outcome, mixed)
    later = _later(data, rows)
    if later is not None:
        inner, held = later
        fold = _Fold.fit(data, inner, held, iterations, early_stop=False)
        since = (1.0 - weight) * fold.linear + weight * fold.trees(iterations)
        slope_moved, level_moved = _moved(target[held], intercept + slope * since)
        slope, intercept = slope * slope_moved, intercept * slope_moved + level_moved
    return Choice(weight, iterations, slope, intercept)


@dataclass(frozen=True)
class _Fold:
    """A model of some rows and its log-odds for others. ``curve``: log-loss there after each tree."""

    linear: Floats
    curve: Floats
    booster: Any
    matrix: Floats

    @classmethod
    def fit(cls, data: LoansTable, inner: Ints, held: Ints, iterations: int, *, early_stop: bool = True) -> _Fold:
        target = _target(data)
        codes = _codes_of(data, inner)
        matrix = encode_for_training(data.table.rows(inner), codes, target[inner], SEED)
        unseen = encode_all(data.table.rows(held), codes)
        linear = _linear_of(matrix, target[inner], unseen)
        if not iterations or not _varies(matrix):
            return cls(linear, np.zeros(0), None, unseen)
        booster = _booster(iterations, early_stop=early_stop)
        if early_stop:
            booster.fit(matrix, target[inner], eval_set=(unseen, target[held]), use_best_model=False)
            curve = np.asarray(booster.get_evals_result()["validation"]["Logloss"]) * len(held)
        else:
            booster.fit(matrix, target[inner])
            curve = np.zeros(0)
        return cls(linear, curve, booster, unseen)

    def trees(self, iterations: int) -> Floats:
        """The log-odds of the first ``iterations`` trees; those of the logistic part where there are none."""
        if self.booster is None or not iterations:
            return self.linear
        last = min(iterations, self.booster.tree_count_)
        return np.asarray(self.booster.predict(self.matrix, prediction_type="RawFormulaVal", ntree_end=last))


def _best_iterations(curves: list[Floats]) -> int:
    """The number of trees with the least log-loss over all folds; a fold that stopped is carried on level."""
    curves = [curve for curve in curves if len(curve)]
    if not curves:
        return 0
    longest = max(len(curve) for curve in curves)
    total = np.sum([np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves], axis=0)
    return int(np.argmin(total)) + 1


def _later(data: LoansTable, rows: Ints) -> tuple[Ints, Ints] | None:
    """Earlier rows and the latest quarter, where there is a time and both hold enough to calibrate on."""
    if data.time is None or len(np.unique(data.time[rows])) <= 3:
        return None
    target = _target(data)
    early, late = time_split(data.time[rows], HELD_BACK, None if data.group is None else data.group[rows])
    hits = int(target[rows[late]].sum())
    if min(hits, len(late) - hits) < FEWEST_FOR_CALIBRATION or not _both(target[rows[early]]):
        return None
    return rows[early], rows[late]


def _calibrated(outcome: Ints, odds: Floats) -> tuple[float, float]:
    """Slope and intercept of the outcome on log-odds of rows that were held back; 1 and 0 where those are too few."""
    least = min(int(outcome.sum()), int(len(outcome) - outcome.sum()))
    if least < FEWEST_FOR_CALIBRATION or float(odds.std()) < 1e-9:
        return 1.0, 0.0
    weights = logistic_fit(odds[:, None], outcome)
    # A slope below nothing would turn every feature round: then the rate alone is known.
    return (float(weights[1]), float(weights[0])) if weights[1] > 0.0 else (0.0, float(logit(np.array(outcome.mean()))))


def _moved(outcome: Ints, odds: Floats) -> tuple[float, float]:
    """How the latest rows differ from log-odds that are calibrated on the rows before: slope, then level.

    Each is taken as far as it exceeds its own standard error (the positive-part James-Stein estimate), so that the
    noise of one quarter is not carried into the model.
    """
    least = min(int(outcome.sum()), int(len(outcome) - outcome.sum()))
    if least < FEWEST_FOR_CALIBRATION or float(odds.std()) < 1e-9:
        return 1.0, 0.0
    centred = odds - odds.mean()
    slope = 1.0 + _beyond_noise(float(logistic_fit(centred[:, None], outcome)[1]) - 1.0, centred, odds)
    level, scaled = 0.0, slope * odds
    for _ in range(50):
        expected = expit(level + scaled)
        step = float((outcome - expected).sum() / (expected * (1.0 - expected)).sum())
        level += step
        if abs(step) < 1e-10:
            break
    return max(slope, 0.1), _beyond_noise(level, np.ones(len(odds)), scaled)


def _beyond_noise(change: float, column: Floats, odds: Floats) -> float:
    probability = expit(odds)
    variance = 1.0 / max(float((column**2 * probability * (1.0 - probability)).sum()), 1e-12)
    return change * max(0.0, 1.0 - variance / max(change * change, 1e-12))


def _target(data: LoansTable) -> Ints:
    assert data.target is not None  # noqa: S101 - the caller has checked it
    return data.target


def _both(target: Ints) -> bool:
    return bool(target.sum() >= FEWEST_OF_A_CLASS and (len(target) - target.sum()) >= FEWEST_OF_A_CLASS)


def _varies(matrix: Floats) -> bool:
    """Whether any column has two values among these rows: CatBoost refuses a table that has none."""
    return any(len(np.unique(column)) > 1 for column in np.nan_to_num(matrix, nan=-1e300).T)


def _codes_of(data: LoansTable, rows: Ints) -> list[ColumnCode]:
    return [learn_code(data.table.rows(rows), name, _target(data)[rows]) for name in data.features]


def _linear_of(matrix: Floats, target: Ints, unseen: Floats) -> Floats:
    trial = LoansModel(
        target="", positive="", codes=[], tree_weight=0.0, base_rate=0.0, slope=1.0, intercept=0.0, rows=0,
        **_fit_parts(matrix, target, 0),
    )  # fmt: skip
    return trial.linear_odds(unseen)


def _log_loss(target: Ints, odds: Floats) -> float:
    probability = np.clip(expit(odds), 1e-9, 1.0 - 1e-9)
    return float(-np.mean(np.where(target == 1, np.log(probability), np.log1p(-probability))))


def _booster(iterations: int, *, early_stop: bool = False) -> Any:
    from catboost import CatBoostClassifier

    return CatBoostClassifier(
        iterations=iterations,
        depth=5,
        learning_rate=0.04,
        l2_leaf_reg=6.0,
        rsm=0.7,
        bootstrap_type="Bernoulli",
        subsample=0.8,
        loss_function="Logloss",
        # Without it the first trees begin at even odds, and a model of few trees is far above every rate.
        boost_from_average=True,
        random_seed=SEED,
        thread_count=2,
        verbose=False,
        allow_writing_files=False,
        early_stopping_rounds=PATIENCE if early_stop else None,
    )


def _fit_parts(matrix: Floats, target: Ints, iterations: int) -> dict[str, Any]:
    known = ~np.isnan(matrix)
    some = known.any(axis=0)
    middle, low, high = (np.zeros(matrix.shape[1]) for _ in range(3))
    if some.any():
        middle[some] = np.nanmedian(matrix[:, some], axis=0)
        low[some], high[some] = _limits(matrix[:, some])
    ready = np.clip(np.where(known, matrix, middle), low, high)
    centre, spread = ready.mean(axis=0), ready.std(axis=0)
    scale = np.where(spread > 1e-12, spread, 1.0)
    weights = logistic_fit((ready - centre) / scale, target, ridge=2.0)
    trees = None
    if iterations and _varies(matrix):
        booster = _booster(iterations)
        booster.fit(matrix, target)
        with tempfile.TemporaryDirectory() as scratch:
            trees = saved_json(booster, Path(scratch))
    numbers = {"middle": middle, "centre": centre, "scale": scale, "low": low, "high": high, "logistic": weights}
    return {name: value.tolist() for name, value in numbers.items()} | {"trees": trees}


def _limits(matrix: Floats) -> tuple[Floats, Floats]:
    """Where the logistic part cuts each column off: a slip of the pen must not set the scale of everyone else."""
    low, first, middle, third, high = np.nanquantile(matrix, [0.005, 0.25, 0.5, 0.75, 0.995], axis=0)
    reach = OUTLIER_REACH * (third - first)
    # A column that is one value for half of the rows has no such reach: there only the tails are cut.
    wide = reach > 0.0
    return np.where(wide, np.maximum(low, middle - reach), low), np.where(wide, np.minimum(high, middle + reach), high)


def _warn_of_leaks(matrix: Floats, codes: list[ColumnCode], target: Ints, progress: Progress) -> None:
    titles = [title for code in codes for title in code.titles]
    for title, column in zip(titles, matrix.T, strict=True):
        known = ~np.isnan(column)
        if known.sum() > FEWEST_OF_A_CLASS and abs(auc(target[known], column[known]) - 0.5) > LEAK_AUC - 0.5:
            progress(f"warning: {title} alone predicts nearly every outcome; was it known when the loan was made?")
