"""Subscriptions: which queue receives which events, and how they are handled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from halfpenny.platform.database import Connection
from halfpenny.platform.queue.messages import Message
from halfpenny_messages import ATTEMPTS_LIMIT

Handler: TypeAlias = Callable[[Connection, Message], Awaitable[None]]
BatchHandler: TypeAlias = Callable[[Connection, Sequence[Message]], Awaitable[None]]

_DEFAULT_PREFETCH = 8
_BATCH = 256


@dataclass(frozen=True, slots=True)
class RemoteQueue:
    """A queue that another program consumes. Naming it here keeps its events from the first one on."""

    queue: str
    events: Sequence[str]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue of ours: ``handler`` for each event, or ``handle_many`` for those that arrived together.

    The handler runs inside one unit of work that also writes the inbox row, so its effect in PostgreSQL
    happens once however often the event comes. With ``inbox="handler"`` it gets a connection without a
    transaction and must make itself idempotent in the store that it writes to (an upsert by version).

    ``versions`` are the versions of these events that the handler can read; any other is a dead letter
    with the reason ``unknown_version``. At most ``prefetch`` events are taken and not yet finished: single
    ones are handled at the same time, a batch as one. An event that failed ``max_attempts`` times, or ran
    longer than ``timeout_s`` that often, becomes a dead letter. A dependency that is away (a retryable
    HalfpennyError) is waited for and costs no attempt.
    """

    queue: str
    events: Sequence[str]
    handler: Handler | None = None
    handle_many: BatchHandler | None = None
    versions: Sequence[int] = (1,)
    inbox: Literal["transaction", "handler"] = "transaction"
    max_attempts: int = 5
    timeout_s: float = 30.0
    prefetch: int = 0

    def __post_init__(self) -> None:
        if (self.handler is None) == (self.handle_many is None):
            raise ValueError(f"the subscription of {self.queue} takes either handler or handle_many")
        if not 1 <= self.max_attempts <= ATTEMPTS_LIMIT:
            raise ValueError(f"max_attempts of {self.queue} lies between 1 and {ATTEMPTS_LIMIT}")
        if not self.events:
            raise ValueError(f"the subscription of {self.queue} names no events")

    @property
    def max_in_flight(self) -> int:
        """How many events may be taken and not yet finished."""
        return self.prefetch or (_BATCH if self.handle_many else _DEFAULT_PREFETCH)
