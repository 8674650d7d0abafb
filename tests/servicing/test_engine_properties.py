"""What holds for every loan, whatever happens to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise, permutations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import live_through, replay
from halfpenny.servicing.model.events import (
    CostAdvanced,
    Default,
    Drawdown,
    Event,
    Extension,
    FeeDue,
    PenaltyDue,
    RateChange,
    Receipt,
    ReceiptReversal,
    Redemption,
    in_order,
)
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.model.position import LoanPosition, MoneySource
from halfpenny.servicing.model.reserve import ReserveMoveKind, reserve_moves
from halfpenny.servicing.model.schedule import build_schedule
from halfpenny.servicing.model.segments import accrual_scale
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from support.lending_strategies import loan_histories, loan_terms

many = settings(max_examples=100)


@many
@given(loan_histories())
def test_every_cent_that_comes_in_goes_somewhere(history: tuple[LoanTerms, list[Event], date]) -> None:
    terms, events, as_of = history
    position = replay(terms, events, as_of)
    for paid in position.allocations:
        parts = paid.recovery_cost + paid.fee + paid.penalty + paid.default_interest + paid.interest + paid.principal
        assert parts + paid.returned + paid.held == paid.amount
        assert all(part >= 0 for part in paid[1:10])
    received = sum(
        event.amount.minor for event in events if isinstance(event, Receipt) and event.effective_date <= as_of
    )
    reserve = sum(move.amount for move in position.reserve_moves if move.kind is ReserveMoveKind.APPLIED)
    assert sum(paid.amount for paid in position.allocations if paid.source is MoneySource.RECEIPT) == received
    assert sum(paid.amount for paid in position.allocations if paid.source is MoneySource.RESERVE) == reserve
    used = sum(paid.amount for paid in position.allocations if paid.source is MoneySource.ADVANCE)
    assert sum(paid.held for paid in position.allocations) - used == position.advance_held >= 0
    # Nothing waits while something is due.
    assert not (position.advance_held and position.total_due)
    assert sum(paid.returned for paid in position.allocations) == position.returned
    flows = flows_of(terms, position)
    assert flows.collected == flows.spent


@many
@given(loan_histories())
def test_principal_is_repaid_written_off_or_outstanding(history: tuple[LoanTerms, list[Event], date]) -> None:
    terms, events, as_of = history
    position = replay(terms, events, as_of)
    drawn = sum(event.amount.minor for event in events if isinstance(event, Drawdown) and event.effective_date <= as_of)
    assert position.drawn == terms.principal.minor + drawn
    assert position.principal_outstanding + position.principal_repaid + position.written_off == position.drawn
    assert sum(paid.principal for paid in position.allocations) == position.principal_repaid + position.recovered
    assert position.principal_outstanding >= 0
    if not position.written_off:
        not_due = position.principal_outstanding - position.principal_due
        assert not_due == sum(row.principal for row in position.schedule.instalments[len(position.instalments) :])


@many
@given(loan_histories())
def test_a_schedule_repays_what_was_drawn(history: tuple[LoanTerms, list[Event], date]) -> None:
    terms, events, as_of = history
    known = [event for event in events if event.effective_date <= as_of]
    schedule = build_schedule(terms, known)
    rows = schedule.instalments
    assert sum(row.principal for row in rows) == schedule.drawn
    assert rows[-1].balance == 0
    assert all(min(row.principal, row.interest, row.fees, row.balance) >= 0 for row in rows)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all(before.due_on <= after.due_on for before, after in pairwise(rows))
    if not any(isinstance(event, Drawdown) for event in known):
        assert all(before.balance >= after.balance for before, after in pairwise(rows))


@many
@given(loan_histories())
def test_the_order_of_recording_does_not_matter(history: tuple[LoanTerms, list[Event], date]) -> None:
    """A backdated event is a replay: recording it late gives what recording it in time would have given."""
    terms, events, as_of = history
    assert replay(terms, in_order(events), as_of) == replay(terms, _keeping_ties(events), as_of)


def _keeping_ties(events: list[Event]) -> list[Event]:
    """Recorded from the last day back to the first; ties of one kind on one day keep their order."""
    days = sorted({event.effective_date for event in events}, reverse=True)
    return [event for day in days for event in events if event.effective_date == day]


@many
@given(loan_histories())
def test_what_fell_due_is_what_the_schedule_of_today_says(history: tuple[LoanTerms, list[Event], date]) -> None:
    """Each row fell due by the schedule as it was known on its day; no later event has rewritten it."""
    terms, events, as_of = history
    lived = live_through(terms, events, as_of)
    assert tuple(lived.rows_due) == lived.schedule.instalments[: len(lived.rows_due)]
    assert all(row.due_on > as_of for row in lived.schedule.instalments[len(lived.rows_due) :])


@many
@given(loan_histories(), st.integers(1, 400))
def test_the_future_does_not_change_the_past(history: tuple[LoanTerms, list[Event], date], later: int) -> None:
    """But for an extension after the maturity, which takes back what is unpaid of the last instalment's principal."""
    terms, events, as_of = history
    end = as_of + timedelta(days=later)
    now = replay(terms, events, as_of)
    then = replay(terms, events, end)
    assert then.allocations[: len(now.allocations)] == now.allocations
    assert then.reserve_moves[: len(now.reserve_moves)] == now.reserve_moves
    fallen_due = now.schedule.instalments[: len(now.instalments)]
    if any(isinstance(event, Extension) and as_of < event.effective_date <= end for event in events):
        fallen_due = tuple(row for row in fallen_due if row.due_on < now.schedule.ends_on)
    assert then.schedule.instalments[: len(fallen_due)] == fallen_due


@many
@given(loan_histories(receipts_only=True), st.data(), st.integers(0, 400))
def test_a_receipt_that_bounces_had_never_come_on_the_days_before_either(
    history: tuple[LoanTerms, list[Event], date], data: st.DataObject, later: int
) -> None:
    """What is known today counts for each day that a replay looks back on; so no count of days begins anew with it."""
    terms, events, as_of = history
    named: list[Event] = [
        replace(event, id=f"receipt-{number}") if isinstance(event, Receipt) else event
        for number, event in enumerate(events)
    ]
    receipts = [event for event in named if isinstance(event, Receipt)]
    assume(receipts)
    bounced = data.draw(st.sampled_from(receipts))
    reversal = ReceiptReversal(bounced.effective_date + timedelta(days=later), bounced.id)
    without = [event for event in named if event is not bounced]
    assert replay(terms, (), as_of, recorded=[*named, reversal]) == replay(terms, (), as_of, recorded=without)


@many
@given(loan_histories())
def test_segments_tile_the_term_and_accrue_what_falls_due(history: tuple[LoanTerms, list[Event], date]) -> None:
    terms, events, as_of = history
    known = [event for event in events if event.effective_date <= as_of]
    schedule = build_schedule(terms, known)
    segments = schedule.segments
    if schedule.ends_on > terms.advanced_on:
        assert segments[0].start == terms.advanced_on
        # Of a loan that cents or whole units repaid early, the stretches after its end bear nothing.
        assert segments[-1].end >= schedule.ends_on
        assert all(segment.base == 0 for segment in segments if segment.start >= schedule.ends_on)
    assert all(before.end == after.start for before, after in pairwise(segments))
    assert all(segment.scale == accrual_scale(terms.day_count) for segment in segments)
    due = 0
    for row in schedule.instalments[:-1]:
        due += row.interest
        if terms.interest_mode is not InterestMode.ROLLED_UP and row.principal + row.interest:
            ended = [segment for segment in segments if segment.end == row.due_on]
            whole = [segment for segment in ended if segment.end in terms.due_dates(schedule_periods(terms, known))]
            if whole and row.interest:
                assert whole[-1].accrued_minor(row.due_on) == due


def schedule_periods(terms: LoanTerms, events: list[Event]) -> int:
    return terms.periods + sum(getattr(event, "periods", 0) for event in events)


@many
@given(loan_histories())
def test_overdue_segments_foresee_default_interest(history: tuple[LoanTerms, list[Event], date]) -> None:
    """Written ahead, they give that day and each later one what its replay gives, as long as nothing happens."""
    terms, events, as_of = history
    known = [event for event in events if event.effective_date <= as_of]
    position = replay(terms, known, as_of)
    for days in (0, 1, 2, 30, 31, 45, 200):
        on = as_of + timedelta(days=days)
        later = replay(terms, known, on)
        if any(move.on > as_of and move.kind is ReserveMoveKind.APPLIED for move in later.reserve_moves):
            continue
        holding = [segment for segment in position.overdue_segments if segment.start < on <= segment.end]
        assert len(holding) <= 1
        if position.advance_held:
            # What waits is not counted ahead: the close of a due date replays a loan that has paid ahead.
            continue
        # Where nothing is overdue, or nothing accrues after a write-off, there is no segment and no change.
        foreseen = position.default_interest_due
        if holding:
            foreseen = holding[0].accrued_minor(on) - position.default_interest_paid
        assert foreseen == later.default_interest_due


@many
@given(loan_histories())
def test_the_reserve_ends_empty_and_never_lends(history: tuple[LoanTerms, list[Event], date]) -> None:
    terms, events, _ = history
    schedule = build_schedule(terms, events)
    held = 0
    for move in reserve_moves(terms, events, schedule):
        assert move.amount > 0
        held += move.amount if move.kind is ReserveMoveKind.RETAINED else -move.amount
        assert held >= 0
    assert held == 0


@given(loan_terms())
def test_paid_on_time_a_loan_closes_on_its_last_day(terms: LoanTerms) -> None:
    plan = build_schedule(terms)
    moves = reserve_moves(terms, [], plan)
    released = {move.instalment: move.amount for move in moves if move.kind is ReserveMoveKind.RELEASED}
    events: list[Event] = [
        Receipt(row.due_on, Money(due, Currency.EUR))
        for row in plan.instalments
        if (due := row.total - released.get(row.number, 0))
    ]
    position = replay(terms, events, plan.ends_on)
    assert position.total_due == position.principal_outstanding == position.returned == position.reserve_held == 0
    assert position.closed_on == plan.ends_on
    assert position.interest_repaid == plan.interest
    assert position.default_interest_paid == 0


@given(loan_terms(), st.integers(0, 100))
def test_minimum_interest_is_at_least_that(terms: LoanTerms, percent: int) -> None:
    plan = build_schedule(terms)
    span = (plan.ends_on - terms.advanced_on).days
    on = terms.advanced_on + timedelta(days=span * percent // 100)
    redeemed = build_schedule(terms, [Redemption(on)])
    if terms.minimum_interest_months:
        assert redeemed.interest >= plan.accrued_by_period[terms.minimum_interest_months - 1]
    assert redeemed.drawn == plan.drawn


SAME_DAY = date(2024, 3, 15)


def same_day_events() -> list[Event]:
    def eur(minor: int) -> Money:
        return Money(minor, Currency.EUR)

    return [
        Drawdown(SAME_DAY, eur(500_000)),
        RateChange(SAME_DAY, Rate(15_000_000)),
        FeeDue(SAME_DAY, eur(5_000), "survey"),
        PenaltyDue(SAME_DAY, eur(2_500), "late"),
        CostAdvanced(SAME_DAY, eur(1_000), "lawyer"),
        Receipt(SAME_DAY, eur(20_000)),
        Default(SAME_DAY),
    ]


def test_same_day_events_follow_the_declared_precedence() -> None:
    """All 5,040 orders of recording a day give one position, and it is the declared one."""
    terms = LoanTerms(
        principal=Money(10_000_000, Currency.EUR),
        rate=Rate(12_000_000),
        repayment=Repayment.BULLET,
        interest_mode=InterestMode.SERVICED,
        periods=12,
        advanced_on=date(2024, 1, 15),
    )
    positions: list[LoanPosition] = []
    for events in permutations(same_day_events()):
        position = replay(terms, events, SAME_DAY)
        if position not in positions:
            positions.append(position)
    (position,) = positions
    (paid,) = position.allocations
    # The receipt came in before the day's default, so the fee was paid first and the recovery cost last.
    assert (paid.fee, paid.penalty, paid.interest, paid.recovery_cost) == (5_000, 2_500, 12_500, 0)
    assert position.defaulted_on == SAME_DAY
    # The tranche bears interest, and the new rate holds, from the next day on.
    assert position.schedule.instalments[1].interest == 100_000
    assert position.schedule.instalments[2].interest == 131_250
