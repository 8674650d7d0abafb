"""When an amount past due is material: Delegated Regulation (EU) 2018/171, article 2, and (EU) 2022/2115, article 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from halfpenny.primitives.money import UNITS_PER_EUR, Currency
from halfpenny.primitives.rate import NO_RATE, Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.terms import LoanTerms


@dataclass(frozen=True, slots=True)
class Materiality:
    """Both thresholds have to be exceeded: euro cents, or their equal in the loan's currency, and a share of the
    exposure."""

    above_eur_minor: int = 0
    above_share: Rate = NO_RATE

    def is_material(self, past_due_minor: int, exposure_minor: int, currency: Currency) -> bool:
        """Whether what of instalments is unpaid, of so much that the loan owes in all, is material. Minor units."""
        euro_minor = past_due_minor / UNITS_PER_EUR[currency]
        share = self.above_share.millionths
        return euro_minor > self.above_eur_minor and past_due_minor * _WHOLE > share * exposure_minor


# A rate of 100 percent, in millionths of a percent.
_WHOLE: Final = 100_000_000
EVERY_AMOUNT: Final = Materiality()


def days_material(terms: LoanTerms, events: Sequence[Event], on: date, materiality: Materiality) -> int:
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
        material = materiality.is_material(past_due, _exposure(position), terms.currency)
        since = (since or day) if material else None
    return 0 if since is None else (on - since).days + int(terms.count_due_date)


def _exposure(position: LoanPosition) -> int:
    """What the loan owes: principal, and what of interest and fees has fallen due."""
    return position.principal_outstanding + position.interest_due + position.fees_due
