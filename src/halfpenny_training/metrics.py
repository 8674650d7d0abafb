"""How good a model is, with intervals: every figure in the cards and in ``evaluate`` comes from here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from halfpenny_risk.normal import Floats, logit

Ints = NDArray[np.int64]
BOOTSTRAPS = 500
_EDGE = 1e-6


def logistic_fit(rows: Floats, target: Ints, ridge: float = 1e-6) -> Floats:
    """Weights of a logistic regression (scikit-learn, Newton's method), the intercept first and not penalised.

    ``ridge`` is the weight of the squared weights in the penalised log-likelihood: a separable sample stays finite.
    """
    model = LogisticRegression(C=1.0 / ridge, solver="newton-cholesky", tol=1e-10, max_iter=200)
    with warnings.catch_warnings():
        # A separable sample has its maximum far out, where the Hessian is all but zero: the fallback's fit is as good.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, target)
    return np.concatenate([model.intercept_, model.coef_[0]])


def auc(target: Ints, score: Floats) -> float:
    """The area under the ROC curve, ties counted half; NaN where only one class is there."""
    if not 0 < target.sum() < len(target):
        return float("nan")
    return float(roc_auc_score(target, score))


def brier(target: Ints, probability: Floats) -> float:
    """The mean squared error of the probabilities."""
    return float(brier_score_loss(target, probability, pos_label=1))


def calibration(target: Ints, probability: Floats) -> tuple[float, float]:
    """Slope and intercept of the target on the log-odds: 1 and 0 when calibrated; NaN for one class only."""
    if target.min() == target.max():
        return float("nan"), float("nan")
    odds = logit(np.clip(probability, _EDGE, 1.0 - _EDGE))
    if odds.std() < 1e-9:
        return float("nan"), float("nan")
    weights = logistic_fit(odds[:, None], target)
    return float(weights[1]), float(weights[0])


def expected_calibration_error(target: Ints, probability: Floats, bins: int = 10) -> float:
    """Mean distance between predicted and observed rates over bins of equal size."""
    order = np.array_split(np.argsort(probability, kind="stable"), min(bins, len(target)))
    gaps = [abs(target[part].mean() - probability[part].mean()) * len(part) for part in order]
    return float(sum(gaps) / len(target))


def reliability(target: Ints, probability: Floats, bins: int = 10) -> list[tuple[float, float, int]]:
    """Predicted rate, observed rate and count of each tenth, for the reliability plot."""
    order = np.array_split(np.argsort(probability, kind="stable"), min(bins, len(target)))
    return [(float(probability[part].mean()), float(target[part].mean()), len(part)) for part in order]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap(
    figure: Callable[[NDArray[np.int64]], float], rows: int, seed: int = 1, groups: Ints | None = None
) -> Estimate:
    """The figure on all rows and its percentile interval over resampled rows, or over whole groups of them."""
    random = np.random.default_rng(seed)
    everything = np.arange(rows)
    members: list[NDArray[np.int64]] = []
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    drawn = []
    for _ in range(BOOTSTRAPS):
        if members:
            picked = np.concatenate([members[i] for i in random.integers(0, len(members), len(members))])
        else:
            picked = random.integers(0, rows, rows)
        value = figure(picked)
        if np.isfinite(value):
            drawn.append(value)
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (np.nan, np.nan)
    return Estimate(figure(everything), float(low), float(high))
