"""The daily close: accrual, retained interest that falls due, arrears, maturity and default, range by range.

A day is closed once it has passed. Each range of loans is one transaction that ends with its own row in
``close_range``, so a run after a crash goes on where the other stopped, and a second run finds nothing to do.
A loan that refuses its posting is set aside and stops no other (``setting_aside``).
Only loans that reach a due point are replayed; for the rest the engine wrote ahead what SQL needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from uuid import UUID

from halfpenny import ledger, loans
from halfpenny.platform import outbox
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database, Record
from halfpenny.servicing import errors, events
from halfpenny.servicing.model.delinquency import DAYS_TO_DEFAULT, is_regulatory_default
from halfpenny.servicing.model.disproving import DEFAULT_REASON
from halfpenny.servicing.model.events import Default
from halfpenny.servicing.model.materiality import days_material
from halfpenny.servicing.model.position import LoanStanding
from halfpenny.servicing.service.known_events import known_events
from halfpenny.servicing.service.legal_limits import limit_rates
from halfpenny.servicing.service.posting import lock_serviced_loan, post_events
from halfpenny.servicing.service.setting_aside import post_each
from halfpenny.servicing.store import closing

RANGE_SIZE = 20_000
# Ranges share nothing, so two of them keep two cores of the database busy.
CONCURRENT_RANGES = 2
# One day at a time across all workers; a second worker that finds it taken has nothing to do.
_CLOSE_LOCK = 7_202_603
Progress = Callable[[date, int, int], None]


@dataclass(frozen=True, slots=True)
class DayClosed:
    """What a day's close did: loans that accrued, that had reserve released, that are past due, that were set aside."""

    business_date: date
    loans: int
    released: int
    late: int
    set_aside: int


async def close_days(
    database: Database,
    *,
    range_size: int = RANGE_SIZE,
    progress: Progress | None = None,
) -> list[DayClosed]:
    """Close every business day that has passed and has not been closed; returns one line a day."""
    done: list[DayClosed] = []
    while True:
        async with database.reading() as connection:
            day = await closing.first_day(connection)
            today = await business_date(connection)
        if day is None or day >= today:
            return done
        closed = await close_day(database, day, range_size=range_size, progress=progress)
        if closed is None:
            return done
        done.append(closed)


async def close_day(
    database: Database,
    day: date,
    *,
    range_size: int = RANGE_SIZE,
    progress: Progress | None = None,
) -> DayClosed | None:
    """Close one day; None where another worker is at it. Raises CloseOutOfOrder for a day that is not over."""
    async with database.reading() as guard:
        if day >= await business_date(guard):
            raise errors.CloseOutOfOrder(business_date=day.isoformat())
        if not await guard.fetchval("SELECT pg_try_advisory_lock($1)", _CLOSE_LOCK):
            return None
        try:
            return await _close_day(database, day, range_size, progress)
        finally:
            await guard.fetchval("SELECT pg_advisory_unlock($1)", _CLOSE_LOCK)


async def _close_day(database: Database, day: date, range_size: int, progress: Progress | None) -> DayClosed:
    async with database.reading() as connection:
        waiting = await closing.loans_set_aside(connection)
    await limit_rates(database, day)
    async with database.reading() as connection:
        ranges = await closing.ranges(connection, range_size)
    whole = sum(row["loans"] for row in ranges)
    released = late = done = 0
    turn = asyncio.Semaphore(CONCURRENT_RANGES)

    async def close(row: Record) -> None:
        nonlocal released, late, done
        async with turn:
            await _replay_planned(database, day, row["first_loan_id"], row["last_loan_id"])
            async with database.unit_of_work() as connection:
                if not await closing.is_closed(connection, day, row["first_loan_id"]):
                    range_released, range_late = await _close_range(connection, day, row)
                    released, late = released + range_released, late + range_late
            await _post_individually(database, day, row["first_loan_id"], row["last_loan_id"])
            done += row["loans"]
            if progress is not None:
                progress(day, done, whole)

    async with asyncio.TaskGroup() as group:
        for row in ranges:
            group.create_task(close(row))
    # After the accrual of the day, which reads what the last posting wrote ahead.
    await post_each(database, waiting, day, partial(_post_for, day, waiting))
    async with database.unit_of_work() as connection:
        await ledger.snapshot(connection)
        # A worker that chose the day before another one had closed it finds everything done, and reports nothing.
        if await closing.finish_day(connection, day):
            await outbox.append_many(connection, [events.day_closed(day, whole)])
        set_aside = len(await closing.loans_set_aside(connection))
    return DayClosed(day, whole, released, late, set_aside)


async def _close_range(connection: Connection, day: date, row: Record) -> tuple[int, int]:
    first, last = row["first_loan_id"], row["last_loan_id"]
    released = await closing.release_reserves(connection, day, first, last)
    await closing.accrue(connection, day, first, last)
    late = await closing.age(connection, day, first, last)
    await closing.finish_range(connection, day, row, released, late)
    await outbox.append_many(connection, [events.range_closed(day, first, last, row["loans"], released, late)])
    return released, late


async def _replay_planned(database: Database, day: date, first: UUID, last: UUID) -> None:
    """Replay loans to which something planned happens on ``day``, before it accrues: a pause begins with its day, and
    an advance payment pays what falls due."""
    async with database.reading() as connection:
        planned = await closing.planned(connection, day, first, last)

    async def post(connection: Connection, loan_id: UUID) -> None:
        await post_events(connection, loan_id, [], through=day, reason="daily close")

    await post_each(database, planned, day, post)


async def _post_individually(database: Database, day: date, first: UUID, last: UUID) -> None:
    """Move the few loans that need more than sums: matured, at the last day of a reserve, more than 90 days late.

    A transaction each, after the range's own, because a loan is locked before any account. Doing it again after a
    crash finds the loans moved or moves them.
    """
    async with database.unit_of_work() as connection:
        await loans.transition_many(
            connection, await closing.matured(connection, day, first, last), loans.TransitionName.MATURE
        )
    async with database.reading() as connection:
        due = await closing.to_replay(connection, day, first, last)
    await post_each(database, due, day, partial(_post_for, day, {}))


async def _post_for(day: date, refused_on: Mapping[UUID, date], connection: Connection, loan_id: UUID) -> None:
    """Replay the loan for the close of ``day``, with its default where that has come.

    Where the loan has refused closes since ``refused_on``, the default has the day on which one of them was to find it.
    """
    _, serviced = await lock_serviced_loan(connection, loan_id)
    new = []
    if serviced.standing is LoanStanding.LATE:
        known = await known_events(connection, serviced, day)
        days = days_material(serviced.terms, known, day)
        if is_regulatory_default(days):
            passed = day - timedelta(days=days - DAYS_TO_DEFAULT)
            new = [Default(max(passed, refused_on.get(loan_id, day)), DEFAULT_REASON)]
    await post_events(connection, loan_id, new, through=day, reason="daily close")
