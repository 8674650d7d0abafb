"""The operator's commands on the books: prove them, move the sandbox's clock, close days. With progress."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from halfpenny import funding, ledger, servicing
from halfpenny.entrypoints.settings import Settings
from halfpenny.platform import audit, clock
from halfpenny.platform.database import Database
from halfpenny.primitives.errors import Malformed

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# Checks read everything there is; no statement of theirs is given up as hanging.
_PATIENCE_S = 600.0


class MalformedSpan(Malformed):
    code = "malformed_span"
    message = "Say how far as a number and h, d or w, such as 90d."


@dataclass(frozen=True, slots=True)
class BooksReport:
    problems: list[str]
    transfers: int
    segments: int
    head: str

    @property
    def summary(self) -> str:
        verdict = f"{len(self.problems)} problems" if self.problems else "The books are right"
        return f"{verdict}: {self.transfers} transfers, {self.segments} seals, chain head {self.head}"


@dataclass(frozen=True, slots=True)
class ClockAdvance:
    now: datetime
    days: int


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = await Database.connect(settings.require_database(), max_size=4, timeout_s=_PATIENCE_S)
    try:
        yield database
    finally:
        await database.close()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


async def check_books(settings: Settings) -> BooksReport:
    """Recompute everything that the books say. Each problem is one sentence that names what is wrong."""
    async with _database(settings) as database:
        with _progress() as progress:
            tasks: dict[str, TaskID] = {}

            def report(what: str, done: int, whole: int) -> None:
                if what not in tasks:
                    tasks[what] = progress.add_task(f"checking {what}", total=whole)
                progress.update(tasks[what], completed=done, total=whole)

            async with database.reading() as connection:
                problems = await ledger.check(connection, report)
                for number, check in enumerate((funding.check, servicing.check, audit.verify), start=1):
                    problems += await check(connection)
                    report("features", number, 3)
                transfers = int(await connection.fetchval("SELECT count(*) FROM transfer"))
                segments, head = await ledger.chain_head(connection)
    return BooksReport(problems, transfers, segments, head)


async def advance(settings: Settings, by: str) -> ClockAdvance:
    """Move the business clock and close the days that passed. Raises MalformedSpan, ClockIsFixed."""
    found = _SPAN.fullmatch(by)
    if found is None:
        raise MalformedSpan(given=by)
    if not settings.lending.sandbox:
        raise clock.ClockIsFixed()
    async with _database(settings) as database:
        async with database.unit_of_work() as connection:
            now = await clock.advance(connection, int(found[1]) * _UNITS[found[2]])
        days = await _close(database)
    return ClockAdvance(now, len(days))


async def close_days(settings: Settings) -> list[servicing.DayClosed]:
    """Close every day that has passed and has not been closed."""
    async with _database(settings) as database:
        return await _close(database)


async def _close(database: Database) -> list[servicing.DayClosed]:
    with _progress() as progress:
        task = progress.add_task("closing")

        def report(day: date, done: int, whole: int) -> None:
            progress.update(task, description=f"closing {day}", completed=done, total=whole)

        days = await servicing.close_days(database, progress=report)
        # What fell due in those days is paid before the command says that it is done.
        await servicing.pay_distributions(database)
        return days
