"""Work that recurs: run every so many seconds by any number of workers, with its last success kept for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from halfpenny.platform.database import Database
from halfpenny.platform.indicators import Indicator, Severity, statement

log = structlog.get_logger("halfpenny.worker")

# A success is written down when the last one known is this old: jobs that run twice a second write four times a minute.
_NOTE_EVERY_S = 15.0
_REGISTER = """
WITH gone AS (DELETE FROM periodic_job WHERE name <> ALL($1::text[]))
INSERT INTO periodic_job (name, every_s) SELECT * FROM unnest($1::text[], $2::float8[])
ON CONFLICT (name) DO UPDATE SET every_s = EXCLUDED.every_s
"""
_CLAIM = """
UPDATE periodic_job SET claimed_until = now() + $2::float8 * interval '1 second'
WHERE name = $1 AND (claimed_until IS NULL OR claimed_until < now())
"""
_SUCCEEDED = """
INSERT INTO periodic_job (name, every_s, succeeded_at) VALUES ($1, $2, now())
ON CONFLICT (name) DO UPDATE SET every_s = EXCLUDED.every_s, succeeded_at = now()
"""

INDICATORS = (
    Indicator(
        "job_late_seconds",
        "How long ago a job that recurs should have succeeded.",
        statement(
            "SELECT name, greatest(extract(epoch FROM now() - coalesce(succeeded_at, registered_at)) - every_s, 0) "
            "FROM periodic_job"
        ),
        limit=300,
        severity=Severity.PAGE,
        # Prometheus has `job` for what it scrapes.
        label="periodic_job",
    ),
)


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """Something done every ``every_s`` seconds. Any number of workers may run it at once: it must not mind."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]


async def register(database: Database, jobs: Sequence[PeriodicJob]) -> None:
    """Make the jobs of this release known, so that one that never succeeds is late too; delete those of others."""
    async with database.unit_of_work() as connection:
        await connection.execute(_REGISTER, [job.name for job in jobs], [job.every_s for job in jobs])


async def repeat(database: Database, job: PeriodicJob, stopping: asyncio.Event) -> None:
    """Failures are logged and the next round comes in its time: one job never takes the others down."""
    noted_at = float("-inf")
    while not stopping.is_set():
        try:
            await job.run()
            now = asyncio.get_running_loop().time()
            if now - noted_at >= _NOTE_EVERY_S:
                async with database.unit_of_work() as connection:
                    await connection.execute(_SUCCEEDED, job.name, job.every_s)
                noted_at = now
        except Exception:
            log.exception("job_failed", job=job.name)
        try:
            await asyncio.wait_for(stopping.wait(), job.every_s)
        except TimeoutError:
            continue


async def claim(database: Database, name: str, lease_s: float) -> bool:
    """Whether this worker alone may run the job until the lease ends: for what must not happen twice at once."""
    async with database.unit_of_work() as connection:
        return bool(await connection.execute(_CLAIM, name, lease_s) == "UPDATE 1")


async def release(database: Database, name: str) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE periodic_job SET claimed_until = NULL WHERE name = $1", name)
