"""Indicators of mail: it leaves."""

from __future__ import annotations

from halfpenny.platform.indicators import Indicator, Severity, age

INDICATORS = (
    Indicator(
        "mail_unsent_seconds",
        "Age of the oldest mail that has not left, however often it was tried.",
        # Its id has its time (UUID version 7): it is due again and again.
        age("SELECT uuid_extract_timestamp(id) FROM outgoing_mail ORDER BY id LIMIT 1"),
        limit=900,
        severity=Severity.TICKET,
    ),
)
