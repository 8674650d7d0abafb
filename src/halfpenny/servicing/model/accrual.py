"""Accrual of one loan's interest, stretch by stretch, in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from halfpenny.primitives.day_count import even_weight, runs
from halfpenny.servicing.model.due_dates import months_of
from halfpenny.servicing.model.segments import BASE_UNITS, AccrualSegment, accrual_scale, half_up
from halfpenny.servicing.model.terms import Compounding, InterestMode, LoanTerms

_DAY = timedelta(days=1)


class Accrual:
    """Keeps the base, the rate and the exact accrual numerator, and writes the segments.

    Interest that falls due each period counts each finished one as the cents it was rounded to. Rolled-up interest
    falls due once, at the end, and is rounded there and nowhere before; compounding, it joins the base each period.
    """

    def __init__(self, terms: LoanTerms, pauses: Sequence[tuple[date, date]]) -> None:
        self.day_count = terms.day_count
        self.month_end = terms.month_end
        self.scale = accrual_scale(terms.day_count)
        self.compounds = terms.compounding is Compounding.MONTHLY
        self.rolls_up = terms.interest_mode is InterestMode.ROLLED_UP
        self.rate = terms.rate.millionths
        self.base = terms.principal.minor * BASE_UNITS
        self.pauses = _disjoint(pauses)
        self.segments: list[AccrualSegment] = []
        self.numerator = 0
        self.at_period_start = 0
        self.unpaused = 0
        self.period = 0
        self.now = terms.advanced_on
        self.months: tuple[date, ...] = ()
        self.weight: int | None = None

    @property
    def accrued(self) -> int:
        """Interest since the advance in minor units, rounded half up."""
        return half_up(self.numerator, self.scale)

    def begin(self, period: int, start: date, due_on: date) -> None:
        self.period = period
        self.now = start
        # Only the first period can differ from a month: its due date may have been chosen.
        self.months = months_of(start, due_on, self.month_end) if period == 1 else (start, due_on)
        self.weight = even_weight(self.day_count, self.months)
        self.at_period_start = self.numerator
        self.unpaused = 0

    def change_base(self, minor: int) -> None:
        self.base += minor * BASE_UNITS

    def run_to(self, end: date) -> None:
        """Accrue over (now, end]."""
        if end <= self.now:
            return
        for first, last in self.pauses:
            before_pause = first - _DAY
            if last <= self.now or before_pause >= end:
                continue
            if before_pause > self.now:
                self._accrue_days(self.now, before_pause, self.rate)
            self._accrue_days(max(self.now, before_pause), min(last, end), 0)
        if self.now < end:
            self._accrue_days(self.now, end, self.rate)

    def _accrue_days(self, start: date, end: date, rate: int) -> None:
        weight = self.weight
        if weight is not None:
            self._run(start, end, weight, rate)
        else:
            for run in runs(self.day_count, start, end, self.months):
                self._run(run.start, run.end, run.weight, rate)
        self.now = end

    def _run(self, start: date, end: date, weight: int, rate: int) -> None:
        self.segments.append(
            AccrualSegment(self.period, start, end, self.base, rate, self.day_count, weight, self.numerator)
        )
        parts = self.base * ((end - start).days * weight)
        self.numerator += parts * rate
        self.unpaused += parts * self.rate

    def finish(self) -> None:
        """The period is over: round what falls due to the cent, or let rolled-up interest run on or join the base."""
        if not self.compounds:
            if not self.rolls_up:
                self.numerator = self.accrued * self.scale
            return
        unit = self.scale // BASE_UNITS
        gained = half_up(self.numerator - self.at_period_start, unit)
        self.base += gained
        self.numerator = self.at_period_start + gained * unit

    def add(self, minor: int) -> None:
        """Whole cents of interest that no day accrued."""
        self.numerator += minor * self.scale

    def balance_with_unpaused_interest(self, balance: int) -> int:
        """``balance`` and this period's interest as if no day were paused, as a numerator over ``scale``."""
        return balance * self.scale + self.unpaused


def _disjoint(pauses: Sequence[tuple[date, date]]) -> list[tuple[date, date]]:
    """Overlapping pauses become one: a day is paused once."""
    merged: list[tuple[date, date]] = []
    for first, last in sorted(pauses):
        if merged and first <= merged[-1][1] + _DAY:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
