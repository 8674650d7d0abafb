"""Milestones: reported by the batch that crosses them, reported once to everyone concerned."""

from __future__ import annotations

from datetime import UTC, datetime

from funding.world import World, make_world, open_desk, outcomes
from halfpenny import funding
from halfpenny.funding.consumers import notify_of_milestone
from halfpenny.platform.database import Database
from halfpenny.platform.queue import Message


async def output(database: Database) -> list[Message]:
    """Every milestone event so far, as the queue would deliver it."""
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT event_id, name, version, payload FROM outbox WHERE name = 'funding.milestone_reached' ORDER BY seq"
        )
    return [Message(row["event_id"], row["name"], row["version"], datetime.now(UTC), row["payload"]) for row in rows]


async def deliver(database: Database) -> None:
    """Deliver what has not been, through the inbox that the queue keeps."""
    for message in await output(database):
        async with database.unit_of_work() as connection:
            new = await connection.fetchval(
                "INSERT INTO inbox (queue, event_id) VALUES ('funding.milestones', $1) ON CONFLICT DO NOTHING "
                "RETURNING true",
                message.id,
            )
            if new:
                await notify_of_milestone(connection, message)


async def answer(database: Database, world: World) -> dict[int, list[int]]:
    """The percentages that each investor received, by the investor's place."""
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT user_id, kind, data FROM notification ORDER BY seq")
    assert {row["kind"] for row in rows} <= {"milestone"}
    return {
        place: [row["data"]["percent"] for row in rows if row["user_id"] == person]
        for place, person in enumerate(world.investors)
    }


async def test_each_investor_is_notified_of_each_milestone_once(database: Database) -> None:
    world = await make_world(database, target_minor=40_000)
    async with open_desk(database) as desk:
        first = (await outcomes(desk, [world.ticket(0, 10_000)]))[0]
        await deliver(database)
        assert await answer(database, world) == {0: [25], 1: [], 2: []}
        await outcomes(desk, [world.ticket(1, 10_000)])
        await deliver(database)
        assert await answer(database, world) == {0: [25, 50], 1: [50], 2: []}
        # Below 50 % and up again: news only for whoever was not there the first time.
        async with database.unit_of_work() as connection:
            await funding.revoke(connection, world.investors[0], first.investment_id)  # type: ignore[union-attr]
        await outcomes(desk, [world.ticket(2, 10_000)])
        await deliver(database)
        await deliver(database)
        assert await answer(database, world) == {0: [25, 50], 1: [50], 2: [50]}
        await outcomes(desk, [world.ticket(2, 20_000)])
        await deliver(database)
    assert await answer(database, world) == {0: [25, 50], 1: [50, 75, 100], 2: [50, 75, 100]}


async def test_whoever_watches_is_notified_too(database: Database) -> None:
    world = await make_world(database, target_minor=40_000)
    async with database.unit_of_work() as connection:
        await connection.execute(
            "INSERT INTO topic_watcher (topic, user_id) VALUES ($1, $2)", f"loan:{world.loan.id}", world.investors[2]
        )
    async with open_desk(database) as desk:
        await outcomes(desk, [world.ticket(0, 30_000)])
    await deliver(database)
    assert await answer(database, world) == {0: [25, 50, 75], 1: [], 2: [25, 50, 75]}
    async with database.reading() as connection:
        text = await connection.fetchval("SELECT data->>'text' FROM notification WHERE data->>'percent' = '50' LIMIT 1")
    assert text == "50 % funded"
