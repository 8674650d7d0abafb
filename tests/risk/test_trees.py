"""Our evaluator of oblivious trees against what CatBoost itself reported (tests/risk/data/record_catboost.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from halfpenny_risk.errors import BadArtefact
from halfpenny_risk.models import load_models
from halfpenny_risk.trees import shapley_weights, trees_from_json
from halfpenny_training.perturb import random_loans

RECORDED = json.loads((Path(__file__).parent / "data" / "catboost.json").read_text())
FEATURES = ("a", "b", "c", "d", "e")


def rows_of(recorded: dict[str, Any]) -> np.ndarray:
    return np.array([[np.nan if cell is None else cell for cell in row] for row in recorded["rows"]])


@pytest.mark.parametrize("name", ["classifier", "regressor"])
def test_predictions_equal_the_library(name: str) -> None:
    recorded = RECORDED[name]
    trees = trees_from_json(recorded["model"], FEATURES)
    assert np.abs(trees.predict(rows_of(recorded)) - recorded["predictions"]).max() < 1e-9


def test_shapley_values_equal_the_library() -> None:
    recorded = RECORDED["classifier"]
    trees = trees_from_json(recorded["model"], FEATURES)
    rows = rows_of(recorded)
    alike = 0
    for row, output, whole in zip(rows, recorded["shapley"], trees.predict(rows), strict=True):
        expected, added = trees.shapley(row)
        assert abs(expected + added.sum() - whole) < 1e-9
        assert abs(expected - output[-1]) < 1e-9
        # Below a branch that no training row took there is no share to weigh by. The library passes over such a branch
        # and we take its two sides as even: the sums agree, and the single values up to what one leaf may differ by.
        alike += bool(np.abs(added - output[:-1]).max() < 1e-9)
        assert np.abs(added - output[:-1]).max() < 1e-4
    assert alike >= 38


def test_contributions_of_the_champion_and_the_scorecard_add_up() -> None:
    rows = random_loans(100, seed=5).facts.rows()
    for choice in ("champion", "scorecard"):
        model = load_models(choice).borrower  # type: ignore[arg-type]
        odds = model.log_odds(rows)
        for row, whole in zip(rows, odds, strict=True):
            expected, added = model.explain(row)
            assert abs(expected + added.sum() - whole) < 1e-9


def test_shapley_weights_share_out_the_whole() -> None:
    random = np.random.default_rng(1)
    for count in range(1, 7):
        values = random.normal(size=1 << count)
        added = shapley_weights(count) @ values
        assert abs(added.sum() - (values[-1] - values[0])) < 1e-12
        # A feature that changes nothing gets nothing.
        without = values.reshape(-1, 2)[:, 0].repeat(2)
        assert abs((shapley_weights(count) @ without)[0]) < 1e-12


@pytest.mark.parametrize(
    "content",
    [{}, {"oblivious_trees": [], "scale_and_bias": [1, [0]]}, {"oblivious_trees": [{}], "scale_and_bias": [1, [0]]}],
)
def test_what_is_no_model_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(BadArtefact):
        trees_from_json(content, FEATURES)


def test_a_split_on_a_feature_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadArtefact):
        trees_from_json(RECORDED["classifier"]["model"], ("a",))
