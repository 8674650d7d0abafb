"""Metrics of the service: latency, outcomes, the distribution of scores, and drift by feature."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from halfpenny_messages import LoanAssessed, LoanSubmitted

# Drift is measured over this many of the latest applications, and reported once there are enough of them.
WINDOW = 1000
ENOUGH = 50
BINS = 10


class Metrics:
    """All of the service's metrics in a registry of their own."""

    def __init__(self, reference: Mapping[str, list[float]] | None = None) -> None:
        """``reference`` holds the nine inner decile edges of each watched figure in training or at release."""
        self.registry = CollectorRegistry()
        self.latency = Histogram(
            "risk_assessment_seconds",
            "Time to assess one application, without the narrative",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0),
            registry=self.registry,
        )
        self.grades = Counter("risk_grade", "Assessments by grade", ["grade"], registry=self.registry)
        self.probability = Histogram(
            "risk_probability_of_default",
            "Distribution of the probability of default",
            buckets=(0.01, 0.02, 0.03, 0.06, 0.10, 0.18, 0.25, 0.50, 1.0),
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "risk_flag", "Flags on assessments: what was missing, absurd or replaced", ["flag"], registry=self.registry
        )
        self.outcomes = Counter("risk_request", "Requests by outcome", ["outcome"], registry=self.registry)
        self.narratives = Counter("risk_narrative", "Narratives by author", ["written_by"], registry=self.registry)
        self.disagreement = Counter(
            "risk_challenger", "Whether the challenger gave the same grade", ["same_grade"], registry=self.registry
        )
        self.drift = Gauge(
            "risk_feature_psi",
            "Population stability index of the latest applications against the reference",
            ["feature"],
            registry=self.registry,
        )
        self._reference = dict(reference or {})
        self._recent: dict[str, deque[float]] = {name: deque(maxlen=WINDOW) for name in self._reference}

    def observe(self, loan: LoanSubmitted, assessed: LoanAssessed, seconds: float) -> None:
        """Count one assessment."""
        self.latency.observe(seconds)
        self.grades.labels(assessed.grade).inc()
        self.probability.observe(float(assessed.probability_of_default))
        for flag in assessed.flags:
            self.fallbacks.labels(flag).inc()
        if assessed.challenger is not None:
            self.disagreement.labels(str(assessed.challenger.grade == assessed.grade).lower()).inc()
        for name, value in watched(loan, assessed).items():
            if name in self._recent:
                self._recent[name].append(value)

    def exposition(self) -> bytes:
        """The metrics in Prometheus's text format."""
        for name, values in self._recent.items():
            if len(values) >= ENOUGH:
                self.drift.labels(name).set(psi_from_edges(self._reference[name], np.array(values)))
        return generate_latest(self.registry)


def watched(loan: LoanSubmitted, assessed: LoanAssessed) -> dict[str, float]:
    """The figures whose drift is watched; NaN where the application is silent."""
    income = loan.borrower.income
    records = loan.borrower.adverse_records
    return {
        "ltv": float(assessed.ltv),
        "term_months": float(loan.term_months),
        "amount": float(loan.amount),
        "income": float("nan") if income is None else float(income),
        "adverse_records": float("nan") if records is None else float(records),
        "score": float(assessed.score),
    }


def psi_from_edges(edges: list[float], values: np.ndarray) -> float:
    """PSI against a reference that has an equal share in each bin between ``edges``; unknown values count apart."""
    bins = len(edges) + 1
    known = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(edges, known), minlength=bins).astype(np.float64)
    shares = np.append(np.maximum(counts, 0.5), max(len(values) - len(known), 0.5)) / max(len(values), 1)
    # A sliver is expected of the unknown, so that their coming up shows without dividing by nothing.
    expected = np.append(np.full(bins, 0.995 / bins), 0.005)
    return float(((shares - expected) * np.log(shares / expected)).sum())
