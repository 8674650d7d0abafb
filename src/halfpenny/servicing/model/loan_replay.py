"""One loan during a replay of its events: what has fallen due, what is paid, what overdue amounts bear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from halfpenny.primitives.money import Money, format_minor
from halfpenny.servicing import errors
from halfpenny.servicing.model.delinquency import DAYS_TO_DEFAULT, days_past_due
from halfpenny.servicing.model.dues import Dues
from halfpenny.servicing.model.events import (
    Acceleration,
    Apply,
    CostAdvanced,
    Cure,
    Default,
    Drawdown,
    Event,
    Extension,
    FeeDue,
    LateExtension,
    LegalMaximumChange,
    Pause,
    PenaltyDue,
    PrecedingAct,
    RateChange,
    Receipt,
    Redemption,
    ScheduleEvent,
    Waiver,
    WriteOff,
    in_order,
)
from halfpenny.servicing.model.overdue import Overdue
from halfpenny.servicing.model.position import Allocation, InstalmentState, LoanPosition, MoneySource
from halfpenny.servicing.model.redemption import Payoff
from halfpenny.servicing.model.reserve import ReserveMove, ReserveMoveKind, reserve_moves
from halfpenny.servicing.model.schedule import Instalment, Schedule, build_in_order
from halfpenny.servicing.model.segments import accrued_minor
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.model.waterfall import WATERFALLS, Component

_DAY: Final = timedelta(days=1)
_NOTHING: Final = dict.fromkeys((component.value for component in Component), 0)
_DEFAULT_INTEREST: Final = Component.DEFAULT_INTEREST.value
_CHARGES: Final = {
    FeeDue: Component.FEE,
    PenaltyDue: Component.PENALTY,
    CostAdvanced: Component.RECOVERY_COST,
}
# What counts on its day before anything falls due on it: an extension in time, a pause that begins with it.
_CHANGES_OF_TERMS = LegalMaximumChange | Extension | Drawdown | RateChange | Pause


class LoanReplay:
    """Lives through a loan's days in their order; no event is known before its day.

    The schedule is built again whenever an event changes what will fall due, and a receipt may be such an event: what
    it brings beyond what is due redeems the loan, repays principal or waits. The past of a schedule does not depend on
    later events, so the rows already fallen due stay as they were. ``refusable`` events raise where they come too late;
    others change nothing then.
    """

    def __init__(self, terms: LoanTerms, refusable: Iterable[Event] = ()) -> None:
        self.terms = terms
        self.refusable = {id(event) for event in refusable}
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
        self.waived = dict(_NOTHING)
        self.returned = self.written_off = self.recovered = self.advance_held = 0
        self.written_off_on: date | None = None
        self.defaulted_on: date | None = None
        self.closed_on: date | None = None
        self.allocations: list[Allocation] = []
        self.agreed: list[ScheduleEvent] = []
        self.past_limit: list[tuple[date, date | None]] = []
        self._use_schedule(build_in_order(terms, ()))

    def _use_schedule(self, schedule: Schedule) -> None:
        self.schedule = schedule
        if self._reserve_is_spent():
            return
        self.moves: tuple[ReserveMove, ...] = reserve_moves(self.terms, self.agreed, schedule)
        self.released = {m.instalment: m.amount for m in self.moves if m.instalment is not None}
        self.applied = [m for m in self.moves if m.kind is ReserveMoveKind.APPLIED]

    def _reserve_is_spent(self) -> bool:
        """After a first maturity nothing is left of it, and what it did stays as it was."""
        return any(isinstance(event, LateExtension) for event in self.agreed)

    def _agree(self, event: ScheduleEvent) -> bool:
        """Build the schedule anew with ``event``; one that comes after the end changes nothing, or is refused."""
        if isinstance(event, LegalMaximumChange):
            # The law asks nobody: it is never refused, and may come after the end.
            self.overdue.limit(event.default)
            if self.closed_on is not None:
                return False
        if self.closed_on is not None and isinstance(event, _CHANGES_OF_TERMS):
            self._refuse_if_closed(event)
            return False
        if isinstance(event, Extension) and self._everything_fell_due():
            return self._extend_late(event)
        agreed = [*self.agreed, event]
        try:
            if self._has_ended():
                # What ended it charged by the terms of that day: nothing later works the charge out anew.
                if isinstance(event, _CHANGES_OF_TERMS) and not isinstance(event, LegalMaximumChange):
                    raise errors.EventAfterMaturity()
                return False
            schedule = build_in_order(self.terms, agreed, after_due=True)
        except (errors.EventAfterMaturity, errors.RedemptionExceedsPrincipal):
            if id(event) in self.refusable:
                raise
            return False
        self.agreed = agreed
        self._use_schedule(schedule)
        return True

    def _extend_late(self, extension: Extension) -> bool:
        """The principal that is unpaid falls due later, with its fees; all else that has fallen due stays due.

        Default interest runs to the day of the agreement, contract interest from the next day on.
        """
        on = extension.effective_date
        self.advance(on)
        index = len(self.rows_due) - 1
        row = self.rows_due[index]
        principal, fees = (dues.by_row().get(index, 0) for dues in (self.principal_dues, self.fee_dues))
        late = LateExtension(row.due_on, on, extension.periods, row.principal - principal, row.fees - fees)
        agreed = in_order([*self.agreed, late])
        try:
            if self._has_ended() or not principal:
                raise errors.EventAfterMaturity()
            schedule = build_in_order(self.terms, agreed, after_due=True)
            if schedule.ends_on <= on:
                raise errors.EventAfterMaturity()
        except errors.EventAfterMaturity:
            if id(extension) in self.refusable:
                raise
            return False
        self.applied = []
        self.agreed = agreed
        self._use_schedule(schedule)
        self.rows_due[index] = schedule.instalments[index]
        self.unpaid[index] -= self.principal_dues.take_row(index) + self.fee_dues.take_row(index)
        if not self.unpaid[index]:
            self.settled_on[index] = self.settled_on[index] or on
        return True

    def _has_ended(self) -> bool:
        """Whether the schedule has come to an end that no extension moves."""
        inside_a_period = self.terms.matures_on is not None and self._everything_fell_due()
        return inside_a_period or self._ended_early()

    def _ended_early(self) -> bool:
        return any(
            isinstance(event, Acceleration | WriteOff) or (isinstance(event, Redemption) and event.amount is None)
            for event in self.agreed
        )

    def process_day(self, day: date, events: Sequence[Event]) -> None:
        """Live through the events of one day, in their order."""
        self.advance(day - _DAY)
        self.end_day(day - _DAY)
        # One that comes after the maturity moves what the day's money and waivers have left unpaid.
        late = [event for event in events if isinstance(event, Extension) and self._everything_fell_due()]
        in_time = [event for event in events if isinstance(event, _CHANGES_OF_TERMS) and event not in late]
        changes_nothing = [event for event in in_time if not self._agree(event)]
        self.advance(day)
        afterwards = [one for one in events if isinstance(one, Receipt) and one.follows is PrecedingAct.EXTENSION]
        for event in events:
            if event not in changes_nothing and event not in afterwards:
                self._apply(event)
        for extension in late:
            self._agree(extension)
        for receipt in afterwards:
            self._apply(receipt)
        self.end_day(day)

    def end_day(self, day: date) -> None:
        """Keep since when, and until when, an instalment has been unpaid for longer than ends in a default."""
        oldest = self._oldest_unpaid() if self.written_off_on is None else None
        first = None if oldest is None else oldest + timedelta(days=DAYS_TO_DEFAULT - int(self.terms.count_due_date))
        running = bool(self.past_limit) and self.past_limit[-1][1] is None
        if running and (first is None or first > day):
            self.past_limit[-1] = (self.past_limit[-1][0], day)
        elif not running and first is not None and first <= day:
            self.past_limit.append((first, None))

    def advance(self, to: date) -> None:
        """Let fall due what is due on or before ``to``, and let overdue amounts bear interest to ``to``."""
        rows = self.schedule.instalments
        while len(self.rows_due) < len(rows) and rows[len(self.rows_due)].due_on <= to:
            row = rows[len(self.rows_due)]
            self.overdue.run_to(row.due_on)
            self._fall_due(row)
            if self._everything_fell_due():
                for move in self.applied:
                    self._receive(move.on, move.amount, source=MoneySource.RESERVE)
            self._use_advance(row.due_on)
        self.overdue.run_to(to)

    def _everything_fell_due(self) -> bool:
        return len(self.rows_due) == len(self.schedule.instalments)

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

    def _use_advance(self, on: date) -> None:
        """An advance payment pays what falls due; what is left of it when everything has, goes back."""
        amount = self.advance_held if self._everything_fell_due() else min(self.advance_held, self.total_due)
        if amount:
            self.advance_held -= amount
            self._receive(on, amount, source=MoneySource.ADVANCE)

    def _apply(self, event: Event) -> None:
        """Raises LoanClosed for refusable money or charges on a settled loan."""
        on = event.effective_date
        match event:
            case Receipt():
                self._refuse_if_closed(event)
                self._take(event)
            case Drawdown():
                self.drawn += event.amount.minor
            case FeeDue() | PenaltyDue() | CostAdvanced():
                self._charge(event)
            case Waiver():
                self._waive(event)
            case Default():
                self.defaulted_on = self.defaulted_on or on
            case Cure():
                self.defaulted_on = None
            case Redemption() | Acceleration() | WriteOff():
                if self._agree(event):
                    self.advance(on)
                if isinstance(event, WriteOff):
                    self.written_off_on = self.written_off_on or on
                    self.written_off += self.drawn - self.repaid - self.written_off
                    self.overdue.stop()
            case _:
                # The other events have spoken through the schedule.
                pass

    def _charge(self, event: FeeDue | PenaltyDue | CostAdvanced) -> None:
        self._refuse_if_closed(event)
        self.closed_on = None
        self.dues[_CHARGES[type(event)].value].add(event.effective_date, event.amount.minor, None)
        self._use_advance(event.effective_date)

    def _waive(self, waiver: Waiver) -> None:
        """Raises WaiverExceedsDue where it is refusable; one that a late receipt has overtaken takes what is left."""
        self._refuse_if_closed(waiver)
        on, name = waiver.effective_date, waiver.component.value
        due = self.default_interest_due if name == _DEFAULT_INTEREST else self.dues[name].total
        if waiver.amount.minor > due and id(waiver) in self.refusable:
            raise errors.WaiverExceedsDue(due=format_minor(due))
        amount = min(waiver.amount.minor, due)
        if name != _DEFAULT_INTEREST:
            self._pay(self.dues[name], on, amount)
        self.waived[name] += amount
        self._close_if_settled(on)

    def _refuse_if_closed(self, event: Event) -> None:
        if self.closed_on is not None and id(event) in self.refusable:
            raise errors.LoanClosed(closed_on=self.closed_on.isoformat())

    def _take(self, receipt: Receipt) -> None:
        """Pay what is due; what is beyond it redeems the loan, repays principal, or waits for the next due date."""
        on, amount, held = receipt.effective_date, receipt.amount.minor, 0
        excess = amount - self.total_due
        if excess > 0 and not self._everything_fell_due():
            left = self.drawn - self.repaid - self.written_off - self.principal_dues.total
            prepays = receipt.apply is Apply.PREPAY
            if self._redeems(on, amount, left) or (prepays and excess >= left):
                self._agree(Redemption(on))
                self.advance(on)
            elif prepays:
                self._agree(Redemption(on, Money(excess, receipt.amount.currency)))
                self.advance(on)
            else:
                held = min(excess, max(self._falls_due_next(on) - self.advance_held, 0))
                self.advance_held += held
        self._receive(on, amount, held=held, receipt_id=receipt.id)

    def _redeems(self, on: date, amount: int, left: int) -> bool:
        """Whether ``amount`` redeems the loan on ``on``; the first line is only cheaper."""
        held = sum(m.amount if m.kind is ReserveMoveKind.RETAINED else -m.amount for m in self.moves if m.on <= on)
        return amount + self.advance_held + held >= left and amount >= self.redemption_on(on).payable

    def redemption_on(self, on: date) -> Payoff:
        """What redeems the loan on ``on``, to which the replay has been advanced."""
        rows: Sequence[Instalment] = ()
        reserve = 0
        if not self._everything_fell_due():
            agreed = [*self.agreed, Redemption(on)]
            schedule = build_in_order(self.terms, agreed, after_due=True)
            rows = schedule.instalments[len(self.rows_due) :]
            numbers = {row.number for row in rows}
            moves = () if self._reserve_is_spent() else reserve_moves(self.terms, agreed, schedule)
            reserve = sum(
                move.amount for move in moves if move.kind is ReserveMoveKind.APPLIED or move.instalment in numbers
            )
        owed = self.total_due + sum(row.total for row in rows)
        from_reserve = min(reserve, owed)
        due = {name: dues.total for name, dues in self.dues.items()}
        return Payoff(
            on=on,
            principal=due["principal"] + sum(row.principal for row in rows),
            interest=due["interest"] + sum(row.interest for row in rows),
            fees=due["fee"] + due["penalty"] + sum(row.fees for row in rows),
            default_interest=self.default_interest_due,
            recovery_costs=due["recovery_cost"],
            from_reserve=from_reserve,
            from_advance=min(self.advance_held, owed - from_reserve),
        )

    def _falls_due_next(self, on: date) -> int:
        """What the borrower has to bring on the next monthly due date; nothing where the reserve pays all of it."""
        ahead = self.schedule.instalments[len(self.rows_due) :]
        added = sum(event.periods for event in self.agreed if isinstance(event, Extension | LateExtension))
        months = (day for day in self.terms.due_dates(self.terms.periods + added) if day > on)
        until = min([*months, ahead[-1].due_on])
        return sum(row.total - self.released.get(row.number, 0) for row in ahead if row.due_on <= until) - sum(
            move.amount for move in self.applied if move.on <= until
        )

    def _receive(
        self,
        on: date,
        amount: int,
        *,
        held: int = 0,
        source: MoneySource = MoneySource.RECEIPT,
        receipt_id: str = "",
    ) -> None:
        parts = dict(_NOTHING)
        left = amount - held
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
                held=held,
                after_default=self.defaulted_on is not None,
                recovery=self.written_off > 0,
                source=source,
                receipt_id=receipt_id,
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
        if self.closed_on is not None or not self._everything_fell_due() or self.total_due:
            return
        self.closed_on = on

    @property
    def default_interest_due(self) -> int:
        return self.overdue.accrued - self.default_interest_paid - self.waived[_DEFAULT_INTEREST]

    @property
    def total_due(self) -> int:
        return self.default_interest_due + sum(dues.total for dues in self.dues.values())

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
            default_interest_waived=self.waived[_DEFAULT_INTEREST],
            recovery_costs_waived=self.waived[Component.RECOVERY_COST.value],
            waived=sum(self.waived.values()),
            fees_due=dues[Component.FEE.value].total,
            penalties_due=dues[Component.PENALTY.value].total,
            recovery_costs_due=dues[Component.RECOVERY_COST.value].total,
            accrued_interest=self._accrued_not_due(as_of),
            reserve_held=held,
            reserve_moves=tuple(reserve),
            reserve_plan=self.moves,
            advance_held=self.advance_held,
            written_off=self.written_off,
            written_off_on=self.written_off_on,
            recovered=self.recovered,
            returned=self.returned,
            oldest_unpaid_due_on=oldest,
            days_past_due=days_past_due(oldest, as_of, count_due_date=self.terms.count_due_date),
            defaulted_on=self.defaulted_on,
            closed_on=self.closed_on,
            past_limit=tuple(self.past_limit),
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
