"""Accruals of closed days: a row for every loan that ran, with the interest of its segments as they were then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from halfpenny.platform.consistency import ROW, Comparison, Finding
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.position import LoanPosition
from halfpenny.servicing.model.segments import half_up
from halfpenny.servicing.model.serviced_loan import instalment_balances
from halfpenny.servicing.model.terms import LoanTerms
from halfpenny.servicing.statuses import SegmentKind
from halfpenny.servicing.store import serviced_loans as store

_UNDER_WAY = timedelta(minutes=1)
_BASIS = "the segments as they were when the day was closed"

# A row of a loan or a day that nobody closed is never reached by the walk below.
UNCLOSED_ACCRUALS = Comparison(
    "accrual",
    "concat_ws('/', a.business_date, a.loan_id)",
    """accrual a LEFT JOIN serviced_loan l ON l.loan_id = a.loan_id
LEFT JOIN (SELECT DISTINCT business_date FROM close_range) c ON c.business_date = a.business_date""",
    {},
    "the loans in servicing and the days that were closed",
    wanted="l.loan_id IS NOT NULL AND c.business_date IS NOT NULL",
)
ACCRUALS = (UNCLOSED_ACCRUALS,)


class AccrualDay(NamedTuple):
    """One row of ``accrual``, minor units."""

    day: date
    interest: int
    default_interest: int


class Close(NamedTuple):
    """A close that went over this loan."""

    day: date
    closed_at: datetime


Segments: TypeAlias = Sequence[tuple[Any, ...]]
Known: TypeAlias = Callable[[datetime], tuple[tuple[Event, ...], date]]
# The places of SEGMENT_COLUMNS.
_KIND, _STARTS_ON, _BEFORE, _PER_DAY, _SCALE, _LESS = (
    store.SEGMENT_COLUMNS.index(column)
    for column in ("kind", "starts_on", "accrued_before", "per_day", "scale", "less_minor")
)


def accrued(segments: Segments, kind: str, day: date) -> int | None:
    """What the close's SQL makes of the segments: those of ``kind`` that hold the day, None where there is none."""
    holding = [s for s in segments if s[_KIND] == kind and s[_STARTS_ON] < day]
    if not holding:
        return None
    s = max(holding, key=lambda each: each[_STARTS_ON])
    return half_up(int(s[_BEFORE]) + int(s[_PER_DAY]) * (day - s[_STARTS_ON]).days, int(s[_SCALE])) - int(s[_LESS])


def accrual_findings(
    loan_id: UUID,
    terms: LoanTerms,
    rows: Sequence[AccrualDay],
    closes: Sequence[Close],
    known_at: Known,
    recorded_at: Sequence[datetime],
    segments: Segments,
    position: LoanPosition,
) -> Iterator[Finding]:
    """Compare each closed day's row with ``segments``, and with a replay of its moment where they are not enough.

    ``recorded_at`` are the moments since each of which something more of the loan was known.
    """
    kept = {row.day: row for row in rows}
    never_overdue = not (
        position.default_interest_due or position.default_interest_settled or position.overdue_segments
    )
    moments = _ReplayOfEachClose(terms, known_at, recorded_at)
    for close in closes:
        if close.day <= terms.advanced_on:
            continue
        row = kept.pop(close.day, None)
        present = AccrualDay(close.day, accrued(segments, SegmentKind.CONTRACT, close.day) or 0, 0)
        if row is not None and never_overdue and row == present:
            continue
        expected = moments.expected(close)
        if row != expected and not (row is not None and row in moments.around(close)):
            yield from _differences(loan_id, close.day, row, expected)


def _differences(loan_id: UUID, day: date, row: AccrualDay | None, expected: AccrualDay | None) -> Iterator[Finding]:
    name = f"{day}/{loan_id}"
    if row is None or expected is None:
        states = ("missing", "present") if row is None else ("present", "missing")
        yield Finding("accrual", name, ROW, *states, _BASIS)
        return
    if row.interest != expected.interest:
        yield Finding("accrual", name, "interest_minor", str(row.interest), str(expected.interest), _BASIS)
    if row.default_interest != expected.default_interest:
        found, wanted = str(row.default_interest), str(expected.default_interest)
        yield Finding("accrual", name, "default_interest_minor", found, wanted, _BASIS)


class _ReplayOfEachClose:
    """What was known at each close; consecutive closes that knew the same share one replay."""

    def __init__(self, terms: LoanTerms, known_at: Known, recorded_at: Sequence[datetime]) -> None:
        self._terms = terms
        self._known_at = known_at
        self._recorded_at = sorted(set(recorded_at))
        self._last: tuple[tuple[int, date], Segments, tuple[date, ...], bool] | None = None

    def expected(self, close: Close) -> AccrualDay | None:
        """The row of one close; None where the loan was not running any more, or not yet in servicing."""
        events, replayed_on = self._known_at(close.closed_at)
        if replayed_on == date.min:
            return None
        key = (len(events), replayed_on)
        if self._last is None or self._last[0] != key:
            self._last = (key, *self._state(events, replayed_on))
        _, segments, unpaid, closed = self._last
        contract = accrued(segments, SegmentKind.CONTRACT, close.day)
        if closed or contract is None:
            return None
        overdue = any(due_on < close.day for due_on in unpaid)
        default = accrued(segments, SegmentKind.DEFAULT, close.day) if overdue else None
        return AccrualDay(close.day, contract, default or 0)

    def around(self, close: Close) -> tuple[AccrualDay | None, ...]:
        """The rows that postings under way during the close may have left: recorded before, seen after, or so.

        A transaction records the moment that it began. Where several were under way, the close may have seen what any
        of them left, so each state of that time counts.
        """
        first, last = close.closed_at - _UNDER_WAY, close.closed_at + _UNDER_WAY
        between = [moment for moment in self._recorded_at if first < moment <= last]
        return tuple(self.expected(Close(close.day, moment)) for moment in (first, *between))

    def _state(self, events: Sequence[Event], replayed_on: date) -> tuple[Segments, tuple[date, ...], bool]:
        position = replay(self._terms, (), replayed_on, recorded=events)
        segments = store.segment_rows(
            UUID(int=0), position.schedule.segments, position.overdue_segments, position.default_interest_settled
        )
        balances = instalment_balances(position)
        unpaid = tuple(item.row.due_on for item in balances if item.unpaid > 0)
        return segments, unpaid, position.closed_on is not None
