"""What PostgreSQL has read so far, from its own statistics: the measure that no fast machine can flatter."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

import asyncpg

from halfpenny.platform.database import Connection, Database

# Heap tuples that scans returned and index entries that were walked over, for every table of ours and each index.
_READ = """
SELECT relname AS name, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS read FROM pg_stat_user_tables
UNION ALL
SELECT indexrelname, coalesce(idx_tup_read, 0) FROM pg_stat_user_indexes
"""
# A backend reports what it has read at most once a second, when a transaction of its ends, unless it is asked to.
_REPORTED_AFTER_S = 1.1
_REPORT = "SELECT pg_stat_force_next_flush()"


async def tuples_read(database_url: str) -> dict[str, int]:
    """Tuples read since the database was made, by table and by index. The backends must have reported."""
    connection = await asyncpg.connect(database_url)
    try:
        return {row["name"]: row["read"] for row in await connection.fetch(_READ)}
    finally:
        await connection.close()


async def until_reported() -> None:
    """Wait until the next transaction of any backend will report, of those that no test can ask."""
    await asyncio.sleep(_REPORTED_AFTER_S)


async def report_reads(connection: Connection) -> None:
    """What this connection has read so far is among ``tuples_read`` from now on."""
    await connection.execute(_REPORT)


async def all_reads(database: Database, database_url: str) -> dict[str, int]:
    """``tuples_read``, to which every connection of the pool has reported; none of them is in use."""
    async with AsyncExitStack() as stack:
        for _ in range(database.pool.get_idle_size()):
            await report_reads(await stack.enter_async_context(database.reading()))
    return await tuples_read(database_url)


def per_item(before: Mapping[str, int], after: Mapping[str, int], items: int) -> dict[str, float]:
    """Tuples read for each of ``items`` between two readings; what was not read is left out."""
    return {name: (after[name] - before.get(name, 0)) / items for name in after if after[name] != before.get(name, 0)}
