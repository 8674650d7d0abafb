"""Errors of the back office."""

from __future__ import annotations

from halfpenny.primitives.errors import Malformed


class StatementBackwards(Malformed):
    code = "statement_backwards"
    message = "The last day of a statement must not be before its first."
