"""A bench for the queue: one database, one transport, and the moves that its tests make with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.outbox import OutboxEvent, append_many
from halfpenny.platform.queue import Message, RemoteQueue, Subscription, Transport, run_consumers
from halfpenny.primitives.ids import uuid7


@dataclass
class Bench:
    """One database, one transport, and the moves that the tests make with them."""

    database: Database
    transport: Transport
    another: Callable[[], Transport]
    prefix: str
    handled: list[Message] = field(default_factory=list)

    def queue(self, name: str) -> str:
        """A queue name of this test's own: the broker is shared by all tests of a run."""
        return f"{self.prefix}.{name}"

    async def record_event(self, name: str, count: int = 1, version: int = 1, **payload: Any) -> list[UUID]:
        """Commit ``count`` events; returns their ids."""
        events = [
            OutboxEvent(f"{self.prefix}.{name}", version, uuid7(), {"number": number, **payload}, uuid7())
            for number in range(count)
        ]
        async with self.database.unit_of_work() as connection:
            await append_many(connection, events)
        return [event.id for event in events if event.id]

    async def effect(self, connection: Connection, message: Message) -> None:
        """An effect that would show every double."""
        self.handled.append(message)
        await connection.execute("INSERT INTO effect (event_id, number) VALUES ($1, $2)", message.id, 1)

    async def effects(self) -> dict[UUID, int]:
        async with self.database.reading() as connection:
            rows = await connection.fetch("SELECT event_id, sum(number)::int AS n FROM effect GROUP BY event_id")
        return {row["event_id"]: row["n"] for row in rows}

    async def all_published(self) -> bool:
        async with self.database.reading() as connection:
            return not await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")

    async def expire_leases(self) -> None:
        """Let the time pass that a dead consumer's claims live on."""
        async with self.database.unit_of_work() as connection:
            await connection.execute("UPDATE delivery SET available_at = now()")

    def subscription(self, queue: str, *events: str, **options: Any) -> Subscription:
        if "handle_many" not in options:
            options.setdefault("handler", self.effect)
        return Subscription(self.queue(queue), [f"{self.prefix}.{event}" for event in events], **options)

    @asynccontextmanager
    async def running(
        self,
        *subscriptions: Subscription,
        remote: Sequence[RemoteQueue] = (),
        transport: Transport | None = None,
    ) -> AsyncIterator[None]:
        """Consumers in the background; they must still be running at the end."""
        stop = asyncio.Event()
        task = asyncio.create_task(
            run_consumers(self.database, transport or self.transport, subscriptions, remote, stop)
        )
        try:
            yield
        finally:
            assert not task.done()
            stop.set()
            await task


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 30) -> None:
    """Wait for a condition that must come true; the time-out is only there to end a failing test."""
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 - what is awaited lies in a database or a broker
            await asyncio.sleep(0.01)
