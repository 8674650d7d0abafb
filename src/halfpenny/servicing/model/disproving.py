"""A default by days past due that a replay disproves: receipts of earlier days were reported after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from halfpenny.servicing.model.delinquency import REGULATORY_DEFAULT_DAYS
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import (
    Acceleration,
    Cure,
    Default,
    DefaultDisproved,
    Event,
    WriteOff,
    standing_events,
)
from halfpenny.servicing.model.terms import LoanTerms

DEFAULT_REASON = f"more than {REGULATORY_DEFAULT_DAYS} days past due"


def disprove(terms: LoanTerms, recorded: Sequence[Event], as_of: date) -> list[Event]:
    """The events that undo a default which never was, and put it on the day that it really came, if it did.

    Nothing where there is none, where people said that the borrower is unlikely to pay, or where they have called the
    loan in or written it off since: that they decide.
    """
    standing = standing_events(recorded)
    defaults = [event for event in standing if isinstance(event, Default)]
    if not defaults or any(isinstance(event, Acceleration | WriteOff) for event in standing):
        return []
    cured = [event.effective_date for event in standing if isinstance(event, Cure)]
    newest = max(defaults, key=lambda event: event.effective_date)
    if newest.unlikely_to_pay or any(day >= newest.effective_date for day in cured):
        return []
    disproved = DefaultDisproved(as_of, newest.effective_date)
    without = replay(terms, (), as_of, recorded=[*recorded, disproved])
    since = max(cured, default=date.min)
    stretches = [stretch for stretch in without.past_limit if stretch[1] is None or stretch[1] > since]
    if any(
        first <= newest.effective_date and (last is None or last > newest.effective_date) for first, last in stretches
    ):
        return []
    later = [first for first, _ in stretches if first > newest.effective_date]
    return [disproved, *(Default(first, DEFAULT_REASON) for first in later[:1])]
