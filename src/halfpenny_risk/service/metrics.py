"""Metrics of the service: latency, outcomes and the distribution of scores.

Drift is not among them: it is measured where the applications are kept, so that no restart of this service loses the
window and the reference is the booked population (``halfpenny_monitoring.drift``).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from halfpenny_messages import LoanAssessed


class Metrics:
    """All of the service's metrics in a registry of their own."""

    def __init__(self) -> None:
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

        self.promotion = Gauge(
            "risk_promotion", "Number of the promotion in force; 0 before the first", registry=self.registry
        )

    def observe(self, assessed: LoanAssessed, seconds: float) -> None:
        """Count one assessment."""
        self.latency.observe(seconds)
        self.grades.labels(assessed.grade).inc()
        self.probability.observe(float(assessed.probability_of_default))
        for flag in assessed.flags:
            self.fallbacks.labels(flag).inc()
        if assessed.challenger is not None:
            self.disagreement.labels(str(assessed.challenger.grade == assessed.grade).lower()).inc()

    def exposition(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self.registry)
