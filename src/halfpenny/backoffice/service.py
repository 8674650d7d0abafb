"""Use cases of the back office."""

from __future__ import annotations

from halfpenny.platform import audit
from halfpenny.platform.database import Database


async def seal_audit_trail(database: Database) -> int:
    """Give what was recorded since the last time its place in the hash chain; returns how many entries.

    A worker's job: no writer ever waits for it, and two at once do no harm.
    """
    async with database.unit_of_work() as connection:
        return await audit.seal(connection)
