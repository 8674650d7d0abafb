"""Default interest: what overdue principal and interest bear, from the due date to the day they are paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.dues import Dues
from halfpenny.servicing.model.schedule import Instalment
from halfpenny.servicing.model.segments import BASE_UNITS, AccrualSegment, accrual_scale, half_up
from halfpenny.servicing.model.terms import LoanTerms

_DAY = timedelta(days=1)
# The last segment written ahead ends here: a loan that is never paid has bankrupted the calendar by then.
_LAST_DAY = timedelta(days=36_525)


class Overdue:
    """The accrual numerator of default interest, exact, rounded once wherever it is read.

    With ``count_due_date`` an instalment that is still unpaid after its due date bears interest for that date
    too, so a delay from the 5th to the 9th is five days instead of four.
    """

    def __init__(self, terms: LoanTerms, interest: Dues, principal: Dues) -> None:
        self.interest = interest
        self.principal = principal
        self.agreed_rate = self.rate = terms.default_rate.millionths
        self.stopped = False
        self.on_interest = terms.default_interest_on_interest
        if terms.legal_maximum is not None:
            self.limit(terms.legal_maximum.default)
        self.day_count = terms.default_day_count
        self.scale = accrual_scale(self.day_count)
        self.count_due_date = terms.count_due_date
        self.numerator = 0
        self.now = terms.advanced_on
        self.fresh_interest = self.fresh_principal = 0

    @property
    def accrued(self) -> int:
        return half_up(self.numerator, self.scale) if self.numerator else 0

    def stop(self) -> None:
        """Nothing more accrues: the loan is written off."""
        self.stopped = True
        self.rate = 0

    def limit(self, maximum: Rate) -> None:
        """From the next day on the rate is the one agreed, at most ``maximum``."""
        if not self.stopped:
            self.rate = min(self.agreed_rate, maximum.millionths)

    def fell_due(self, interest: int, principal: int) -> None:
        """Remember what fell due today: if it is still unpaid tomorrow, today may count as well."""
        if self.count_due_date:
            self.fresh_interest += interest if self.on_interest else 0
            self.fresh_principal += principal

    def run_to(self, day: date) -> None:
        """Accrue over (now, day] on what is unpaid now."""
        if day <= self.now:
            return
        if self.rate:
            interest, principal = self._bearing()
            if interest or principal:
                days = (day - self.now).days
                base = (interest + principal) * days + self._unpaid_fresh(interest, principal)
                self.numerator += base * BASE_UNITS * self.rate
        self.now = day
        self.fresh_interest = self.fresh_principal = 0

    def _bearing(self) -> tuple[int, int]:
        """Overdue interest, where it bears default interest, and overdue principal."""
        return self.interest.total if self.on_interest else 0, self.principal.total

    def _unpaid_fresh(self, interest: int, principal: int) -> int:
        # The oldest is paid first, so what is unpaid in all is, up to its size, today's.
        return min(self.fresh_interest, interest) + min(self.fresh_principal, principal)

    def segments_ahead(self, rows: Sequence[Instalment], released: Mapping[int, int]) -> tuple[AccrualSegment, ...]:
        """Default interest from today on if nothing more is paid: one segment between due dates.

        The first holds today itself, which no day has been added to: the close of today reads it after the receipt.
        """
        if not self.rate:
            return (self._segment(self.now - _DAY, self.now + _LAST_DAY, 0, self.numerator),) if self.numerator else ()
        interest, principal = self._bearing()
        numerator = self.numerator + self._unpaid_fresh(interest, principal) * BASE_UNITS * self.rate
        base, start = interest + principal, self.now
        segments = [self._segment(start - _DAY, start, 0, self.numerator)] if self.numerator else []
        for row in rows:
            if base and row.due_on > start:
                segment = self._segment(start, row.due_on, base, numerator)
                segments.append(segment)
                numerator += segment.per_day * (row.due_on - start).days
            start = row.due_on
            interest = row.interest - released.get(row.number, 0) if self.on_interest else 0
            due = interest + row.principal
            base += due
            if self.count_due_date:
                numerator += due * BASE_UNITS * self.rate
        if base:
            segments.append(self._segment(start, start + _LAST_DAY, base, numerator))
        return tuple(segments)

    def _segment(self, start: date, end: date, base: int, before: int) -> AccrualSegment:
        return AccrualSegment(0, start, end, base * BASE_UNITS, self.rate, self.day_count, 1, before)
