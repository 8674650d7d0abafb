"""PostgreSQL through one asyncpg pool, where a unit of work is one visible transaction, and one LISTEN connection."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy

from halfpenny.platform import plans
from halfpenny.primitives.errors import Unavailable

if TYPE_CHECKING:
    Record: TypeAlias = asyncpg.Record
    Connection: TypeAlias = PoolConnectionProxy[asyncpg.Record] | asyncpg.Connection[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Record = asyncpg.Record
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

log = structlog.get_logger("halfpenny.listener")

APP_ROLE = "halfpenny_app"

# A LISTEN connection is asked this often whether it lives; without an answer in the second time it is replaced.
HEARTBEAT_S = 0.3
_HEARTBEAT_TIMEOUT_S = 0.9

# What asyncpg raises when the server went away, is starting, is full, or does not answer in time.
CONNECTION_ERRORS: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.InterfaceError,
    # A connection that was cut in the middle of a statement does not always know it yet.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresSystemError,
)
# Two transactions met in a way that one of them must start again. With one lock order this is rare.
TRANSACTION_CONFLICT_ERRORS: tuple[type[BaseException], ...] = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    message = "The database does not answer. Nothing is known to have changed: retry with the same key."


class Collision(Unavailable):
    code = "collision"
    message = "Another request changed the same data at the same moment. Nothing was changed: retry."


async def prepare(connection: Any) -> None:
    """Make jsonb travel as Python objects on this connection."""
    await connection.set_type_codec("jsonb", encoder=_encode, decoder=_decode, schema="pg_catalog", format="binary")


def _encode(value: object) -> bytes:
    # Binary jsonb is a version byte and the text.
    return b"\x01" + msgspec.json.encode(value)


def _decode(raw: bytes) -> Any:
    return msgspec.json.decode(raw[1:])


class Listener:
    """The one connection of a process that LISTENs; starts with its first channel and reconnects by itself.

    Callbacks run in the event loop and must not block. ``Database`` owns it and closes it.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._callbacks: dict[str, list[Callable[[str | None], None]]] = {}
        # Those whose channel is not listened to yet.
        self._new: list[tuple[str, Callable[[str | None], None]]] = []
        self._heartbeats: list[Callable[[float | None], None]] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    def on(self, channel: str, callback: Callable[[str | None], None]) -> None:
        """Call back with the payload of each NOTIFY on ``channel``, and with None whenever listening begins anew.

        After None a callback must assume that it missed something.
        """
        self._callbacks.setdefault(channel, []).append(callback)
        self._new.append((channel, callback))
        self.listening.clear()
        self._changed.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="listener")

    def off(self, channel: str, callback: Callable[[str | None], None]) -> None:
        """Call back no longer; nothing happens where it never did."""
        with contextlib.suppress(KeyError, ValueError):
            self._callbacks[channel].remove(callback)
        self._new = [each for each in self._new if each != (channel, callback)]

    @property
    def channels(self) -> frozenset[str]:
        """The channels that anybody is called back for."""
        return frozenset(channel for channel, known in self._callbacks.items() if known)

    def on_heartbeat(self, callback: Callable[[float | None], None]) -> None:
        """Call back with the real time (seconds since 1970) of each heartbeat that was answered.

        Whatever was subscribed before that moment has been passed on. None means that the connection was lost.
        """
        self._heartbeats.append(callback)

    def off_heartbeat(self, callback: Callable[[float | None], None]) -> None:
        with contextlib.suppress(ValueError):
            self._heartbeats.remove(callback)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except CONNECTION_ERRORS as error:
                log.warning("listener_lost", error=f"{type(error).__name__}: {error}")
            finally:
                self.listening.clear()
                self._beat(None)
            await asyncio.sleep(HEARTBEAT_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=5,
            command_timeout=_HEARTBEAT_TIMEOUT_S,
            server_settings={"application_name": "halfpenny listener"},
        )
        self._new = [(channel, callback) for channel, known in self._callbacks.items() for callback in known]
        listened: set[str] = set()
        try:
            while True:
                self._changed.clear()
                for channel in self._callbacks.keys() - listened:
                    await connection.add_listener(channel, self._on_notification)
                    listened.add(channel)
                subscribed, self._new = [new for new in self._new if new[0] in listened], []
                for _, callback in subscribed:
                    callback(None)
                asked_at = time.time()
                await connection.fetchval("SELECT 1")
                if not self._changed.is_set():
                    self._beat(asked_at)
                    self.listening.set()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), HEARTBEAT_S)
        finally:
            connection.terminate()

    def _beat(self, answered_at: float | None) -> None:
        for callback in tuple(self._heartbeats):
            callback(answered_at)

    def _on_notification(self, _connection: Connection | Any, _pid: int, channel: str, payload: object) -> None:
        for callback in tuple(self._callbacks[channel]):
            callback(str(payload))


class Database:
    """A pool of connections that act as the application's role.

    ``url`` is a libpq URL. Connecting raises DatabaseUnavailable when the server cannot be reached in
    ``timeout_s``; every later loss of the server surfaces as DatabaseUnavailable too.
    """

    def __init__(self, pool: Pool, url: str, timeout_s: float) -> None:
        self.pool = pool
        self.url = url
        self.timeout_s = timeout_s
        self.listener = Listener(_libpq_url(url))

    @classmethod
    async def connect(
        cls, url: str, *, max_size: int = 16, role: str | None = APP_ROLE, timeout_s: float = 5.0
    ) -> Self:
        """Open the pool; ``role`` is taken on at connect time, so that the tables' grants bind us."""
        settings = {
            "application_name": "halfpenny",
            "lock_timeout": f"{int(timeout_s * 1000)}",
        } | plans.POOLED
        if role is not None:
            settings["role"] = role
        try:
            pool = await asyncpg.create_pool(
                _libpq_url(url),
                # The pool's own upkeep of a minimum fails loudly in the background while a server is away.
                min_size=0,
                max_size=max_size,
                init=prepare,
                # A database that hangs with its socket open must not hang us.
                command_timeout=timeout_s,
                timeout=timeout_s,
                server_settings=settings,
            )
            async with pool.acquire(timeout=timeout_s):
                pass  # a server that is not there is reported now
        except CONNECTION_ERRORS as lost:
            raise DatabaseUnavailable() from lost
        return cls(pool, url, timeout_s)

    async def close(self) -> None:
        await self.listener.close()
        try:
            await asyncio.wait_for(self.pool.close(), self.timeout_s)
        except CONNECTION_ERRORS:
            self.pool.terminate()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        After an error at COMMIT the outcome is unknown; callers retry with the same idempotency key.
        """
        try:
            async with self.pool.acquire(timeout=self.timeout_s) as connection, connection.transaction():
                yield connection
        except TRANSACTION_CONFLICT_ERRORS as collided:
            raise Collision() from collided
        except CONNECTION_ERRORS as lost:
            raise DatabaseUnavailable() from lost

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for reads outside a transaction: each statement sees what is committed."""
        try:
            async with self.pool.acquire(timeout=self.timeout_s) as connection:
                yield connection
        except CONNECTION_ERRORS as lost:
            raise DatabaseUnavailable() from lost


def _libpq_url(url: str) -> str:
    return url.replace("+asyncpg", "").replace("+psycopg", "")
