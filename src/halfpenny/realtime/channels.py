"""Pull-based fan-out: a topic queues nothing for a subscriber, which asks for what came since its own number.

So a slow reader costs nothing while it is slow, and afterwards gets one frame with the latest state. Equal
questions get the same text, which is encoded once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from halfpenny.platform.database import Connection, Database
from halfpenny.realtime import notifications, store
from halfpenny.realtime.errors import UnknownTopic
from halfpenny.realtime.frames import Frame, encode

_RECENT = 40
_FRAMES = 200
_NOTIFICATIONS = 100


@dataclass(frozen=True, slots=True)
class State:
    """The latest state of a row and the number that PostgreSQL gave it."""

    seq: int
    data: dict[str, Any]


RowSource: TypeAlias = Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, State]]]
"""Reads the rows that anyone may watch; the others are left out."""
SharedSource: TypeAlias = Callable[[Connection], Awaitable[dict[str, list[dict[str, Any]]]]]
"""Reads a shared topic as a whole: one list of entries under one name."""


class Subscriber(Protocol):
    """A socket, as its topics see it."""

    def stale(self, topic: str) -> None:
        """Something came: ask ``since`` when there is time."""


class Channel(Protocol):
    """One topic. ``since(None)`` is for a new reader, ``since(after)`` for one that has seen a number.

    ``topic`` is the name that subscribers use, ``key`` the one in this process (``me`` is everybody's own).
    """

    topic: str
    key: str
    subscribers: set[Subscriber]

    async def since(self, after: int | None) -> list[Frame]: ...


def notify_subscribers(channel: Channel) -> None:
    for subscriber in channel.subscribers:
        subscriber.stale(channel.topic)


class RowChannel:
    """One row, such as the funding of a loan: only its latest state counts."""

    def __init__(self, topic: str, id: UUID, database: Database, read: RowSource) -> None:
        self.topic = self.key = topic
        self.id = id
        self.subscribers: set[Subscriber] = set()
        self._database = database
        self._read = read
        self._state: State | None = None
        self._reading = asyncio.Lock()
        self._texts: dict[str, str] = {}

    def take(self, state: State) -> bool:
        """A state read on behalf of all channels; True when it is news."""
        if self._state is not None and state.seq <= self._state.seq:
            return False
        self._state = state
        self._texts.clear()
        return True

    async def since(self, after: int | None) -> list[Frame]:
        if self._state is None or (after is not None and after > self._state.seq):
            # Nobody watched here until now, or the reader comes from a process that read it earlier.
            await self._load(after or 0)
        state = self._state
        if state is None:
            raise UnknownTopic()
        if after == state.seq:
            return []
        return [Frame(state.seq, self._text(state, "update" if after and after < state.seq else "snapshot"))]

    async def _load(self, wanted: int) -> None:
        async with self._reading:
            if self._state is not None and wanted <= self._state.seq:
                return
            async with self._database.reading() as connection:
                found = await self._read(connection, [self.id])
            if self.id in found:
                self.take(found[self.id])

    def _text(self, state: State, type: str) -> str:
        if type not in self._texts:
            self._texts[type] = encode(self.topic, state.seq, type, state.data)
        return self._texts[type]


class SharedChannel:
    """A topic of many rows, such as the marketplace: frames name the entries that changed, in their latest state."""

    def __init__(self, topic: str, database: Database, read: SharedSource, name: str, key: str) -> None:
        self.topic = self.key = topic
        self.subscribers: set[Subscriber] = set()
        self._database = database
        self._read = read
        self._name = name
        self._entry_key = key
        self._seq: int | None = None
        # What came lately, as (number, entries), oldest first, without a gap from _floor to _seq.
        self._recent: deque[tuple[int, list[dict[str, Any]]]] = deque()
        self._floor = 0
        self._snapshot: Frame | None = None
        self._updates: dict[int, Frame] = {}
        self._reading = asyncio.Lock()

    async def refresh(self) -> bool:
        """Read what came since the last time; True when it is news."""
        async with self._reading:
            return await self._refresh()

    async def since(self, after: int | None) -> list[Frame]:
        async with self._reading:
            if self._seq is None or (after or 0) > self._seq:
                await self._refresh()
            seq = self._seq or 0
            if after is None or after > seq:
                return [await self._whole()]
            if after == seq:
                return []
            if after not in self._updates:
                missed = await self._missed(after)
                if missed is None:
                    return [await self._whole()]
                self._updates[after] = Frame(seq, encode(self.topic, seq, "update", {self._name: missed}))
            return [self._updates[after]]

    async def _refresh(self) -> bool:
        async with self._database.reading() as connection:
            if self._seq is None:
                self._seq = self._floor = await store.topic_seq(connection, self.topic)
                return True
            frames = await store.frames_after(connection, self.topic, self._seq, _FRAMES)
            if len(frames) == _FRAMES or (frames and frames[0][0] != self._seq + 1):
                # Too much, or pruned meanwhile: subscribers get the whole again.
                self._recent.clear()
                frames = []
                latest = self._floor = await store.topic_seq(connection, self.topic)
            else:
                latest = frames[-1][0] if frames else self._seq
        if latest == self._seq:
            return False
        self._recent.extend((seq, data[self._name]) for seq, data in frames)
        while len(self._recent) > _RECENT:
            self._floor, _ = self._recent.popleft()
        self._seq = latest
        self._snapshot = None
        self._updates.clear()
        return True

    async def _whole(self) -> Frame:
        if self._snapshot is None:
            seq = self._seq or 0
            async with self._database.reading() as connection:
                # Read after the number: it may hold more than up to the number, never less.
                data = await self._read(connection)
            self._snapshot = Frame(seq, encode(self.topic, seq, "snapshot", data))
        return self._snapshot

    async def _missed(self, after: int) -> list[dict[str, Any]] | None:
        """The latest state of every entry that changed since; None when that is no longer known."""
        if after >= self._floor:
            return self._merged([entries for seq, entries in self._recent if seq > after])
        async with self._database.reading() as connection:
            frames = await store.frames_after(connection, self.topic, after, _FRAMES)
        known = [(seq, data[self._name]) for seq, data in frames if seq <= (self._seq or 0)]
        if not known or known[0][0] != after + 1 or known[-1][0] != self._seq:
            return None
        return self._merged([entries for _, entries in known])

    def _merged(self, frames: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
        latest = {entry[self._entry_key]: entry for entries in frames for entry in entries}
        return list(latest.values())


class PersonalChannel:
    """A person's own notifications: each is a frame, none is left out, and they come in their order."""

    def __init__(self, topic: str, user_id: UUID, database: Database) -> None:
        self.topic = topic
        self.key = f"{topic}:{user_id}"
        self.user_id = user_id
        self.subscribers: set[Subscriber] = set()
        self._database = database

    async def since(self, after: int | None) -> list[Frame]:
        async with self._database.reading() as connection:
            seq, unread = await store.notification_state(connection, self.user_id)
            if after is None or after > seq or seq - after > _NOTIFICATIONS:
                latest = await store.notifications_page(connection, self.user_id, seq + 1, 20)
                data = {"unread": unread, "latest": [notifications.as_json(one) for one in latest]}
                return [Frame(seq, encode(self.topic, seq, "snapshot", data))]
            missed = await store.notifications_after(connection, self.user_id, after, _NOTIFICATIONS)
        return [
            Frame(one.seq, encode(self.topic, one.seq, "notification", notifications.as_json(one))) for one in missed
        ]
