"""The queue on RabbitMQ: a quorum queue of requests, answers published with confirms, and an inbox of our own.

The answer is confirmed by the broker before the inbox remembers the request, and that before the request is
acknowledged. Killed between any two of these, the request comes again: then either the inbox knows it, or the same
answer goes out under the same id and the platform's inbox absorbs it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import aio_pika
import msgspec
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from yarl import URL

from halfpenny_messages import LOAN_ASSESSED, MAX_MESSAGE_BYTES, MalformedMessage, MessageError, MessageTooLarge, encode
from halfpenny_risk.errors import RiskError
from halfpenny_risk.service.assessor import EVENTS, MAX_ATTEMPTS, QUEUE, Assessor, Request

log = structlog.get_logger("halfpenny_risk.rabbit")

EXCHANGE = "halfpenny.events"
DEAD_EXCHANGE = "halfpenny.dead"
# The broker's own net under a consumer that dies without an answer: wider than MAX_ATTEMPTS, which counts the
# failures that a living one reports. These numbers are the platform's: a queue is declared alike by all who use it.
DELIVERY_LIMIT = 2 * MAX_ATTEMPTS
LOOKS_AT_THE_DEAD = 1_000_000
CONFIRM_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5.0
HEARTBEAT_S = 10
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
RETRY_DELAYS_S = (0.1, 0.4, 1.6, 6.4)
KEEP_DAYS = 30


class _Wire(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    version: int
    recorded_at: datetime
    payload: msgspec.Raw


class Inbox:
    """Which requests were answered: one small SQLite file beside the service."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with closing(self._connect()) as connection, connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS inbox (event_id TEXT PRIMARY KEY, handled_at TEXT NOT NULL DEFAULT "
                "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))) STRICT"
            )
            connection.execute(
                "DELETE FROM inbox WHERE handled_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?)", (f"-{KEEP_DAYS} days",)
            )

    def knows(self, event_id: UUID) -> bool:
        """Whether the request was answered."""
        with closing(self._connect()) as connection:
            found = connection.execute("SELECT 1 FROM inbox WHERE event_id = ?", (str(event_id),)).fetchone()
        return found is not None

    def remember(self, event_id: UUID) -> None:
        """Note that it was."""
        with closing(self._connect()) as connection, connection:
            connection.execute("INSERT OR IGNORE INTO inbox (event_id) VALUES (?)", (str(event_id),))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5.0)
        # One writer and short writes: the log makes each a single flush.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection


class RabbitConsumer:
    """Takes requests, answers them, and outlives its broker."""

    def __init__(self, url: str, assessor: Assessor, inbox: Path, at_once: int) -> None:
        # A broker that hangs with its socket open is noticed by its silence.
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_S)
        self._assessor = assessor
        self._inbox = Inbox(inbox)
        self._at_once = at_once
        self._attempts: dict[UUID, int] = {}
        self.connected = False

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set."""
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            try:
                await self._session(stop)
                pause_s = FIRST_PAUSE_S
            except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
                log.warning("queue_away", error=type(error).__name__, retry_in_s=pause_s)
                try:
                    await asyncio.wait_for(stop.wait(), pause_s)
                except TimeoutError:
                    pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)
            finally:
                self.connected = False

    async def _session(self, stop: asyncio.Event) -> None:
        connection = await aio_pika.connect(self._url, timeout=CONNECT_TIMEOUT_S)
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        async with connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=False)
            channel.close_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=self._at_once)
            queue = await declare(channel)
            working: set[asyncio.Task[None]] = set()

            async def take(message: AbstractIncomingMessage) -> None:
                task = asyncio.ensure_future(self._handle(channel, message, lost))
                working.add(task)
                task.add_done_callback(working.discard)

            tag = await queue.consume(take)
            self.connected = True
            ends = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(lost.wait())]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
            if lost.is_set():
                raise ConnectionError("the connection to the broker was lost")
            await queue.cancel(tag)
            # What was taken is finished; what the broker sent besides goes back untouched when we leave.
            if working:
                await asyncio.wait(working, timeout=CONFIRM_TIMEOUT_S)

    async def _handle(self, channel: AbstractChannel, message: AbstractIncomingMessage, lost: asyncio.Event) -> None:
        try:
            await self._settle(channel, message)
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
            # Unacknowledged, it comes again on the next connection.
            log.warning("answer_unconfirmed", error=type(error).__name__)
            lost.set()

    async def _settle(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        try:
            request = _read(message.body)
            if self._inbox.knows(request.id):
                await message.ack()
                return
            answer = await self._assessor.answer(request)
        except (MessageError, RiskError) as error:
            log.warning("request_refused", code=error.code, detail=str(error)[:200])
            self._assessor.metrics.outcomes.labels(error.code).inc()
            await message.reject(requeue=False)
            return
        except Exception:  # a defect of ours must not stop the queue: it is retried, then set aside
            log.exception("assessment_failed")
            self._assessor.metrics.outcomes.labels("failed").inc()
            await self._try_later(message, request.id)
            return
        body = encode(answer.assessed, id=answer.id, recorded_at=datetime.now(UTC))
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        await exchange.publish(
            aio_pika.Message(
                body,
                content_type="application/json",
                message_id=str(answer.id),
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            ),
            routing_key=LOAN_ASSESSED,
            mandatory=False,
            timeout=CONFIRM_TIMEOUT_S,
        )
        self._inbox.remember(request.id)
        await message.ack()
        self._attempts.pop(request.id, None)
        self._assessor.metrics.outcomes.labels("answered").inc()

    async def _try_later(self, message: AbstractIncomingMessage, event_id: UUID) -> None:
        tried = self._attempts.get(event_id, 0) + 1
        self._attempts[event_id] = tried
        if tried >= MAX_ATTEMPTS:
            self._attempts.pop(event_id)
            await message.reject(requeue=False)
            return
        await asyncio.sleep(RETRY_DELAYS_S[tried - 1])
        await message.nack(requeue=True)


async def declare(channel: AbstractChannel) -> aio_pika.abc.AbstractQueue:
    """The queue of requests, its dead letters and its bindings, as the platform declares them too."""
    events = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    buried = await channel.declare_queue(
        f"{QUEUE}.dead", durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": LOOKS_AT_THE_DEAD}
    )
    await buried.bind(dead, routing_key=QUEUE)
    queue = await channel.declare_queue(
        QUEUE,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": DEAD_EXCHANGE,
            "x-dead-letter-routing-key": QUEUE,
            # Dying messages leave the queue only after their dead-letter queue has confirmed them.
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )
    for event in EVENTS:
        await queue.bind(events, routing_key=event)
    return queue


def _read(body: bytes) -> Request:
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"{len(body)} bytes")
    try:
        wire = msgspec.json.decode(body, type=_Wire)
        return Request(wire.id, wire.name, wire.version, msgspec.json.decode(wire.payload))
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise MalformedMessage(str(error)[:300]) from None
