"""Indicators of the daily close: days are closed, loans are posted and holders are paid."""

from __future__ import annotations

from halfpenny.platform.indicators import Indicator, Severity, age, statement
from halfpenny.servicing.statuses import DistributionStatus

INDICATORS = (
    Indicator(
        "days_unclosed",
        "Business days that have passed and are not closed.",
        statement(
            "SELECT '', greatest(business_date() - 1 - coalesce(max(business_date), business_date() - 1), 0) "
            "FROM business_day"
        ),
        limit=0,
        lasting_s=900,
        severity=Severity.PAGE,
    ),
    Indicator(
        "loans_set_aside",
        "Loans that a daily close could not post and set aside.",
        statement("SELECT '', count(DISTINCT loan_id) FROM loan_set_aside WHERE posted_at IS NULL"),
        limit=0,
        severity=Severity.TICKET,
    ),
    Indicator(
        "distribution_unpaid_seconds",
        "Age of the oldest distribution that was declared and is not paid.",
        age(f"SELECT min(declared_at) FROM distribution WHERE status <> '{DistributionStatus.PAID}'"),
        limit=900,
        severity=Severity.PAGE,
    ),
)
