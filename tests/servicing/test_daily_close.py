"""The daily close: the engine's own figures, once each, whatever happens in the middle."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from halfpenny import servicing
from halfpenny.loans import LoanInterestMode
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.service import arrears
from halfpenny.servicing.store import serviced_loans
from servicing import world


class Crash(Exception):
    """What ends a close in the middle."""


class CrashOnceADay:
    """Raises after the first range of each day, the first time that the day is closed."""

    def __init__(self) -> None:
        self.days: set[date] = set()

    def __call__(self, day: date, _done: int, _whole: int) -> None:
        if day not in self.days:
            self.days.add(day)
            raise Crash


async def crashes(database: Database, crash: CrashOnceADay) -> bool:
    """Close until the crash; False when everything was closed already."""
    try:
        await servicing.close_days(database, range_size=1, progress=crash)
    except* Crash:
        pass
    else:
        return False
    return True


async def state_of(database: Database) -> tuple[object, ...]:
    """Everything that a close writes."""
    async with database.reading() as connection:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM transfer), (SELECT sum(amount) FROM transfer), "
            "(SELECT count(*) FROM accrual), (SELECT sum(interest_minor + default_interest_minor) FROM accrual), "
            "(SELECT count(*) FROM distribution), (SELECT count(*) FROM close_range), "
            "(SELECT count(*) FROM business_day)"
        )
    assert row is not None
    return tuple(row)


async def test_a_close_that_crashes_is_finished_by_the_next_run(database: Database) -> None:
    drawn = [await world.drawn(database, [100_000], mode=LoanInterestMode.RETAINED) for _ in range(3)]
    last = max(one.drawn_on for one in drawn)
    await world.go_to(database, last + timedelta(days=40))
    crash = CrashOnceADay()
    while await crashes(database, crash):
        pass
    assert len(crash.days) > 40
    after = await state_of(database)
    assert await servicing.close_days(database) == []
    assert await state_of(database) == after
    async with database.reading() as connection:
        days = await connection.fetchval("SELECT count(*) FROM business_day")
        today = await business_date(connection)
        released = await connection.fetchval("SELECT count(*) FROM distribution")
        per_day = await connection.fetch("SELECT business_date, loan_id FROM accrual GROUP BY 1, 2 HAVING count(*) > 1")
    assert days == (today - min(one.drawn_on for one in drawn)).days
    assert released == 3
    assert per_day == []
    assert await world.problems(database) == []


async def test_accrual_in_sql_is_the_engines(database: Database) -> None:
    made = [await world.drawn(database, [123_457], mode=mode) for mode in LoanInterestMode]
    await world.go_to(database, made[-1].drawn_on + timedelta(days=70))
    await servicing.close_days(database)
    for one in made:
        async with database.reading() as connection:
            serviced = await serviced_loans.find(connection, one.loan.id)
            assert serviced is not None
            events = await serviced_loans.events(connection, one.loan.id)
            accrued = await connection.fetch(
                "SELECT * FROM accrual WHERE loan_id = $1 ORDER BY business_date", one.loan.id
            )
        assert len(accrued) > 60
        for row in accrued:
            position = replay(serviced.terms, events, row["business_date"])
            due = sum(i.interest for i in position.schedule.instalments if i.due_on <= row["business_date"])
            assert row["interest_minor"] == position.accrued_interest + due
            assert row["default_interest_minor"] == position.default_interest_due


async def test_a_day_that_another_worker_closed_meanwhile_is_reported_once(database: Database) -> None:
    """Both chose the day before either had the lock; the second one finds everything done."""
    drawn = await world.drawn(database, [600_000])
    await world.go_to(database, drawn.drawn_on + timedelta(days=2))
    first, second = [await servicing.close_day(database, drawn.drawn_on) for _ in range(2)]
    assert first is not None and second is not None and second.released == second.late == 0
    async with database.reading() as connection:
        reported = "SELECT count(*) FROM outbox WHERE name = 'servicing.day_closed' AND payload->>'business_date' = $1"
        assert await connection.fetchval(reported, drawn.drawn_on.isoformat()) == 1


async def test_a_day_that_is_not_over_cannot_be_closed(database: Database) -> None:
    await world.drawn(database, [100_000])
    before = await state_of(database)
    async with database.reading() as connection:
        today = await business_date(connection)
    with pytest.raises(errors.CloseOutOfOrder):
        await servicing.close_day(database, today)
    assert await state_of(database) == before


async def test_a_loan_that_nobody_repays_matures(database: Database) -> None:
    made = await world.drawn(database, [100_000], mode=LoanInterestMode.ROLLED_UP, term_months=3)
    assert made.loan.matures_on is not None
    await world.go_to(database, made.loan.matures_on + timedelta(days=2))
    await servicing.close_days(database)
    async with database.reading() as connection:
        status = await connection.fetchval("SELECT status FROM loan WHERE id = $1", made.loan.id)
        serviced = await serviced_loans.find(connection, made.loan.id)
    assert status == "matured"
    assert serviced is not None
    assert (serviced.standing, serviced.days_past_due) == ("late", 1)


async def _closed_as_replayed(database: Database, loan_id: UUID, since: date) -> None:
    """Each closed day from ``since`` has the default interest that a replay of it has, and the last one all that is
    due."""
    async with database.reading() as connection:
        serviced = await serviced_loans.find(connection, loan_id)
        assert serviced is not None
        events = await serviced_loans.events(connection, loan_id)
        accrued = await connection.fetch(
            "SELECT * FROM accrual WHERE loan_id = $1 AND business_date >= $2 ORDER BY business_date", loan_id, since
        )
        due = await connection.fetchval("SELECT total_due_minor FROM serviced_loan WHERE loan_id = $1", loan_id)
    days = [replay(serviced.terms, (), row["business_date"], recorded=events) for row in accrued]
    assert [row["default_interest_minor"] for row in accrued] == [day.default_interest_due for day in days]
    assert due == days[-1].total_due


@pytest.mark.parametrize(("days", "paid"), [(75, 500), (75, 12_345), (140, 1), (140, 1_700)])
async def test_the_close_of_a_day_with_a_receipt_keeps_the_default_interest_that_is_left(
    database: Database, days: int, paid: int
) -> None:
    made = await world.drawn(database, [10_000_000])
    day = made.drawn_on + timedelta(days=days)
    await world.go_to(database, day)
    await servicing.close_days(database)
    await world.repay(database, made, paid)
    for after in (1, 2, 40):
        await world.go_to(database, day + timedelta(days=after))
        await servicing.close_days(database)
        await _closed_as_replayed(database, made.loan.id, day - timedelta(days=3))
    assert await world.problems(database) == []


async def test_a_loan_written_off_goes_on_owing_the_default_interest_of_before(database: Database) -> None:
    made = await world.drawn(database, [10_000_000], term_months=3)
    day = made.drawn_on + timedelta(days=100)
    await world.go_to(database, day)
    await servicing.close_days(database)
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent.")
        await arrears.write_off(connection, made.loan.id, made.staff, "Nothing to sell.")
    for after in (1, 9):
        await world.go_to(database, day + timedelta(days=after))
        await servicing.close_days(database)
        await _closed_as_replayed(database, made.loan.id, day - timedelta(days=3))
    assert await world.problems(database) == []
