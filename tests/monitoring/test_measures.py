"""The statistics of monitoring, each against an independent calculation."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

from halfpenny_monitoring.measures import (
    ENOUGH_FOR_PSI,
    area_under_curve,
    beta_cdf,
    binomial_p_value,
    brier,
    jeffreys_interval,
    jeffreys_p_value,
    mix_stability,
    paired_difference,
    population_stability,
)


@given(
    st.integers(0, 400).flatmap(lambda d: st.tuples(st.just(d), st.integers(max(d, 1), 5_000))),
    st.floats(1e-6, 1.0 - 1e-6),
)
def test_the_tests_of_a_rate_are_those_of_scipy(counts: tuple[int, int], predicted: float) -> None:
    defaults, loans = counts
    assert jeffreys_p_value(defaults, loans, predicted) == pytest.approx(
        stats.beta.cdf(predicted, defaults + 0.5, loans - defaults + 0.5), abs=1e-9
    )
    assert binomial_p_value(defaults, loans, predicted) == pytest.approx(
        stats.binom.sf(defaults - 1, loans, predicted), abs=1e-9
    )


@pytest.mark.parametrize(("defaults", "loans"), [(0, 40), (3, 57), (57, 57), (11, 2_000)])
def test_the_interval_holds_the_rate_with_95_percent(defaults: int, loans: int) -> None:
    low, high = jeffreys_interval(defaults, loans)
    posterior = stats.beta(defaults + 0.5, loans - defaults + 0.5)
    assert low == (0.0 if defaults == 0 else pytest.approx(posterior.ppf(0.025), abs=1e-9))
    assert high == (1.0 if defaults == loans else pytest.approx(posterior.ppf(0.975), abs=1e-9))


def test_the_ends_of_a_beta_distribution() -> None:
    assert (beta_cdf(2.0, 3.0, 0.0), beta_cdf(2.0, 3.0, 1.0)) == (0.0, 1.0)
    assert binomial_p_value(0, 12, 0.3) == 1.0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), min_size=1, max_size=120))
def test_ranking_and_distance_are_those_of_scikit_learn(loans: list[tuple[bool, int]]) -> None:
    """Predictions come in 30 levels, so that many tie."""
    bad, predicted = [one for one, _ in loans], [level / 31 for _, level in loans]
    assert brier(bad, predicted) == pytest.approx(brier_score_loss(bad, predicted), abs=1e-12)
    found = area_under_curve(bad, predicted)
    if len(set(bad)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(bad, predicted), abs=1e-12)


def test_a_paired_difference_is_the_t_statistic_of_scipy() -> None:
    noise = random.Random(5)
    one = [noise.gauss(0.3, 0.2) for _ in range(400)]
    other = [value + noise.gauss(0.01, 0.1) for value in one]
    mean, low, high = paired_difference(one, other)
    assert mean == pytest.approx(np.mean(np.array(one) - np.array(other)))
    t = stats.ttest_rel(one, other).statistic
    assert mean / ((high - low) / 2 / 1.96) == pytest.approx(t)
    assert paired_difference([0.4], [0.1]) == (pytest.approx(0.3), -math.inf, math.inf)


def test_psi_is_the_sum_over_the_deciles_of_the_reference() -> None:
    noise = np.random.default_rng(11)
    before, after = noise.normal(0.0, 1.0, 4_000), noise.normal(0.5, 1.2, 3_000)
    edges = np.quantile(before, np.arange(1, 10) / 10, method="higher")
    r = np.bincount(np.searchsorted(edges, before), minlength=10) / len(before)
    a = np.bincount(np.searchsorted(edges, after), minlength=10) / len(after)
    found = population_stability(before.tolist(), after.tolist())
    assert found is not None
    assert found.psi == pytest.approx(float(((a - r) * np.log(a / r)).sum()), abs=2e-3)
    assert found.by_chance == pytest.approx(9 * (1 / 4_000 + 1 / 3_000))


def test_psi_without_a_move_is_what_chance_makes_of_it() -> None:
    noise = np.random.default_rng(3)
    found = [population_stability(noise.normal(size=500).tolist(), noise.normal(size=400).tolist()) for _ in range(200)]
    psi = [each.psi for each in found if each]
    assert np.mean(psi) == pytest.approx(found[0].by_chance if found[0] else 0.0, rel=0.15)
    assert np.quantile(psi, 0.99) < 0.10


def test_unknown_values_and_words_are_bins_of_their_own() -> None:
    before: list[float | None] = [float(number % 7) for number in range(ENOUGH_FOR_PSI * 2)]
    same = population_stability(before, before)
    silent = population_stability(before, [None] * ENOUGH_FOR_PSI)
    assert same is not None and same.psi == 0.0
    assert silent is not None and silent.psi > 1.0
    assert population_stability(before, before[: ENOUGH_FOR_PSI - 1]) is None
    words = ["PL"] * 60 + ["US"] * 40
    moved = mix_stability(words, ["PL"] * 30 + ["US"] * 70)
    assert moved is not None
    assert moved.psi == pytest.approx((0.3 - 0.6) * math.log(0.3 / 0.6) + (0.7 - 0.4) * math.log(0.7 / 0.4))
