"""The worker's part: shared topics get their numbered frames from the events that change what they show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import Message, Subscription
from halfpenny.realtime import store
from halfpenny.realtime.channels import RowSource

QUEUE = "realtime.fanout"
# Whoever was away for longer starts again from a snapshot.
KEEP = timedelta(hours=1)


def fan_out(
    topic: str, name: str, events: Sequence[str], about: Callable[[Message], UUID], read: RowSource
) -> Subscription:
    """Events that arrive together become one frame: the latest state of every row that they are about."""

    async def handle(connection: Connection, messages: Sequence[Message]) -> None:
        # Locked before reading, so that a later number never carries an older state.
        await store.lock_topic(connection, topic)
        states = await read(connection, sorted({about(message) for message in messages}))
        if states:
            await store.append_frame(connection, topic, {name: [states[id].data for id in sorted(states)]})

    return Subscription(QUEUE, events, handle_many=handle)


async def delete_old_frames(database: Database) -> int:
    """Delete frames older than KEEP; returns how many."""
    async with database.unit_of_work() as connection:
        return await store.delete_frames(connection, KEEP)
