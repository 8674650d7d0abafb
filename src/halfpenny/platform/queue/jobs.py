"""Periodic jobs: each runs in one process at a time, whichever worker gets its lock first."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from halfpenny.platform.database import Database
from halfpenny.platform.queue.consuming import pause

log = structlog.get_logger("halfpenny.jobs")


@dataclass(frozen=True, slots=True)
class Job:
    """``run()`` every ``every_s`` seconds, counted from the end of the last run.

    With ``alone`` a run is skipped while another process is in one of the same name. Jobs must be
    repeatable: a run that was killed is simply started again.
    """

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]
    alone: bool = True


async def run_jobs(database: Database, jobs: Sequence[Job], stop: asyncio.Event | None = None) -> None:
    """Run the jobs until ``stop`` is set or this is cancelled. A job that fails is logged and tried again."""
    stop = stop or asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_repeat(database, job, stop), name=f"job {job.name}")


async def run_once(database: Database, job: Job) -> bool:
    """One run now; False when another process is in one."""
    if not job.alone:
        await job.run()
        return True
    key = int.from_bytes(hashlib.sha256(f"job {job.name}".encode()).digest()[:8], signed=True)
    async with database.reading() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
            return False
        try:
            await job.run()
        finally:
            # Where the connection is gone the server has let go of the lock by itself.
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", key)
    return True


async def _repeat(database: Database, job: Job, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await run_once(database, job)
        except Exception as error:  # the next run may do better; the worker goes on
            log.error("job_failed", job=job.name, error=f"{type(error).__name__}: {error}", exc_info=error)
        await pause(stop, job.every_s)
