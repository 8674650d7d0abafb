"""The queue inside PostgreSQL, by the functions that the platform's migrations offer to any program.

The answer goes into the outbox and the request out of the queue in one transaction: the effect happens once, whoever
is killed and when.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
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
    RISK_REQUESTS_EVENTS,
    RISK_REQUESTS_QUEUE,
    LoanAssessed,
    MessageError,
    MethodPublished,
    NarrativeWritten,
    to_builtins,
)
from halfpenny_risk.errors import BadSettings, RiskError
from halfpenny_risk.service.assessor import MAX_ATTEMPTS, Assessor, Completion, Request
from halfpenny_risk.service.completing import Completing

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


class PostgresConsumer:
    """Claims requests and answers them until stopped; a database that is away is waited for."""

    def __init__(self, url: str, assessor: Assessor, concurrency: int) -> None:
        self._url = url
        self._assessor = assessor
        self._concurrency = concurrency
        self._wake = asyncio.Event()
        self._completions: Completing | None = None
        self._published = False
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
            await listener.execute("SELECT queue_subscribe($1, $2)", RISK_REQUESTS_QUEUE, list(RISK_REQUESTS_EVENTS))
            await listener.add_listener(f"queue_{RISK_REQUESTS_QUEUE}", lambda *_: self._wake.set())
            listener.add_termination_listener(lambda *_: self._wake.set())
            pool = await asyncpg.create_pool(
                self._url, min_size=1, max_size=self._concurrency, timeout=CONNECT_TIMEOUT_S, **_OPTIONS
            )
            self.connected = True
            try:
                async with asyncio.TaskGroup() as group, self._completing(pool):
                    if not self._published:
                        group.create_task(self._publish_method(pool))
                    workers = [group.create_task(self._work(pool, listener, stop)) for _ in range(self._concurrency)]
                    await asyncio.wait(workers)
            except ExceptionGroup as together:
                # All workers fail of the one cause that the database is away: one is enough to log.
                raise together.exceptions[0] from None
            finally:
                pool.terminate()
        finally:
            self.connected = False
            listener.terminate()

    async def _publish_method(self, pool: Any) -> None:
        """Once in the life of this process."""
        publication = await asyncio.to_thread(self._assessor.method, datetime.now(UTC).date())
        event = _event(publication.id, METHOD_PUBLISHED, publication.method, publication.id)
        async with pool.acquire() as connection:
            await connection.execute("SELECT outbox_append($1::jsonb)", msgspec.json.encode([event]).decode())
        self._published = True

    @asynccontextmanager
    async def _completing(self, pool: Any) -> AsyncIterator[None]:
        """Write prose for what was answered, as long as this session lasts."""

        async def send(completion: Completion) -> None:
            event = _event(completion.id, LOAN_NARRATIVE_WRITTEN, completion.written, completion.written.loan_id)
            async with pool.acquire() as connection:
                await connection.execute("SELECT outbox_append($1::jsonb)", msgspec.json.encode([event]).decode())

        self._completions = Completing(self._assessor, send)
        running = asyncio.create_task(self._completions.run())
        try:
            yield
        finally:
            running.cancel()

    async def _work(self, pool: Any, listener: Any, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if listener.is_closed():
                raise asyncpg.InterfaceError("the listening connection is closed")
            if not await self._one(pool):
                self._wake.clear()
                await _first_completed(stop, self._wake, POLL_S)

    async def _one(self, pool: Any) -> bool:
        """Claim and settle one request; False when there was none."""
        async with pool.acquire() as connection:
            row = await connection.fetchrow(_CLAIM, RISK_REQUESTS_QUEUE, LEASE_S)
            if row is None:
                return False
            try:
                request = Request(row["event_id"], row["name"], row["version"], msgspec.json.decode(row["payload"]))
                answer = await self._assessor.answer(request)
            except (MessageError, RiskError) as error:
                await self._refuse(connection, row["event_id"], error.code, str(error))
                return True
            except Exception as error:  # a defect of ours must not stop the queue: it is retried, then set aside
                log.exception("assessment_failed", event_id=str(row["event_id"]))
                await connection.execute(
                    "SELECT queue_fail($1, $2, $3, $4)",
                    RISK_REQUESTS_QUEUE,
                    row["event_id"],
                    repr(error)[:500],
                    MAX_ATTEMPTS,
                )
                self._assessor.metrics.outcomes.labels("failed").inc()
                return True
            event = _event(answer.id, LOAN_ASSESSED, answer.assessed, answer.assessed.loan_id)
            async with connection.transaction():
                await connection.execute(
                    _ANSWER, RISK_REQUESTS_QUEUE, row["event_id"], msgspec.json.encode([event]).decode()
                )
                await connection.execute("SELECT queue_done($1, $2)", RISK_REQUESTS_QUEUE, row["event_id"])
            self._assessor.metrics.outcomes.labels("answered").inc()
            if self._completions is not None:
                self._completions.add(answer)
            return True

    async def _refuse(self, connection: Any, event_id: object, code: str, detail: str) -> None:
        """Trying again cannot help: straight to the dead letters, under the code."""
        await connection.execute(
            "SELECT queue_dead_letter($1, $2, $3, $4)", RISK_REQUESTS_QUEUE, event_id, code, detail[:500]
        )
        self._assessor.metrics.outcomes.labels(code).inc()
        log.warning("request_refused", event_id=str(event_id), code=code)


def _event(
    event_id: UUID, name: str, payload: LoanAssessed | NarrativeWritten | MethodPublished, about: UUID
) -> dict[str, Any]:
    return {
        "event_id": str(event_id),
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
