"""A loan that refuses the posting of a close: it is set aside and found, and every other has its day closed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from halfpenny import loans, servicing
from halfpenny.loans import LoanInterestMode
from halfpenny.platform import clock
from halfpenny.platform.database import Collision, Connection, Database
from halfpenny.primitives.money import Currency
from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Default, Event, LegalMaximumChange
from halfpenny.servicing.model.serviced_loan import ServicedLoan
from halfpenny.servicing.store import closing, serviced_loans
from servicing import world


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> dict[UUID, Exception]:
    """Loans whose events cannot be read, each with what is raised instead."""
    refusals: dict[UUID, Exception] = {}
    read = serviced_loans.events

    async def events(connection: Connection, loan_id: UUID) -> list[Event]:
        if loan_id in refusals:
            raise refusals[loan_id]
        return await read(connection, loan_id)

    monkeypatch.setattr(serviced_loans, "events", events)
    return refusals


async def set_aside(database: Database) -> dict[UUID, tuple[date, str]]:
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT * FROM loan_set_aside WHERE posted_at IS NULL")
    return {row["loan_id"]: (row["business_date"], row["code"]) for row in rows}


async def has_change(database: Database, loan_id: UUID, on: date) -> bool:
    async with database.reading() as connection:
        events = await serviced_loans.events(connection, loan_id)
    return any(isinstance(event, LegalMaximumChange) and event.effective_date == on for event in events)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(errors.LoanClosed(closed_on="2025-01-01"), "loan_closed"), (ValueError("no such loan"), "ValueError")],
)
async def test_a_change_of_the_law_that_one_loan_refuses_reaches_the_others(
    database: Database, refusing: dict[UUID, Exception], refusal: Exception, code: str
) -> None:
    async with database.unit_of_work() as connection:
        await clock.simulate_time(connection, datetime(2025, 9, 25, 9, tzinfo=UTC))
    made = [
        await world.drawn(database, [30_000_000], term_months=6, currency=Currency.PLN, annual_rate=Decimal("15.9"))
        for _ in range(3)
    ]
    change, day = date(2025, 11, 6), date(2025, 11, 10)
    await world.go_to(database, day)
    bad = made[1].loan.id
    refusing[bad] = refusal
    closed = await servicing.close_days(database)
    assert closed[-1].business_date == day - timedelta(days=1)
    assert closed[-1].set_aside == 1
    assert set(await set_aside(database)) == {bad}
    assert (await set_aside(database))[bad][1] == code
    assert any("loan_set_aside" in one and code in one for one in await world.problems(database))
    del refusing[bad]
    assert [await has_change(database, one.loan.id, change) for one in made] == [True, False, True]
    await world.go_to(database, day + timedelta(days=1))
    assert [one.set_aside for one in await servicing.close_days(database)] == [0]
    assert await set_aside(database) == {}
    assert await has_change(database, bad, change)
    assert await world.problems(database) == []


async def _drawn_together(database: Database, closed_days: int, **terms: Any) -> list[world.Drawn]:
    """Three loans alike, drawn on one day; the first ``closed_days`` since are closed."""
    made = [await world.ready(database, [10_000_000], term_months=3, **terms) for _ in range(3)]
    await world.advance(database, world.REFLECTION)
    async with database.unit_of_work() as connection:
        for one in made:
            await servicing.draw_down(connection, one.loan.id, one.staff)
        today = await clock.business_date(connection)
    await world.go_to(database, today + timedelta(days=closed_days))
    await servicing.close_days(database)
    return made


# A default by days past due; the last day of a reserve; a default of which the loan knows nothing, as it has refused
# every close since the last day of its reserve.
@pytest.mark.parametrize(
    ("mode", "closed_days", "days"),
    [
        (LoanInterestMode.SERVICED, 118, 10),
        (LoanInterestMode.RETAINED, 85, 12),
        (LoanInterestMode.RETAINED, 85, 110),
    ],
)
@pytest.mark.parametrize("more_days", [1, 9])
async def test_a_loan_that_was_set_aside_catches_up_with_the_others(
    database: Database,
    refusing: dict[UUID, Exception],
    mode: LoanInterestMode,
    closed_days: int,
    days: int,
    more_days: int,
) -> None:
    """In the end all three stand alike, the day of a default included."""
    made = await _drawn_together(database, closed_days, mode=mode)
    await world.advance(database, timedelta(days=days))
    bad = made[1].loan.id
    refusing[bad] = errors.EventBeforeAdvance(effective_date="2020-01-01")
    await servicing.close_days(database)
    [(since, _)] = (await set_aside(database)).values()
    assert set(await set_aside(database)) == {bad}
    assert any("loan_set_aside" in one for one in await world.problems(database))
    # The day stays that of the first refusal; the reason is the newest.
    refusing[bad] = ValueError("another reason")
    await world.advance(database, timedelta(days=more_days))
    await servicing.close_days(database)
    assert await set_aside(database) == {bad: (since, "ValueError")}
    del refusing[bad]
    await world.advance(database, timedelta(days=1))
    await servicing.close_days(database)
    assert await set_aside(database) == {}
    assert await world.problems(database) == []
    async with database.reading() as connection:
        statuses = [(await loans.get(connection, one.loan.id)).status for one in made]
        rows = [
            await connection.fetchrow(
                "SELECT posted, standing, principal_outstanding_minor, defaulted_on, days_past_due, total_due_minor "
                "FROM serviced_loan WHERE loan_id = $1",
                one.loan.id,
            )
            for one in made
        ]
        events = [await serviced_loans.events(connection, one.loan.id) for one in made]
    assert statuses[0] == statuses[1] == statuses[2]
    for name, value in rows[0].items():
        assert [row[name] for row in rows] == [value] * 3, name
    assert events == [events[0]] * 3
    assert any(isinstance(event, Default) for event in events[0]) == (rows[0]["defaulted_on"] is not None)


async def test_a_loan_that_is_set_aside_is_tried_once_a_close(
    database: Database, refusing: dict[UUID, Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever list of the close it would be in: a default and a change of the law that wait."""
    async with database.unit_of_work() as connection:
        await clock.simulate_time(connection, datetime(2025, 9, 26, 9, tzinfo=UTC))
    made = [
        await world.drawn(database, [1_000_000], term_months=6, currency=Currency.PLN, annual_rate=Decimal("15.9"))
        for _ in range(2)
    ]
    bad = made[0].loan.id
    refusing[bad] = ValueError("no such loan")
    await world.go_to(database, date(2025, 12, 2))
    await servicing.close_days(database)
    tried: list[UUID] = []
    read = serviced_loans.find

    async def find(connection: Connection, loan_id: UUID, *, lock: bool = False) -> ServicedLoan | None:
        if lock:
            tried.append(loan_id)
        return await read(connection, loan_id, lock=lock)

    monkeypatch.setattr(serviced_loans, "find", find)
    for day in (date(2025, 12, 3), date(2025, 12, 7), date(2026, 1, 30), date(2026, 2, 1)):
        await world.go_to(database, day)
        tried.clear()
        closed = await servicing.close_days(database)
        assert tried.count(bad) == len(closed) and {one.set_aside for one in closed} == {1}


async def test_what_says_nothing_of_a_loan_ends_the_close_and_sets_nothing_aside(
    database: Database, refusing: dict[UUID, Exception]
) -> None:
    made = await _drawn_together(database, 85, mode=LoanInterestMode.RETAINED)
    await world.advance(database, timedelta(days=12))
    refusing[made[1].loan.id] = Collision()
    with pytest.RaisesGroup(Collision):
        await servicing.close_days(database)
    assert await set_aside(database) == {}
    del refusing[made[1].loan.id]
    await servicing.close_days(database)
    assert await world.problems(database) == []
    async with database.reading() as connection:
        assert await closing.loans_set_aside(connection) == {}


async def test_a_loan_is_set_aside_once_and_again_after_it_has_been_posted(database: Database) -> None:
    loan_id, day = uuid4(), date(2026, 3, 1)
    async with database.unit_of_work() as connection:
        await closing.set_aside(connection, loan_id, day, "one")
        await closing.set_aside(connection, loan_id, day + timedelta(days=1), "another")
        assert await closing.loans_set_aside(connection) == {loan_id: day}
    assert await set_aside(database) == {loan_id: (day, "another")}
    async with database.unit_of_work() as connection:
        await closing.clear_set_aside(connection, loan_id)
        assert await closing.loans_set_aside(connection) == {}
        await closing.set_aside(connection, loan_id, day, "one")
    assert await set_aside(database) == {loan_id: (day, "one")}
    async with database.unit_of_work() as connection:
        await closing.clear_set_aside(connection, loan_id)
        await closing.set_aside(connection, loan_id, day + timedelta(days=3), "two")
        await closing.set_aside(connection, loan_id, day + timedelta(days=5), "three")
    assert await set_aside(database) == {loan_id: (day + timedelta(days=3), "three")}
