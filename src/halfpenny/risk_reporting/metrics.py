"""What an alert can watch: the drift of the newest stored report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import Gauge

FEATURE_PSI = Gauge(
    "halfpenny_risk_feature_psi",
    "Population stability index of recent applications against the booked population, by feature",
    ["feature"],
)


def show_drift(report: Mapping[str, Any]) -> None:
    """Take over each figure that the stored report has, and no other; with too few loans there is none."""
    FEATURE_PSI.clear()
    for drift in report["drift"]:
        if drift["psi"] is not None:
            FEATURE_PSI.labels(drift["name"]).set(drift["psi"])
