"""Both transports of the queue side by side, on a PostgreSQL that waits for its disk and a broker of their own.

    python bench/queue_transports.py [--events 2000] [--rounds 5]

For each: the time from commit to effect of single events on an idle system (median and 99th percentile), and events a
second through a backlog, handled one by one and in batches. Medians of the rounds, interleaved; ratios to PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.migrations import migrate
from halfpenny.platform.outbox import OutboxEvent, append_many
from halfpenny.platform.queue import (
    Message,
    PostgresTransport,
    RabbitTransport,
    Subscription,
    Transport,
    run_consumers,
)
from halfpenny.platform.servers import PostgresServer, RabbitServer
from halfpenny.primitives.ids import uuid7

SINGLES = 200


class Scene:
    """One transport with a queue of single messages and one of batches; each notes when it handled what."""

    def __init__(self, name: str, database: Database, transport: Transport) -> None:
        self.name = name
        self.database = database
        self.transport = transport
        self.handled: dict[UUID, float] = {}
        self.news = asyncio.Event()

    async def one(self, _connection: Connection, message: Message) -> None:
        self._note([message])

    async def many(self, _connection: Connection, messages: Sequence[Message]) -> None:
        self._note(messages)

    def _note(self, messages: Sequence[Message]) -> None:
        now = time.perf_counter()
        self.handled.update((message.id, now) for message in messages)
        self.news.set()

    def subscriptions(self) -> list[Subscription]:
        return [
            Subscription(f"{self.name}.singles", [f"{self.name}.single"], self.one),
            Subscription(f"{self.name}.batches", [f"{self.name}.batch"], handle_many=self.many),
        ]

    async def record_event(self, event: str, count: int) -> list[UUID]:
        events = [OutboxEvent(f"{self.name}.{event}", 1, uuid7(), {"amount": "250.00"}) for _ in range(count)]
        async with self.database.unit_of_work() as connection:
            await append_many(connection, events)
        return [each.id for each in events]

    async def all_handled(self, ids: Sequence[UUID]) -> None:
        while not self.handled.keys() >= set(ids):
            self.news.clear()
            await self.news.wait()

    async def latencies_ms(self) -> list[float]:
        taken = []
        for _ in range(SINGLES):
            reported_at = time.perf_counter()
            ids = await self.record_event("single", 1)
            await self.all_handled(ids)
            taken.append(1000 * (self.handled[ids[0]] - reported_at))
        return sorted(taken)

    async def events_a_second(self, event: str, count: int) -> float:
        started = time.perf_counter()
        await self.all_handled([id for _ in range(10) for id in await self.record_event(event, count // 10)])
        return count / (time.perf_counter() - started)


async def measure(scenes: Sequence[Scene], rounds: int, events: int) -> None:
    figures: dict[str, dict[str, list[float]]] = {scene.name: {} for scene in scenes}
    for _ in range(rounds):
        for scene in scenes:
            stop = asyncio.Event()
            running = asyncio.create_task(
                run_consumers(scene.database, scene.transport, scene.subscriptions(), stop=stop)
            )
            await scene.all_handled(await scene.record_event("single", 1))
            latencies = await scene.latencies_ms()
            taken = {
                "commit to effect, median ms": latencies[len(latencies) // 2],
                "commit to effect, 99th percentile ms": latencies[len(latencies) * 99 // 100],
                "one by one, events a second": await scene.events_a_second("single", events),
                "in batches, events a second": await scene.events_a_second("batch", 5 * events),
            }
            for what, value in taken.items():
                figures[scene.name].setdefault(what, []).append(value)
            stop.set()
            await running
    first, second = (scene.name for scene in scenes)
    for what in figures[first]:
        ours, theirs = (statistics.median(figures[name][what]) for name in (first, second))
        print(f"{what:40} {first} {ours:10.1f}   {second} {theirs:10.1f}   ratio {theirs / ours:.2f}")


async def bench(postgres: PostgresServer, rabbit: RabbitServer, rounds: int, events: int) -> None:
    database = await Database.connect(postgres.url)
    scenes = [
        Scene("postgresql", database, PostgresTransport(database)),
        Scene("rabbitmq", database, RabbitTransport(database, rabbit.url)),
    ]
    try:
        await measure(scenes, rounds, events)
    finally:
        for scene in scenes:
            await scene.transport.close()
        await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="halfpenny-bench-"))
    folder.chmod(0o755)
    postgres, rabbit = PostgresServer(folder / "postgres"), RabbitServer(folder / "rabbitmq")
    try:
        postgres.start()
        rabbit.start()
        migrate(postgres.url)
        asyncio.run(bench(postgres, rabbit, options.rounds, options.events))
    finally:
        rabbit.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
