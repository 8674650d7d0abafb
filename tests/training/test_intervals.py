"""Row 17: nominal coverage by the method, an honest mask, and a choice that the tested year had no part in."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest

from halfpenny_risk.artefacts import DEFAULT_FOLDER, EVALUATION
from halfpenny_training import avm, intervals
from halfpenny_training.evaluate import predicted_years

SEATTLE = json.loads((DEFAULT_FOLDER / EVALUATION).read_text(encoding="utf-8"))["seattle"]


def year(seed: int, noise: float, count: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    """Sizes of errors and what was expected of them; errors of the odd homes exceed what is expected."""
    dice = np.random.default_rng(seed)
    expected = dice.uniform(0.03, 0.2, count)
    return np.abs(dice.normal(0.0, noise * expected * (1.0 + 4.0 * expected))), expected


def coverage(tested: tuple[np.ndarray, np.ndarray], edges: np.ndarray, multiples: list[float]) -> tuple[float, float]:
    size, expected = tested
    inside = size <= avm.half_widths(expected, edges, multiples)
    return float(inside.mean()), float(inside[expected >= np.quantile(expected, 0.8)].mean())


def test_row_17_the_promise_is_what_is_calibrated() -> None:
    assert avm.COVERAGE == 0.90
    one = year(1, 1.1)
    edges = avm.segment_edges(one[1])
    assert coverage(one, edges, avm.conformal_by_segment([one], edges))[0] == pytest.approx(0.90, abs=0.002)


def test_row_17_segments_cover_the_hardest_fifth_where_one_multiple_does_not() -> None:
    learnt, tested = year(2, 1.3), year(3, 1.3)
    edges = avm.segment_edges(learnt[1])
    every, hardest = coverage(tested, edges, avm.conformal_by_segment([learnt], edges))
    assert every == pytest.approx(0.90, abs=0.015) and hardest == pytest.approx(0.90, abs=0.03)
    nothing = np.zeros(0)
    assert coverage(tested, nothing, avm.conformal_by_segment([learnt], nothing))[1] < hardest - 0.02


def test_row_17_a_calmer_year_does_not_take_cover_from_the_next() -> None:
    rough, calm, tested = year(4, 1.4), year(5, 1.0), year(6, 1.4)
    edges = avm.segment_edges(np.concatenate([rough[1], calm[1]]))
    assert coverage(tested, edges, avm.conformal_by_segment([rough, calm], edges))[0] > 0.885
    assert coverage(tested, edges, avm.conformal_by_segment([calm], edges))[0] < 0.85


def test_row_17_the_mask_keeps_nothing_that_an_application_does_not_state() -> None:
    stated = {"log_area", "beds", "age", "detached"}
    for attributes in (
        ("log_area", "log_lot", "waterfront", "grade", "beds", "baths", "age", "eff_age", "detached"),
        ("log_area", "log_lot", "beds", "baths", "age", "rooms", "garage_area", "stories", "brick", "detached"),
    ):
        assert set(attributes) - set(avm.NOT_STATED) == stated


def test_row_17_the_way_was_chosen_on_the_year_before_the_tested_one() -> None:
    trials = SEATTLE["interval_trials"]
    assert trials["year"] == 2015
    best = intervals.chosen(trials["tried"])
    assert best is not None and best["chosen"] and best["way"] == str(intervals.CHOSEN)
    assert len(trials["tried"]) == len(intervals.TRIED)
    figures = {line["measure"]: line for line in SEATTLE["lines"]}
    assert figures["90 % interval, all"]["value"] > 0.88 and figures["90 % interval, hardest fifth"]["value"] > 0.88


@pytest.mark.parametrize(
    ("first_sale", "tested", "expected"),
    [(1993, 1998, range(1995, 1999)), (2010, 2016, range(2012, 2017)), (2001, 2016, range(2012, 2017))],
)
def test_row_11_a_year_is_predicted_once_there_are_sales_to_learn_from(
    first_sale: int, tested: int, expected: range
) -> None:
    """Trees learn from no sale of a market's first year: where the history is short, fewer years are predicted."""
    days = np.array([40.0, 800.0, 1_500.0])
    market = SimpleNamespace(test_from=date(tested, 1, 1), epoch=date(first_sale, 1, 1), day=days)
    assert predicted_years(market) == expected  # type: ignore[arg-type]
