"""Sockets: connection tokens, one's own topic, sessions that end, and clients that behave badly."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest

from halfpenny.platform.database import Database
from halfpenny.realtime import Hub, Notice, connection_tokens, notify_many, watchers
from halfpenny.realtime.edge import origin_allowed
from halfpenny.realtime.socket import MAX_TOPICS
from support.people import Somebody, make_somebody
from support.watching import Watcher, watching


async def report(database: Database, person: Somebody, *keys: str) -> None:
    async with database.unit_of_work() as connection:
        await notify_many(connection, [Notice(person.user_id, "milestone", {"key": key}, key) for key in keys])


async def subscribe_me(watcher: Watcher, database: Database, person: Somebody, after: int | None = None) -> None:
    request = {
        "op": "subscribe",
        "topic": "me",
        "connection_token": await connection_tokens.issue(database, person.principal()),
    }
    watcher.ask(**request, **({} if after is None else {"after": after}))


async def test_ones_own_topic_starts_with_a_snapshot_and_brings_each_notification(hub: Hub, database: Database) -> None:
    person, other = await make_somebody(database), await make_somebody(database)
    await report(database, person, "a", "b")
    async with watching(hub, database) as watcher, watching(hub, database) as outsider:
        await subscribe_me(watcher, database, person)
        await subscribe_me(outsider, database, other)
        (snapshot,) = await watcher.first_frames(1)
        assert (snapshot["topic"], snapshot["type"], snapshot["seq"]) == ("me", "snapshot", 2)
        assert snapshot["data"]["unread"] == 2
        assert [one["data"]["key"] for one in snapshot["data"]["latest"]] == ["b", "a"]
        await outsider.first_frames(1)
        await report(database, person, "c", "d")
        frames = (await watcher.first_frames(3))[1:]
        assert [(frame["type"], frame["seq"], frame["data"]["data"]["key"]) for frame in frames] == [
            ("notification", 3, "c"),
            ("notification", 4, "d"),
        ]
        assert len(await outsider.answered()) == 1


async def test_ones_own_topic_resumes_without_a_gap(hub: Hub, database: Database) -> None:
    person = await make_somebody(database)
    await report(database, person, "a", "b", "c")
    async with watching(hub, database) as watcher:
        await subscribe_me(watcher, database, person, after=1)
        frames = await watcher.first_frames(2)
        assert [(frame["type"], frame["seq"]) for frame in frames] == [("notification", 2), ("notification", 3)]


async def test_without_a_connection_token_ones_own_topic_is_refused(hub: Hub, database: Database) -> None:
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic="me")
        (frame,) = await watcher.first_frames(1)
        assert (frame["type"], frame["data"]["code"]) == ("error", "connection_token_needed")
    assert hub.topics == 0


async def test_a_connection_token_works_once_and_not_for_long(
    hub: Hub, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await make_somebody(database)
    used = await connection_tokens.issue(database, person.principal())
    async with watching(hub, database) as watcher:
        watcher.ask(op="authenticate", connection_token=used)
        (answer,) = await watcher.first_frames(1)
        assert (answer["type"], answer["data"]) == ("authenticated", {"user_id": str(person.user_id)})
    monkeypatch.setattr(connection_tokens, "LIFETIME", timedelta(seconds=-1))
    expired = await connection_tokens.issue(database, person.principal())
    async with watching(hub, database) as watcher:
        for token in (used, expired, "nonsense", "x" * 500, ""):
            watcher.ask(op="subscribe", topic="me", connection_token=token)
        frames = await watcher.first_frames(5)
        assert [frame["data"]["code"] for frame in frames] == ["invalid_connection_token"] * 5


async def test_a_second_persons_connection_token_does_not_change_the_owner_of_a_socket(
    hub: Hub, database: Database
) -> None:
    person, other = await make_somebody(database), await make_somebody(database)
    async with watching(hub, database) as watcher:
        await subscribe_me(watcher, database, person)
        await watcher.first_frames(1)
        watcher.ask(op="authenticate", connection_token=await connection_tokens.issue(database, other.principal()))
        refused = await watcher.until(lambda frame: frame["type"] == "error")
        assert refused["data"]["code"] == "invalid_connection_token"
        await report(database, other, "theirs")
        await report(database, person, "ours")
        outcome = await watcher.until(lambda frame: frame["type"] == "notification")
        assert outcome["data"]["data"] == {"key": "ours"}


async def test_a_session_that_ends_closes_its_sockets_and_no_others(hub: Hub, database: Database) -> None:
    person, other = await make_somebody(database), await make_somebody(database)
    async with watching(hub, database) as watcher, watching(hub, database) as outsider:
        await subscribe_me(watcher, database, person)
        await subscribe_me(outsider, database, other)
        await watcher.first_frames(1)
        await outsider.first_frames(1)
        async with database.unit_of_work() as connection:
            await connection.execute(
                "UPDATE session SET ended_at = now(), ended_because = 'signed_out' WHERE id = $1", person.session_id
            )
        assert await watcher.closed == (4401, "session ended")
        await outsider.answered()
        assert not outsider.closed.done()


async def test_a_person_who_is_disabled_loses_every_socket(hub: Hub, database: Database) -> None:
    person = await make_somebody(database)
    async with watching(hub, database) as watcher:
        await subscribe_me(watcher, database, person)
        await watcher.first_frames(1)
        async with database.unit_of_work() as connection:
            await connection.execute("UPDATE app_user SET disabled_at = now() WHERE id = $1", person.user_id)
        assert await watcher.closed == (4401, "session ended")


async def test_a_session_that_ended_while_nobody_listened_is_found_out(
    hub: Hub, database: Database, database_url: str
) -> None:
    person = await make_somebody(database)
    owner = await Database.connect(database_url, max_size=1, role=None)
    async with watching(hub, database) as watcher:
        await subscribe_me(watcher, database, person)
        await watcher.first_frames(1)
        async with owner.unit_of_work() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'halfpenny listener' AND datname = current_database()"
            )
            await connection.execute(
                "UPDATE session SET ended_at = now(), ended_because = 'signed_out' WHERE id = $1", person.session_id
            )
        assert await watcher.closed == (4401, "session ended")
    await owner.close()


async def test_the_connection_token_of_an_ended_session_opens_nothing(hub: Hub, database: Database) -> None:
    person = await make_somebody(database)
    token = await connection_tokens.issue(database, person.principal())
    async with database.unit_of_work() as connection:
        await connection.execute(
            "UPDATE session SET ended_at = now(), ended_because = 'signed_out' WHERE id = $1", person.session_id
        )
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic="me", connection_token=token)
        assert await watcher.closed == (4401, "session ended")
        assert [frame for frame in watcher.frames if frame["type"] != "error"] == []


async def test_who_watches_a_loan_is_stored_until_they_unsubscribe(hub: Hub, database: Database, loan_id: UUID) -> None:
    person, topic = await make_somebody(database), f"loan:{loan_id}"

    async def cached() -> list[UUID]:
        async with database.reading() as connection:
            return [*await watchers(connection, topic)]

    async with watching(hub, database) as watcher:
        await subscribe_me(watcher, database, person)
        watcher.ask(op="subscribe", topic=topic)
        await watcher.until(lambda frame: frame["topic"] == topic)
    assert await cached() == [person.user_id]
    async with watching(hub, database) as anonymous:
        anonymous.ask(op="subscribe", topic=topic)
        await anonymous.first_frames(1)
    assert await cached() == [person.user_id]
    async with watching(hub, database) as watcher:
        await subscribe_me(watcher, database, person)
        watcher.ask(op="subscribe", topic=topic)
        await watcher.until(lambda frame: frame["topic"] == topic)
        watcher.ask(op="unsubscribe", topic=topic)
        await watcher.answered()
    assert await cached() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"op": "subscribe"}',
        '{"op": "dance", "topic": "marketplace"}',
        '{"op": "subscribe", "topic": 7}',
        '{"op": "subscribe", "topic": "marketplace", "after": "1"}',
        '{"op": "subscribe", "topic": "marketplace", "after": -1}',
        '{"op": "subscribe", "topic": "marketplace", "after": 9223372036854775808}',
        '{"op": "subscribe", "topic": "marketplace", "colour": "red"}',
        json.dumps({"op": "subscribe", "topic": "x" * 101}),
        '{"op": "authenticate"}',
        '{"op": "\\ud800"}',
    ],
)
async def test_a_frame_that_makes_no_sense_is_an_error_and_the_socket_lives(
    hub: Hub, database: Database, text: str
) -> None:
    async with watching(hub, database) as watcher:
        watcher.send(text)
        (frame,) = await watcher.first_frames(1)
        assert (frame["type"], frame["data"]["code"]) == ("error", "malformed_frame")
        watcher.ask(op="subscribe", topic="marketplace")
        assert (await watcher.first_frames(2))[1]["type"] == "snapshot"


async def test_a_frame_that_is_too_large_ends_the_socket(hub: Hub, database: Database) -> None:
    async with watching(hub, database) as watcher:
        watcher.send(" " * 5_000)
        assert await watcher.closed == (1009, "frame too large")
    assert watcher.frames == []


async def test_who_keeps_sending_nonsense_is_shown_out(hub: Hub, database: Database) -> None:
    async with watching(hub, database) as watcher:
        for _ in range(10):
            watcher.send("nonsense")
        assert await watcher.closed == (1008, "too many faults")


async def test_who_hammers_is_shown_out(hub: Hub, database: Database) -> None:
    async with watching(hub, database) as watcher:
        for _ in range(500):
            watcher.ask(op="ping")
        assert await watcher.closed == (1008, "too many frames")


async def test_who_stops_reading_is_let_go_after_a_while(
    open_hub: Callable[[], Awaitable[Hub]], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("halfpenny.realtime.hub.POLL_S", 0.02)
    monkeypatch.setattr("halfpenny.realtime.socket.WRITE_TIMEOUT_S", 0.1)
    hub = await open_hub()
    async with watching(hub, database) as watcher, watching(hub, database) as other:
        watcher.reading.clear()
        watcher.ask(op="ping")
        assert await watcher.closed == (1008, "reads too slowly")
        await other.answered()
    assert watcher.frames == []


async def test_a_socket_watches_only_so_many_topics(hub: Hub, database: Database, loan_id: UUID) -> None:
    async with watching(hub, database) as watcher:
        # Held back, so that unknown topics are not deleted before the limit is reached.
        watcher.reading.clear()
        for number in range(MAX_TOPICS + 1):
            watcher.ask(op="subscribe", topic=f"loan:00000000-0000-7000-8000-{number:012d}")
        watcher.ask(op="subscribe", topic=f"loan:{loan_id}")
        watcher.reading.set()
        frames = await watcher.first_frames(MAX_TOPICS)
        assert "too_many_topics" in {frame["data"].get("code") for frame in frames}


async def test_a_hub_that_closes_ends_its_sockets(hub: Hub, database: Database) -> None:
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic="marketplace")
        await watcher.first_frames(1)
        await hub.close()
        assert await watcher.closed == (1012, "restart")
    assert (hub.sockets, hub.topics) == (0, 0)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "halfpenny.example", True),
        ("https://halfpenny.example", "halfpenny.example", True),
        ("https://halfpenny.example:443", "halfpenny.example", True),
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("https://app.example", "halfpenny.example", True),
        ("https://halfpenny.example.evil.test", "halfpenny.example", False),
        ("http://127.0.0.1:8001", "127.0.0.1:8000", False),
        ("https://evil.test", "halfpenny.example", False),
        ("null", "halfpenny.example", False),
        ("", "halfpenny.example", False),
        ("file://halfpenny.example", "halfpenny.example", False),
        ("https://halfpenny.example:x", "halfpenny.example", False),
        ("https://[", "halfpenny.example", False),
    ],
)
def test_only_our_own_pages_and_named_origins_may_open_sockets(origin: str | None, host: str, allowed: bool) -> None:
    assert origin_allowed(origin, host, frozenset({"https://app.example"})) is allowed
