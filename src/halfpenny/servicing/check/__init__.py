"""Servicing's part of `check books`: loans, money and shares against the ledger, and every loan against a replay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import asyncpg

from halfpenny.platform.consistency import TIMEOUT_S, Comparison, Finding, Progress, compare, unreadable
from halfpenny.platform.database import Connection
from halfpenny.primitives import legal_maximum
from halfpenny.servicing.check.accruals import ACCRUALS
from halfpenny.servicing.check.events import EVENTS
from halfpenny.servicing.check.flows import TRANSFERS
from halfpenny.servicing.check.legal import legal_comparisons
from halfpenny.servicing.check.loans import LOANS
from halfpenny.servicing.check.replays import replays
from halfpenny.servicing.check.shares import SHARES, WALK_STEPS
from halfpenny.servicing.check.tax import TAX

__all__ = ["UNCHECKED", "check"]

UNCHECKED: Mapping[str, str] = {
    "recovery_update.text": "words to the investors: they stay out of a history that is never erased",
}


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that servicing keeps. Runs inside one view of the database."""
    legal = legal_comparisons(legal_maximum.published())
    comparisons: tuple[Comparison, ...] = (*LOANS, *legal, *TRANSFERS, *SHARES, *TAX, *ACCRUALS, *EVENTS)
    try:
        await connection.execute("DROP TABLE IF EXISTS walked")
        async with connection.transaction():
            await connection.execute(WALK_STEPS, timeout=TIMEOUT_S)
            await connection.execute("ANALYZE walked")
    except asyncpg.DataError as error:
        yield unreadable("distribution_share", "the steps of its holding", error)
        comparisons = (*LOANS, *legal, *TRANSFERS, *TAX, *ACCRUALS, *EVENTS)
    async for finding in compare(connection, comparisons, progress, "serviced loans"):
        yield finding
    async for finding in replays(connection, progress):
        yield finding
