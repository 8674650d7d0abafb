"""When the law's maximum rates change: every running loan under that law is replayed with the change as an event."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives import legal_maximum
from halfpenny.servicing.service.posting import post_events
from halfpenny.servicing.service.setting_aside import post_each
from halfpenny.servicing.store import legal_limits


async def limit_rates(database: Database, day: date | None = None) -> int:
    """Apply each published change by ``day`` (today where left out) that has not been; returns how many there were.

    Each loan is a transaction of its own. A change is marked only after the last loan, so that a run after a crash
    goes on; a loan that knows the change already stays as it is, and one that refuses is set aside.
    """
    async with database.reading() as connection:
        done = await legal_limits.applied(connection)
        to = day or await business_date(connection)
    changes = [
        (law, row)
        for law in legal_maximum.published().values()
        for row in law.rates
        if row.since <= to and (law.governing_law, law.currency, row.since) not in done
    ]

    async def limit(connection: Connection, loan_id: UUID) -> None:
        await post_events(connection, loan_id, [], through=day, reason="legal maximum changed")

    for law, row in changes:
        async with database.reading() as connection:
            loan_ids = await legal_limits.concerned(connection, law, row)
        await post_each(database, loan_ids, to, limit)
        async with database.unit_of_work() as connection:
            await legal_limits.mark_applied(connection, law.governing_law, law.currency, row)
    return len(changes)
