"""PostgreSQL through one asyncpg pool: a unit of work is one visible transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import asyncpg
import msgspec
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

APP_ROLE = "halfpenny_app"

# What asyncpg raises when the server went away, is starting, is full, or does not answer in time.
LOST: tuple[type[BaseException], ...] = (
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
COLLIDED: tuple[type[BaseException], ...] = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    message = "The database does not answer. Nothing is known to have changed: retry with the same key."


class Collision(Unavailable):
    code = "collision"
    message = "Two requests met. Nothing changed: retry."


async def prepare(connection: Any) -> None:
    """Make jsonb travel as Python objects on this connection."""
    await connection.set_type_codec("jsonb", encoder=_encode, decoder=_decode, schema="pg_catalog", format="binary")


def _encode(value: object) -> bytes:
    # Binary jsonb is a version byte and the text.
    return b"\x01" + msgspec.json.encode(value)


def _decode(raw: bytes) -> Any:
    return msgspec.json.decode(raw[1:])


class Database:
    """A pool of connections that act as the application's role.

    ``url`` is a libpq URL. Connecting raises DatabaseUnavailable when the server cannot be reached in
    ``timeout_s``; every later loss of the server surfaces as DatabaseUnavailable too.
    """

    def __init__(self, pool: Pool, url: str, timeout_s: float) -> None:
        self.pool = pool
        self.url = url
        self.timeout_s = timeout_s

    @classmethod
    async def connect(
        cls, url: str, *, max_size: int = 16, role: str | None = APP_ROLE, timeout_s: float = 5.0
    ) -> Self:
        """Open the pool; ``role`` is taken on at connect time, so that the tables' grants bind us."""
        settings = {
            "application_name": "halfpenny",
            "lock_timeout": f"{int(timeout_s * 1000)}",
            "plan_cache_mode": plans.CALL_BY_CALL,
        }
        if role is not None:
            settings["role"] = role
        try:
            pool = await asyncpg.create_pool(
                url.replace("+asyncpg", "").replace("+psycopg", ""),
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
                pass  # whoever names a server that is not there hears of it now
        except LOST as lost:
            raise DatabaseUnavailable() from lost
        return cls(pool, url, timeout_s)

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self.pool.close(), self.timeout_s)
        except LOST:
            self.pool.terminate()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        After an error at COMMIT the outcome is unknown; callers retry with the same idempotency key.
        """
        try:
            async with self.pool.acquire(timeout=self.timeout_s) as connection, connection.transaction():
                yield connection
        except COLLIDED as collided:
            raise Collision() from collided
        except LOST as lost:
            raise DatabaseUnavailable() from lost

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for reads outside a transaction: each statement sees what is committed."""
        try:
            async with self.pool.acquire(timeout=self.timeout_s) as connection:
                yield connection
        except LOST as lost:
            raise DatabaseUnavailable() from lost
