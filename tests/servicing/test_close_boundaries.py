"""The daily close on both sides of the ninetieth day: late until then, in default on the day after."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from halfpenny import loans, servicing
from halfpenny.platform.database import Database
from servicing import world
from support import lending


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


async def test_where_the_amount_becomes_material_later_the_ninety_days_are_counted_from_then(
    database: Database,
) -> None:
    """The second instalment makes it material: the loan is more than ninety days past due when its ninetieth comes."""
    rules = replace(lending.RULES, product=loans.ProductSettings(materiality_above_eur_minor=100_00))
    await world.drawn(database, [1_000_000], term_months=6, rules=rules)
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT due_on, unpaid_minor FROM instalment ORDER BY due_on LIMIT 2")
    assert [50_00 < row["unpaid_minor"] <= 100_00 for row in rows] == [True, True]
    last_late = rows[1]["due_on"] + timedelta(days=90)
    overdue_days = (last_late - rows[0]["due_on"]).days
    await world.go_to(database, last_late + timedelta(days=1))
    await servicing.close_days(database)
    assert await standing(database) == ("late", overdue_days, None)
    await world.go_to(database, last_late + timedelta(days=2))
    await servicing.close_days(database)
    assert await standing(database) == ("defaulted", overdue_days + 1, last_late + timedelta(days=1))
    assert await world.problems(database) == []
