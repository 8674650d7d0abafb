"""The schedule: what falls due when. The preview of a quote and the posted schedule both come from here.

Interest is the sum of the accrual segments since it last fell due, rounded half up to the cent once, when it falls
due. Annuities divide principal x product(1 + f_i) by the sum over j of the products of (1 + f_i) for i > j, f_i the
period's rate by its day count, in whole numbers; the residue falls in the last instalment. The rules and the
published cases: ``docs/algorithms/schedules.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from halfpenny.primitives.day_count import DayCount, year_parts
from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.money import MAX_MINOR
from halfpenny.primitives.rate import WHOLE
from halfpenny.servicing import errors
from halfpenny.servicing.model.accrual import Accrual
from halfpenny.servicing.model.events import (
    Acceleration,
    Drawdown,
    Event,
    Extension,
    LateExtension,
    LegalMaximumChange,
    Pause,
    RateChange,
    Redemption,
    ScheduleEvent,
    WriteOff,
    check_events,
    in_order,
)
from halfpenny.servicing.model.segments import BASE_UNITS, AccrualSegment, half_up
from halfpenny.servicing.model.terms import (
    InstalmentRounding,
    InterestMode,
    LoanTerms,
    Repayment,
)


class InstalmentKind(StrEnum):
    INSTALMENT = "instalment"
    PARTIAL_REDEMPTION = "partial_redemption"
    FINAL = "final"


class Instalment(NamedTuple):
    """What falls due on one day, in minor units. ``balance`` is the principal outstanding after it.

    ``reserved`` means that the interest is to be taken from the retained-interest reserve before the borrower is
    asked for it.
    """

    number: int
    due_on: date
    principal: int
    interest: int
    fees: int
    balance: int
    reserved: bool
    kind: InstalmentKind

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.fees


@dataclass(frozen=True, slots=True)
class Schedule:
    """``drawn`` is all principal ever advanced. ``redemption`` is what the final day asks for beyond the interest
    and the instalment that fall due that day anyway, before any rebate from the reserve; all in minor units.
    """

    instalments: tuple[Instalment, ...]
    segments: tuple[AccrualSegment, ...]
    drawn: int
    redemption: int
    accrued_by_period: tuple[int, ...]

    @property
    def ends_on(self) -> date:
        return self.instalments[-1].due_on

    @property
    def interest(self) -> int:
        return sum(instalment.interest for instalment in self.instalments)

    @property
    def reserved_interest(self) -> int:
        return sum(instalment.interest for instalment in self.instalments if instalment.reserved)


def build_schedule(terms: LoanTerms, events: Iterable[Event] = ()) -> Schedule:
    """The schedule of a loan on these terms after these events, whether posted or only planned.

    Raises EventBeforeAdvance, CurrencyMismatch or EventNotPositive for events that the loan cannot have,
    EventAfterMaturity for a change of terms after the end, RedemptionExceedsPrincipal.
    """
    known = in_order(events)
    check_events(known, terms.advanced_on, terms.currency)
    return build_in_order(terms, known)


def build_in_order(terms: LoanTerms, checked: Iterable[Event | LateExtension], *, after_due: bool = False) -> Schedule:
    """``build_schedule`` for events that are already checked and in order.

    With ``after_due`` an end on a due date comes after that day's instalment, which keeps its own row: a loan that is
    lived through has let it fall due by then.
    """
    return _Builder(terms, [event for event in checked if isinstance(event, ScheduleEvent)], after_due).build()


class _Builder:
    """Walks the periods once. The accrual keeps the interest, this keeps the principal."""

    def __init__(self, terms: LoanTerms, events: Sequence[ScheduleEvent], after_due: bool = False) -> None:
        self.terms = terms
        self.after_due = after_due
        self.events = events
        self.changes: list[ScheduleEvent] = []
        self.stop: ScheduleEvent | None = None
        self.late: dict[date, LateExtension] = {}
        pauses = []
        for event in events:
            if isinstance(event, Pause):
                pauses.append((event.effective_date, event.until))
            elif isinstance(event, Acceleration | WriteOff) or (isinstance(event, Redemption) and event.amount is None):
                self.stop = self.stop or event
            else:
                self.changes.append(event)
            if isinstance(event, LateExtension):
                self.late[event.effective_date] = event
                pauses.append((event.effective_date + timedelta(days=1), event.agreed_on))
        self.accrual = Accrual(terms, pauses)
        self.periods = terms.periods
        self.due = terms.due_dates(self.periods)
        self.balance = self.drawn = terms.principal.minor
        self.agreed_rate = self.rate = terms.rate.millionths
        self.maximum_rate = terms.legal_maximum.contract.millionths if terms.legal_maximum else None
        self.instalment_stale = True
        self._use_rate()
        self.instalment = 0
        self.slice = (0, 1)
        self.interest_due = 0
        self.rows: list[Instalment] = []
        self.accrued_by_period: list[int] = []
        self.next_change = 0

    def build(self) -> Schedule:
        period = 0
        while True:
            period += 1
            due_on = self.due[period]
            end = self._end(period, due_on)
            self.accrual.begin(period, self.due[period - 1], due_on)
            self._run_to(end)
            stopped = self.stop is not None and self.stop.effective_date <= end
            if self.after_due and self.stop is not None and self.stop.effective_date == due_on:
                stopped = False
            if stopped or period == self.periods:
                break
            self._close_period(period)
            self.accrued_by_period.append(self.accrual.accrued)
            self._fall_due(period, due_on)
        return self._finish(period, end, due_on)

    def _end(self, period: int, due_on: date) -> date:
        end = due_on
        if period == self.periods and self.terms.matures_on is not None:
            end = min(end, self.terms.matures_on)
        if self.stop is not None and self.stop.effective_date < end:
            end = max(self.stop.effective_date, self.due[period - 1])
        return end

    def _run_to(self, end: date) -> None:
        """Accrue to ``end``, applying the changes on the way. A change on a due date comes after the instalment."""
        while self.next_change < len(self.changes):
            change = self.changes[self.next_change]
            on_the_day = isinstance(change, Extension | LateExtension | LegalMaximumChange)
            in_time = change.effective_date < end or (change.effective_date == end and on_the_day)
            if not in_time:
                break
            self.accrual.run_to(_counts_after(change))
            self._apply(change)
            self.next_change += 1
        self.accrual.run_to(end)

    def _apply_changes_of(self, day: date) -> None:
        while self.next_change < len(self.changes) and self.changes[self.next_change].effective_date == day:
            self._apply(self.changes[self.next_change])
            self.next_change += 1

    def _apply(self, change: ScheduleEvent) -> None:
        if isinstance(change, LegalMaximumChange):
            self.maximum_rate = change.contract.millionths
            self._use_rate()
            return
        self.instalment_stale = True
        if isinstance(change, Drawdown):
            self.balance += change.amount.minor
            self.drawn += change.amount.minor
            self.accrual.change_base(change.amount.minor)
        elif isinstance(change, RateChange):
            self.agreed_rate = change.rate.millionths
            self._use_rate()
        elif isinstance(change, Redemption) and change.amount is not None:
            self._redeem_part(change.effective_date, change.amount.minor)
        elif isinstance(change, Extension | LateExtension):
            if self.terms.matures_on is not None:
                raise errors.EventAfterMaturity("A loan that matures inside a period cannot be extended.")
            self.periods += change.periods
            self.due = self.terms.due_dates(self.periods)

    def _use_rate(self) -> None:
        """The rate from here on: as agreed, at most what the law allows."""
        before = self.rate
        self.rate = self.agreed_rate if self.maximum_rate is None else min(self.agreed_rate, self.maximum_rate)
        self.accrual.rate = self.rate
        self.instalment_stale = self.instalment_stale or self.rate != before

    def _redeem_part(self, on: date, amount: int) -> None:
        if amount >= self.balance:
            raise errors.RedemptionExceedsPrincipal()
        self.balance -= amount
        self.accrual.change_base(-amount)
        self._add_row(on, amount, 0, 0, reserved=False, kind=InstalmentKind.PARTIAL_REDEMPTION)

    def _close_period(self, period: int) -> None:
        self.accrual.finish()
        if period == self.terms.periods_retained:
            self.accrual.add(self.terms.retained_residue_minor)

    def _fall_due(self, period: int, due_on: date) -> None:
        if due_on in self.late:
            self._fall_due_before_extension(self.late[due_on], period)
            return
        if any(late.effective_date < due_on <= late.agreed_on for late in self.late.values()):
            # These months had passed before anybody agreed on them.
            return
        if self.terms.interest_mode is InterestMode.ROLLED_UP:
            return
        interest = self._take_interest()
        principal = self._scheduled_principal(period, interest)
        self.balance -= principal
        self.accrual.change_base(-principal)
        self._add_row(due_on, principal, interest, 0, reserved=period <= self.terms.periods_retained)

    def _fall_due_before_extension(self, late: LateExtension, period: int) -> None:
        """What stays of the instalment that was the last: all interest, and what was paid of principal and fees."""
        interest = self._take_interest()
        self.balance -= late.principal
        # Interest that was rolled up until here has fallen due.
        self.accrual.base = self.balance * BASE_UNITS
        reserved = period <= self.terms.periods_retained
        number = len(self.rows) + 1
        kind = InstalmentKind.INSTALMENT
        self.rows.append(
            Instalment(number, late.effective_date, late.principal, interest, late.fees, self.balance, reserved, kind)
        )

    def _take_interest(self) -> int:
        """The interest accrued since the last time that interest fell due."""
        interest = self.accrual.accrued - self.interest_due
        self.interest_due = self.accrual.accrued
        return interest

    def _scheduled_principal(self, period: int, interest: int) -> int:
        if self.terms.repayment is Repayment.BULLET:
            return 0
        left = self.periods - period + 1
        if self.terms.repayment is Repayment.EQUAL_PRINCIPAL:
            if self.instalment_stale:
                self.slice = self._slice(left)
            part, whole = self.slice
            total = self._round_instalment(part + interest * whole, whole)
            self.instalment_stale = False
        else:
            if self.instalment_stale:
                self.instalment = self._annuity(period)
            total = self.instalment
            # Interest above the level instalment is itself the instalment, and the level is solved anew after it.
            self.instalment_stale = interest > total
        return min(max(total - interest, 0), self.balance)

    def _slice(self, left: int) -> tuple[int, int]:
        """The principal of each instalment as a fraction; whole cents, where rounding up would leave none for the last.

        Never less than a cent: a loan of fewer cents than periods is repaid before its last period.
        """
        exact = (self.balance, left)
        rounded = self._round_instalment(*exact)
        if self._rounds_to_units() or rounded * (left - 1) < self.balance:
            return exact
        return (max(self.balance // left, 1), 1)

    def _rounds_to_units(self) -> bool:
        return self.terms.instalment_rounding is not InstalmentRounding.CENT

    def _annuity(self, period: int) -> int:
        """The level instalment that repays the balance, the interest of this period first.

        This period's interest is taken without any pause, as the instalment was agreed before there was one, and
        with what a mid-period change of base or rate made of it.
        """
        day_count = self.terms.day_count
        scale = WHOLE * day_count.denominator
        start = self.accrual.balance_with_unpaused_interest(self.balance)
        grown, total, unit = start, 1, 1
        factors = [scale + self.rate * parts for parts in _parts_of_periods(day_count, self.due)[period:]]
        for factor in factors:
            unit *= scale
            total = total * factor + unit
            grown *= factor
        level = self._round_instalment(grown, total * self.accrual.scale)
        if (
            self._rounds_to_units()
            or not factors
            or _leaves_remainder(level, start, self.accrual.scale, factors, scale)
        ):
            return level
        # Half a cent up would repay the loan before its last period: the level is the cent below.
        return max(level - 1, 1)

    def _round_instalment(self, numerator: int, denominator: int) -> int:
        """To a cent or a whole unit by the terms, and never to nothing: a row of nothing would repay nothing."""
        rounding = self.terms.instalment_rounding
        unit = 1 if rounding is InstalmentRounding.CENT else 100
        denominator *= unit
        if rounding is InstalmentRounding.WHOLE_UNIT_UP:
            return max(-(-numerator // denominator), 1) * unit
        return max(half_up(numerator, denominator), 1) * unit

    def _finish(self, period: int, end: date, due_on: date) -> Schedule:
        whole_period = end == due_on
        if whole_period or (self.stop is None and end == self.terms.matures_on):
            self._close_period(period)
        self.accrued_by_period.append(self.accrual.accrued)
        serviced = self._serviced_on_the_day(period, whole_period)
        scheduled = 0
        if whole_period and period < self.periods:
            scheduled = self._scheduled_principal(period, serviced)
        if self.stop is not None:
            # What was agreed earlier on the day that ends the loan counts before its end.
            self._apply_changes_of(end)
        if any(not isinstance(change, LegalMaximumChange) for change in self.changes[self.next_change :]):
            raise errors.EventAfterMaturity()
        interest = self._take_interest()
        interest += self._early_redemption_charge(interest)
        fees = self._redemption_fees()
        redemption = max(self.balance - scheduled, 0) + interest - serviced + fees
        principal, self.balance = self.balance, 0
        reserved = period <= self.terms.periods_retained
        self._add_row(end, principal, interest, fees, reserved=reserved, kind=InstalmentKind.FINAL)
        if self.drawn + sum(row.interest + row.fees for row in self.rows) > MAX_MINOR:
            raise errors.AmountOutOfRange()
        return Schedule(
            instalments=tuple(self.rows),
            segments=tuple(self.accrual.segments),
            drawn=self.drawn,
            redemption=redemption,
            accrued_by_period=tuple(self.accrued_by_period),
        )

    def _serviced_on_the_day(self, period: int, whole_period: bool) -> int:
        """The interest that falls due on the final day as an ordinary instalment's would."""
        if not whole_period or self.terms.interest_mode is InterestMode.ROLLED_UP:
            return 0
        if period <= self.terms.periods_retained:
            return 0
        return self.accrual.accrued - self.interest_due

    def _early_redemption_charge(self, interest_today: int) -> int:
        """What the minimum interest period, or retained interest without a rebate, adds on the final day."""
        if isinstance(self.stop, Acceleration | WriteOff):
            return 0
        charge = 0
        months = self.terms.minimum_interest_months
        if months and (self.stop is not None or self.terms.matures_on is not None):
            least = self._unredeemed(months).accrued_by_period[months - 1]
            charge = max(0, least - self.accrual.accrued)
        if self.stop is not None and self.terms.periods_retained and not self.terms.rebate_of_retained_interest:
            taken = sum(row.interest for row in self.rows if row.reserved)
            left = self._unredeemed(0).reserved_interest - taken - interest_today
            charge = max(charge, left)
        return charge

    def _unredeemed(self, months: int) -> Schedule:
        """The schedule as it would have been without any redemption, at least ``months`` periods long."""
        terms = self.terms
        if terms.matures_on is not None:
            periods = max(terms.periods, months)
            terms = replace(terms, matures_on=None, periods=periods, minimum_interest_months=0)
        else:
            terms = replace(terms, minimum_interest_months=0)
        kept = [event for event in self.events if not isinstance(event, Redemption)]
        return _Builder(terms, kept).build()

    def _redemption_fees(self) -> int:
        fees = (fee for fee in self.terms.fees if fee.when is FeeTime.REDEMPTION)
        return sum(fee.charge(self.drawn) for fee in fees) - sum(late.fees for late in self.late.values())

    def _add_row(
        self,
        due_on: date,
        principal: int,
        interest: int,
        fees: int,
        *,
        reserved: bool,
        kind: InstalmentKind = InstalmentKind.INSTALMENT,
    ) -> None:
        if self.terms.repayment is not Repayment.BULLET and not (principal or interest or fees):
            # Whole units or cents have repaid a loan in instalments before its last period: nothing more falls due.
            return
        number = len(self.rows) + 1
        self.rows.append(Instalment(number, due_on, principal, interest, fees, self.balance, reserved, kind))


def _counts_after(change: ScheduleEvent) -> date:
    """The last day that bears interest as before: a maximum of the law holds on its own day already."""
    if isinstance(change, LegalMaximumChange):
        return change.effective_date - timedelta(days=1)
    return change.effective_date


def _leaves_remainder(level: int, first: int, first_scale: int, factors: Sequence[int], scale: int) -> bool:
    """Whether ``level`` in every period but the last leaves a last instalment of at least a cent (minor units).

    ``first`` over ``first_scale`` is the balance with the first period's interest; ``factors`` over ``scale`` grow the
    balance in each later period, whose interest is rounded as the schedule will.
    """
    balance = half_up(first, first_scale) - level
    for factor in factors[:-1]:
        if balance <= 0:
            return False
        balance += half_up(balance * (factor - scale), scale) - level
    return balance > 0


@lru_cache(maxsize=16_384)
def _parts_of_periods(day_count: DayCount, due: tuple[date, ...]) -> tuple[int, ...]:
    """The year's parts in each period; the first may be no whole month, and is never asked for."""
    return tuple(year_parts(day_count, start, end, (start, end)) for start, end in pairwise(due))
