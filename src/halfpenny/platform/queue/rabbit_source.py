"""One queue of RabbitMQ, as its consumer sees it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from uuid import UUID

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue.broker import BrokerUnavailable
from halfpenny.platform.queue.handling import DeadLettered, Failed
from halfpenny.platform.queue.messages import Message, Poison, decode
from halfpenny.platform.queue.subscription import Subscription
from halfpenny.platform.queue.transport import first_set

log = structlog.get_logger("halfpenny.queue")

_POLL_S = 60.0
_MAX_WAIT_S = 60.0


def retry_after_s(attempt: int) -> float:
    """The wait after a failed attempt, in seconds: a tenth, then four times as long each time, at most a minute.

    ``queue_fail`` in PostgreSQL (migrations/versions/0001_queue.sql) waits as long.
    """
    return float(min(0.1 * 4.0 ** (attempt - 1), _MAX_WAIT_S))


_NOTE = """
    INSERT INTO failure_note (queue, event_id, attempts, reason, error) VALUES ($1, $2, $3, $4, left($5, 2000))
    ON CONFLICT (queue, event_id) DO UPDATE SET attempts = EXCLUDED.attempts, reason = EXCLUDED.reason,
        error = EXCLUDED.error, noted_at = EXCLUDED.noted_at
"""


class RabbitSource:
    """Messages are held unacknowledged until their effect is committed; losing the channel returns them all."""

    def __init__(self, database: Database, subscription: Subscription, channel: AbstractChannel) -> None:
        self._database = database
        self._subscription = subscription
        self._channel = channel
        self._arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        self._held: dict[UUID, list[AbstractIncomingMessage]] = {}
        self._waiting: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        channel.close_callbacks.add(self._closed)

    async def received(self, delivery: AbstractIncomingMessage) -> None:
        """Called by the channel for each message; the prefetch bounds how many lie here."""
        self._arrived.put_nowait(delivery)
        self._changed.set()

    async def take(self, limit: int, stop: asyncio.Event) -> list[Message]:
        self._changed.clear()
        taken: list[Message] = []
        while len(taken) < limit and not self._arrived.empty():
            delivery = self._arrived.get_nowait()
            try:
                message = decode(delivery.body, delivery_count(delivery) + 1)
            except Poison as poison:
                await self._reject_unreadable(delivery, poison)
                continue
            self._held.setdefault(message.id, []).append(delivery)
            taken.append(message)
        if taken:
            return taken
        if self._channel.is_closed:
            raise BrokerUnavailable("the broker closed the channel")
        await first_set(stop, self._changed, _POLL_S)
        return []

    async def finish(self, connection: Connection, messages: Sequence[Message]) -> None:
        """The broker knows nothing of our commit: the acknowledgement follows in ``done``."""

    async def done(self, message: Message) -> None:
        await self._release(message).ack()

    async def failed(self, message: Message, verdict: Failed) -> None:
        if message.attempt >= self._subscription.max_attempts:
            await self.dead_letter(message, DeadLettered("attempts_exhausted", verdict.error))
            return
        wait_s = retry_after_s(message.attempt)
        task = asyncio.create_task(self._return_later(self._release(message), wait_s))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def dead_letter(self, message: Message, verdict: DeadLettered) -> None:
        # The reason first: a note without a dead letter is harmless, the other way round nobody knows why.
        async with self._database.unit_of_work() as connection:
            await connection.execute(
                _NOTE, self._subscription.queue, message.id, message.attempt, verdict.reason, verdict.error
            )
        await self._release(message).reject(requeue=False)

    async def release(self, message: Message, delay_s: float) -> bool:
        """The broker counts every return, so a message that is not to blame stays here until it can be tried."""
        return False

    async def close(self) -> None:
        """Return what waits for its next attempt; the closing channel returns the rest."""
        for task in tuple(self._waiting):
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    async def _return_later(self, delivery: AbstractIncomingMessage, wait_s: float) -> None:
        with contextlib.suppress(aio_pika.exceptions.AMQPError, OSError):
            try:
                await asyncio.sleep(wait_s)
            finally:
                await delivery.nack(requeue=True)

    def _release(self, message: Message) -> AbstractIncomingMessage:
        deliveries = self._held[message.id]
        delivery = deliveries.pop()
        if not deliveries:
            del self._held[message.id]
        return delivery

    async def _reject_unreadable(self, delivery: AbstractIncomingMessage, poison: Poison) -> None:
        log.error("message_buried", queue=self._subscription.queue, message=delivery.message_id, reason=poison.reason)
        await delivery.reject(requeue=False)

    def _closed(self, *_: object) -> None:
        self._changed.set()


def delivery_count(delivery: AbstractIncomingMessage) -> int:
    """How often a quorum queue has delivered this message before."""
    count = delivery.headers.get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0
