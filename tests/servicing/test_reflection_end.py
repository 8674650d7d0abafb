"""The exact end of the days of reflection: until then a ticket can be taken back and nothing is drawn down, from then
on it is the other way round. No moment allows both, none forbids both."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from halfpenny import funding, servicing
from halfpenny.funding.errors import ReflectionOver
from halfpenny.platform.database import Database
from halfpenny.servicing.errors import ReflectionRunning
from servicing import world
from support.frozen_clock import freeze

TICK = timedelta(microseconds=1)


async def funded(database: Database) -> tuple[world.Drawn, UUID, datetime]:
    """A loan that two people have funded, the ticket that was made last and the end of its reflection."""
    made = await world.ready(database, [30_000, 20_000])
    async with database.reading() as connection:
        row = await connection.fetchrow(
            "SELECT id, revocable_until FROM investment ORDER BY revocable_until DESC LIMIT 1"
        )
    assert row is not None
    return made, row["id"], row["revocable_until"]


async def take_back(database: Database, made: world.Drawn, ticket_id: UUID) -> None:
    async with database.unit_of_work() as connection:
        investor = await connection.fetchval("SELECT investor_id FROM investment WHERE id = $1", ticket_id)
        await funding.revoke(connection, investor, ticket_id)


async def draw_down(database: Database, made: world.Drawn) -> None:
    async with database.unit_of_work() as connection:
        await servicing.draw_down(connection, made.loan.id, made.staff)


async def test_up_to_the_last_moment_a_ticket_can_be_taken_back(database: Database, database_url: str) -> None:
    made, ticket_id, until = await funded(database)
    freeze(database_url, until - TICK)
    with pytest.raises(ReflectionRunning) as refused:
        await draw_down(database, made)
    assert refused.value.data["until"] == until.isoformat()
    await take_back(database, made, ticket_id)


@pytest.mark.parametrize("later", [timedelta(), TICK])
async def test_from_the_end_on_the_loan_can_be_drawn_down(
    database: Database, database_url: str, later: timedelta
) -> None:
    made, ticket_id, until = await funded(database)
    freeze(database_url, until + later)
    with pytest.raises(ReflectionOver):
        await take_back(database, made, ticket_id)
    await draw_down(database, made)
    assert await world.problems(database) == []
