"""Events of one day in their declared order, and events of days to come, which change nothing before their day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny import loans, servicing
from halfpenny.ledger import AccountKind
from halfpenny.loans import Status
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Acceleration, Apply, Event, Receipt, WriteOff
from halfpenny.servicing.model.payoff import payoff, receive
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from halfpenny.servicing.service import forbearing
from halfpenny.servicing.store import serviced_loans
from servicing import world

STAKES = [400_000, 600_000]


def eur(minor: int) -> Money:
    return Money(minor, Currency.EUR)


def terms(**changes: object) -> LoanTerms:
    settings: dict[str, object] = {
        "principal": eur(10_000_000),
        "rate": Rate(9_000_000),
        "repayment": Repayment.BULLET,
        "interest_mode": InterestMode.SERVICED,
        "periods": 6,
        "advanced_on": date(2025, 1, 15),
        "default_rate": Rate(14_000_000),
    }
    return LoanTerms(**(settings | changes))  # type: ignore[arg-type]


async def test_a_pause_to_come_changes_nothing_before_its_day(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    first, last = made.drawn_on + timedelta(days=20), made.drawn_on + timedelta(days=24)
    async with database.unit_of_work() as connection:
        decided = forbearing.Decided(made.staff, "Flooded cellar.")
        paused = await forbearing.pause_interest(connection, made.loan.id, first, last, decided)
    assert (paused.position.as_of, paused.position.days_past_due, paused.position.total_due) == (made.drawn_on, 0, 0)
    assert paused.loan.status is Status.ACTIVE
    await world.go_to(database, first)
    await servicing.close_days(database)
    async with database.reading() as connection:
        before = await serviced_loans.instalments(connection, made.loan.id)
    await world.go_to(database, last + timedelta(days=2))
    await servicing.close_days(database)
    async with database.reading() as connection:
        after = await serviced_loans.instalments(connection, made.loan.id)
        accrued = [
            await connection.fetchval(
                "SELECT interest_minor FROM accrual WHERE loan_id = $1 AND business_date = $2", made.loan.id, day
            )
            for day in (first - timedelta(days=1), last)
        ]
        loan = await loans.get(connection, made.loan.id)
        serviced = await serviced_loans.find(connection, made.loan.id)
    # The whole first instalment until the pause begins; from then on five days less of it.
    assert before[0]["interest_minor"] == 8_542
    days = (after[0]["due_on"] - made.drawn_on).days
    assert after[0]["interest_minor"] == pytest.approx(8_542 * (days - 5) / days, abs=1)
    assert accrued[0] == accrued[1] > 0
    assert loan.status is Status.ACTIVE and serviced is not None and serviced.days_past_due == 0
    assert await world.problems(database) == []


async def test_a_pause_that_could_never_be_is_refused_when_it_is_asked_for(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    later = made.drawn_on + timedelta(days=40)
    with pytest.raises(errors.PauseBackwards):
        async with database.unit_of_work() as connection:
            decided = forbearing.Decided(made.staff, "Backwards.")
            await forbearing.pause_interest(connection, made.loan.id, later, later - timedelta(days=1), decided)
    async with database.reading() as connection:
        assert await serviced_loans.events(connection, made.loan.id) == []


async def test_a_sale_paid_in_two_wires_redeems_the_loan(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    await world.go_to(database, made.drawn_on + timedelta(days=11))
    first = await world.repay(database, made, 712_345)
    assert (first.moved.principal, first.loan.status) == (712_345, Status.ACTIVE)
    async with database.reading() as connection:
        rest = (await servicing.redemption_on(connection, made.loan.id, None)).payable
    second = await world.repay(database, made, rest)
    assert second.loan.status is Status.REPAID
    assert second.moved.returned == 0
    await servicing.pay_distributions(database)
    kinds = (AccountKind.COLLECTIONS, AccountKind.DISTRIBUTION_PAYABLE, AccountKind.INVESTOR_CLAIMS)
    assert await world.balances(database, made.loan.id, *kinds) == [0, 0, 0]
    assert await world.problems(database) == []


@given(st.integers(1, 150), st.lists(st.integers(1, 2_000_000), min_size=1, max_size=4))
def test_part_payments_and_the_rest_on_one_day_always_close_the_loan(days: int, parts: list[int]) -> None:
    loan, on = terms(), date(2025, 1, 15) + timedelta(days=days)
    events: list[Event] = []
    for part in parts:
        events.append(receive(loan, events, on, eur(part), apply=Apply.PREPAY))
    rest = payoff(loan, events, on).payable
    events.append(receive(loan, events, on, eur(rest)))
    position = replay(loan, events, on)
    assert (position.principal_outstanding, position.total_due, position.returned) == (0, 0, 0)
    assert position.closed_on == on


@given(st.integers(1, 150), st.integers(1, 9_000_000), st.integers(1, 9_000_000))
def test_money_before_and_after_an_acceleration_of_its_day(days: int, before: int, after: int) -> None:
    """What the first receipt paid stays as it was paid; the second meets what the acceleration made due."""
    loan, on = terms(), date(2025, 1, 15) + timedelta(days=days)
    events: list[Event] = [receive(loan, [], on, eur(before), apply=Apply.PREPAY)]
    first = replay(loan, events, on).allocations
    events.append(Acceleration(on))
    accelerated = replay(loan, events, on)
    assert accelerated.allocations == first
    assert accelerated.principal_due == accelerated.principal_outstanding
    events.append(receive(loan, events, on, eur(after)))
    position = replay(loan, events, on)
    assert position.allocations[: len(first)] == first
    assert position.allocations[-1].amount == after
    assert position.returned == max(0, after - accelerated.total_due)


@given(st.integers(1, 150), st.integers(1, 9_000_000), st.integers(1, 12_000_000))
def test_a_recovery_on_the_day_of_the_write_off_leaves_the_loss(days: int, before: int, after: int) -> None:
    loan, on = terms(), date(2025, 1, 15) + timedelta(days=days)
    events: list[Event] = [receive(loan, [], on, eur(before), apply=Apply.PREPAY), WriteOff(on)]
    written_off = replay(loan, events, on)
    events.append(receive(loan, events, on, eur(after)))
    position = replay(loan, events, on)
    assert position.written_off == written_off.written_off > 0
    assert position.allocations[: len(written_off.allocations)] == written_off.allocations
    # Interest and default interest come before principal in this waterfall; the rest recovers the loss.
    first = written_off.interest_due + written_off.default_interest_due
    assert position.recovered == min(max(0, after - first), position.written_off)
    # Given in any order, the same.
    assert replay(loan, list(reversed(events)), on).recovered == position.recovered
    assert isinstance(events[-1], Receipt)
