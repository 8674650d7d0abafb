"""Servicing's part of `check books`: loans, money and shares against the ledger, and every loan against a replay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from halfpenny.platform.consistency import Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.servicing.check.accruals import ACCRUALS
from halfpenny.servicing.check.loans import LOANS
from halfpenny.servicing.check.replays import replays
from halfpenny.servicing.check.shares import SHARES

__all__ = ["UNCHECKED", "check"]

UNCHECKED: Mapping[str, str] = {
    "recovery_update.text": "words to the investors: they stay out of a history that is never erased",
}


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that servicing keeps. Runs inside one view of the database."""
    async for finding in compare(connection, (*LOANS, *SHARES, *ACCRUALS), progress, "serviced loans"):
        yield finding
    async for finding in replays(connection, progress):
        yield finding
