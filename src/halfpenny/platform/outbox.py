"""Events leave through the outbox: written in the transaction that they report, published afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from halfpenny.platform.database import Connection


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A fact in the past tense. ``payload`` holds JSON values only: money as decimal strings, ids as strings.

    Without an ``id`` the outbox makes one of the moment and of what the event says.
    """

    name: str
    version: int
    aggregate_id: UUID
    payload: dict[str, Any]
    id: UUID | None = None


async def append_many(connection: Connection, events: Sequence[OutboxEvent]) -> None:
    """Write the events in the caller's transaction, in their order, as one statement. None is fine."""
    if events:
        await connection.execute("SELECT outbox_append($1::jsonb)", as_json(events))


def as_json(events: Iterable[OutboxEvent]) -> list[dict[str, Any]]:
    """The events as ``outbox_append`` takes them, for a statement that writes more than the outbox."""
    return [
        {
            **({"event_id": str(event.id)} if event.id else {}),
            "name": event.name,
            "version": event.version,
            "aggregate_id": str(event.aggregate_id),
            "payload": event.payload,
        }
        for event in events
    ]
