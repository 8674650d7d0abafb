"""Paying a loan off: what that takes on a day, and what a payment that is more than what is due means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from halfpenny.primitives.money import Money, format_minor
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import live_through, replay
from halfpenny.servicing.model.events import (
    Acceleration,
    Apply,
    Event,
    Extension,
    PrecedingAct,
    Receipt,
    Waiver,
    WriteOff,
)
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.redemption import Payoff
from halfpenny.servicing.model.terms import LoanTerms


def payoff(terms: LoanTerms, recorded: Sequence[Event], on: date) -> Payoff:
    """What redeems the whole loan on ``on``, after the events that are recorded. Raises EventBeforeAdvance."""
    return live_through(terms, (), on, recorded=recorded).redemption_on(on)


def payoff_by_day(terms: LoanTerms, recorded: Sequence[Event], first: date, days: int) -> tuple[Payoff, ...]:
    """What redeems the whole loan on each of ``days`` days from ``first`` on, if nothing else happens until then."""
    return tuple(payoff(terms, recorded, first + timedelta(days=after)) for after in range(days))


def receive(
    terms: LoanTerms,
    recorded: Sequence[Event],
    on: date,
    amount: Money,
    reference: str = "",
    apply: Apply | None = None,
    receipt_id: str = "",
) -> Receipt:
    """The receipt that a payment is. ``reference`` names what brought the money, ``receipt_id`` itself.

    Beyond what is due it waits for the next instalment (``due``, also where ``apply`` is left out) or repays principal
    (``prepay``); what covers the redemption figure redeems. Raises LoanClosed for a settled loan, and ApplyNeeded with
    both outcomes where nobody said what the rest beyond the next instalment is for. Nobody is asked about a loan that
    has been called in or written off since: all of it is owed, so the rest repays principal.
    """
    if apply is None and _called_in(recorded, on):
        apply = Apply.PREPAY
    before = replay(terms, (), on, recorded=recorded)
    if before.closed_on is not None:
        raise errors.LoanClosed(closed_on=before.closed_on.isoformat())

    def taken(how: Apply) -> tuple[Receipt, LoanPosition]:
        receipt = Receipt(on, amount, reference, _follows(recorded, on), how, receipt_id)
        return receipt, replay(terms, [receipt], on, recorded=recorded)

    receipt, after = taken(apply or Apply.DUE)
    rest = after.returned - before.returned
    if apply is None and rest and after.closed_on is None:
        prepaid = taken(Apply.PREPAY)[1]
        early = prepaid.principal_repaid - after.principal_repaid
        raise errors.ApplyNeeded(
            due=_outcome(before, after, amount, 0), prepay=_outcome(before, prepaid, amount, early)
        )
    return receipt


def _outcome(before: LoanPosition, after: LoanPosition, amount: Money, early: int) -> dict[str, str]:
    """What a payment would do, as decimal strings: the four parts add up to it."""
    waits = after.advance_held - before.advance_held
    returned = after.returned - before.returned
    return {
        "pays_due": format_minor(amount.minor - early - waits - returned),
        "waits_as_advance_payment": format_minor(waits),
        "repays_principal": format_minor(early),
        "goes_back": format_minor(returned),
    }


def _called_in(events: Sequence[Event], on: date) -> bool:
    """Whether the whole principal has been made due on or after ``on``."""
    return any(isinstance(event, Acceleration | WriteOff) and event.effective_date >= on for event in events)


# In the order of the day.
_PRECEDING: Final = (
    (Acceleration, PrecedingAct.ACCELERATION),
    (WriteOff, PrecedingAct.WRITE_OFF),
    (Waiver, PrecedingAct.WAIVER),
    (Extension, PrecedingAct.EXTENSION),
)


def _follows(events: Sequence[Event], on: date) -> PrecedingAct | None:
    """The last act of the same day that this money comes in after."""
    kinds = {type(event) for event in events if event.effective_date == on}
    return next((act for kind, act in reversed(_PRECEDING) if kind in kinds), None)
