"""The queue on RabbitMQ: a quorum queue of requests, answers published with confirms, and an inbox of our own.

The answer is confirmed by the broker before the inbox holds the request, and that before the request is
acknowledged. Killed between any two of these, the request comes again: then either the inbox knows it, or the same
answer goes out under the same id and the platform's inbox absorbs it. Where another model was promoted in between, its
answer goes out too, under an id of its own, and the platform keeps both.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from yarl import URL

from halfpenny_messages import (
    CONFIRM_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    DEAD_LETTER_EXCHANGE,
    ERROR_HEADER,
    EVENTS_EXCHANGE,
    HEARTBEAT_S,
    LOAN_ASSESSED,
    LOAN_NARRATIVE_WRITTEN,
    METHOD_PUBLISHED,
    PROMOTION_ASKED,
    REASON_HEADER,
    RISK_PROMOTIONS_EVENTS,
    RISK_PROMOTIONS_QUEUE,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    MessageError,
    PromotionAsked,
    dead_letter_queue,
    dead_letter_queue_arguments,
    encode,
    queue_arguments,
    unpack_envelope,
)
from halfpenny_risk.errors import BadSettings, RiskError
from halfpenny_risk.service.assessor import MAX_ATTEMPTS, Answer, AssessmentRequest, Assessor, Completion, Publication
from halfpenny_risk.service.completing import Completing
from halfpenny_risk.service.promoting import Promoting
from halfpenny_risk.service.publishing import Publishing

log = structlog.get_logger("halfpenny_risk.rabbit")

INITIAL_BACKOFF_S, MAX_BACKOFF_S = 0.2, 5.0
RETRY_DELAYS_S = (0.1, 0.4, 1.6, 6.4)
KEEP_DAYS = 30
# Every instance is notified of a promotion by an unnamed queue of its own, which ends with its connection.
_NOTICE = "risk.promotion_taken"

Settle = Callable[[AbstractChannel, AbstractIncomingMessage], Awaitable[None]]
Result = TypeVar("Result")


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

    def __init__(
        self, url: str, assessor: Assessor, inbox: Path, concurrency: int, promoting: Promoting | None = None
    ) -> None:
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_S)
        self._assessor = assessor
        self._inbox = Inbox(inbox)
        self._concurrency = concurrency
        self._promoting = promoting
        self._attempts: dict[UUID, int] = {}
        self._completions: Completing | None = None
        self._publishing = Publishing(assessor)
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
            working: set[asyncio.Task[None]] = set()

            async def consume(queue: AbstractQueue, settle: Settle) -> str:
                async def take(message: AbstractIncomingMessage) -> None:
                    task = asyncio.ensure_future(self._handle(settle, channel, message, lost))
                    working.add(task)
                    task.add_done_callback(working.discard)

                return await queue.consume(take)

            settling = [(await declare(channel), self._settle)]
            if self._promoting is not None:
                settling.append((await self._declare_promotions(channel, self._promoting), self._settle_promotion))
            async with self._beside(channel):
                consuming = [(queue, await consume(queue, settle)) for queue, settle in settling]
                self.connected = True
                ends = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(lost.wait())]
                try:
                    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for end in ends:
                        end.cancel()
            if lost.is_set():
                raise ConnectionError("the connection to the broker was lost")
            for queue, tag in consuming:
                await queue.cancel(tag)
            # What was taken is finished; what the broker sent besides goes back untouched when we leave.
            if working:
                await asyncio.wait(working, timeout=CONFIRM_TIMEOUT_S)

    @asynccontextmanager
    async def _beside(self, channel: AbstractChannel) -> AsyncIterator[None]:
        """Write prose for what was answered, publish the method and ask for promotions, while this session lasts."""

        async def complete(completion: Completion) -> None:
            body = encode(completion.written, id=completion.id, recorded_at=datetime.now(UTC))
            await _publish(channel, completion.id, LOAN_NARRATIVE_WRITTEN, body)

        async def publish(publication: Publication) -> None:
            body = encode(publication.method, id=publication.id, recorded_at=datetime.now(UTC))
            await _publish(channel, publication.id, METHOD_PUBLISHED, body)

        async def ask(asked: PromotionAsked) -> None:
            event_id = uuid4()
            body = encode(asked, id=event_id, recorded_at=datetime.now(UTC))
            await _publish(channel, event_id, PROMOTION_ASKED, body)

        self._completions = Completing(self._assessor, complete)
        running = [
            asyncio.create_task(self._completions.run()),
            asyncio.create_task(self._publishing.run(publish)),
        ]
        if self._promoting is not None:
            running.append(asyncio.create_task(self._promoting.ask(ask)))
        try:
            yield
        finally:
            for task in running:
                task.cancel()

    async def _declare_promotions(self, channel: AbstractChannel, promoting: Promoting) -> AbstractQueue:
        """The queue of promotions; this instance gets notices of what others take."""
        queue = await declare(channel, RISK_PROMOTIONS_QUEUE, RISK_PROMOTIONS_EVENTS)
        notices = await channel.declare_queue(exclusive=True, auto_delete=True)
        await notices.bind(await channel.get_exchange(EVENTS_EXCHANGE, ensure=False), routing_key=_NOTICE)

        async def receive(message: AbstractIncomingMessage) -> None:
            await promoting.receive(message.body.decode(errors="replace"))

        await notices.consume(receive, no_ack=True)
        return queue

    async def _handle(
        self, settle: Settle, channel: AbstractChannel, message: AbstractIncomingMessage, lost: asyncio.Event
    ) -> None:
        try:
            await settle(channel, message)
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
            # Unacknowledged, it comes again on the next connection.
            log.warning("answer_unconfirmed", error=type(error).__name__)
            lost.set()

    async def _settle(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        request, answer = await self._attempt(channel, message, RISK_REQUESTS_QUEUE, self._answer)
        if request is None:
            return
        if answer is not None:
            body = encode(answer.assessed, id=answer.id, recorded_at=datetime.now(UTC))
            await _publish(channel, answer.id, LOAN_ASSESSED, body)
            self._inbox.remember(request.id)
        await message.ack()
        if answer is not None:
            self._assessor.metrics.outcomes.labels("answered").inc()
            if self._completions is not None:
                self._completions.add(answer)

    async def _answer(self, request: AssessmentRequest) -> Answer | None:
        """None where it was answered before."""
        return None if self._inbox.knows(request.id) else await self._assessor.answer(request)

    async def _settle_promotion(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
        assert self._promoting is not None  # noqa: S101 - this queue is only consumed by instances that promote
        request, notice = await self._attempt(channel, message, RISK_PROMOTIONS_QUEUE, self._promoting.take)
        if request is None or notice is None:
            return
        # The others are notified before the promotion is acknowledged: killed in between, it comes and is sent again.
        await _publish(channel, request.id, _NOTICE, notice.encode())
        await message.ack()
        self._assessor.metrics.outcomes.labels("promotion_taken").inc()

    async def _attempt(
        self,
        channel: AbstractChannel,
        message: AbstractIncomingMessage,
        queue: str,
        act: Callable[[AssessmentRequest], Awaitable[Result]],
    ) -> tuple[AssessmentRequest | None, Result | None]:
        """Read and act; (None, None) where the message was settled otherwise: refused, or to be tried later."""
        request = None
        try:
            request = _read(message.body)
            result = await act(request)
        except (MessageError, RiskError) as error:
            log.warning("request_refused", queue=queue, code=error.code, detail=str(error)[:200])
            self._assessor.metrics.outcomes.labels(error.code).inc()
            await _set_aside(channel, message, queue, error.code, str(error))
            return None, None
        except Exception:  # a defect of ours must not stop the queue: it is retried, then set aside
            log.exception("delivery_failed", queue=queue)
            self._assessor.metrics.outcomes.labels("failed").inc()
            if request is not None:
                await self._try_later(message, request.id)
            return None, None
        self._attempts.pop(request.id, None)
        return request, result

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


async def _set_aside(
    channel: AbstractChannel, message: AbstractIncomingMessage, queue: str, code: str, detail: str
) -> None:
    """To the dead letters under the code, which a rejection could not carry; confirmed before it is acknowledged."""
    exchange = await channel.get_exchange(DEAD_LETTER_EXCHANGE, ensure=False)
    letter = aio_pika.Message(
        message.body,
        content_type="application/json",
        message_id=message.message_id,
        type=message.type,
        headers={REASON_HEADER: code, ERROR_HEADER: detail[:500]},
        timestamp=datetime.now(UTC),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await exchange.publish(letter, routing_key=queue, mandatory=False, timeout=CONFIRM_TIMEOUT_S)
    await message.ack()


async def declare(
    channel: AbstractChannel, name: str = RISK_REQUESTS_QUEUE, wanted: Sequence[str] = RISK_REQUESTS_EVENTS
) -> AbstractQueue:
    """A queue of ours, its dead letters and its bindings, as the platform declares them too."""
    events = await channel.declare_exchange(EVENTS_EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_LETTER_EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    dead_letters = await channel.declare_queue(
        dead_letter_queue(name), durable=True, arguments={**dead_letter_queue_arguments()}
    )
    await dead_letters.bind(dead, routing_key=name)
    queue = await channel.declare_queue(name, durable=True, arguments={**queue_arguments(name)})
    for event in wanted:
        await queue.bind(events, routing_key=event)
    return queue


def _read(body: bytes) -> AssessmentRequest:
    wire = unpack_envelope(body)
    return AssessmentRequest(wire.id, wire.name, wire.version, wire.payload_as(Any))
