"""What only a broker can do to us: be away, die, lose its queues, give up by itself, carry garbage."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID

import aio_pika
import pytest
from structlog.testing import capture_logs

from halfpenny.platform.database import Connection
from halfpenny.platform.queue import Message, RabbitTransport
from halfpenny.platform.queue.broker import Broker, publish
from halfpenny.platform.servers import RabbitServer
from halfpenny.platform.servers.process import free_port
from halfpenny_messages import DELIVERY_LIMIT
from support.queueing import Bench, until

pytestmark = pytest.mark.parametrize("bench", ["rabbitmq"], indirect=True)


async def effect_once(bench: Bench, ids: Sequence[UUID]) -> None:
    async def all_there() -> bool:
        return set(await bench.effects()) >= set(ids)

    await until(all_there, timeout_s=60)
    assert await bench.effects() == dict.fromkeys(ids, 1)


async def happened(bench: Bench, event: UUID) -> bool:
    return event in await bench.effects()


async def test_without_a_broker_events_wait_and_the_log_names_its_address(bench: Bench) -> None:
    port = free_port()
    nowhere = RabbitTransport(bench.database, f"amqp://guest:secret-password@127.0.0.1:{port}/")
    with capture_logs() as logs:
        async with bench.running(bench.subscription("books", "made"), transport=nowhere):
            await bench.record_event("made", 3)

            async def answer() -> bool:
                return len(logs) >= 2

            await until(answer)
    assert {entry["event"] for entry in logs} == {"queue_interrupted"}
    assert f"no RabbitMQ at 127.0.0.1:{port}" in logs[0]["error"]
    assert "secret-password" not in str(logs)
    async with bench.database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 3
    await nowhere.close()


async def test_a_relay_that_dies_between_confirm_and_mark_leaves_one_effect(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = 0

    async def publish_and_die(channel: aio_pika.abc.AbstractChannel, messages: list[Message]) -> list[Exception | None]:
        nonlocal deaths
        outcomes = await publish(channel, messages)
        if messages and deaths < 3:
            deaths += 1
            raise ZeroDivisionError
        return outcomes

    monkeypatch.setattr("halfpenny.platform.queue.rabbit.publish", publish_and_die)
    async with bench.running(bench.subscription("books", "made")):
        ids = await bench.record_event("made", 10)
        await until(bench.all_published)
        await effect_once(bench, ids)
    assert deaths == 3


async def test_a_queue_that_vanished_is_declared_again_and_nothing_is_lost(bench: Bench, broker_url: str) -> None:
    books = bench.subscription("books", "made")
    await bench.transport.prepare([books])
    broker = Broker(broker_url)
    async with broker.channel() as channel:
        await channel.queue_delete(books.queue)
    ids = await bench.record_event("made", 3)
    with pytest.raises(aio_pika.exceptions.DeliveryError):
        await bench.transport.relay()
    async with bench.database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 3
    async with bench.running(books):
        await effect_once(bench, ids)
    await broker.close()


async def test_consumers_that_end_without_an_answer_dead_letter_a_message_by_the_brokers_own_limit(
    bench: Bench, broker_url: str
) -> None:
    books = bench.subscription("books", "made")
    await bench.transport.prepare([books])
    (event,) = await bench.record_event("made")
    await bench.transport.relay()
    broker = Broker(broker_url)
    deliveries = 0
    async with broker.channel() as channel:
        queue = await channel.get_queue(books.queue)
        while not await bench.transport.dead_letters(books.queue):
            delivery = await queue.get(fail=False)
            if delivery is not None:
                deliveries += 1
                await delivery.nack(requeue=True)
    (letter,) = await bench.transport.dead_letters(books.queue)
    assert deliveries == DELIVERY_LIMIT + 1
    assert (letter.id, letter.reason) == (event, "delivery_limit")
    await broker.close()


async def test_something_unreadable_is_one_dead_letter_and_the_queue_moves(bench: Bench, broker_url: str) -> None:
    books = bench.subscription("books", "made")
    broker = Broker(broker_url)
    async with bench.running(books):
        await effect_once(bench, await bench.record_event("made"))
        async with broker.channel() as channel:
            await channel.default_exchange.publish(aio_pika.Message(b"\xff not json"), books.queue)

        async def dead_lettered() -> bool:
            return len(await bench.transport.dead_letters(books.queue)) == 1

        await until(dead_lettered)
        (letter,) = await bench.transport.dead_letters(books.queue)
        assert (letter.reason, letter.name, letter.attempts) == ("unreadable_message", "", 0)
        assert letter.died_at is not None
        assert "not json" in letter.payload["body"]
        ids = [message.id for message in bench.handled] + await bench.record_event("made")
        await effect_once(bench, ids)
    await broker.close()


async def test_an_event_that_is_no_longer_wanted_does_not_come_any_more(bench: Bench) -> None:
    wide = bench.subscription("books", "made", "revoked")
    narrow = bench.subscription("books", "made")
    await bench.transport.prepare([wide])
    await bench.transport.prepare([narrow])
    other: list[Message] = []

    async def note(_connection: Connection, message: Message) -> None:
        other.append(message)

    async with bench.running(narrow, bench.subscription("other", "revoked", handler=note)):
        await bench.record_event("revoked")
        ids = await bench.record_event("made")
        await effect_once(bench, ids)

        async def seen() -> bool:
            return len(other) == 1

        await until(seen)
    assert [message.id for message in bench.handled] == ids


@pytest.fixture
def mortal_broker(server_folder: Path) -> Iterator[RabbitServer]:
    """A node of this test's own, which it may kill."""
    server = RabbitServer(server_folder / "rabbitmq-to-kill")
    server.start()
    yield server
    server.stop()


async def written_down(broker: RabbitServer, queue: str) -> bool:
    """RabbitMQ 3.10 writes the names of new quorum queues to disk about once a second.

    A single node that is killed before that comes back with a queue that never elects a leader.
    """
    (names,) = broker.folder.glob("mnesia/*/quorum/*/names.dets")
    return names.read_bytes().count(queue.encode()) >= 2


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing_and_doubles_nothing(
    bench: Bench, mortal_broker: RabbitServer
) -> None:
    transport = RabbitTransport(bench.database, mortal_broker.url)
    books = bench.subscription("books", "made")
    async with bench.running(books, transport=transport):
        await effect_once(bench, await bench.record_event("made"))
        await until(partial(written_down, mortal_broker, books.queue))
        first, *rest = await bench.record_event("made", 100)
        await until(partial(happened, bench, first))
        assert mortal_broker.pid is not None
        os.killpg(mortal_broker.pid, signal.SIGKILL)
        missed = await bench.record_event("made", 100)
        await asyncio.to_thread(mortal_broker.stop)
        await asyncio.to_thread(mortal_broker.start)
        await until(bench.all_published, timeout_s=60)
        handled_before = [message.id for message in bench.handled][:1]
        await effect_once(bench, [*handled_before, first, *rest, *missed])
    await transport.close()
