"""Indicators of the bank: it answers, and its statements are matched."""

from __future__ import annotations

from halfpenny.platform.indicators import Indicator, Severity, age

_DAY_S = 86_400

INDICATORS = (
    Indicator(
        "bank_lines_unmatched_seconds",
        "Age of the oldest finding of a reconciliation that nobody has resolved.",
        age("SELECT found_at FROM reconciliation_item WHERE status = 'open' ORDER BY id LIMIT 1", "business_now()"),
        limit=2 * _DAY_S,
        severity=Severity.TICKET,
    ),
    Indicator(
        "payment_pending_seconds",
        "Age of the oldest deposit or withdrawal that the bank has neither settled nor returned.",
        age("SELECT requested_at FROM wallet_payment WHERE status = 'pending' ORDER BY id LIMIT 1", "business_now()"),
        limit=3 * _DAY_S,
        severity=Severity.TICKET,
    ),
)
