"""The queue's own protocol in PostgreSQL, as a program uses it that shares nothing else with us; and forgetting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import Message, Poison, Subscription, prune
from halfpenny.platform.queue.messages import decode, encode
from halfpenny.primitives.ids import uuid7
from support.queueing import Bench, until


async def publish(connection: Connection, *ids: UUID) -> int:
    """Append events by these ids and fan them out; returns how many of them were new."""
    events = [
        {"event_id": str(id), "name": "loan.submitted", "version": 1, "aggregate_id": str(id), "payload": {"n": n}}
        for n, id in enumerate(ids)
    ]
    new: int = await connection.fetchval("SELECT outbox_append($1)", events)
    while await connection.fetchval("SELECT outbox_fan_out(3)"):
        pass
    return new


async def claim(connection: Connection, batch: int = 10, lease_s: int = 60) -> list[tuple[UUID, int]]:
    rows = await connection.fetch("SELECT * FROM queue_claim('risk.requests', $1, $2)", batch, lease_s)
    return [(row["event_id"], row["attempt"]) for row in rows]


@pytest.fixture
async def connection(database: Database) -> Any:
    async with database.reading() as connection:
        await connection.execute("SELECT queue_subscribe('risk.requests', '{loan.submitted}')")
        yield connection


async def test_events_are_claimed_once_in_their_order_and_done_with(connection: Connection) -> None:
    ids = [uuid7() for _ in range(7)]
    assert await publish(connection, *ids) == 7
    assert await claim(connection, 5) == [(id, 1) for id in ids[:5]]
    assert await claim(connection) == [(id, 1) for id in ids[5:]]
    assert await claim(connection) == []
    for id in ids:
        await connection.execute("SELECT queue_done('risk.requests', $1)", id)
    assert await connection.fetchval("SELECT count(*) FROM delivery") == 0


async def test_a_producer_may_repeat_itself(connection: Connection) -> None:
    id = uuid7()
    assert await publish(connection, id) == 1
    assert await publish(connection, id) == 0
    assert await claim(connection) == [(id, 1)]
    assert await claim(connection) == []


async def test_a_lease_that_ran_out_is_the_next_ones(connection: Connection) -> None:
    id = uuid7()
    await publish(connection, id)
    assert await claim(connection, lease_s=0) == [(id, 1)]
    assert await claim(connection) == [(id, 2)]
    assert await claim(connection) == []


async def test_a_released_event_has_lost_no_attempt_and_a_failed_one_comes_later_or_never(
    connection: Connection,
) -> None:
    id = uuid7()
    await publish(connection, id)
    await claim(connection)
    await connection.execute("SELECT queue_release('risk.requests', $1, 0)", id)
    assert await claim(connection) == [(id, 1)]
    assert await connection.fetchval("SELECT queue_fail('risk.requests', $1, 'no', 2)", id) == pytest.approx(0.1)
    await connection.execute("UPDATE delivery SET available_at = now()")
    assert await claim(connection) == [(id, 2)]
    assert await connection.fetchval("SELECT queue_fail('risk.requests', $1, 'never', 2)", id) is None
    letter = await connection.fetchrow("SELECT event_id, attempts, reason, error FROM dead_letter")
    assert letter is not None
    assert tuple(letter) == (id, 2, "attempts_exhausted", "never")
    assert await connection.fetchval("SELECT queue_fail('risk.requests', $1, 'again', 2)", id) is None
    assert await connection.fetchval("SELECT count(*) FROM dead_letter") == 1


@pytest.mark.parametrize("name", ["", "loan", "Loan.submitted", "loan submitted", "loan.*"])
async def test_an_event_needs_a_name_in_two_parts(connection: Connection, name: str) -> None:
    event = {"event_id": str(uuid7()), "name": name, "version": 1, "aggregate_id": str(uuid7()), "payload": {}}
    with pytest.raises(Exception, match="ck_outbox_name"):
        await connection.execute("SELECT outbox_append($1)", [event])
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 0


async def test_pruning_deletes_only_what_nobody_needs(connection: Connection, database: Database) -> None:
    handled, waiting, dead, unpublished, recent = (uuid7() for _ in range(5))
    await publish(connection, handled, waiting, dead, recent)
    await connection.execute("SELECT queue_dead_letter('risk.requests', $1, 'no_loan', 'gone')", dead)
    for id in (handled, recent):
        await connection.execute("SELECT queue_done('risk.requests', $1)", id)
    for id in (handled, recent, waiting):
        await connection.execute("INSERT INTO inbox (queue, event_id) VALUES ('risk.requests', $1)", id)
    await connection.execute("UPDATE outbox SET published_at = now() - interval '8 days' WHERE event_id <> $1", recent)
    await connection.execute("UPDATE inbox SET handled_at = now() - interval '8 days' WHERE event_id <> $1", recent)
    await connection.execute(
        "INSERT INTO outbox (event_id, name, version, aggregate_id, payload, recorded_at) "
        "VALUES ($1, 'loan.submitted', 1, $1, '{}', now() - interval '8 days')",
        unpublished,
    )
    assert await prune(database, timedelta(days=7)) == 2
    left = {row["event_id"] for row in await connection.fetch("SELECT event_id FROM outbox")}
    assert left == {waiting, dead, unpublished, recent}
    kept = {row["event_id"] for row in await connection.fetch("SELECT event_id FROM inbox")}
    assert kept == {waiting, recent}
    assert await prune(database, timedelta(days=7)) == 0


async def test_an_event_stays_as_long_as_what_handled_it_late(connection: Connection, database: Database) -> None:
    early, late = uuid7(), uuid7()
    await publish(connection, early, late)
    for id, days in ((early, 8), (late, 3)):
        await connection.execute("SELECT queue_done('risk.requests', $1)", id)
        await connection.execute(
            "INSERT INTO inbox (queue, event_id, handled_at) VALUES ('risk.requests', $1, now() - $2::interval)",
            id,
            timedelta(days=days),
        )
    await connection.execute("UPDATE outbox SET published_at = now() - interval '9 days'")
    assert await prune(database, timedelta(days=7)) == 2
    assert [row["event_id"] for row in await connection.fetch("SELECT event_id FROM outbox")] == [late]


async def test_a_queue_subscribes_before_or_after_events_are_published_never_meanwhile(
    connection: Connection, database: Database
) -> None:
    """Else the books could not show whether an event of that moment had to reach it."""
    events = [f"made.{letter}" for letter in "abcdefghijkl"]

    async def publish_one(name: str, wait_s: float) -> None:
        async with database.unit_of_work() as publisher:
            event = {"event_id": str(uuid7()), "name": name, "version": 1, "aggregate_id": str(uuid7()), "payload": {}}
            await publisher.execute("SELECT outbox_append($1)", [event])
        await asyncio.sleep(wait_s)
        async with database.unit_of_work() as publisher:
            await publisher.execute("SELECT outbox_fan_out(10)")
            await asyncio.sleep(0.02)

    async def subscribe(name: str, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        async with database.unit_of_work() as subscriber:
            await subscriber.execute("SELECT queue_subscribe($1, $2)", f"late.{name}", [name])
            await asyncio.sleep(0.02)

    for place, name in enumerate(events):
        waits_s = (0.01, 0) if place % 2 else (0, 0.01)
        await asyncio.gather(publish_one(name, waits_s[0]), subscribe(name, waits_s[1]))
    rows = await connection.fetch(
        "SELECT o.published_at > s.subscribed_at AS after, d.event_id IS NOT NULL AS delivered FROM subscription s "
        "JOIN outbox o ON o.name = s.event_name LEFT JOIN delivery d ON d.queue = s.queue AND d.event_id = o.event_id "
        "WHERE s.queue LIKE 'late.%'"
    )
    assert len(rows) == len(events)
    assert [row for row in rows if row["after"] is not row["delivered"]] == []


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
async def test_a_worker_whose_listening_connection_was_killed_receives_events_again(
    bench: Bench, database: Database, database_url: str
) -> None:
    owner = await Database.connect(database_url, max_size=1, role=None)
    async with bench.running(bench.subscription("books", "made")):
        (first,) = await bench.record_event("made")

        async def handled() -> bool:
            return set(await bench.effects()) >= expected

        expected = {first}
        await until(handled)
        async with owner.unit_of_work() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'halfpenny listener' AND datname = current_database()"
            )
        expected |= {*await bench.record_event("made", 3)}
        await until(handled)
    assert set((await bench.effects()).values()) == {1}
    await owner.close()


def test_an_envelope_survives_the_journey() -> None:
    message = Message(uuid7(), "loan.submitted", 2, datetime(2026, 3, 1, 9, 30, tzinfo=UTC), {"city": "Łódź", "n": [1]})
    assert decode(encode(message), attempt=4) == Message(
        message.id, message.name, 2, message.recorded_at, message.payload, 4
    )


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"\xff", b'{"id": "1"}', encode.__name__.encode()])
def test_what_is_no_envelope_is_poison(body: bytes) -> None:
    with pytest.raises(Poison) as poison:
        decode(body, 1)
    assert poison.value.reason == "unreadable_message"


async def _handle(_connection: Connection, _message: Message) -> None: ...


@pytest.mark.parametrize(
    "options",
    [
        {"events": ["a.b"]},
        {"events": ["a.b"], "handler": _handle, "handle_many": _handle},
        {"events": [], "handler": _handle},
        {"events": ["a.b"], "handler": _handle, "max_attempts": 0},
        {"events": ["a.b"], "handler": _handle, "max_attempts": 11},
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"books"):
        Subscription("books", **options)
