"""Which rates a loan bears on a day: what was agreed, and what the law leaves of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from halfpenny.primitives.legal_maximum import MaximumRates
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.events import Event, LegalMaximumChange, RateChange, in_order
from halfpenny.servicing.model.terms import LoanTerms


@dataclass(frozen=True, slots=True)
class RatesInForce:
    """Percent a year. ``maxima`` are the law's, in the order of their days; the last is in force."""

    agreed: Rate
    agreed_default: Rate
    maxima: tuple[MaximumRates, ...]

    @property
    def maximum(self) -> MaximumRates | None:
        return self.maxima[-1] if self.maxima else None

    @property
    def contract(self) -> Rate:
        return min(self.agreed, self.maximum.contract) if self.maximum else self.agreed

    @property
    def default(self) -> Rate:
        return min(self.agreed_default, self.maximum.default) if self.maximum else self.agreed_default


def rates_in_force(terms: LoanTerms, events: Iterable[Event], on: date) -> RatesInForce:
    """The rates at the end of ``on``, after these events of the loan."""
    agreed = terms.rate
    maxima = [terms.legal_maximum] if terms.legal_maximum else []
    for event in in_order(event for event in events if event.effective_date <= on):
        if isinstance(event, RateChange):
            agreed = event.rate
        elif isinstance(event, LegalMaximumChange):
            maxima.append(MaximumRates(event.effective_date, event.contract, event.default))
    return RatesInForce(agreed, terms.default_rate, tuple(maxima))
