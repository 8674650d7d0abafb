"""Consistency findings: rows that differ from a second source. The frame of `check books`.

A feature's ``check.py`` holds what its rows are compared with. A ``Comparison`` is one set-based statement; what SQL
cannot recompute is an async generator. Both yield findings that name the table, the row, the column, what was found
and what was expected, and by which source. Memory does not grow with the tables: the database compares, and of each
comparison at most ``LIMIT`` findings leave it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import msgspec

from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import HalfpennyError

LIMIT = 100
# Comparisons read whole tables; none of them is given up as hanging.
TIMEOUT_S = 3_600.0
ROW = "row"
# That check at once: one reads while the other computes, on one core too.
CONNECTIONS = 2
_PRESENT, _MISSING = "present", "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One column of one row. ``basis`` is the source that it was compared with; column "row" means the whole row."""

    table: str
    row: str
    column: str
    found: str | None
    expected: str | None
    basis: str

    def __str__(self) -> str:
        if self.column == ROW:
            return f"{self.table} {self.row} is {self.found}, should be {self.expected} ({self.basis})"
        return f"{self.table} {self.row}: {self.column} is {self.found}, should be {self.expected} ({self.basis})"


Progress: TypeAlias = Callable[[str, int, int], None]
Check: TypeAlias = Callable[[Connection, Progress], AsyncIterator[Finding]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows of ``table`` in ``source`` (SQL from FROM on) compared column by column.

    ``columns`` gives (found, expected) as SQL expressions of one type. ``present`` and ``wanted`` are conditions:
    whether the row is there, and whether it has to be; columns are compared where both hold.
    """

    table: str
    key: str
    source: str
    columns: Mapping[str, tuple[str, str]]
    basis: str
    present: str = "true"
    wanted: str = "true"

    @property
    def sql(self) -> str:
        found = ", ".join(pair[0] for pair in self.columns.values()) or "1"
        expected = ", ".join(pair[1] for pair in self.columns.values()) or "1"
        values = ", ".join(
            f"('{name}', {_shown(a)}, {_shown(b)}, ({a}) IS DISTINCT FROM ({b}))"
            for name, (a, b) in self.columns.items()
        )
        row = (
            f"('{ROW}', CASE WHEN {self.present} THEN '{_PRESENT}' ELSE '{_MISSING}' END, "
            f"CASE WHEN {self.wanted} THEN '{_PRESENT}' ELSE '{_MISSING}' END, ({self.present}) <> ({self.wanted}))"
        )
        # Native types decide which rows and columns differ; only those become text. The limit stands outside, or the
        # planner would take a plan that is quick to the first rows and endless to the last.
        return f"""
WITH different AS MATERIALIZED (
  SELECT ({self.key})::text AS row_key, compared.name, compared.found, compared.expected FROM {self.source}
  CROSS JOIN LATERAL (VALUES {row}{"," if values else ""} {values}) AS compared(name, found, expected, differs)
  WHERE (({self.present}) <> ({self.wanted})
         OR (({self.present}) AND ROW({found}) IS DISTINCT FROM ROW({expected})))
    AND compared.differs
    AND (compared.name = '{ROW}' OR (({self.present}) AND ({self.wanted})))
)
SELECT * FROM different LIMIT {LIMIT + 1}"""


def _shown(expression: str) -> str:
    """The expression as text; a number without the zeros that its scale adds."""
    number = f"regexp_replace(({expression})::text, '\\.?0+$', '')"
    return (
        f"CASE WHEN pg_typeof({expression}) = 'numeric'::regtype AND ({expression})::text LIKE '%.%' THEN {number} "
        f"ELSE ({expression})::text END"
    )


async def compare(
    connection: Connection, comparisons: Sequence[Comparison], progress: Progress, what: str
) -> AsyncIterator[Finding]:
    """Run each comparison and yield what differs."""
    for number, comparison in enumerate(comparisons, start=1):
        try:
            # What was tampered with may not even be readable; the comparisons after it are made all the same.
            async with connection.transaction():
                rows = await connection.fetch(comparison.sql, timeout=TIMEOUT_S)
        except asyncpg.DataError as error:
            yield unreadable(comparison.table, comparison.basis, error)
            continue
        for row in rows[:LIMIT]:
            yield Finding(
                comparison.table, row["row_key"], row["name"], row["found"], row["expected"], comparison.basis
            )
        if len(rows) > LIMIT:
            yield more(comparison.table, comparison.basis)
        progress(what, number, len(comparisons))


def more(table: str, basis: str) -> Finding:
    """Stands for the findings of a comparison that were not listed."""
    return Finding(table, f"(more than {LIMIT})", ROW, "different", "equal", basis)


def unreadable(table: str, basis: str, error: Exception) -> Finding:
    """Stands for rows whose values are not even of the kind that they should be."""
    return Finding(table, "(some row)", ROW, f"unreadable: {error}", "readable", basis)


def no_progress(what: str, done: int, whole: int) -> None:
    """For callers that show none."""


@asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[None]:
    """One view of the database for a whole check, or money in motion would appear as a difference.

    Inside a transaction of the caller the check sees what that transaction sees.
    """
    if connection.is_in_transaction():
        await _prepare(connection)
        yield
        return
    async with connection.transaction(isolation="repeatable_read"):
        await _prepare(connection)
        yield


async def _prepare(connection: Connection) -> None:
    # Moments become text in UTC. What does not fit goes to disk: 64 MB took as long, and three times the memory.
    memory = "SET LOCAL work_mem = '16MB'; SET LOCAL hash_mem_multiplier = 1"
    await connection.execute(f"SET LOCAL timezone = 'UTC'; SET LOCAL jit = off; {memory}")


async def find_all(connection: Connection, checks: Sequence[Check], progress: Progress) -> AsyncIterator[Finding]:
    """What the checks find, as they find it, in one view of the database."""
    async with snapshot(connection):
        for check in checks:
            async for finding in _to_a_verdict(check, connection, progress):
                yield finding


async def _to_a_verdict(check: Check, connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """What the check finds; where a value that was tampered with breaks it off, that is a finding, and others go on."""
    try:
        async for finding in check(connection, progress):
            yield finding
    except (asyncpg.DataError, msgspec.ValidationError, HalfpennyError, LookupError, ValueError, TypeError) as error:
        if isinstance(error, HalfpennyError) and error.retryable:
            raise
        name = check.__module__.removeprefix("halfpenny.").partition(".")[0]
        yield Finding(f"({name})", "(some row)", ROW, f"unreadable: {error!r}", "readable", "the rest of its check")


async def find_in_parallel(
    database: Database, checks: Sequence[Check], progress: Progress, report: Callable[[Finding], None]
) -> None:
    """Run the checks on ``CONNECTIONS`` connections that share one view of the database; ``report`` gets each finding.

    Each connection takes the next check when it has finished one: those that take longest come first in ``checks``.
    Raises what a check raises.
    """
    waiting = deque(checks)

    async def work(view: str) -> None:
        async with database.reading() as connection, connection.transaction(isolation="repeatable_read"):
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{view}'")
            await _prepare(connection)
            while waiting:
                async for finding in _to_a_verdict(waiting.popleft(), connection, progress):
                    report(finding)

    # Whoever exports a view keeps it for the others by staying in its transaction.
    async with database.reading() as connection, connection.transaction(isolation="repeatable_read"):
        view = await connection.fetchval("SELECT pg_export_snapshot()")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(CONNECTIONS, len(waiting))):
                    group.create_task(work(view))
        except BaseExceptionGroup as failed:
            # Whoever calls knows the errors of a database, and no groups of them.
            raise failed.exceptions[0] from None


async def collect(connection: Connection, *checks: Check) -> list[Finding]:
    """Everything that the checks find."""
    return [finding async for finding in find_all(connection, checks, no_progress)]
