"""What every transport promises: each effect once, in spite of doubles, failures, restarts and poison."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import pytest

from halfpenny.platform.database import Connection
from halfpenny.platform.outbox import OutboxEvent, append_many
from halfpenny.platform.queue import Message, Poison, RemoteQueue
from halfpenny.primitives.errors import Unavailable
from halfpenny.primitives.ids import uuid7
from support.queueing import Bench, until


async def effects_of(bench: Bench, ids: Sequence[UUID]) -> None:
    """Wait until exactly these events had exactly one effect each."""

    async def all_there() -> bool:
        return set(await bench.effects()) >= set(ids)

    await until(all_there)
    assert await bench.effects() == dict.fromkeys(ids, 1)


async def test_every_event_has_its_effect_once_and_arrives_as_it_was_recorded(bench: Bench) -> None:
    async with bench.running(bench.subscription("books", "made")):
        ids = await bench.record_event("made", 50, note="Łódź")
        await effects_of(bench, ids)
    first = next(message for message in bench.handled if message.id == ids[0])
    assert first.name == f"{bench.prefix}.made"
    assert (first.version, first.attempt) == (1, 1)
    assert first.payload == {"number": 0, "note": "Łódź"}
    assert first.recorded_at.tzinfo is not None


async def test_each_queue_gets_its_own_copy_of_only_what_it_asked_for(bench: Bench) -> None:
    seen: dict[str, list[UUID]] = {"one": [], "two": []}

    async def one(_connection: Connection, message: Message) -> None:
        seen["one"].append(message.id)

    async def two(_connection: Connection, message: Message) -> None:
        seen["two"].append(message.id)

    both = bench.subscription("one", "made", "revoked", handler=one)
    async with bench.running(both, bench.subscription("two", "revoked", handler=two)):
        made, revoked = await bench.record_event("made", 3), await bench.record_event("revoked", 2)

        async def complete() -> bool:
            return len(seen["one"]) >= 5 and len(seen["two"]) >= 2

        await until(complete)
    assert sorted(seen["one"]) == sorted(made + revoked)
    assert sorted(seen["two"]) == sorted(revoked)


async def test_a_transaction_that_rolls_back_publishes_nothing(bench: Bench) -> None:
    async with bench.running(bench.subscription("books", "made")):
        with pytest.raises(ZeroDivisionError):
            async with bench.database.unit_of_work() as connection:
                await append_many(connection, [OutboxEvent(f"{bench.prefix}.made", 1, uuid7(), {})])
                raise ZeroDivisionError
        await effects_of(bench, await bench.record_event("made"))


async def test_an_event_that_nobody_asked_for_is_published_to_nobody(bench: Bench) -> None:
    async with bench.running(bench.subscription("books", "made")):
        await bench.record_event("ignored")
        await effects_of(bench, await bench.record_event("made"))
    async with bench.database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0


async def test_events_published_twice_have_one_effect(bench: Bench) -> None:
    """What remains of a relay that died after the broker confirmed and before it marked the row."""
    async with bench.running(bench.subscription("books", "made")):
        ids = await bench.record_event("made", 5)
        await effects_of(bench, ids)
        async with bench.database.unit_of_work() as connection:
            await connection.execute("UPDATE outbox SET published_at = NULL")
            await connection.execute("SELECT pg_notify('outbox', '')")
        ids += await bench.record_event("made", 1)
        await effects_of(bench, ids)
        async with bench.database.reading() as connection:
            assert await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0


async def test_a_handler_that_fails_leaves_nothing_and_is_tried_again(bench: Bench) -> None:
    async def fails_twice(connection: Connection, message: Message) -> None:
        await bench.effect(connection, message)
        if message.attempt < 3:
            raise RuntimeError("not yet")

    async with bench.running(bench.subscription("books", "made", handler=fails_twice)):
        ids = await bench.record_event("made")
        await effects_of(bench, ids)
    assert [message.attempt for message in bench.handled] == [1, 2, 3]
    assert await bench.transport.dead_letters(bench.queue("books")) == []


async def test_poison_ends_as_one_dead_letter_while_the_queue_moves_and_can_be_replayed(bench: Bench) -> None:
    cured = False

    async def fails_on_poison(connection: Connection, message: Message) -> None:
        if message.payload.get("poison") and not cured:
            raise ValueError("cannot read this")
        await bench.effect(connection, message)

    books = bench.subscription("books", "made", handler=fails_on_poison, max_attempts=3)
    async with bench.running(books):
        (poison,) = await bench.record_event("made", poison=True)
        behind = await bench.record_event("made", 20)
        await effects_of(bench, behind)

        async def dead_lettered() -> bool:
            return len(await bench.transport.dead_letters(books.queue)) > 0

        await until(dead_lettered)
        (letter,) = await bench.transport.dead_letters(books.queue)
        assert (letter.queue, letter.id, letter.name) == (books.queue, poison, f"{bench.prefix}.made")
        assert (letter.attempts, letter.reason) == (3, "attempts_exhausted")
        assert letter.error == "ValueError: cannot read this"
        assert letter.payload == {"number": 0, "poison": True}

        cured = True
        assert await bench.transport.replay(books.queue, poison)
        await effects_of(bench, [*behind, poison])
        assert await bench.transport.dead_letters(books.queue) == []
        assert not await bench.transport.replay(books.queue, poison)
        assert not await bench.transport.replay(books.queue, uuid7())


async def test_an_unknown_version_is_dead_lettered_at_once_with_its_reason(bench: Bench) -> None:
    async with bench.running(bench.subscription("books", "made", versions=(1, 2))):
        (newer,) = await bench.record_event("made", version=3)
        ids = await bench.record_event("made", version=2)
        await effects_of(bench, ids)

        async def dead_lettered() -> bool:
            return len(await bench.transport.dead_letters(bench.queue("books"))) > 0

        await until(dead_lettered)
    (letter,) = await bench.transport.dead_letters(bench.queue("books"))
    assert (letter.id, letter.version, letter.reason, letter.attempts) == (newer, 3, "unknown_version", 1)


async def test_a_handler_may_name_why_trying_again_is_useless(bench: Bench) -> None:
    async def refuse(_connection: Connection, message: Message) -> None:
        raise Poison("no_such_loan", f"there is no loan {message.payload['number']}")

    async with bench.running(bench.subscription("books", "made", handler=refuse)):
        (event,) = await bench.record_event("made")

        async def dead_lettered() -> bool:
            return len(await bench.transport.dead_letters()) > 0

        await until(dead_lettered)
    letters = [letter for letter in await bench.transport.dead_letters() if letter.queue == bench.queue("books")]
    assert [(letter.id, letter.reason, letter.error) for letter in letters] == [
        (event, "no_such_loan", "there is no loan 0")
    ]


async def test_a_dependency_that_is_away_is_waited_for_and_costs_no_attempt(bench: Bench) -> None:
    tries = 0

    async def away_at_first(connection: Connection, message: Message) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable
        await bench.effect(connection, message)

    async with bench.running(bench.subscription("books", "made", handler=away_at_first, max_attempts=1)):
        ids = await bench.record_event("made")
        await effects_of(bench, ids)
    assert await bench.transport.dead_letters(bench.queue("books")) == []


async def test_events_for_another_program_wait_until_it_comes(bench: Bench) -> None:
    remote = RemoteQueue(bench.queue("elsewhere"), [f"{bench.prefix}.made"])
    async with bench.running(bench.subscription("books", "made"), remote=[remote]):
        ids = await bench.record_event("made", 3)
        await effects_of(bench, ids)
    got: list[UUID] = []

    async def elsewhere(_connection: Connection, message: Message) -> None:
        got.append(message.id)

    async def all_came() -> bool:
        return len(got) >= 3

    late = bench.another()
    async with bench.running(bench.subscription("elsewhere", "made", handler=elsewhere), transport=late):
        await until(all_came)
    assert sorted(got) == sorted(ids)


async def test_a_batch_is_one_transaction_and_a_bad_one_in_it_pays_alone(bench: Bench) -> None:
    sizes: list[int] = []

    async def together(connection: Connection, messages: Sequence[Message]) -> None:
        sizes.append(len(messages))
        for message in messages:
            if message.payload.get("poison"):
                raise ValueError("bad")
            await bench.effect(connection, message)

    good = await bench.record_event("made", 40)
    books = bench.subscription("books", "made", handle_many=together, max_attempts=2)
    await bench.transport.prepare([books])
    (bad,) = await bench.record_event("made", poison=True)
    good += await bench.record_event("made", 40)
    async with bench.running(books):
        await effects_of(bench, good)

        async def dead_lettered() -> bool:
            return len(await bench.transport.dead_letters(books.queue)) > 0

        await until(dead_lettered)
    assert [letter.id for letter in await bench.transport.dead_letters(books.queue)] == [bad]
    assert max(sizes) > 1


async def test_a_consumer_that_dies_in_the_middle_is_followed_by_one_effect(bench: Bench) -> None:
    books = bench.subscription("books", "made")
    dying = bench.another()
    await dying.prepare([books])
    (event,) = await bench.record_event("made")
    await dying.relay()
    async with dying.source(books) as source:
        taken: list[Message] = []
        while not taken:
            taken = await source.take(1, asyncio.Event())
        (message,) = taken
        with pytest.raises(ZeroDivisionError):
            async with bench.database.unit_of_work() as connection:
                await bench.effect(connection, message)
                await source.finish(connection, [message])
                raise ZeroDivisionError
    await dying.close()
    await bench.expire_leases()
    async with bench.running(books):
        await effects_of(bench, [event])
    assert [message.attempt for message in bench.handled] == [1, 2]


async def test_two_workers_share_a_queue_and_double_nothing(bench: Bench) -> None:
    books = bench.subscription("books", "made")
    async with bench.running(books), bench.running(books, transport=bench.another()):
        ids = [event for _ in range(5) for event in await bench.record_event("made", 40)]
        await effects_of(bench, ids)


async def test_stopping_lets_the_running_message_finish(bench: Bench) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection, message: Message) -> None:
        entered.set()
        await leave.wait()
        await bench.effect(connection, message)

    async def release() -> None:
        await entered.wait()
        await asyncio.sleep(0)
        leave.set()

    async with bench.running(bench.subscription("books", "made", handler=slow)):
        ids = await bench.record_event("made")
        await entered.wait()
        releasing = asyncio.create_task(release())
    await releasing
    assert await bench.effects() == dict.fromkeys(ids, 1)


async def test_a_handler_with_an_inbox_of_its_own_has_none_here_and_no_transaction(bench: Bench) -> None:
    inside: list[bool] = []

    async def document(connection: Connection, message: Message) -> None:
        inside.append(connection.is_in_transaction())
        await bench.effect(connection, message)

    async with bench.running(bench.subscription("listings", "made", handler=document, inbox="handler")):
        await effects_of(bench, await bench.record_event("made", 2))
    assert inside == [False, False]
    async with bench.database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM inbox") == 0


async def test_the_depth_of_a_queue_counts_what_waits_and_what_was_given_up(bench: Bench) -> None:
    async def refuses(_connection: Connection, message: Message) -> None:
        raise Poison("refused", "none of these")

    waits, gives_up = bench.subscription("waits", "made"), bench.subscription("gives_up", "made", handler=refuses)
    async with bench.running(gives_up, remote=[RemoteQueue(waits.queue, waits.events)]):
        await until(partial(has_depths, bench, {waits.queue: (0, 0), gives_up.queue: (0, 0)}))
        await bench.record_event("made", 3)
        await until(partial(has_depths, bench, {waits.queue: (3, 0), gives_up.queue: (0, 3)}))
        [oldest] = [each.oldest_s for each in await bench.transport.depths() if each.queue == waits.queue]
        # A broker does not know.
        assert oldest is None or 0 < oldest < 60


async def has_depths(bench: Bench, expected: dict[str, tuple[int, int]]) -> bool:
    return {each.queue: (each.waiting, each.dead) for each in await bench.transport.depths()} == expected
