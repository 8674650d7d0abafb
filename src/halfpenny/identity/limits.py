"""Rate limits of sign-in, counted in PostgreSQL so that every process counts the same."""

from __future__ import annotations

import hashlib
import math
import time
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from halfpenny.identity.errors import TooManyAttempts
from halfpenny.platform.database import CONNECTION_ERRORS, Database

_HIT: Final = (
    "INSERT INTO rate_window AS w (key, hits, expires_at) "
    "VALUES ($1, greatest($2, 0), now() + make_interval(secs => $3)) "
    "ON CONFLICT (key) DO UPDATE SET "
    "hits = CASE WHEN w.expires_at <= now() THEN excluded.hits ELSE greatest(w.hits + $2, 0) END, "
    "expires_at = CASE WHEN w.expires_at <= now() THEN excluded.expires_at ELSE w.expires_at END "
    "RETURNING hits"
)


class PostgresCounters(Storage):
    """The storage that the ``limits`` package lacks: one row a counter, one statement a hit."""

    STORAGE_SCHEME = ["halfpenny-postgresql"]  # noqa: RUF012 - the base class declares it so

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return tuple(kind for kind in CONNECTION_ERRORS if issubclass(kind, Exception))

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        async with self._database.reading() as connection:
            return int(await connection.fetchval(_HIT, key, amount, float(expiry)))

    async def get(self, key: str) -> int:
        async with self._database.reading() as connection:
            hits = await connection.fetchval("SELECT hits FROM rate_window WHERE key = $1 AND expires_at > now()", key)
        return int(hits or 0)

    async def get_expiry(self, key: str) -> float:
        async with self._database.reading() as connection:
            expires_at = await connection.fetchval(
                "SELECT extract(epoch FROM expires_at)::float8 FROM rate_window WHERE key = $1 AND expires_at > now()",
                key,
            )
        return float(expires_at or time.time())

    async def check(self) -> bool:
        async with self._database.reading() as connection:
            return bool(await connection.fetchval("SELECT true"))

    async def reset(self) -> int | None:
        async with self._database.reading() as connection:
            rows = await connection.fetch("DELETE FROM rate_window RETURNING key")
        return len(rows)

    async def clear(self, key: str) -> None:
        async with self._database.reading() as connection:
            await connection.execute("DELETE FROM rate_window WHERE key = $1", key)


class Limiter:
    """Counts against named limits in the notation of ``limits`` ("10/5minute")."""

    def __init__(self, database: Database) -> None:
        self._storage = PostgresCounters(database)
        self._strategy = FixedWindowRateLimiter(self._storage)

    async def spend(self, limit: str, name: str, *subjects: str) -> None:
        """Count one; raises TooManyAttempts with ``retry_after_s`` when the limit is passed."""
        item = parse(limit)
        identifiers = self._identifiers(name, subjects)
        if not await self._strategy.hit(item, *identifiers):
            raise TooManyAttempts(retry_after_s=await self._wait_s(item, identifiers))

    async def refund(self, limit: str, name: str, *subjects: str) -> None:
        """Take one back: what was counted in advance turned out well."""
        item = parse(limit)
        await self._storage.incr(item.key_for(*self._identifiers(name, subjects)), item.get_expiry(), -1)

    async def _wait_s(self, item: RateLimitItem, identifiers: tuple[str, ...]) -> int:
        stats = await self._strategy.get_window_stats(item, *identifiers)
        return max(1, math.ceil(stats.reset_time - time.time()))

    def _identifiers(self, name: str, subjects: tuple[str, ...]) -> tuple[str, ...]:
        # Hashed: a counter needs no list of who tried to sign in from where, and keys stay short.
        digest = hashlib.sha256("\x1f".join(subjects).encode()).hexdigest()[:32]
        return (name, digest)
