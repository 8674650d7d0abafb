"""Row 15: a model of one's own table is calibrated on unseen rows, and no weaker than a default CatBoost."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from halfpenny_training.encoding import encode_all
from halfpenny_training.fitting import fit_loans
from halfpenny_training.loans import LoansModel, LoansTable
from halfpenny_training.metrics import Ints, bootstrap, brier, calibration
from halfpenny_training.splits import stratified_folds, time_split
from halfpenny_training.table import Table, write_csv

FEATURES = ["margin", "cover", "branch", "first", "second"]


def book(path: Path, count: int, seed: int, *, trend: float) -> LoansTable:
    """Loans whose odds bend and interact, and whose level moves with time by ``trend`` in log-odds."""
    dice = np.random.default_rng(seed)
    moment = np.sort(dice.uniform(0.0, 1.0, count))
    margin, cover = dice.normal(size=count), dice.uniform(0.3, 1.0, count)
    branch = dice.choice(list("nesw"), count)
    pair = dice.normal(size=(count, 2))
    odds = -2.1 + trend * moment - 0.9 * margin + 2.0 * (cover - 0.6) + 1.2 * (margin < -0.5) * (cover > 0.7)
    odds += 0.7 * (branch == "n") + 0.7 * pair[:, 0] * pair[:, 1]
    late = dice.random(count) < 1.0 / (1.0 + np.exp(-odds))
    rows = [
        [
            f"{2011 + int(when * 6)}-{1 + int(when * 72) % 12:02d}-03",
            f"{m:.4f}",
            f"{c:.4f}",
            b,
            *(f"{x:.4f}" for x in p),
            int(y),
        ]
        for when, m, c, b, p, y in zip(moment, margin, cover, branch, pair, late, strict=True)
    ]  # fmt: skip
    write_csv(path, ["opened", *FEATURES, "late"], rows)
    return LoansTable(path, FEATURES, "late", time_column="opened")


def default_catboost(model: LoansModel, table: Table, target: Ints, learn: Ints, test: Ints) -> np.ndarray:
    from catboost import CatBoostClassifier

    def columns(rows: Ints) -> pd.DataFrame:
        some = table.rows(rows)
        return pd.DataFrame(
            {
                code.name: some.texts(code.name) if code.kind == "category" else encode_all(some, [code])[:, 0]
                for code in model.codes
            }
        )

    categories = [code.name for code in model.codes if code.kind == "category"]
    rival = CatBoostClassifier(
        verbose=False, random_seed=3, thread_count=2, allow_writing_files=False, cat_features=categories
    )
    rival.fit(columns(learn), target[learn])
    return np.asarray(rival.predict_proba(columns(test))[:, 1])


@pytest.mark.parametrize("by_time", [False, True])
def test_row_15_calibrated_on_unseen_rows_and_no_weaker_than_a_default_catboost(tmp_path: Path, by_time: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        data = book(tmp_path / "book.csv", 2000, seed=77, trend=-0.5 if by_time else 0.0)
        assert data.target is not None and data.time is not None
        if by_time:
            learn, test = time_split(data.time, 0.3)
        else:
            data.time = None
            test = stratified_folds(data.target, 3, 5)[0]
            learn = np.setdiff1d(np.arange(len(data.target)), test)
        model = fit_loans(data, learn, "late", lambda _: None)
        ours = model.predict(data.table.rows(test))
        theirs = default_catboost(model, data.table, data.target, learn, test)
    outcome = data.target[test]
    slope = bootstrap(lambda some: calibration(outcome[some], ours[some])[0], len(outcome))
    level = bootstrap(lambda some: float(ours[some].mean() - outcome[some].mean()), len(outcome))
    behind = bootstrap(lambda some: brier(outcome[some], ours[some]) - brier(outcome[some], theirs[some]), len(outcome))
    assert slope.low <= 1.1 and slope.high >= 0.9, slope
    assert 0.75 < slope.value < 1.25, slope
    assert abs(level.value) < 0.03 and level.low <= 0.01 and level.high >= -0.01, level
    assert behind.low <= 0.0, behind


def test_row_15_trees_do_not_begin_at_even_odds(tmp_path: Path) -> None:
    data = book(tmp_path / "book.csv", 700, seed=78, trend=0.0)
    assert data.target is not None
    data.time = None
    rows = np.arange(len(data.target))
    model = fit_loans(data, rows, "late", lambda _: None)
    assert model.trees is not None
    assert abs(model.predict(data.table).mean() - data.target.mean()) < 0.02
