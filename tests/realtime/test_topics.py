"""Topics: what a watcher is sent, with which numbers, on whichever process, however slowly it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID, uuid4

import pytest

from halfpenny.entrypoints import realtime_topics
from halfpenny.platform.database import Database
from halfpenny.platform.queue import Message
from halfpenny.primitives.ids import uuid7
from halfpenny.realtime import Hub, delete_old_frames
from support import lending
from support.watching import watching

Move = Callable[..., Awaitable[int]]
Open = Callable[[], Awaitable[Hub]]


def printed(version: int) -> Callable[[dict[str, object]], bool]:
    return lambda frame: frame["seq"] == version and frame["type"] in ("snapshot", "update")


async def test_a_watcher_gets_a_snapshot_and_then_every_news_with_the_databases_number(
    hub: Hub, database: Database, loan_id: UUID, move: Move
) -> None:
    before = await move(loan_id)
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic=f"loan:{loan_id}")
        (snapshot,) = await watcher.first_frames(1)
        assert (snapshot["topic"], snapshot["type"], snapshot["seq"]) == (f"loan:{loan_id}", "snapshot", before)
        assert snapshot["data"]["funded"] == "50.00"
        assert snapshot["data"]["investors"] == 1
        assert snapshot["data"]["version"] == before
        after = await move(loan_id, 2_550)
        update = await watcher.until(printed(after))
        assert update["type"] == "update"
        assert update["data"]["funded"] == "75.50"


async def test_two_processes_number_alike_and_a_watcher_may_resume_at_the_other(
    open_hub: Open, database: Database, loan_id: UUID, move: Move
) -> None:
    first, second = await open_hub(), await open_hub()
    topic = f"loan:{loan_id}"
    async with watching(first, database) as one, watching(second, database) as two:
        for watcher in (one, two):
            watcher.ask(op="subscribe", topic=topic)
        version = await move(loan_id)
        at_one, at_two = await one.until(printed(version)), await two.until(printed(version))
        assert at_one["data"] == at_two["data"]
    version = await move(loan_id)
    async with watching(second, database) as back:
        back.ask(op="subscribe", topic=topic, after=at_one["seq"])
        (missed,) = await back.first_frames(1)
        assert (missed["type"], missed["seq"]) == ("update", version)


async def test_who_has_seen_everything_is_sent_nothing_until_something_moves(
    hub: Hub, database: Database, loan_id: UUID, move: Move
) -> None:
    version = await move(loan_id)
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic=f"loan:{loan_id}", after=version)
        watcher.ask(op="subscribe", topic="marketplace")
        await watcher.until(lambda frame: frame["topic"] == "marketplace")
        assert [frame["topic"] for frame in watcher.frames] == ["marketplace"]
        after = await move(loan_id)
        assert (await watcher.until(printed(after)))["type"] == "update"


async def test_a_number_from_the_future_gets_a_snapshot(
    hub: Hub, database: Database, loan_id: UUID, move: Move
) -> None:
    version = await move(loan_id)
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic=f"loan:{loan_id}", after=version + 100)
        (frame,) = await watcher.first_frames(1)
        assert (frame["type"], frame["seq"]) == ("snapshot", version)


async def test_a_slow_reader_gets_the_latest_state_and_costs_nothing_meanwhile(
    hub: Hub, database: Database, loan_id: UUID, move: Move
) -> None:
    async with watching(hub, database) as slow, watching(hub, database) as quick:
        for watcher in (slow, quick):
            watcher.ask(op="subscribe", topic=f"loan:{loan_id}")
            await watcher.first_frames(1)
        slow.reading.clear()
        versions = []
        for _ in range(10):
            versions.append(await move(loan_id))
            await quick.until(printed(versions[-1]))
        slow.reading.set()
        await slow.until(printed(versions[-1]))
        # The snapshot, at most one update that was being written when it stopped, and the last state.
        assert len(slow.frames) <= 3
        assert len(quick.frames) == 11


async def test_equal_news_is_encoded_once_for_all_watchers(
    hub: Hub, database: Database, loan_id: UUID, move: Move
) -> None:
    async with watching(hub, database) as one, watching(hub, database) as two:
        for watcher in (one, two):
            watcher.ask(op="subscribe", topic=f"loan:{loan_id}")
            await watcher.first_frames(1)
        version = await move(loan_id)
        for watcher in (one, two):
            await watcher.until(printed(version))
        assert one.texts[-1] is two.texts[-1]


async def test_many_changes_at_once_are_one_frame(hub: Hub, database: Database, loan_id: UUID, move: Move) -> None:
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic=f"loan:{loan_id}")
        await watcher.first_frames(1)
        async with database.unit_of_work() as connection:
            for _ in range(30):
                await connection.execute("UPDATE loan_funding SET version = version + 1 WHERE loan_id = $1", loan_id)
            version = await connection.fetchval("SELECT version FROM loan_funding WHERE loan_id = $1", loan_id)
        await watcher.until(printed(version))
        assert len(watcher.frames) == 2


async def test_a_hub_recovers_what_was_published_while_it_was_not_listening(
    hub: Hub, database: Database, loan_id: UUID, move: Move, database_url: str
) -> None:
    owner = await Database.connect(database_url, max_size=1, role=None)
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic=f"loan:{loan_id}")
        await watcher.first_frames(1)
        async with owner.unit_of_work() as connection:
            # In one transaction with the change: its notification finds nobody listening.
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'halfpenny listener' AND datname = current_database()"
            )
            await connection.execute("UPDATE loan_funding SET version = version + 1 WHERE loan_id = $1", loan_id)
            version = await connection.fetchval("SELECT version FROM loan_funding WHERE loan_id = $1", loan_id)
        await watcher.until(printed(version))
    await owner.close()


@pytest.mark.parametrize("topic", ["", "loan:", "loan:1", "me:someone", "user:1", "marketplace ", "loans", "__proto__"])
async def test_a_topic_that_does_not_exist_is_an_error_and_nothing_else(
    hub: Hub, database: Database, topic: str
) -> None:
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic=topic)
        (frame,) = await watcher.first_frames(1)
        assert (frame["type"], frame["topic"], frame["seq"]) == ("error", topic, None)
        assert frame["data"]["code"] == "unknown_topic"
    assert hub.topics == 0


async def test_a_loan_that_is_not_public_looks_like_none(hub: Hub, database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        private = await lending.assessed(connection, borrower)
    async with watching(hub, database) as watcher:
        for id in (private.id, uuid4()):
            watcher.ask(op="subscribe", topic=f"loan:{id}")
        errors = await watcher.first_frames(2)
        assert [error["data"]["code"] for error in errors] == ["unknown_topic", "unknown_topic"]
        assert errors[0]["data"]["message"] == errors[1]["data"]["message"]
    assert hub.topics == 0


async def test_after_unsubscribing_nothing_comes(hub: Hub, database: Database, loan_id: UUID, move: Move) -> None:
    async with watching(hub, database) as watcher, watching(hub, database) as other:
        for one in (watcher, other):
            one.ask(op="subscribe", topic=f"loan:{loan_id}")
            await one.first_frames(1)
        watcher.ask(op="unsubscribe", topic=f"loan:{loan_id}")
        await watcher.answered()
        version = await move(loan_id)
        await other.until(printed(version))
        assert len(await watcher.answered()) == 1
    assert hub.topics == 0


# --- the marketplace ---------------------------------------------------------------------------------------------


@pytest.fixture
def publish(database: Database) -> Callable[[Sequence[UUID]], Awaitable[None]]:
    """What the worker does when events of these loans arrive together."""

    async def handle(loan_ids: Sequence[UUID]) -> None:
        subscription = realtime_topics.marketplace_frames()
        assert subscription.handle_many is not None
        async with database.unit_of_work() as connection:
            now = await connection.fetchval("SELECT now()")
            messages = [Message(uuid7(), "investment.made", 1, now, {"loan_id": str(id)}) for id in loan_ids]
            await subscription.handle_many(connection, messages)

    return handle


async def test_the_marketplace_shows_what_is_open_and_then_what_moves(
    open_hub: Open, database: Database, loan_id: UUID, move: Move, publish: Callable[..., Awaitable[None]]
) -> None:
    first, second = await open_hub(), await open_hub()
    async with watching(first, database) as one, watching(second, database) as two:
        for watcher in (one, two):
            watcher.ask(op="subscribe", topic="marketplace")
            (snapshot,) = await watcher.first_frames(1)
            assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 0)
            assert [loan["loan_id"] for loan in snapshot["data"]["loans"]] == [str(loan_id)]
        version = await move(loan_id)
        await publish([loan_id, loan_id])
        for watcher in (one, two):
            update = await watcher.until(printed(1))
            assert [loan["version"] for loan in update["data"]["loans"]] == [version]


async def test_the_marketplace_resumes_from_memory_from_the_table_or_from_a_snapshot(
    open_hub: Open, database: Database, loan_id: UUID, move: Move, publish: Callable[..., Awaitable[None]]
) -> None:
    for _ in range(3):
        await move(loan_id)
        await publish([loan_id])
    hub = await open_hub()
    async with watching(hub, database) as watcher:
        watcher.ask(op="subscribe", topic="marketplace", after=1)
        (missed,) = await watcher.first_frames(1)
        # Two frames were missed: the latest state comes once, for both.
        assert (missed["type"], missed["seq"], len(missed["data"]["loans"])) == ("update", 3, 1)
        await publish([loan_id])
        await watcher.until(printed(4))
        async with watching(hub, database) as other:
            other.ask(op="subscribe", topic="marketplace", after=3)
            (frame,) = await other.first_frames(1)
            assert (frame["type"], frame["seq"]) == ("update", 4)
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE topic_frame SET recorded_at = now() - interval '2 hours' WHERE seq < 4")
    assert await delete_old_frames(database) == 3
    async with watching(await open_hub(), database) as late:
        late.ask(op="subscribe", topic="marketplace", after=1)
        (frame,) = await late.first_frames(1)
        assert (frame["type"], frame["seq"]) == ("snapshot", 4)


async def test_a_slow_reader_of_the_marketplace_misses_no_loan(
    hub: Hub, database: Database, loan_id: UUID, move: Move, publish: Callable[..., Awaitable[None]]
) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower", "Jan Nowak")
        administrator = await lending.person(connection, "administrator", "Eva Lind")
        other = (await lending.funding(connection, borrower, administrator)).id
    async with watching(hub, database) as slow, watching(hub, database) as quick:
        for watcher in (slow, quick):
            watcher.ask(op="subscribe", topic="marketplace")
            await watcher.first_frames(1)
        slow.reading.clear()
        seen = slow.frames[0]["seq"]
        for turn, id in enumerate([loan_id, other] * 5, 1):
            await move(id)
            await publish([id])
            await quick.until(printed(seen + turn))
        slow.reading.set()
        await slow.until(printed(seen + 10))
        answer = {loan["loan_id"]: loan["version"] for frame in slow.frames[1:] for loan in frame["data"]["loans"]}
        latest = {loan["loan_id"]: loan["version"] for frame in quick.frames for loan in frame["data"]["loans"]}
        assert answer == latest
        assert len(slow.frames) <= 3


async def test_frames_are_numbered_in_the_order_of_their_states(
    database: Database, loan_id: UUID, move: Move, publish: Callable[..., Awaitable[None]]
) -> None:
    async def step() -> None:
        await move(loan_id)
        await publish([loan_id])

    await asyncio.gather(*(step() for _ in range(8)))
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT seq, data FROM topic_frame WHERE topic = 'marketplace' ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 9))
    versions = [row["data"]["loans"][0]["version"] for row in rows]
    assert versions == sorted(versions)
