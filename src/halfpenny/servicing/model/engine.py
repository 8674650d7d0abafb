"""The engine: replay a loan's events on its terms and say where it stands.

A backdated event is just one more event in its place: the replay sorts, and nothing is ever patched. Contract
interest follows the schedule; what is overdue bears default interest instead, on instalments' principal and
interest, from the due date to the day it is paid.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Event, check_events, in_order
from halfpenny.servicing.model.loan_replay import LoanReplay
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.schedule import build_in_order
from halfpenny.servicing.model.terms import LoanTerms


def replay(terms: LoanTerms, events: Iterable[Event], as_of: date) -> LoanPosition:
    """The position at the end of ``as_of``, after every event effective by then; later events are not known yet.

    Raises EventBeforeAdvance, CurrencyMismatch, EventNotPositive, EventAfterMaturity,
    RedemptionExceedsPrincipal, or LoanClosed for a receipt on a settled loan.
    """
    if as_of < terms.advanced_on:
        raise errors.EventBeforeAdvance(effective_date=as_of.isoformat())
    ordered = in_order(events)
    check_events(ordered, terms.advanced_on, terms.currency)
    known = [event for event in ordered if event.effective_date <= as_of]
    loan_replay = LoanReplay(terms, build_in_order(terms, known), known)
    for event in known:
        loan_replay.process(event)
    loan_replay.advance(as_of)
    return loan_replay.position(as_of)
