"""``halfpenny deadletters``: what no consumer could handle, over whichever transport carries the events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from halfpenny.entrypoints.settings import Settings
from halfpenny.entrypoints.worker import transport
from halfpenny.platform.database import Database
from halfpenny.platform.queue import DeadLetter, Transport
from halfpenny.primitives.errors import NotFound


class NoSuchDeadLetter(NotFound):
    code = "no_such_dead_letter"
    message = "There is no such dead letter in this queue."


async def read(settings: Settings, queue: str | None) -> list[DeadLetter]:
    """The dead letters of one queue or of all, oldest first."""
    async with _carrier(settings) as carrier:
        return await carrier.dead_letters(queue)


async def one(settings: Settings, queue: str, event_id: UUID) -> DeadLetter:
    """Raises NoSuchDeadLetter."""
    for letter in await read(settings, queue):
        if letter.id == event_id:
            return letter
    raise NoSuchDeadLetter()


async def replay(settings: Settings, queue: str, event_id: UUID | None) -> int:
    """Put one back into its queue, or with None all of the queue's; returns how many. Raises NoSuchDeadLetter."""
    async with _carrier(settings) as carrier:
        if event_id is not None:
            if not await carrier.replay(queue, event_id):
                raise NoSuchDeadLetter()
            return 1
        return sum([await carrier.replay(queue, letter.id) for letter in await carrier.dead_letters(queue)])


def line(letter: DeadLetter) -> str:
    died = f"{letter.died_at:%Y-%m-%d %H:%M:%S}" if letter.died_at else "some time"
    return f"{died}  {letter.queue}  {letter.id}  {letter.name or '-'}  {letter.reason} after {letter.attempts}"


def as_text(letter: DeadLetter) -> str:
    """Everything that is known of it, as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(letter), indent=2).decode()


@asynccontextmanager
async def _carrier(settings: Settings) -> AsyncIterator[Transport]:
    database = await Database.connect(settings.require_database(), max_size=2, timeout_s=settings.database.timeout_s)
    carrier = transport(settings, database)
    try:
        yield carrier
    finally:
        await carrier.close()
        await database.close()
