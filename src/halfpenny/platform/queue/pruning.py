"""Retention of the queue: events that were published and handled long ago are deleted."""

from __future__ import annotations

from datetime import timedelta

from halfpenny.platform.database import Database

KEEP = timedelta(days=7)
_BATCH = 5_000


async def prune(database: Database, keep: timedelta = KEEP) -> int:
    """Delete published events and inbox rows older than ``keep``, a batch a transaction; returns how many."""
    total = 0
    while True:
        async with database.unit_of_work() as connection:
            pruned: int = await connection.fetchval("SELECT queue_prune($1, $2)", keep, _BATCH)
        total += pruned
        if pruned < _BATCH:
            return total
