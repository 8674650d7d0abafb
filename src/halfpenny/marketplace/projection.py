"""Keeping a read model equal to PostgreSQL: refresh after an event, catch up, rebuild.

An event only names a loan that has changed. The projection reads the loan as it is now and writes it guarded by
its revision: a burst of tickets becomes one read, an old or repeated event changes nothing, and no order of
delivery can leave a document behind the last event that was handled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from halfpenny.marketplace.model import timestamp_text
from halfpenny.marketplace.read_model import ReadModelStore
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Connection, Database

log = structlog.get_logger(__name__)

# Loans read and written at once: small enough that no statement or reply grows large.
BATCH = 500

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What catching up found: documents ``refreshed`` because they were missing or old, and ``removed``."""

    refreshed: int
    removed: int


async def refresh(connection: Connection, store: ReadModelStore, loan_ids: Sequence[UUID]) -> int:
    """Bring the documents of these loans up to date with PostgreSQL; returns how many changed."""
    return await store.upsert(await store.source.make(connection, loan_ids))


async def rebuild(database: Database, store: ReadModelStore, progress: Progress | None = None) -> int:
    """Drop the documents and make them anew from PostgreSQL; returns how many loans were read.

    Reads meanwhile see a part of them. Events that arrive meanwhile are welcome: the guard of the
    revision keeps whichever snapshot is newer. A rebuild that is cut short is begun again at the next start.
    """
    await store.recreate()
    read, after = 0, None
    async with database.reading() as connection:
        while page := await store.source.page(connection, after, BATCH):
            await refresh(connection, store, [loan_id for loan_id, _ in page])
            read, after = read + len(page), page[-1][0]
            if progress is not None:
                progress(read)
        built_at = await business_now(connection)
    await store.mark_built(timestamp_text(built_at))
    log.info("documents_rebuilt", collection=store.name, loans=read)
    return read


async def catch_up(database: Database, store: ReadModelStore) -> CaughtUp:
    """Compare every revision with PostgreSQL and mend what differs: the store may have lost writes.

    A store that was never built, or in another shape, is rebuilt.
    """
    if not await store.is_built():
        return CaughtUp(await rebuild(database, store), 0)
    refreshed = removed = 0
    after: UUID | None = None
    async with database.reading() as connection:
        while True:
            page = await store.source.page(connection, after, BATCH)
            # The last range is open-ended, so that documents of loans that PostgreSQL does not know go too.
            last = str(page[-1][0]) if len(page) == BATCH else "\uffff"
            stored = await store.revisions(str(after) if after else "", last)
            known = {str(loan_id): now for loan_id, now in page}
            unknown = [loan_id for loan_id in stored if loan_id not in known and loan_id != str(after)]
            behind = [UUID(loan_id) for loan_id, now in known.items() if stored.get(loan_id, -1) < now]
            refreshed += await refresh(connection, store, behind) if behind else 0
            await store.remove(unknown)
            removed += len(unknown)
            if len(page) < BATCH:
                break
            after = page[-1][0]
    if refreshed or removed:
        log.info("documents_caught_up", collection=store.name, refreshed=refreshed, removed=removed)
    return CaughtUp(refreshed, removed)
