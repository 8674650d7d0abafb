"""Events handed to a feature's consumers as the queue would, and what people were notified of then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from halfpenny.platform.database import Database
from halfpenny.platform.queue import Message, Subscription


async def deliver(database: Database, subscriptions: Iterable[Subscription]) -> None:
    """Everything in the outbox, in its order, to whoever subscribes to it; may be called again and again."""
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT event_id, name, version, payload FROM outbox ORDER BY seq")
    for row in rows:
        for subscription in subscriptions:
            if row["name"] in subscription.events:
                message = Message(row["event_id"], row["name"], row["version"], datetime.now(UTC), row["payload"])
                async with database.unit_of_work() as connection:
                    await subscription.handler(connection, message)


async def notices(database: Database, person: UUID, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
    """(kind, data) of a person's notifications of these kinds, or of all, in the order in which they are read."""
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT kind, data FROM notification WHERE user_id = $1 ORDER BY seq", person)
    return [(row["kind"], row["data"]) for row in rows if not kinds or row["kind"] in kinds]
