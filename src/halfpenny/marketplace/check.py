"""The marketplace's part of `check books`: every document of a read model equals the one that a rebuild would make.

The projection follows within a moment, so one that differs is read once more before it is named: a difference that
stays is one. A document behind its loan names both revisions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from halfpenny.marketplace.model import Document
from halfpenny.marketplace.read_model import ReadModelStore
from halfpenny.platform.consistency import LIMIT, ROW, Check, Finding, Progress, more
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import HalfpennyError

_BATCH = 500
_RECHECK_DELAY_S = (0.5, 1.0, 2.0)
# What reading a row raises when a value in it is not what its column holds, and the mark of such a loan.
_UNREADABLE = (msgspec.ValidationError, HalfpennyError, LookupError, ValueError, TypeError)
_LOAN_UNREADABLE = "(unreadable)"
_BASIS = "what a rebuild makes of its loan"


def read_model_check(database: Database, store: ReadModelStore) -> Check:
    """The check of this collection; it reads PostgreSQL through ``database``, as it is at each moment."""

    async def check(_: Connection, progress: Progress) -> AsyncIterator[Finding]:
        if not await store.is_built():
            yield Finding(store.name, "checkpoint", ROW, "missing", "present", "a finished rebuild leaves it")
        named = 0
        async for found in _differences(database, store, progress):
            if named == LIMIT:
                yield more(store.name, _BASIS)
                return
            named += 1
            yield found

    return check


async def _differences(database: Database, store: ReadModelStore, progress: Progress) -> AsyncIterator[Finding]:
    after: UUID | None = None
    seen = 0
    while True:
        async with database.reading() as connection:
            page = await store.source.page(connection, after, _BATCH)
        # The last range is open-ended: documents of loans that PostgreSQL does not know are found too.
        first, last = str(after) if after else "", str(page[-1][0]) if len(page) == _BATCH else "\uffff"
        ids = [loan_id for loan_id, _ in page]
        different = await _different(database, store, ids, (first, last))
        for wait_s in _RECHECK_DELAY_S:
            if different:
                await asyncio.sleep(wait_s)
                different = await _different(database, store, ids, (first, last)) & different
        if different:
            wanted, stored = await _both(database, store, ids, (first, last))
            for loan_id in sorted(different):
                for finding in _named(store.name, loan_id, stored.get(loan_id), wanted.get(loan_id)):
                    yield finding
        seen += len(page)
        progress(store.name, seen, seen)
        if len(page) < _BATCH:
            return
        after = page[-1][0]


async def _different(
    database: Database, store: ReadModelStore, ids: Sequence[UUID], bounds: tuple[str, str]
) -> set[str]:
    wanted, stored = await _both(database, store, ids, bounds)
    return {loan_id for loan_id in wanted.keys() | stored.keys() if wanted.get(loan_id) != stored.get(loan_id)}


async def _both(
    database: Database, store: ReadModelStore, ids: Sequence[UUID], bounds: tuple[str, str]
) -> tuple[dict[str, Document], dict[str, Document]]:
    """What a rebuild would make of these loans, and what is stored in the range after ``bounds[0]``."""
    async with database.reading() as connection:
        try:
            wanted = await _wanted(connection, store, ids)
        except _UNREADABLE:
            wanted = {}
            for loan_id in ids:
                try:
                    wanted |= await _wanted(connection, store, [loan_id])
                except _UNREADABLE as error:
                    wanted[str(loan_id)] = {_LOAN_UNREADABLE: str(error)}
    return wanted, await store.whole(*bounds)


async def _wanted(connection: Connection, store: ReadModelStore, ids: Sequence[UUID]) -> dict[str, Document]:
    return {document["_id"]: document for document in await store.source.make(connection, ids)}


def _named(name: str, loan_id: str, stored: Document | None, wanted: Document | None) -> Iterator[Finding]:
    if wanted is not None and _LOAN_UNREADABLE in wanted:
        yield Finding("loan", loan_id, ROW, f"unreadable: {wanted[_LOAN_UNREADABLE]}", "readable", _BASIS)
        return
    if stored is None or wanted is None:
        states = ("missing", "present") if stored is None else ("present", "missing")
        yield Finding(name, loan_id, ROW, *states, _BASIS)
        return
    for path, one, other in _paths("", stored, wanted):
        yield Finding(name, loan_id, path, one, other, _BASIS)


def _paths(path: str, stored: Any, wanted: Any) -> Iterator[tuple[str, str, str]]:
    """The leaves in which two documents differ, as (dotted path, stored, wanted)."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for name in sorted(stored.keys() | wanted.keys()):
            yield from _paths(f"{path}.{name}" if path else name, stored.get(name), wanted.get(name))
    elif stored != wanted:
        yield path, str(stored), str(wanted)
