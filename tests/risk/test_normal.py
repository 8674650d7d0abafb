"""The normal distribution in numpy against the standard library and its own symmetries."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from halfpenny_risk.normal import cdf, erfc, expit, logit, quantile


def test_erfc_and_cdf_equal_the_standard_library() -> None:
    x = np.linspace(-9.0, 9.0, 3001)
    assert np.allclose(erfc(x), [math.erfc(value) for value in x], rtol=1e-13, atol=0.0)
    assert np.allclose(cdf(x), [NormalDist().cdf(value) for value in x], rtol=1e-12, atol=1e-16)


def test_the_quantile_undoes_the_distribution() -> None:
    p = np.array([1e-6, 0.0125, 0.5, 0.975])
    assert np.allclose(cdf(quantile(p)), p, rtol=1e-9)


def test_logit_and_expit_undo_each_other() -> None:
    p = np.array([1e-9, 0.001, 0.3, 0.5, 0.97, 1.0 - 1e-9])
    assert np.allclose(expit(logit(p)), p, rtol=1e-12)
    assert expit(np.array([-800.0, 800.0])).tolist() == [0.0, 1.0]
