"""The operator's commands on the books: prove them, move the sandbox's clock, close days. With progress."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from halfpenny import (
    approvals,
    funding,
    identity,
    ledger,
    loans,
    marketplace,
    realtime,
    risk_reporting,
    servicing,
    underwriting,
)
from halfpenny.entrypoints import worker
from halfpenny.entrypoints.settings import Settings
from halfpenny.platform import audit, books_checks, chain, clock, indicators, row_history
from halfpenny.platform.consistency import Check, Finding, find_in_parallel
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.queue import check as queues
from halfpenny.primitives.errors import Malformed
from halfpenny.primitives.wording import counted

_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# Checks read everything there is; no statement of theirs is given up as hanging.
CHECK_TIMEOUT_S = 3_600.0


class MalformedSpan(Malformed):
    code = "malformed_span"
    message = "Say how far as a number and h, d or w, such as 90d."


@dataclass(frozen=True, slots=True)
class BooksReport:
    """What `check books` came to: how many findings, over how much, and the heads of the three sealed chains."""

    findings: int
    transfers: int
    heads: dict[str, str]
    skipped: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """For the operator: the verdict last."""
        verdict = counted(self.findings, "finding") if self.findings else "The books are right"
        heads = ", ".join(f"{chain} {head}" for chain, head in sorted(self.heads.items()))
        return [*self.skipped, f"{verdict}: {counted(self.transfers, 'transfer')}; chain heads: {heads or 'none'}"]


@dataclass(frozen=True, slots=True)
class ClockAdvance:
    now: datetime
    days: int


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = await Database.connect(settings.require_database(), max_size=4, timeout_s=CHECK_TIMEOUT_S)
    try:
        yield database
    finally:
        await database.close()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


# What can be checked with the database alone, what takes longest first.
CHECKS: tuple[Check, ...] = (
    servicing.check,
    ledger.check,
    funding.check,
    loans.check,
    underwriting.check,
    approvals.check,
    identity.check,
    risk_reporting.check,
    queues.check,
    audit.check,
    row_history.check,
)


# What no check can see, and why: `halfpenny check books --unchecked` prints it.
UNCHECKED: Mapping[str, str] = {
    **indicators.UNCHECKED,
    **row_history.UNCHECKED,
    **audit.UNCHECKED,
    **queues.UNCHECKED,
    **identity.UNCHECKED,
    **realtime.UNCHECKED,
    **ledger.UNCHECKED,
    **loans.UNCHECKED,
    **underwriting.UNCHECKED,
    **funding.UNCHECKED,
    **servicing.UNCHECKED,
}


async def check_books(settings: Settings, report: Callable[[Finding], None]) -> BooksReport:
    """Compare everything that the books keep with what it rests on; ``report`` gets each finding as it is made."""
    findings, skipped = 0, []
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(_database(settings))
        checks = list(CHECKS)
        if settings.queue.amqp_url:
            skipped.append("Not checked: the broker's queues, which only the broker can see.")
        else:
            checks.append(queues.queue_check(worker.queues_with_inbox(), worker.declared_events()))
            checks.append(risk_reporting.methods_check)
        if settings.documents.url:
            documents = await DocumentStore.connect(
                settings.documents.url, settings.documents.name, timeout_s=settings.documents.timeout_s
            )
            stack.push_async_callback(documents.close)
            stores = (marketplace.ListingStore(documents), marketplace.AssessmentStore(documents))
            checks += [marketplace.read_model_check(database, store) for store in stores]
        else:
            skipped.append("Not checked: the listings and the assessments, because MONGO_URL is not set.")
        report_progress = _progress_reporter(stack.enter_context(_progress()))

        def count(finding: Finding) -> None:
            nonlocal findings
            findings += 1
            report(finding)

        await find_in_parallel(database, checks, report_progress, count)
        async with database.reading() as connection:
            transfers = int(await connection.fetchval("SELECT count(*) FROM transfer"))
            skipped += [
                f"Not sealed: {counted(rows, 'row')} of the chain {name} since {since:%Y-%m-%d %H:%M} UTC; "
                "does the worker run?"
                for name, (rows, since) in (await chain.unsealed(connection)).items()
            ]
            heads = {
                row["chain"]: f"{row['place']}:{row['hash'].hex()}"
                for row in await connection.fetch("SELECT * FROM chain_head")
            }
        async with database.unit_of_work() as connection:
            await books_checks.record_run(connection, transfers, findings)
    return BooksReport(findings, transfers, heads, tuple(skipped))


def _progress_reporter(progress: Progress) -> Callable[[str, int, int], None]:
    tasks: dict[str, TaskID] = {}

    def report_progress(what: str, done: int, whole: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(f"checking {what}", total=whole)
        progress.update(tasks[what], completed=done, total=whole)

    return report_progress


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
        # What fell due in those days is paid before the command ends.
        await servicing.pay_distributions(database)
        return days
