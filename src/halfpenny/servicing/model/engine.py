"""The engine: replay a loan's events on its terms to its position.

A backdated event is just one more event in its place: the replay sorts, and nothing is ever patched. Contract
interest follows the schedule; what is overdue bears default interest instead, on instalments' principal and
interest, from the due date to the day it is paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from operator import attrgetter

from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Event, check_events, in_order, standing_events
from halfpenny.servicing.model.loan_replay import LoanReplay
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.terms import LoanTerms


def replay(terms: LoanTerms, events: Iterable[Event], as_of: date, *, recorded: Sequence[Event] = ()) -> LoanPosition:
    """The position at the end of ``as_of``, after every event effective by then; later events are not known yet.

    Only what says that an earlier event never was counts for the days before it too: a receipt that the bank took back
    later and a default that was disproved later never were, on any day.

    ``recorded`` events are in the loan's log already: where an earlier event that was recorded later has overtaken one
    of them (a change of terms after the end, money for a closed loan) it changes nothing, and the money goes back. The
    same of ``events`` is refused: EventBeforeAdvance, CurrencyMismatch, EventNotPositive, EventAfterMaturity,
    RedemptionExceedsPrincipal, or LoanClosed for a receipt on a settled loan.
    """
    return live_through(terms, events, as_of, recorded=recorded).position(as_of)


def live_through(
    terms: LoanTerms, events: Iterable[Event], as_of: date, *, recorded: Sequence[Event] = ()
) -> LoanReplay:
    """The loan itself at the end of ``as_of``: ``replay`` before its position is taken."""
    if as_of < terms.advanced_on:
        raise errors.EventBeforeAdvance(effective_date=as_of.isoformat())
    refusable = list(events)
    ordered = in_order([*recorded, *refusable])
    check_events(ordered, terms.advanced_on, terms.currency)
    # As one that is reported late counts from its day, one that is taken back counts on none: days past due do not
    # begin with the day on which it became known.
    known = [event for event in standing_events(ordered) if event.effective_date <= as_of]
    loan_replay = LoanReplay(terms, [event for event in refusable if event.effective_date <= as_of])
    for day, group in groupby(known, key=attrgetter("effective_date")):
        loan_replay.process_day(day, list(group))
    loan_replay.advance(as_of)
    loan_replay.end_day(as_of)
    return loan_replay
