"""One LISTEN connection a process: it passes payloads on, reports what may have been missed, and comes back."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

from fastapi import FastAPI

from halfpenny.platform.database import HEARTBEAT_S, Database
from halfpenny.platform.queue import PostgresTransport, run_consumers
from support.queueing import until

SOURCE = Path(__file__).parents[2] / "src" / "halfpenny"
LISTENING = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'halfpenny listener' "
    "AND datname = current_database()"
)


async def listening(database: Database) -> int:
    async with database.reading() as connection:
        return int(await connection.fetchval(LISTENING))


async def notify(database: Database, channel: str, payload: str) -> None:
    async with database.reading() as connection:
        await connection.execute("SELECT pg_notify($1, $2)", channel, payload)


async def cut(database: Database, database_url: str) -> None:
    owner = await Database.connect(database_url, max_size=1, role=None)
    async with owner.reading() as connection:
        await connection.execute(LISTENING.replace("count(*)", "pg_terminate_backend(pid)"))
    await owner.close()


async def test_a_callback_gets_none_when_listening_begins_and_then_every_payload(database: Database) -> None:
    assert await listening(database) == 0
    first, second, other = [], [], []
    database.listener.on("meter", first.append)
    await database.listener.listening.wait()
    await notify(database, "meter", "1")
    await until(lambda: done(first == [None, "1"]))
    # Whoever comes later is notified that listening begins for them too, on a channel that is listened to already.
    database.listener.on("meter", second.append)
    database.listener.on("other", other.append)
    await database.listener.listening.wait()
    await notify(database, "meter", "2")
    await notify(database, "other", "")
    await until(lambda: done(first[1:] == ["1", "2"] and second == [None, "2"] and other == [None, ""]))
    database.listener.off("meter", first.append)
    await notify(database, "meter", "3")
    await until(lambda: done(second == [None, "2", "3"]))
    assert first == [None, "1", "2"]
    assert await listening(database) == 1


async def done(yes: bool) -> bool:
    return yes


async def test_a_lost_connection_is_reported_and_replaced(database: Database, database_url: str) -> None:
    answer: list[str | None] = []
    beats: list[float | None] = []
    database.listener.on("meter", answer.append)
    database.listener.on_heartbeat(beats.append)
    await database.listener.listening.wait()
    assert beats[-1] is not None and 0 <= time.time() - beats[-1] < 60
    await cut(database, database_url)
    await until(lambda: done(None in beats))
    await until(lambda: done(answer == [None, None]))
    await database.listener.listening.wait()
    await notify(database, "meter", "again")
    await until(lambda: done(answer == [None, None, "again"]))
    assert beats[-1] is not None and await listening(database) == 1


async def test_no_heartbeat_answers_for_a_channel_that_is_not_listened_to_yet(database: Database) -> None:
    order: list[str] = []
    database.listener.on("one", lambda payload: order.append("one"))
    await database.listener.listening.wait()
    database.listener.on("two", lambda payload: order.append("two"))
    database.listener.on_heartbeat(lambda answered_at: order.append("beat"))
    await database.listener.listening.wait()
    assert order[:3] == ["one", "two", "beat"]


async def test_the_api_listens_once(app: FastAPI) -> None:
    database: Database = app.state.database
    await database.listener.listening.wait()
    await asyncio.sleep(2 * HEARTBEAT_S)
    assert await listening(database) == 1


async def test_a_queue_and_its_consumers_listen_on_the_same_connection(database: Database) -> None:
    stop = asyncio.Event()
    transport = PostgresTransport(database)
    running = asyncio.create_task(run_consumers(database, transport, [], [], stop))
    database.listener.on("elsewhere", lambda payload: None)
    await database.listener.listening.wait()
    await until(lambda: done("outbox" in database.listener.channels))
    assert await listening(database) == 1
    stop.set()
    await running
    await transport.close()
    assert "outbox" not in database.listener.channels


async def test_the_connection_ends_with_its_database(database_url: str, database: Database) -> None:
    other = await Database.connect(database_url)
    other.listener.on("meter", lambda payload: None)
    await other.listener.listening.wait()
    assert await listening(database) == 1
    await other.close()

    async def gone() -> bool:
        return await listening(database) == 0

    await until(gone)


def test_nothing_else_listens() -> None:
    places = [path for path in SOURCE.rglob("*.py") if re.search(r"\.add_listener\(|\"LISTEN ", path.read_text())]
    assert [str(path.relative_to(SOURCE)) for path in places] == ["platform/database.py"]
