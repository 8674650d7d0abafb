"""The queue on RabbitMQ: a quorum queue of requests, answers published with confirms, and an inbox of our own.

The answer is confirmed by the broker before the inbox holds the request, and that before the request is
acknowledged. Killed between any two of these, the request comes again: then either the inbox knows it, or the same
answer goes out under the same id and the platform's inbox absorbs it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from yarl import URL

from halfpenny_messages import (
    CONFIRM_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    DEAD_LETTER_EXCHANGE,
    EVENTS_EXCHANGE,
    HEARTBEAT_S,
    LOAN_ASSESSED,
    LOAN_NARRATIVE_WRITTEN,
    METHOD_PUBLISHED,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    MessageError,
    dead_letter_queue,
    dead_letter_queue_arguments,
    encode,
    queue_arguments,
    unpack_envelope,
)
from halfpenny_risk.errors import BadSettings, RiskError
from halfpenny_risk.service.assessor import MAX_ATTEMPTS, Assessor, Completion, Request
from halfpenny_risk.service.completing import Completing

log = structlog.get_logger("halfpenny_risk.rabbit")

INITIAL_BACKOFF_S, MAX_BACKOFF_S = 0.2, 5.0
RETRY_DELAYS_S = (0.1, 0.4, 1.6, 6.4)
KEEP_DAYS = 30


class Inbox:
    """Which requests were answered: one small SQLite file beside the service."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise BadSettings(f"HALFPENNY_RISK_INBOX: cannot write {path} ({error})") from None

    def _prepare(self) -> None:
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

    def __init__(self, url: str, assessor: Assessor, inbox: Path, concurrency: int) -> None:
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_S)
        self._assessor = assessor
        self._inbox = Inbox(inbox)
        self._concurrency = concurrency
        self._attempts: dict[UUID, int] = {}
        self._completions: Completing | None = None
        self._published = False
        self.connected = False

    async def probe(self) -> None:
        """Raises ``BadSettings`` where the broker does not let us in."""
        client_log = logging.getLogger("aiormq")  # it logs the failure that we raise
        level = client_log.level
        client_log.setLevel(logging.CRITICAL)
        try:
            connection = await aio_pika.connect(self._url, timeout=CONNECT_TIMEOUT_S)
            await connection.close()
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
            where = f"{self._url.host}:{self._url.port}"
            raise BadSettings(f"AMQP_URL: no RabbitMQ at {where} ({type(error).__name__}: {error})") from None
        finally:
            client_log.setLevel(level)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set."""
        pause_s = INITIAL_BACKOFF_S
        while not stop.is_set():
            try:
                await self._session(stop)
                pause_s = INITIAL_BACKOFF_S
            except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
                log.warning("queue_away", error=type(error).__name__, retry_in_s=pause_s)
                try:
                    await asyncio.wait_for(stop.wait(), pause_s)
                except TimeoutError:
                    pause_s = min(2.0 * pause_s, MAX_BACKOFF_S)
            finally:
                self.connected = False

    async def _session(self, stop: asyncio.Event) -> None:
        connection = await aio_pika.connect(self._url, timeout=CONNECT_TIMEOUT_S)
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        async with connection:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=False)
            channel.close_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=self._concurrency)
            queue = await declare(channel)
            working: set[asyncio.Task[None]] = set()

            async def send(completion: Completion) -> None:
                body = encode(completion.written, id=completion.id, recorded_at=datetime.now(UTC))
                await _publish(channel, completion.id, LOAN_NARRATIVE_WRITTEN, body)

            self._completions = Completing(self._assessor, send)
            completing = asyncio.create_task(self._completions.run())

            async def take(message: AbstractIncomingMessage) -> None:
                task = asyncio.ensure_future(self._handle(channel, message, lost))
                working.add(task)
                task.add_done_callback(working.discard)

            if not self._published:
                await self._publish_method(channel)
            tag = await queue.consume(take)
            self.connected = True
            ends = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(lost.wait())]
            try:
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for end in ends:
                    end.cancel()
                completing.cancel()
            if lost.is_set():
                raise ConnectionError("the connection to the broker was lost")
            await queue.cancel(tag)
            # What was taken is finished; what the broker sent besides goes back untouched when we leave.
            if working:
                await asyncio.wait(working, timeout=CONFIRM_TIMEOUT_S)

    async def _publish_method(self, channel: AbstractChannel) -> None:
        """Once in the life of this process, before the first answer."""
        publication = await asyncio.to_thread(self._assessor.method, datetime.now(UTC).date())
        body = encode(publication.method, id=publication.id, recorded_at=datetime.now(UTC))
        await _publish(channel, publication.id, METHOD_PUBLISHED, body)
        self._published = True

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
        await _publish(channel, answer.id, LOAN_ASSESSED, body)
        self._inbox.remember(request.id)
        await message.ack()
        self._attempts.pop(request.id, None)
        self._assessor.metrics.outcomes.labels("answered").inc()
        if self._completions is not None:
            self._completions.add(answer)

    async def _try_later(self, message: AbstractIncomingMessage, event_id: UUID) -> None:
        tried = self._attempts.get(event_id, 0) + 1
        self._attempts[event_id] = tried
        if tried >= MAX_ATTEMPTS:
            self._attempts.pop(event_id)
            await message.reject(requeue=False)
            return
        await asyncio.sleep(RETRY_DELAYS_S[tried - 1])
        await message.nack(requeue=True)


async def _publish(channel: AbstractChannel, event_id: UUID, name: str, body: bytes) -> None:
    exchange = await channel.get_exchange(EVENTS_EXCHANGE, ensure=False)
    await exchange.publish(
        aio_pika.Message(
            body,
            content_type="application/json",
            message_id=str(event_id),
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        ),
        routing_key=name,
        mandatory=False,
        timeout=CONFIRM_TIMEOUT_S,
    )


async def declare(channel: AbstractChannel) -> aio_pika.abc.AbstractQueue:
    """The queue of requests, its dead letters and its bindings, as the platform declares them too."""
    events = await channel.declare_exchange(EVENTS_EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_LETTER_EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    dead_letters = await channel.declare_queue(
        dead_letter_queue(RISK_REQUESTS_QUEUE), durable=True, arguments={**dead_letter_queue_arguments()}
    )
    await dead_letters.bind(dead, routing_key=RISK_REQUESTS_QUEUE)
    queue = await channel.declare_queue(
        RISK_REQUESTS_QUEUE, durable=True, arguments={**queue_arguments(RISK_REQUESTS_QUEUE)}
    )
    for event in RISK_REQUESTS_EVENTS:
        await queue.bind(events, routing_key=event)
    return queue


def _read(body: bytes) -> Request:
    wire = unpack_envelope(body)
    return Request(wire.id, wire.name, wire.version, wire.payload_as(Any))
