"""For how long an amount past due has been material: the second count of Delegated Regulation (EU) 2018/171."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.terms import LoanTerms


def days_material(terms: LoanTerms, events: Sequence[Event], on: date) -> int:
    """The second count at the end of ``on``: for how many days the amount past due has been material without a break.

    As for days past due, the day on which it falls due is zero. Default interest is neither in the amount nor in the
    exposure: so both change only where something falls due or happens.
    """
    whole = replay(terms, (), on, recorded=events)
    days = {row.due_on for row in whole.schedule.instalments} | {event.effective_date for event in events}
    since: date | None = None
    for day in sorted(day for day in {*days, on} if terms.advanced_on <= day <= on):
        position = whole if day == on else replay(terms, (), day, recorded=events)
        past_due = sum(row.unpaid for row in position.instalments)
        material = terms.materiality.is_material(past_due, _exposure(position))
        since = (since or day) if material else None
    return 0 if since is None else (on - since).days + int(terms.count_due_date)


def _exposure(position: LoanPosition) -> int:
    """What the loan owes: principal, and what of interest and fees has fallen due."""
    return position.principal_outstanding + position.interest_due + position.fees_due
