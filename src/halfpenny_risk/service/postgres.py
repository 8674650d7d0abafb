"""The queue inside PostgreSQL, by the functions that the platform's migrations offer to any program.

The answer goes into the outbox and the request out of the queue in one transaction: the effect happens once, whoever
is killed and when.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from halfpenny_messages import (
    CONNECT_TIMEOUT_S,
    LOAN_ASSESSED,
    LOAN_NARRATIVE_WRITTEN,
    METHOD_PUBLISHED,
    PROMOTION_ASKED,
    RISK_PROMOTIONS_EVENTS,
    RISK_PROMOTIONS_QUEUE,
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    LoanAssessed,
    MessageError,
    MethodPublished,
    NarrativeWritten,
    PromotionAsked,
    to_builtins,
)
from halfpenny_risk.errors import BadSettings, RiskError
from halfpenny_risk.service.assessor import MAX_ATTEMPTS, AssessmentRequest, Assessor, Completion, Publication
from halfpenny_risk.service.completing import Completing
from halfpenny_risk.service.promoting import Promoting
from halfpenny_risk.service.publishing import Publishing

log = structlog.get_logger("halfpenny_risk.postgres")

# Longer than the slowest narrative with its retry; after it another process may claim the request.
LEASE_S = 60
# NOTIFY wakes us at once. The poll only matters when a notification was lost with its connection.
POLL_S = 2.0
COMMAND_TIMEOUT_S = 10.0
INITIAL_BACKOFF_S, MAX_BACKOFF_S = 0.2, 5.0
_OPTIONS: dict[str, Any] = {
    "command_timeout": COMMAND_TIMEOUT_S,
    "server_settings": {"role": "halfpenny_app", "application_name": "halfpenny-risk"},
}

_CLAIM = "SELECT event_id, name, version, payload::text AS payload FROM queue_claim($1, 1, $2)"
# The inbox row is the proof that this request was answered; without it the answer is written now.
_ANSWER = """
WITH first AS (
    INSERT INTO inbox (queue, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id)
SELECT outbox_append($3::jsonb) FROM first
"""
# Every instance is notified of a promotion, by the one that took it, in the transaction that ends its delivery.
_NOTICES_CHANNEL = "risk_promotion"
_NOTIFY = """
WITH first AS (
    INSERT INTO inbox (queue, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING event_id)
SELECT pg_notify($3, $4) FROM (SELECT 1) always LEFT JOIN first ON true
"""
_APPEND = "SELECT outbox_append($1::jsonb)"

# What is done, in one transaction with the end of a delivery: a statement with its arguments.
Effect = tuple[str, tuple[object, ...]]
Act = Callable[[AssessmentRequest], Awaitable[tuple[Effect, Callable[[], None]]]]
# What the question which promotion is in force is about: no loan, and always the same.
_PROMOTION_QUESTION_ID = UUID("6d0c7a52-2f0b-4d0e-9a54-5b8f0c1e7a02")


class PostgresConsumer:
    """Claims requests and answers them until stopped; a database that is away is waited for."""

    def __init__(self, url: str, assessor: Assessor, concurrency: int, promoting: Promoting | None = None) -> None:
        self._url = url
        self._assessor = assessor
        self._concurrency = concurrency
        self._promoting = promoting
        self._wake = {RISK_REQUESTS_QUEUE: asyncio.Event(), RISK_PROMOTIONS_QUEUE: asyncio.Event()}
        self._notices: asyncio.Queue[str] = asyncio.Queue()
        self._completions: Completing | None = None
        self._publishing = Publishing(assessor)
        self.connected = False

    async def probe(self) -> None:
        """Raises ``BadSettings`` where PostgreSQL does not let us in."""
        try:
            connection = await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT_S)
            await connection.close(timeout=CONNECT_TIMEOUT_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
            reason = str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
            raise BadSettings(f"DATABASE_URL: cannot connect to PostgreSQL ({reason})") from None

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set."""
        pause_s = INITIAL_BACKOFF_S
        while not stop.is_set():
            try:
                await self._session(stop)
                pause_s = INITIAL_BACKOFF_S
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self.connected = False
                log.warning("queue_away", error=type(error).__name__, retry_in_s=pause_s)
                await _until(stop, pause_s)
                pause_s = min(2.0 * pause_s, MAX_BACKOFF_S)

    async def _session(self, stop: asyncio.Event) -> None:
        listener = await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT_S, **_OPTIONS)
        try:
            await self._listen(listener)
            pool = await asyncpg.create_pool(
                self._url, min_size=1, max_size=self._concurrency, timeout=CONNECT_TIMEOUT_S, **_OPTIONS
            )
            self.connected = True
            try:
                async with asyncio.TaskGroup() as group, self._beside(pool):
                    workers = [
                        group.create_task(self._work(RISK_REQUESTS_QUEUE, self._answer, pool, listener, stop))
                        for _ in range(self._concurrency)
                    ]
                    if self._promoting is not None:
                        promotions = self._work(RISK_PROMOTIONS_QUEUE, self._promote, pool, listener, stop)
                        workers.append(group.create_task(promotions))
                    await asyncio.wait(workers)
            except ExceptionGroup as together:
                # All workers fail of the one cause that the database is away: one is enough to log.
                raise together.exceptions[0] from None
            finally:
                pool.terminate()
        finally:
            self.connected = False
            listener.terminate()

    async def _listen(self, listener: Any) -> None:
        """Subscribe to the queues, and to the notices of other instances about promotions."""
        await self._subscribe(listener, RISK_REQUESTS_QUEUE, RISK_REQUESTS_EVENTS)
        listener.add_termination_listener(self._wake_all)
        if self._promoting is not None:
            await self._subscribe(listener, RISK_PROMOTIONS_QUEUE, RISK_PROMOTIONS_EVENTS)
            await listener.add_listener(_NOTICES_CHANNEL, lambda *notice: self._notices.put_nowait(notice[-1]))

    def _wake_all(self, _: object) -> None:
        for wake in self._wake.values():
            wake.set()

    async def _subscribe(self, listener: Any, queue: str, events: Sequence[str]) -> None:
        await listener.execute("SELECT queue_subscribe($1, $2)", queue, list(events))
        wake = self._wake[queue]
        await listener.add_listener(f"queue_{queue}", lambda *_: wake.set())

    @asynccontextmanager
    async def _beside(self, pool: Any) -> AsyncIterator[None]:
        """For this session: write prose for what was answered, publish the method, ask for promotions, take notices."""

        async def complete(completion: Completion) -> None:
            await append(_event(completion.id, LOAN_NARRATIVE_WRITTEN, completion.written, completion.written.loan_id))

        async def publish(publication: Publication) -> None:
            await append(_event(publication.id, METHOD_PUBLISHED, publication.method, publication.id))

        async def ask(asked: PromotionAsked) -> None:
            await append(_event(None, PROMOTION_ASKED, asked, _PROMOTION_QUESTION_ID))

        async def append(event: dict[str, Any]) -> None:
            async with pool.acquire() as connection:
                await connection.execute(_APPEND, msgspec.json.encode([event]).decode())

        self._completions = Completing(self._assessor, complete)
        running = [
            asyncio.create_task(self._completions.run()),
            asyncio.create_task(self._publishing.run(publish)),
        ]
        if self._promoting is not None:
            running.append(asyncio.create_task(self._receive_notices(self._promoting)))
            running.append(asyncio.create_task(self._promoting.ask(ask)))
        try:
            yield
        finally:
            for task in running:
                task.cancel()

    async def _receive_notices(self, promoting: Promoting) -> None:
        while True:
            await promoting.receive(await self._notices.get())

    async def _work(self, queue: str, act: Act, pool: Any, listener: Any, stop: asyncio.Event) -> None:
        wake = self._wake[queue]
        while not stop.is_set():
            if listener.is_closed():
                raise asyncpg.InterfaceError("the listening connection is closed")
            if not await self._one(queue, act, pool):
                wake.clear()
                await _first_completed(stop, wake, POLL_S)

    async def _one(self, queue: str, act: Act, pool: Any) -> bool:
        """Claim and settle one delivery; False when there was none."""
        async with pool.acquire() as connection:
            row = await connection.fetchrow(_CLAIM, queue, LEASE_S)
            if row is None:
                return False
            try:
                request = AssessmentRequest(
                    row["event_id"], row["name"], row["version"], msgspec.json.decode(row["payload"])
                )
                (statement, arguments), then = await act(request)
            except (MessageError, RiskError) as error:
                await self._refuse(connection, queue, row["event_id"], error.code, str(error))
                return True
            except Exception as error:  # a defect of ours must not stop the queue: it is retried, then set aside
                log.exception("delivery_failed", queue=queue, event_id=str(row["event_id"]))
                await connection.execute(
                    "SELECT queue_fail($1, $2, $3, $4)", queue, row["event_id"], repr(error)[:500], MAX_ATTEMPTS
                )
                self._assessor.metrics.outcomes.labels("failed").inc()
                return True
            async with connection.transaction():
                await connection.execute(statement, *arguments)
                await connection.execute("SELECT queue_done($1, $2)", queue, row["event_id"])
            then()
            return True

    async def _answer(self, request: AssessmentRequest) -> tuple[Effect, Callable[[], None]]:
        answer = await self._assessor.answer(request)
        event = _event(answer.id, LOAN_ASSESSED, answer.assessed, answer.assessed.loan_id)

        def then() -> None:
            self._assessor.metrics.outcomes.labels("answered").inc()
            if self._completions is not None:
                self._completions.add(answer)

        return (_ANSWER, (RISK_REQUESTS_QUEUE, request.id, msgspec.json.encode([event]).decode())), then

    async def _promote(self, request: AssessmentRequest) -> tuple[Effect, Callable[[], None]]:
        assert self._promoting is not None  # noqa: S101 - this queue is only worked on by instances that promote
        notice = await self._promoting.take(request)
        outcome = self._assessor.metrics.outcomes.labels("promotion_taken")
        return (_NOTIFY, (RISK_PROMOTIONS_QUEUE, request.id, _NOTICES_CHANNEL, notice)), outcome.inc

    async def _refuse(self, connection: Any, queue: str, event_id: object, code: str, detail: str) -> None:
        """Trying again cannot help: straight to the dead letters, under the code."""
        await connection.execute("SELECT queue_dead_letter($1, $2, $3, $4)", queue, event_id, code, detail[:500])
        self._assessor.metrics.outcomes.labels(code).inc()
        log.warning("request_refused", queue=queue, event_id=str(event_id), code=code)


def _event(
    event_id: UUID | None,
    name: str,
    payload: LoanAssessed | NarrativeWritten | MethodPublished | PromotionAsked,
    about: UUID,
) -> dict[str, Any]:
    """For ``outbox_append``, which makes an id of what the event says where it is given none."""
    return {
        **({"event_id": str(event_id)} if event_id else {}),
        "name": name,
        "version": 1,
        "aggregate_id": str(about),
        "payload": to_builtins(payload),
    }


async def _until(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def _first_completed(stop: asyncio.Event, wake: asyncio.Event, timeout_s: float) -> None:
    waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(wake.wait())]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
