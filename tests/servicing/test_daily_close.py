"""The daily close: the engine's own figures, once each, whatever happens in the middle."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from halfpenny import servicing
from halfpenny.loans import LoanInterestMode
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import replay
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
