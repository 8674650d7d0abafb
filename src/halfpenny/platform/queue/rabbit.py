"""The queue over RabbitMQ: quorum queues, publisher confirms, and dead letters kept by the broker.

Each Subscription has a quorum queue of its name, bound to the topic exchange ``halfpenny.events`` by event name,
and beside it ``<queue>.dead``, which the broker fills through the exchange ``halfpenny.dead``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import aio_pika
from aio_pika.abc import AbstractChannel

from halfpenny.platform.database import Database
from halfpenny.platform.queue import rabbit_dead_letters as letters
from halfpenny.platform.queue.broker import Broker, declare, publish
from halfpenny.platform.queue.messages import Message
from halfpenny.platform.queue.rabbit_source import RabbitSource
from halfpenny.platform.queue.subscription import RemoteQueue, Subscription
from halfpenny.platform.queue.transport import DeadLetter, QueueDepth, first_set
from halfpenny_messages import dead_letter_queue

_RELAY_BATCH = 200
_POLL_S = 2.0

_TAKE = """
    SELECT event_id, name, version, recorded_at, payload,
           EXISTS (SELECT FROM subscription s WHERE s.event_name = o.name) AS wanted
    FROM outbox o WHERE published_at IS NULL ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_MARK = "UPDATE outbox SET published_at = clock_timestamp() WHERE event_id = ANY ($1::uuid[])"


class RabbitTransport:
    """One connection to the broker, opened when it is needed and again whenever it was lost."""

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._broker = Broker(url)
        self._events = asyncio.Event()
        self._listens = False
        self._queues: list[Subscription | RemoteQueue] = []
        self._publishing: AbstractChannel | None = None

    async def prepare(self, queues: Sequence[Subscription | RemoteQueue]) -> None:
        self._queues = list(queues)
        async with self._database.unit_of_work() as connection:
            rows = await connection.fetch("SELECT queue, event_name FROM subscription")
            for queue in queues:
                await connection.execute("SELECT queue_subscribe($1, $2)", queue.queue, list(queue.events))
        dropped = {
            queue.queue: {row["event_name"] for row in rows if row["queue"] == queue.queue} - set(queue.events)
            for queue in queues
        }
        async with self._broker.channel() as channel:
            for queue in queues:
                await declare(channel, queue, dropped[queue.queue])

    async def relay(self) -> int:
        """Publish a batch and mark what the broker confirmed.

        The rows stay locked until then, which is the one place where a transaction waits for the network:
        the lock is what keeps two relays from publishing the same event, and _CONFIRM_S bounds it. A relay
        that dies between the confirm and the mark publishes again; the inbox absorbs the double.
        """
        self._events.clear()
        channel = await self._publisher()
        failure: BaseException | None = None
        async with self._database.unit_of_work() as connection:
            rows = await connection.fetch(_TAKE, _RELAY_BATCH)
            messages = [
                Message(row["event_id"], row["name"], row["version"], row["recorded_at"], row["payload"])
                for row in rows
                if row["wanted"]
            ]
            outcomes = await publish(channel, messages)
            confirmed = [row["event_id"] for row in rows if not row["wanted"]]
            for message, outcome in zip(messages, outcomes, strict=True):
                if outcome is None:
                    confirmed.append(message.id)
                else:
                    failure = failure or outcome
            await connection.execute(_MARK, confirmed)
        if failure is not None:
            # A queue may have vanished with its broker's data: declare everything again before the next try.
            await self._drop_publisher()
            await self.prepare(self._queues)
            raise failure
        return len(rows)

    async def wait_for_events(self, stop: asyncio.Event) -> None:
        self._listen()
        await first_set(stop, self._events, _POLL_S)

    @asynccontextmanager
    async def source(self, subscription: Subscription) -> AsyncIterator[RabbitSource]:
        # Messages that wait for their next attempt count as unfinished at the broker, so that room is left
        # for them: a few that always fail do not keep the others out.
        async with self._broker.channel(prefetch=subscription.max_in_flight * 4) as channel:
            await declare(channel, subscription, set())
            queue = await channel.get_queue(subscription.queue)
            source = RabbitSource(self._database, subscription, channel)
            tag = await queue.consume(source.received)
            try:
                yield source
            finally:
                await source.close()
                if not channel.is_closed:
                    await queue.cancel(tag)

    async def dead_letters(self, queue: str | None = None) -> list[DeadLetter]:
        async with self._database.reading() as connection:
            rows = await connection.fetch("SELECT DISTINCT queue FROM subscription ORDER BY queue")
        names = [row["queue"] for row in rows] if queue is None else [queue]
        return [letter for name in names for letter in await letters.read(self._database, self._broker, name)]

    async def depths(self) -> list[QueueDepth]:
        """The broker counts; only PostgreSQL's queues know how old their first event is."""
        async with self._database.reading() as connection:
            rows = await connection.fetch("SELECT DISTINCT queue FROM subscription ORDER BY queue")
        names = [row["queue"] for row in rows]
        return [
            QueueDepth(name, await self._count(name), await self._count(dead_letter_queue(name)), None)
            for name in names
        ]

    async def _count(self, queue: str) -> int:
        """Messages in the queue, 0 where it is not there: a wrong name closes the channel, so each has its own."""
        async with self._broker.channel() as channel:
            try:
                declared = await channel.declare_queue(queue, passive=True)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                return 0
            return declared.declaration_result.message_count or 0

    async def replay(self, queue: str, event_id: UUID) -> bool:
        return await letters.replay(self._database, self._broker, queue, event_id)

    async def close(self) -> None:
        if self._listens:
            self._database.listener.off("outbox", self._on_event)
            self._listens = False
        await self._broker.close()

    def _listen(self) -> None:
        if not self._listens:
            self._database.listener.on("outbox", self._on_event)
            self._listens = True

    def _on_event(self, _payload: str | None) -> None:
        self._events.set()

    async def _publisher(self) -> AbstractChannel:
        if self._publishing is None or self._publishing.is_closed:
            self._publishing = await self._broker.open_channel()
        return self._publishing

    async def _drop_publisher(self) -> None:
        if self._publishing is not None:
            with contextlib.suppress(Exception):
                await self._publishing.close()
            self._publishing = None
