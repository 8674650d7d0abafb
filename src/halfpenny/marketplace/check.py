"""The marketplace's part of `check books`: every listing equals the one that a rebuild would make.

The projection follows within a moment, so a listing that differs is read once more before it is named: a difference
that stays is one. A listing behind its loan names both revisions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from halfpenny import loans
from halfpenny.marketplace.model import Document, listing
from halfpenny.marketplace.store import ListingStore
from halfpenny.platform.consistency import LIMIT, ROW, Check, Finding, Progress, more
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import HalfpennyError

_BATCH = 500
_RECHECK_DELAY_S = (0.5, 1.0, 2.0)
# What reading a row raises when a value in it is not what its column holds, and the mark of such a loan.
_UNREADABLE = (msgspec.ValidationError, HalfpennyError, LookupError, ValueError, TypeError)
_LOAN_UNREADABLE = "(unreadable)"
_BASIS = "the listing that a rebuild makes of its loan"


def listings_check(database: Database, store: ListingStore) -> Check:
    """The check of this document store; it reads PostgreSQL through ``database``, as it is at each moment."""

    async def check(_: Connection, progress: Progress) -> AsyncIterator[Finding]:
        if not await store.is_built():
            yield Finding("listings", "checkpoint", ROW, "missing", "present", "a finished rebuild leaves it")
        named = 0
        async for found in _differences(database, store, progress):
            if named == LIMIT:
                yield more("listings", _BASIS)
                return
            named += 1
            yield found

    return check


async def _differences(database: Database, store: ListingStore, progress: Progress) -> AsyncIterator[Finding]:
    after: UUID | None = None
    seen = 0
    while True:
        async with database.reading() as connection:
            page = await loans.versions_page(connection, after, _BATCH)
        # The last range is open-ended: listings of loans that PostgreSQL does not know are found too.
        first, last = str(after) if after else "", str(page[-1][0]) if len(page) == _BATCH else "\uffff"
        ids = [loan_id for loan_id, _, _ in page]
        different = await _different(database, store, ids, (first, last))
        for wait_s in _RECHECK_DELAY_S:
            if different:
                await asyncio.sleep(wait_s)
                different = await _different(database, store, ids, (first, last)) & different
        if different:
            wanted, stored = await _both(database, store, ids, (first, last))
            for loan_id in sorted(different):
                for finding in _named(loan_id, stored.get(loan_id), wanted.get(loan_id)):
                    yield finding
        seen += len(page)
        progress("listings", seen, seen)
        if len(page) < _BATCH:
            return
        after = page[-1][0]


async def _different(database: Database, store: ListingStore, ids: Sequence[UUID], bounds: tuple[str, str]) -> set[str]:
    wanted, stored = await _both(database, store, ids, bounds)
    return {loan_id for loan_id in wanted.keys() | stored.keys() if wanted.get(loan_id) != stored.get(loan_id)}


async def _both(
    database: Database, store: ListingStore, ids: Sequence[UUID], bounds: tuple[str, str]
) -> tuple[dict[str, Document], dict[str, Document]]:
    """What a rebuild would make of these loans, and what is stored in the range after ``bounds[0]``."""
    async with database.reading() as connection:
        try:
            wanted = await _wanted(connection, ids)
        except _UNREADABLE:
            wanted = {}
            for loan_id in ids:
                try:
                    wanted |= await _wanted(connection, [loan_id])
                except _UNREADABLE as error:
                    wanted[str(loan_id)] = {_LOAN_UNREADABLE: str(error)}
    return wanted, await store.whole(*bounds)


async def _wanted(connection: Connection, ids: Sequence[UUID]) -> dict[str, Document]:
    found = await loans.get_many(connection, ids)
    return {str(one.id): shown for one in found.values() if (shown := listing(one)) is not None}


def _named(loan_id: str, stored: Document | None, wanted: Document | None) -> Iterator[Finding]:
    if wanted is not None and _LOAN_UNREADABLE in wanted:
        yield Finding("loan", loan_id, ROW, f"unreadable: {wanted[_LOAN_UNREADABLE]}", "readable", _BASIS)
        return
    if stored is None or wanted is None:
        states = ("missing", "present") if stored is None else ("present", "missing")
        yield Finding("listings", loan_id, ROW, *states, _BASIS)
        return
    for path, one, other in _paths("", stored, wanted):
        yield Finding("listings", loan_id, path, one, other, _BASIS)


def _paths(path: str, stored: Any, wanted: Any) -> Iterator[tuple[str, str, str]]:
    """The leaves in which two documents differ, as (dotted path, stored, wanted)."""
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for name in sorted(stored.keys() | wanted.keys()):
            yield from _paths(f"{path}.{name}" if path else name, stored.get(name), wanted.get(name))
    elif stored != wanted:
        yield path, str(stored), str(wanted)
