"""What an alert can watch: the drift of the last report, in the process that made it."""

from __future__ import annotations

from prometheus_client import Gauge

from halfpenny_monitoring.report import MonitoringReport

FEATURE_PSI = Gauge(
    "halfpenny_risk_feature_psi",
    "Population stability index of recent applications against the booked population, by feature",
    ["feature"],
)


def show_drift(report: MonitoringReport) -> None:
    """Take over each figure that the report has; with too few loans there is none."""
    for drift in report.drift:
        if drift.psi is not None:
            FEATURE_PSI.labels(drift.name).set(drift.psi)
