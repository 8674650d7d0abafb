"""Train on anybody's loan-level table and score another: the path of ``--loans`` (docs/guides/risk-training.md).

The model is a logistic regression and boosted trees, mixed in log-odds by what did best on held-back rows.
Everything is seeded: the same file gives the same model, bit for bit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.artefacts import write_json
from halfpenny_risk.errors import BadArtefact, BadTable
from halfpenny_risk.normal import Floats, expit, logit
from halfpenny_risk.trees import trees_from_json
from halfpenny_training.borrower import saved_json
from halfpenny_training.encoding import (
    ColumnCode,
    encode_all,
    encode_for_training,
    learn_code,
    read_times,
)
from halfpenny_training.metrics import auc, logistic_fit
from halfpenny_training.splits import stratified_folds, time_split
from halfpenny_training.table import Table, read_csv

Ints = NDArray[np.int64]
Progress = Callable[[str], None]

SEED = 20160101
MODEL_FILE = "loans_model.json"
HELD_BACK = 0.25
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
FEWEST_OF_A_CLASS = 3
FEWEST_FOR_TREES = 40
MOST_ITERATIONS = 1500
# A single column that predicts the target this well is more likely a leak than a discovery.
LEAK_AUC = 0.97
# Quartile distances from the median beyond which a value counts as this much.
OUTLIER_REACH = 5.0
POSITIVE_WORDS = frozenset({"1", "true", "yes", "y", "bad", "default", "defaulted", "charged off", "late", "t"})
# These are read for the fairness report, and never scored.
PROTECTED = frozenset(
    {
        "age", "applicant_age", "borrower_age", "birth_date", "birthdate", "date_of_birth", "dob", "sex", "gender",
        "marital", "marital_status", "race", "ethnicity", "nationality", "citizenship", "religion", "origin",
        "disability", "pregnancy", "family_status",
    }
)  # fmt: skip


class LoansModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model of one table. ``logistic`` has the intercept first and works on (x - centre) / scale, middle for missing.
    ``tree_weight`` is the share of the trees in the log-odds."""

    target: str
    positive: str
    codes: list[ColumnCode]
    middle: list[float]
    centre: list[float]
    scale: list[float]
    low: list[float]
    high: list[float]
    logistic: list[float]
    trees: dict[str, Any] | None
    tree_weight: float
    base_rate: float
    slope: float
    intercept: float
    rows: int

    def predict(self, table: Table) -> Floats:
        """The probability of the positive class of each row."""
        rows = encode_all(table, self.codes)
        odds = (1.0 - self.tree_weight) * self._logistic(rows)
        if self.trees is not None and self.tree_weight > 0.0:
            titles = [title for code in self.codes for title in code.titles]
            odds = odds + self.tree_weight * trees_from_json(self.trees, titles).predict(rows)
        return expit(self.intercept + self.slope * odds)

    def _logistic(self, rows: Floats) -> Floats:
        ready = np.clip(np.where(np.isnan(rows), self.middle, rows), self.low, self.high)
        weights = np.asarray(self.logistic)
        return np.asarray(weights[0] + (ready - np.asarray(self.centre)) / np.asarray(self.scale) @ weights[1:])


class LoansTable:
    """A table read for a task: features without the protected ones, and target, time and group where they are."""

    def __init__(
        self,
        path: Path,
        features: list[str],
        target: str | None,
        *,
        id_column: str | None = None,
        time_column: str | None = None,
        group_column: str | None = None,
        positive: str | None = None,
        for_scoring: bool = False,
        progress: Progress = lambda _: None,
    ) -> None:
        named = [column for column in (target, id_column, time_column, group_column) if column]
        table = read_csv(path, {*features, *named})
        lacking = [
            name for name in (*features, id_column, time_column, group_column) if name and name not in table.columns
        ]
        if lacking:
            raise BadTable(f"{path} has no column {', '.join(map(repr, lacking))}")
        self.features = usable_features(features, named, progress)
        self.positive = positive
        self.target: Ints | None = None
        if target is not None and target in table.columns and for_scoring:
            # Every row is scored; the outcome is kept where there is one, -1 elsewhere.
            cells = table.texts(target)
            self.target = np.where(cells == "", -1, cells == positive).astype(np.int64)
        elif target is not None and target in table.columns:
            table, self.target, self.positive = _with_target(table, target, positive, progress)
        self.table = table
        self.ids = table.texts(id_column) if id_column else np.arange(1, len(table) + 1).astype(str)
        self.time = read_times(table, time_column) if time_column else None
        self.group = _codes(table.texts(group_column)) if group_column else None

    @classmethod
    def read(cls, options: Any, features: list[str], progress: Progress, *, for_scoring: bool = False) -> LoansTable:
        """The table that the command line's options name."""
        return cls(
            options.loans,
            features,
            options.target,
            id_column=options.id,
            time_column=options.time,
            group_column=options.group,
            positive=options.positive,
            for_scoring=for_scoring,
            progress=progress,
        )


def usable_features(features: list[str], named: list[str], progress: Progress) -> list[str]:
    """The features that may be scored; raises ``BadTable`` when one has another task in the file too."""
    if not features or len(set(features)) != len(features):
        raise BadTable("--features must name columns, each once")
    doubled = [name for name in features if name in named]
    if doubled:
        raise BadTable(f"{', '.join(doubled)} is among --features and is the target, the id, the time or the group too")
    protected = [name for name in features if name.strip().lower() in PROTECTED]
    if protected:
        progress(f"left out, since protected attributes are never scored: {', '.join(protected)}")
    usable = [name for name in features if name not in protected]
    if not usable:
        raise BadTable("no feature is left")
    return usable


def _with_target(table: Table, column: str, positive: str | None, progress: Progress) -> tuple[Table, Ints, str | None]:
    cells = table.texts(column)
    known = cells != ""
    if not known.any():
        # A file to be scored may keep the column, empty.
        return table, np.zeros(0, dtype=np.int64), positive
    if not known.all():
        progress(f"{int((~known).sum())} rows without a target are left out")
        table, cells = table.rows(known), cells[known]
    words = np.unique(cells)
    if positive is None:
        plain = {word: _plain(str(word)) for word in words}
        marked = [word for word in words if plain[word] in POSITIVE_WORDS]
        if len(words) > 2 or len(marked) != 1:
            listed = ", ".join(repr(str(word)) for word in words[:6])
            raise BadTable(f"--target {column} must have two values, one of them plainly the bad one; it has {listed}. "
                           "Name the bad one with --positive.")  # fmt: skip
        positive = str(marked[0])
    hits = (cells == positive).astype(np.int64)
    if not hits.any() or hits.all():
        raise BadTable(f"--target {column}: all rows are alike; {positive!r} and another value are needed")
    return table, hits, positive


def _plain(word: str) -> str:
    text = word.strip().lower()
    return text[:-2] if text.endswith(".0") else text


def _codes(labels: NDArray[np.str_]) -> Ints:
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)


def fit_loans(data: LoansTable, rows: Ints, target_name: str, progress: Progress) -> LoansModel:
    """Fit on some rows of the table; raises ``BadTable`` where there is too little of one class."""
    if data.target is None or not len(data.target):
        raise BadTable(f"the file has no target {target_name!r} to learn from")
    target = data.target[rows]
    least = int(min(target.sum(), len(target) - target.sum()))
    if least < FEWEST_OF_A_CLASS:
        raise BadTable(f"only {least} rows of the rarer outcome to learn from; at least {FEWEST_OF_A_CLASS} are needed")
    inner, held = _inner_split(data, rows)
    progress(f"{len(rows)} rows to learn from, {target.mean():.2%} positive; {len(held)} held back to choose the model")
    weight, iterations = 0.0, 0
    if least >= FEWEST_FOR_TREES:
        weight, iterations = _choose(data, inner, held)
    codes = [learn_code(data.table.rows(rows), name, target) for name in data.features]
    matrix = encode_for_training(data.table.rows(rows), codes, target, SEED)
    _warn_of_leaks(matrix, codes, target, progress)
    parts = _fit_parts(matrix, target, iterations)
    model = LoansModel(
        target=target_name,
        positive=data.positive or "1",
        codes=codes,
        tree_weight=weight,
        base_rate=float(target.mean()),
        slope=1.0,
        intercept=0.0,
        rows=len(rows),
        **parts,
    )
    progress(f"model: {len(codes)} columns, share of the trees {weight:g}, {iterations} trees")
    return model


def _inner_split(data: LoansTable, rows: Ints) -> tuple[Ints, Ints]:
    """Rows to fit on and rows held back, later ones where there is a time, and whole groups where there are groups."""
    target = data.target
    assert target is not None  # noqa: S101 - the caller has checked it
    group = None if data.group is None else data.group[rows]
    if data.time is not None and len(np.unique(data.time[rows])) > 3:
        early, late = time_split(data.time[rows], HELD_BACK, group)
        if _both(target[rows[early]]) and _both(target[rows[late]]):
            return rows[early], rows[late]
    held = stratified_folds(target[rows], 4, SEED, group)[0]
    return rows[np.setdiff1d(np.arange(len(rows)), held)], rows[held]


def _both(target: Ints) -> bool:
    return bool(target.sum() >= FEWEST_OF_A_CLASS and (len(target) - target.sum()) >= FEWEST_OF_A_CLASS)


def _choose(data: LoansTable, inner: Ints, held: Ints) -> tuple[float, int]:
    """The share of the trees and their number that did best on the rows held back."""
    target = data.target
    assert target is not None  # noqa: S101 - the caller has checked it
    if not _both(target[held]) or not _both(target[inner]):
        return 0.5, 150
    codes = [learn_code(data.table.rows(inner), name, target[inner]) for name in data.features]
    matrix = encode_for_training(data.table.rows(inner), codes, target[inner], SEED)
    held_matrix = encode_all(data.table.rows(held), codes)
    booster = _booster(MOST_ITERATIONS, early_stop=True)
    booster.fit(matrix, target[inner], eval_set=(held_matrix, target[held]))
    iterations = max(20, int(booster.get_best_iteration() or 0) + 1)
    trees = booster.predict(held_matrix, prediction_type="RawFormulaVal")
    trial = LoansModel(
        target="", positive="", codes=codes, tree_weight=0.0, base_rate=0.0, slope=1.0, intercept=0.0, rows=0,
        **_fit_parts(matrix, target[inner], 0),
    )  # fmt: skip
    linear = trial._logistic(held_matrix)
    losses = [_log_loss(target[held], (1.0 - share) * linear + share * trees) for share in WEIGHTS]
    return WEIGHTS[int(np.argmin(losses))], iterations


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
        random_seed=SEED,
        thread_count=2,
        verbose=False,
        allow_writing_files=False,
        early_stopping_rounds=60 if early_stop else None,
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
    if iterations:
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


def save_loans(model: LoansModel, folder: Path) -> Path:
    """Write the model as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / MODEL_FILE, msgspec.to_builtins(model))
    return folder / MODEL_FILE


def load_loans(folder: Path) -> LoansModel:
    """Read a model that ``train --loans`` wrote; raises ``BadArtefact``."""
    path = folder / MODEL_FILE if folder.is_dir() else folder
    try:
        return msgspec.json.decode(path.read_bytes(), type=LoansModel)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadArtefact(f"{path}: {error}") from None


def base_odds(model: LoansModel) -> float:
    """The log-odds of the training rows: the benchmark that knows nothing."""
    return float(logit(np.array(model.base_rate)))
