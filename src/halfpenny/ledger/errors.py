"""Errors of the ledger."""

from __future__ import annotations

from halfpenny.primitives.errors import HalfpennyError, Malformed, NotFound, Refused


class InsufficientAvailable(Refused):
    code = "insufficient_available"
    message = "The available balance is too small."


class JournalConflict(Refused):
    code = "journal_conflict"
    message = "A journal with this id exists with other contents."


class AlreadyReversed(Refused):
    code = "already_reversed"
    message = "This journal has been reversed before."


class FutureEffectiveDate(Malformed):
    code = "future_effective_date"
    message = "A transfer cannot take effect in the future."


class LedgerCurrencyMismatch(Malformed):
    code = "currency_mismatch"
    message = "A transfer and its accounts must be in one currency."


class NotInChart(HalfpennyError):
    """A fault of ours, never of the caller's: an event moved money between accounts that its lines do not name."""

    code = "not_in_chart"
    message = "The chart of accounts does not allow this transfer under this event."


class UnknownHold(NotFound):
    code = "unknown_hold"
    message = "There is no such hold."


class UnknownJournal(NotFound):
    code = "unknown_journal"
    message = "There is no such journal."


class EmptyJournal(HalfpennyError):
    code = "empty_journal"
    message = "A journal holds at least one transfer of a positive amount."
