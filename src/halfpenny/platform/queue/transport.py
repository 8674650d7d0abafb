"""What the two transports have in common, so that everything above them need not know which one it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from halfpenny.platform.database import Connection
from halfpenny.platform.queue.handling import DeadLettered, Failed
from halfpenny.platform.queue.messages import Message
from halfpenny.platform.queue.subscription import RemoteQueue, Subscription


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up, why, and when. ``attempts`` is how often it was tried, 0 where nobody knows."""

    queue: str
    id: UUID
    name: str
    version: int
    recorded_at: datetime | None
    payload: dict[str, Any]
    attempts: int
    reason: str
    error: str
    died_at: datetime | None


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What waits in a queue and what was given up. ``oldest_s`` is the age of the first event, None where unknown."""

    queue: str
    waiting: int
    dead: int
    oldest_s: float | None


class Source(Protocol):
    """One open queue of a transport, as one consumer sees it."""

    async def take(self, limit: int, stop: asyncio.Event) -> list[Message]:
        """Wait for messages and take up to ``limit``; an empty list when asked to stop, or for no reason."""

    async def finish(self, connection: Connection, messages: Sequence[Message]) -> None:
        """Inside the unit of work that holds the effect: end the delivery, where that is possible there."""

    async def done(self, message: Message) -> None:
        """After the commit: end the delivery, where ``finish`` could not."""

    async def failed(self, message: Message, verdict: Failed) -> None:
        """Try again later, or dead-letter it when this was its last attempt."""

    async def dead_letter(self, message: Message, verdict: DeadLettered) -> None:
        """Straight to the dead letters."""

    async def release(self, message: Message, delay_s: float) -> bool:
        """Return it untried. False when the transport would count that: then the consumer keeps it and waits."""


class Transport(Protocol):
    """Carries events from the outbox to queues, and messages from queues to consumers."""

    async def prepare(self, queues: Sequence[Subscription | RemoteQueue]) -> None:
        """Make the queues and what they receive known. Must precede the first relayed event."""

    async def relay(self) -> int:
        """Move the oldest unpublished events on; returns how many."""

    async def wait_for_events(self, stop: asyncio.Event) -> None:
        """Return when there may be something to relay, or when asked to stop."""

    def source(self, subscription: Subscription) -> AbstractAsyncContextManager[Source]:
        """Open the queue."""

    async def dead_letters(self, queue: str | None = None) -> list[DeadLetter]:
        """What was given up, oldest first, of one queue or of all."""

    async def depths(self) -> list[QueueDepth]:
        """Of each queue that has subscribed, in the order of their names."""

    async def replay(self, queue: str, event_id: UUID) -> bool:
        """Put a dead letter back into its queue with all its attempts. False when it is not there."""

    async def close(self) -> None:
        """Close every connection."""


async def first_set(stop: asyncio.Event, wake: asyncio.Event, timeout_s: float | None = None) -> None:
    """Return when either event is set, or when the time is over."""
    waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(wake.wait())]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
