"""Which changes of the law's maximum rates a loan has lived through and does not know yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from halfpenny.primitives.legal_maximum import LegalMaximumTable
from halfpenny.servicing.model.events import Event, LegalMaximumChange
from halfpenny.servicing.model.terms import LoanTerms


def legal_changes(
    terms: LoanTerms, recorded: Iterable[Event], to: date, table: LegalMaximumTable
) -> list[LegalMaximumChange]:
    """An event for each change of the law after the advance and by ``to`` that is not in the loan's log.

    One that was published late, after a loan had been advanced on the maximum before, or on none, counts from the
    advance; of several, the last by its own day. This alone decides which changes a loan is given.
    """
    law = table.get((terms.governing_law, terms.currency))
    if law is None:
        return []
    agreed_since = terms.legal_maximum.since if terms.legal_maximum else date.min
    # Of the events of one day the last that was recorded holds: the others are rows that were published before it.
    known = {event.effective_date: event for event in recorded if isinstance(event, LegalMaximumChange)}
    found: dict[date, LegalMaximumChange] = {}
    for row in law.rates:
        if agreed_since < row.since <= to:
            on = max(row.since, terms.advanced_on)
            found[on] = LegalMaximumChange(on, row.contract, row.default)
    return [event for on, event in found.items() if known.get(on) != event]
