"""The dead letters that RabbitMQ keeps: reading leaves them where they are, replaying moves one back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from halfpenny.platform.database import Database
from halfpenny.platform.queue.broker import Broker
from halfpenny.platform.queue.messages import Poison, decode
from halfpenny.platform.queue.transport import DeadLetter
from halfpenny_messages import CONFIRM_TIMEOUT_S, ERROR_HEADER, REASON_HEADER, dead_letter_queue

_NOTES = "SELECT event_id, attempts, reason, error, noted_at FROM failure_note WHERE queue = $1"


async def read(database: Database, broker: Broker, queue: str) -> list[DeadLetter]:
    """Every dead letter of the queue, oldest first, with the reason that its consumer noted."""
    async with _dead(broker, queue) as (_, letters):
        found = [letter async for letter in letters]
    async with database.reading() as connection:
        notes = {row["event_id"]: row for row in await connection.fetch(_NOTES, queue)}
    # At-least-once dead-lettering may leave a double after a crash of the broker: shown once, replayed once.
    described: dict[UUID, DeadLetter] = {}
    for letter in found:
        id = id_of(letter)
        described[id] = _describe(queue, id, letter, notes.get(id))
    return list(described.values())


async def replay(database: Database, broker: Broker, queue: str, event_id: UUID) -> bool:
    """Publish to the queue alone, wait for the confirm, then remove: dying in between leaves a double, never a loss."""
    found = False
    async with _dead(broker, queue) as (channel, letters):
        async for letter in letters:
            if id_of(letter) != event_id:
                continue
            if not found:
                again = aio_pika.Message(
                    letter.body,
                    content_type="application/json",
                    message_id=letter.message_id,
                    type=letter.type,
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                )
                await channel.default_exchange.publish(again, queue, mandatory=True, timeout=CONFIRM_TIMEOUT_S)
                found = True
            await letter.ack()
    if found:
        async with database.unit_of_work() as connection:
            await connection.execute("DELETE FROM failure_note WHERE queue = $1 AND event_id = $2", queue, event_id)
    return found


@asynccontextmanager
async def _dead(
    broker: Broker, queue: str
) -> AsyncIterator[tuple[AbstractChannel, AsyncIterator[AbstractIncomingMessage]]]:
    """What is read and not acknowledged goes back, in its order, when the channel closes."""
    async with broker.channel() as channel:
        yield channel, _everything(channel, dead_letter_queue(queue))


async def _everything(channel: AbstractChannel, name: str) -> AsyncIterator[AbstractIncomingMessage]:
    try:
        dead = await channel.get_queue(name, ensure=True)
    except aio_pika.exceptions.ChannelNotFoundEntity:
        return
    while (letter := await dead.get(fail=False)) is not None:
        yield letter


def id_of(letter: AbstractIncomingMessage) -> UUID:
    """The event's id, or for something unreadable one made of its bytes, so that it can be named too."""
    try:
        return decode(letter.body, 1).id
    except Poison:
        return uuid5(NAMESPACE_OID, letter.body.hex())


def _describe(queue: str, id: UUID, letter: AbstractIncomingMessage, note: Any) -> DeadLetter:
    reason, error = "delivery_limit", "Its consumers ended without an answer, again and again."
    name, version, recorded_at, payload = "", 0, None, {}
    try:
        message = decode(letter.body, 1)
    except Poison as poison:
        reason, error = poison.reason, str(poison)
        payload = {"body": letter.body[:2000].decode(errors="replace")}
    else:
        name, version, recorded_at = message.name, message.version, message.recorded_at
        payload = message.payload
    return DeadLetter(
        queue=queue,
        id=id,
        name=name,
        version=version,
        recorded_at=recorded_at,
        payload=payload,
        # The broker's own count goes up with every look at a dead letter, so it is not the number of attempts.
        attempts=note["attempts"] if note else 0,
        reason=note["reason"] if note else str(letter.headers.get(REASON_HEADER, reason)),
        error=note["error"] if note else str(letter.headers.get(ERROR_HEADER, error)),
        died_at=_died_at(letter),
    )


def _died_at(letter: AbstractIncomingMessage) -> datetime | None:
    match letter.headers.get("x-death"):
        case [{"time": datetime() as when}, *_]:
            return when
    return letter.timestamp if REASON_HEADER in letter.headers else None
