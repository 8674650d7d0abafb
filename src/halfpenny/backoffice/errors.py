"""Errors of the back office."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed


class PeriodTooLong(Malformed):
    code = "period_too_long"
    message = "An export covers at most `days` days: ask for its parts."


class StatementBackwards(Malformed):
    code = "statement_backwards"
    message = "The last day of a statement must not be before its first."
