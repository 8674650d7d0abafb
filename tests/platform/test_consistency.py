"""Checks that run side by side, in one view of the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from halfpenny.platform import clock
from halfpenny.platform.consistency import Check, Finding, Progress, find_all, find_in_parallel, no_progress
from halfpenny.platform.database import Connection, Database, DatabaseUnavailable
from support import lending


def _counting(gate: asyncio.Event | None = None) -> Check:
    async def count(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
        if gate is not None:
            await gate.wait()
        people = await connection.fetchval("SELECT count(*) FROM app_user")
        yield Finding(
            "app_user", str(await connection.fetchval("SELECT pg_backend_pid()")), "row", str(people), "0", ""
        )

    return count


async def test_every_check_sees_the_same_moment_whatever_is_written_meanwhile(database: Database) -> None:
    found: list[Finding] = []
    begun, written = asyncio.Event(), asyncio.Event()

    async def first(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
        async for finding in _counting()(connection, progress):
            yield finding
        begun.set()
        await written.wait()

    async def write() -> None:
        await begun.wait()
        async with database.unit_of_work() as connection:
            await lending.person(connection, "investor")
        written.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        group.create_task(
            find_in_parallel(
                database, [first, _counting(written), _counting(written), _counting(written)], no_progress, found.append
            )
        )
    assert [finding.found for finding in found] == ["0", "0", "0", "0"]
    # Two of them ran at once, on connections of their own.
    assert len({finding.row for finding in found}) == 2
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM app_user") == 1


async def test_a_check_that_a_value_breaks_off_is_a_finding_and_the_others_go_on(database: Database) -> None:
    async def broken(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
        yield Finding("app_user", "1", "row", "0", "1", "")
        raise ValueError("a date of month 13")

    found: list[Finding] = []
    await find_in_parallel(database, [broken, _counting()], no_progress, found.append)
    async with database.reading() as connection:
        alone = [finding async for finding in find_all(connection, [broken, _counting()], no_progress)]
    for findings in (found, alone):
        assert len(findings) == 3
        [cut_short] = [str(finding) for finding in findings if "unreadable" in str(finding)]
        assert "a date of month 13" in cut_short


async def test_the_error_of_a_check_comes_out_as_it_is(database: Database) -> None:
    async def lost(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
        if await clock.business_date(connection):
            raise DatabaseUnavailable()
        yield Finding("app_user", "1", "row", None, None, "")

    found: list[Finding] = []
    with pytest.raises(DatabaseUnavailable):
        await find_in_parallel(database, [lost, _counting()], no_progress, found.append)
    # Its connections went back: the pool has all of them again.
    await find_in_parallel(database, [_counting(), _counting()], no_progress, found.append)
    assert len(found) >= 2
