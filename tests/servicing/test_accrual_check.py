"""The check of accruals: a close beside postings may have seen what any of them left, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.check.accruals import AccrualDay, Close, accrual_findings, accrued
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Acceleration, Default, Event, Waiver, WriteOff
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from halfpenny.servicing.model.waterfall import Component
from halfpenny.servicing.store import serviced_loans

TERMS = LoanTerms(
    principal=Money(1_000_000_00, Currency.EUR),
    rate=Rate.parse_annual("11"),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=12,
    advanced_on=date(2026, 11, 29),
    default_rate=Rate.parse_annual("15"),
)
DAY = date(2027, 4, 2)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
# Recorded one after the other within a minute, as a story does that moves the clock.
LIFE: list[Event] = [
    Default(date(2027, 3, 30)),
    Acceleration(date(2027, 3, 30)),
    Waiver(DAY, Component.DEFAULT_INTEREST, Money(500_00, Currency.EUR)),
    WriteOff(DAY),
]
RECORDED = [NOON + timedelta(seconds=seconds) for seconds in (0, 5, 20, 25)]


def known_at(moment: datetime) -> tuple[tuple[Event, ...], date]:
    known = tuple(event for event, since in zip(LIFE, RECORDED, strict=True) if since <= moment)
    return known, known[-1].effective_date if known else TERMS.advanced_on


def row_of(known: list[Event]) -> AccrualDay:
    """What the close writes that sees these events."""
    on = max([TERMS.advanced_on, *(event.effective_date for event in known)])
    position = replay(TERMS, (), on, recorded=known)
    segments = serviced_loans.segment_rows(
        UUID(int=1), position.schedule.segments, position.overdue_segments, position.default_interest_settled
    )
    return AccrualDay(DAY, accrued(segments, "contract", DAY) or 0, accrued(segments, "default", DAY) or 0)


def findings(row: AccrualDay, closed_at: datetime) -> list[str]:
    position = replay(TERMS, (), DAY, recorded=LIFE)
    segments = serviced_loans.segment_rows(
        UUID(int=1), position.schedule.segments, position.overdue_segments, position.default_interest_settled
    )
    closes = [Close(DAY, closed_at)]
    return [
        str(one) for one in accrual_findings(UUID(int=1), TERMS, [row], closes, known_at, RECORDED, segments, position)
    ]


@pytest.mark.parametrize("seen", [1, 2, 3, 4])
@pytest.mark.parametrize("seconds", [19, 24, 26])
def test_a_close_beside_postings_may_have_seen_any_state_of_that_minute(seen: int, seconds: int) -> None:
    assert findings(row_of(LIFE[:seen]), NOON + timedelta(seconds=seconds)) == []


def test_what_no_state_explains_is_found() -> None:
    row = row_of(LIFE[:2])
    assert len({row_of(LIFE[:seen]).default_interest for seen in (1, 2, 3, 4)}) > 2
    for changed in (row._replace(default_interest=row.default_interest + 1), row._replace(interest=row.interest - 1)):
        assert findings(changed, NOON + timedelta(seconds=24)) != []


def test_a_state_that_was_over_minutes_before_the_close_explains_nothing() -> None:
    assert len(findings(row_of(LIFE[:2]), NOON + timedelta(minutes=5))) == 1
