"""Indicators of underwriting: applications are assessed."""

from __future__ import annotations

from halfpenny.loans.model import Status
from halfpenny.platform.indicators import Indicator, Severity, age

INDICATORS = (
    Indicator(
        "assessment_waiting_seconds",
        "Age of the oldest application that was submitted and has no assessment.",
        age(f"SELECT min(submitted_at) FROM loan WHERE status = '{Status.SUBMITTED}'", "business_now()"),
        limit=300,
        severity=Severity.PAGE,
    ),
)
