"""The normal distribution in numpy against the standard library and its own symmetries."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from halfpenny_risk.normal import bivariate_cdf, cdf, erfc, expit, logit


def test_erfc_and_cdf_equal_the_standard_library() -> None:
    x = np.linspace(-9.0, 9.0, 3001)
    assert np.allclose(erfc(x), [math.erfc(value) for value in x], rtol=1e-13, atol=0.0)
    assert np.allclose(cdf(x), [NormalDist().cdf(value) for value in x], rtol=1e-12, atol=1e-16)


def test_bivariate_cdf_equals_a_fine_sum() -> None:
    # P(X<=x, Y<=y) = integral over x of pdf(x) cdf((y - r x)/sqrt(1 - r^2)), by 4,000 steps of Simpson's rule.
    grid = np.linspace(-9.0, 9.0, 8001)
    weights = np.full(len(grid), 2.0)
    weights[1::2] = 4.0
    weights[[0, -1]] = 1.0
    step = (grid[1] - grid[0]) / 3.0
    density = np.exp(-0.5 * grid**2) / np.sqrt(2.0 * np.pi)
    random = np.random.default_rng(3)
    for _ in range(60):
        x, y = random.normal(0.0, 1.5, 2)
        r = random.uniform(0.0, 0.98)
        t = (x - 9.0) / 2.0 + grid * (x + 9.0) / 18.0
        inner = np.interp(t, grid, density) * cdf((y - r * t) / np.sqrt(1.0 - r * r))
        direct = (weights * inner).sum() * step * (x + 9.0) / 18.0
        found = bivariate_cdf(np.array([x]), np.array([y]), np.array([r]))[0]
        assert abs(found - direct) < 2e-6


def test_bivariate_cdf_at_its_edges() -> None:
    far, zero = np.array([30.0]), np.array([0.0])
    for r in (0.0, 0.5, 0.97):
        correlation = np.array([r])
        assert abs(bivariate_cdf(far, zero, correlation)[0] - 0.5) < 1e-12
        # Sheppard: at the origin it is 1/4 + asin(r) / (2 pi).
        assert abs(bivariate_cdf(zero, zero, correlation)[0] - (0.25 + math.asin(r) / (2.0 * math.pi))) < 1e-12


def test_logit_and_expit_undo_each_other() -> None:
    p = np.array([1e-9, 0.001, 0.3, 0.5, 0.97, 1.0 - 1e-9])
    assert np.allclose(expit(logit(p)), p, rtol=1e-12)
    assert expit(np.array([-800.0, 800.0])).tolist() == [0.0, 1.0]
