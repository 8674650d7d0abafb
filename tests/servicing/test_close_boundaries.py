"""The daily close on both sides of the ninetieth day: late until then, in default on the day after."""

from __future__ import annotations

from datetime import date, timedelta

from halfpenny import servicing
from halfpenny.platform.database import Database
from servicing import world


async def standing(database: Database) -> tuple[str, int, date | None]:
    async with database.reading() as connection:
        row = await connection.fetchrow("SELECT standing, days_past_due, defaulted_on FROM serviced_loan")
    assert row is not None
    return row["standing"], row["days_past_due"], row["defaulted_on"]


async def test_a_loan_is_late_on_its_ninetieth_day_and_in_default_on_the_next(database: Database) -> None:
    await world.drawn(database, [100_000], term_months=6)
    async with database.reading() as connection:
        due_on = await connection.fetchval("SELECT min(due_on) FROM instalment WHERE unpaid_minor > 0")
    last_late = due_on + timedelta(days=90)
    # A day is closed once it has passed.
    await world.go_to(database, last_late + timedelta(days=1))
    await servicing.close_days(database)
    assert await standing(database) == ("late", 90, None)
    await world.go_to(database, last_late + timedelta(days=2))
    await servicing.close_days(database)
    assert await standing(database) == ("defaulted", 91, last_late + timedelta(days=1))
    assert await world.problems(database) == []
