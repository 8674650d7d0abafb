"""One loan during a replay of its events: what has fallen due, what is paid, what overdue amounts bear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from halfpenny.servicing import errors
from halfpenny.servicing.model.delinquency import days_past_due
from halfpenny.servicing.model.dues import Dues
from halfpenny.servicing.model.events import (
    Acceleration,
    CostAdvanced,
    Cure,
    Default,
    Drawdown,
    Event,
    Extension,
    FeeDue,
    PenaltyDue,
    Receipt,
    WriteOff,
)
from halfpenny.servicing.model.overdue import Overdue
from halfpenny.servicing.model.position import Allocation, InstalmentState, LoanPosition
from halfpenny.servicing.model.reserve import ReserveMove, ReserveMoveKind, reserve_moves
from halfpenny.servicing.model.schedule import Instalment, InstalmentKind, Schedule
from halfpenny.servicing.model.segments import accrued_minor
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.model.waterfall import WATERFALLS, Component

_NOTHING: Final = dict.fromkeys((component.value for component in Component), 0)
_DEFAULT_INTEREST: Final = Component.DEFAULT_INTEREST.value


class LoanReplay:
    """Events are applied in order; ``advance`` makes everything up to a day fall due first.

    ``replace_schedule`` gives another schedule when an event changes what will fall due: the past of a schedule does
    not depend on later events, so the rows already fallen due stay as they were.
    """

    def __init__(self, terms: LoanTerms, schedule: Schedule, known: Sequence[Event]) -> None:
        self.terms = terms
        self.dues = {component.value: Dues() for component in Component}
        self.interest_dues = self.dues[Component.INTEREST.value]
        self.principal_dues = self.dues[Component.PRINCIPAL.value]
        self.fee_dues = self.dues[Component.FEE.value]
        waterfall = WATERFALLS[terms.waterfall]
        self.before_default = [component.value for component in waterfall.before_default]
        self.after_default = [component.value for component in waterfall.after_default]
        self.overdue = Overdue(terms, self.interest_dues, self.principal_dues)
        self.rows_due: list[Instalment] = []
        self.unpaid: list[int] = []
        self.settled_on: list[date | None] = []
        self.drawn = terms.principal.minor
        self.repaid = self.interest_repaid = self.default_interest_paid = 0
        self.returned = self.written_off = self.recovered = 0
        self.defaulted_on: date | None = None
        self.closed_on: date | None = None
        self.allocations: list[Allocation] = []
        self.replace_schedule(schedule, known)

    def replace_schedule(self, schedule: Schedule, known: Iterable[Event]) -> None:
        self.schedule = schedule
        self.ended_on = self._ended_before_due(known)
        self.moves: tuple[ReserveMove, ...] = reserve_moves(self.terms, known, schedule)
        self.released = {m.instalment: m.amount for m in self.moves if m.instalment is not None}
        self.applied = [m for m in self.moves if m.kind is ReserveMoveKind.APPLIED]

    def _ended_before_due(self, known: Iterable[Event]) -> date | None:
        """The day of an acceleration or write-off, unless an instalment falls due on it anyway."""
        events = list(known)
        ends = min((e.effective_date for e in events if isinstance(e, Acceleration | WriteOff)), default=None)
        periods = self.terms.periods + sum(e.periods for e in events if isinstance(e, Extension))
        return None if ends in self.terms.due_dates(periods) else ends

    def advance(self, to: date, *, before_end: bool = False) -> None:
        """Let fall due what is due on or before ``to``, and let overdue amounts bear interest to ``to``.

        With ``before_end`` an acceleration or write-off of that day has not happened yet.
        """
        rows = self.schedule.instalments
        while len(self.rows_due) < len(rows) and rows[len(self.rows_due)].due_on <= to:
            row = rows[len(self.rows_due)]
            if before_end and row.kind is InstalmentKind.FINAL and row.due_on == self.ended_on == to:
                break
            self.overdue.run_to(row.due_on)
            self._fall_due(row)
            if len(self.rows_due) == len(rows):
                for move in self.applied:
                    self._receive(move.on, move.amount, from_reserve=True)
        self.overdue.run_to(to)

    def _fall_due(self, row: Instalment) -> None:
        index = len(self.rows_due)
        self.rows_due.append(row)
        from_reserve = self.released.get(row.number, 0)
        interest = row.interest - from_reserve
        self.interest_repaid += from_reserve
        self.unpaid.append(row.principal + interest + row.fees)
        self.settled_on.append(None if self.unpaid[index] else row.due_on)
        self.interest_dues.add(row.due_on, interest, index)
        self.principal_dues.add(row.due_on, row.principal, index)
        self.fee_dues.add(row.due_on, row.fees, index)
        self.overdue.fell_due(interest, row.principal)
        self._close_if_settled(row.due_on)

    def process(self, event: Event) -> None:
        """Let fall due what is due before ``event`` on its day, and apply it."""
        ends = isinstance(event, Acceleration | WriteOff) or (isinstance(event, Receipt) and event.follows is not None)
        self.advance(event.effective_date, before_end=not ends)
        self.apply(event)

    def apply(self, event: Event) -> None:
        """Raises LoanClosed for money or charges on a settled loan."""
        on = event.effective_date
        match event:
            case Receipt():
                self._refuse_if_closed()
                self._receive(on, event.amount.minor)
            case Drawdown():
                self.drawn += event.amount.minor
            case FeeDue():
                self._charge(Component.FEE, on, event.amount.minor)
            case PenaltyDue():
                self._charge(Component.PENALTY, on, event.amount.minor)
            case CostAdvanced():
                self._charge(Component.RECOVERY_COST, on, event.amount.minor)
            case Default():
                self.defaulted_on = self.defaulted_on or on
            case Cure():
                self.defaulted_on = None
            case WriteOff():
                self.advance(on)
                self.written_off += self.drawn - self.repaid - self.written_off
                self.overdue.stop()
            case _:
                # The other events speak through the schedule.
                pass

    def _charge(self, component: Component, on: date, amount: int) -> None:
        self._refuse_if_closed()
        self.dues[component.value].add(on, amount, None)

    def _refuse_if_closed(self) -> None:
        if self.closed_on is not None:
            raise errors.LoanClosed(closed_on=self.closed_on.isoformat())

    def _receive(self, on: date, amount: int, *, from_reserve: bool = False) -> None:
        parts = dict(_NOTHING)
        left = amount
        for name in self.before_default if self.defaulted_on is None else self.after_default:
            if name == _DEFAULT_INTEREST:
                paid = min(left, self.default_interest_due)
                self.default_interest_paid += paid
            elif self.dues[name].total:
                paid = self._pay(self.dues[name], on, left)
            else:
                continue
            parts[name] = paid
            left -= paid
        self.interest_repaid += parts["interest"]
        if self.written_off:
            self.recovered += parts["principal"]
        else:
            self.repaid += parts["principal"]
        self.returned += left
        self.allocations.append(
            Allocation(
                effective_date=on,
                amount=amount,
                **parts,
                returned=left,
                after_default=self.defaulted_on is not None,
                recovery=self.written_off > 0,
                from_reserve=from_reserve,
            )
        )
        self._close_if_settled(on)

    def _pay(self, dues: Dues, on: date, amount: int) -> int:
        paid = 0
        for part, index in dues.pay(amount):
            paid += part
            if index is not None:
                self.unpaid[index] -= part
                if not self.unpaid[index]:
                    self.settled_on[index] = on
        return paid

    def _close_if_settled(self, on: date) -> None:
        if len(self.rows_due) < len(self.schedule.instalments) or self.default_interest_due:
            return
        if not any(dues.total for dues in self.dues.values()):
            self.closed_on = on

    @property
    def default_interest_due(self) -> int:
        return self.overdue.accrued - self.default_interest_paid

    def position(self, as_of: date) -> LoanPosition:
        """Where the loan stands after ``advance(as_of)``."""
        dues = self.dues
        reserve = [move for move in self.moves if move.on <= as_of]
        held = sum(m.amount if m.kind is ReserveMoveKind.RETAINED else -m.amount for m in reserve)
        oldest = self._oldest_unpaid()
        return LoanPosition(
            as_of=as_of,
            schedule=self.schedule,
            drawn=self.drawn,
            principal_outstanding=self.drawn - self.repaid - self.written_off,
            principal_repaid=self.repaid,
            principal_due=dues[Component.PRINCIPAL.value].total,
            interest_due=dues[Component.INTEREST.value].total,
            interest_repaid=self.interest_repaid,
            default_interest_due=self.default_interest_due,
            default_interest_paid=self.default_interest_paid,
            fees_due=dues[Component.FEE.value].total,
            penalties_due=dues[Component.PENALTY.value].total,
            recovery_costs_due=dues[Component.RECOVERY_COST.value].total,
            accrued_interest=self._accrued_not_due(as_of),
            reserve_held=held,
            reserve_moves=tuple(reserve),
            written_off=self.written_off,
            recovered=self.recovered,
            returned=self.returned,
            oldest_unpaid_due_on=oldest,
            days_past_due=days_past_due(oldest, as_of, count_due_date=self.terms.count_due_date),
            defaulted_on=self.defaulted_on,
            closed_on=self.closed_on,
            allocations=tuple(self.allocations),
            instalments=self._instalments(),
            overdue_segments=self.overdue.segments_ahead(
                self.schedule.instalments[len(self.rows_due) :], self.released
            ),
        )

    def _accrued_not_due(self, as_of: date) -> int:
        rows_total = sum(row.interest for row in self.rows_due)
        return max(0, accrued_minor(self.schedule.segments, as_of) - rows_total)

    def _oldest_unpaid(self) -> date | None:
        for index, unpaid in enumerate(self.unpaid):
            if unpaid:
                return self.rows_due[index].due_on
        return None

    def _instalments(self) -> tuple[InstalmentState, ...]:
        principal = self.principal_dues.by_row()
        interest = self.interest_dues.by_row()
        fees = self.fee_dues.by_row()
        return tuple(
            InstalmentState(
                row.number,
                row.due_on,
                principal.get(index, 0),
                interest.get(index, 0),
                fees.get(index, 0),
                self.settled_on[index],
            )
            for index, row in enumerate(self.rows_due)
        )
