"""The queue inside PostgreSQL: migration 0001_queue.sql explains its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from halfpenny.platform.database import Connection, Database, Record
from halfpenny.platform.queue.handling import DeadLettered, Failed
from halfpenny.platform.queue.messages import Message
from halfpenny.platform.queue.subscription import RemoteQueue, Subscription
from halfpenny.platform.queue.transport import DeadLetter, QueueDepth, first_set

_RELAY_BATCH = 500
# NOTIFY wakes us at once. The poll only matters when a notification was lost with its connection.
_POLL_S = 2.0
# What a handler may take, and then some: until then nobody else gets the event.
_LEASE_MARGIN_S = 30

_CLAIM = "SELECT * FROM queue_claim($1, $2, $3)"
_DONE = "DELETE FROM delivery WHERE queue = $1 AND event_id = ANY ($2::uuid[])"
_LETTERS = """
    SELECT queue, event_id, name, version, recorded_at, payload, attempts, reason, error, died_at
    FROM dead_letter WHERE $1::text IS NULL OR queue = $1 ORDER BY died_at, event_id
"""
# Counting stops where it is long enough for an alert; a queue that nobody subscribes to may still have dead letters.
_DEPTHS = """
    SELECT q.queue, (SELECT count(*) FROM (SELECT FROM delivery d WHERE d.queue = q.queue LIMIT 100000) w) AS waiting,
           (SELECT count(*) FROM (SELECT FROM dead_letter l WHERE l.queue = q.queue LIMIT 100000) w) AS dead,
           coalesce((SELECT extract(epoch FROM clock_timestamp() - o.recorded_at)::float8 FROM delivery d
             JOIN outbox o ON o.event_id = d.event_id WHERE d.queue = q.queue ORDER BY d.seq LIMIT 1), 0) AS oldest_s
    FROM (SELECT queue FROM subscription UNION SELECT queue FROM dead_letter) q ORDER BY q.queue
"""


class PostgresTransport:
    """Deliveries are rows; a claim is a lease; the end of a delivery is part of the effect's own commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events = asyncio.Event()
        self._listens = False

    async def prepare(self, queues: Sequence[Subscription | RemoteQueue]) -> None:
        async with self._database.unit_of_work() as connection:
            for queue in queues:
                await connection.execute("SELECT queue_subscribe($1, $2)", queue.queue, list(queue.events))

    async def relay(self) -> int:
        self._events.clear()
        async with self._database.unit_of_work() as connection:
            # A lost fan-out is simply made again, so it need not wait for the disk.
            await connection.execute("SET LOCAL synchronous_commit = off")
            moved: int = await connection.fetchval("SELECT outbox_fan_out($1)", _RELAY_BATCH)
        return moved

    async def wait_for_events(self, stop: asyncio.Event) -> None:
        self._listen()
        await first_set(stop, self._events, _POLL_S)

    @asynccontextmanager
    async def source(self, subscription: Subscription) -> AsyncIterator[PostgresSource]:
        source = PostgresSource(self._database, subscription)
        channel = f"queue_{subscription.queue}"
        self._database.listener.on(channel, source.wake)
        try:
            yield source
        finally:
            self._database.listener.off(channel, source.wake)

    async def dead_letters(self, queue: str | None = None) -> list[DeadLetter]:
        async with self._database.reading() as connection:
            return [_letter(row) for row in await connection.fetch(_LETTERS, queue)]

    async def depths(self) -> list[QueueDepth]:
        async with self._database.reading() as connection:
            rows = await connection.fetch(_DEPTHS)
        return [QueueDepth(row["queue"], row["waiting"], row["dead"], row["oldest_s"]) for row in rows]

    async def replay(self, queue: str, event_id: UUID) -> bool:
        async with self._database.unit_of_work() as connection:
            found: bool = await connection.fetchval("SELECT queue_replay($1, $2)", queue, event_id)
        return found

    async def close(self) -> None:
        if self._listens:
            self._database.listener.off("outbox", self._on_event)
            self._listens = False

    def _listen(self) -> None:
        if not self._listens:
            self._database.listener.on("outbox", self._on_event)
            self._listens = True

    def _on_event(self, _payload: str | None) -> None:
        self._events.set()


class PostgresSource:
    """One queue. ``wake`` is called by NOTIFY and when a failed event is due again."""

    def __init__(self, database: Database, subscription: Subscription) -> None:
        self._database = database
        self._subscription = subscription
        self._queue = subscription.queue
        self._lease_s = int(subscription.timeout_s) + _LEASE_MARGIN_S
        self._due = asyncio.Event()

    def wake(self, _payload: str | None = None) -> None:
        self._due.set()

    async def take(self, limit: int, stop: asyncio.Event) -> list[Message]:
        self._due.clear()
        async with self._database.unit_of_work() as connection:
            # A claim that is lost in a crash only means that somebody claims again.
            await connection.execute("SET LOCAL synchronous_commit = off")
            rows = await connection.fetch(_CLAIM, self._queue, limit, self._lease_s)
        if not rows:
            await first_set(stop, self._due, _POLL_S)
        return [_message(row) for row in rows]

    async def finish(self, connection: Connection, messages: Sequence[Message]) -> None:
        await connection.execute(_DONE, self._queue, [message.id for message in messages])

    async def done(self, message: Message) -> None:
        """Nothing is left to do: the delivery ended with the effect."""

    async def failed(self, message: Message, verdict: Failed) -> None:
        wait_s = await self._call(
            "SELECT queue_fail($1, $2, $3, $4)", message.id, verdict.error, self._subscription.max_attempts
        )
        if wait_s is not None:
            asyncio.get_running_loop().call_later(wait_s, self.wake)

    async def dead_letter(self, message: Message, verdict: DeadLettered) -> None:
        await self._call("SELECT queue_dead_letter($1, $2, $3, $4)", message.id, verdict.reason, verdict.error)

    async def release(self, message: Message, delay_s: float) -> bool:
        await self._call("SELECT queue_release($1, $2, $3)", message.id, delay_s)
        asyncio.get_running_loop().call_later(delay_s, self.wake)
        return True

    async def _call(self, statement: str, *arguments: object) -> Any:
        async with self._database.unit_of_work() as connection:
            return await connection.fetchval(statement, self._queue, *arguments)


def _message(row: Record) -> Message:
    return Message(row["event_id"], row["name"], row["version"], row["recorded_at"], row["payload"], row["attempt"])


def _letter(row: Record) -> DeadLetter:
    return DeadLetter(
        queue=row["queue"],
        id=row["event_id"],
        name=row["name"],
        version=row["version"],
        recorded_at=row["recorded_at"],
        payload=row["payload"],
        attempts=row["attempts"],
        reason=row["reason"],
        error=row["error"],
        died_at=row["died_at"],
    )
