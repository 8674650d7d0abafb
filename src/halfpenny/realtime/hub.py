"""The hub of one API process: its topics' subscribers, and the changes that PostgreSQL notifies."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

import structlog

from halfpenny.identity import RevokedSubject
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import SessionId, UserId
from halfpenny.realtime.channels import (
    Channel,
    PersonalChannel,
    RowChannel,
    RowSource,
    SharedChannel,
    SharedSource,
    Subscriber,
    notify_subscribers,
)
from halfpenny.realtime.errors import ConnectionTokenNeeded, UnknownTopic
from halfpenny.realtime.metrics import SOCKETS

log = structlog.get_logger("halfpenny.realtime")

# Four times a second a bar moves smoothly for the eye, whatever the rate of investments behind it.
TICK_S = 0.25
# NOTIFY names what changed at once. Polling now and then costs little and makes up for a lost notification.
POLL_S = 5.0
# A frame costs this server's sockets about 50 microseconds. Watchers share what a process gives to them: many watch
# a bar that moves less often, and the investors behind it are not slowed down.
FRAMES_A_SECOND = 2_000
_LATE_S = 0.05
_MAX_PAUSE_S = 1.0
_ROWS = 500
ME = "me"


@dataclass(frozen=True, slots=True)
class RowTopics:
    """Topics ``prefix:ID``, one for each row of a table whose changes are sent on the NOTIFY channel ``moved``."""

    prefix: str
    moved: str
    read: RowSource


@dataclass(frozen=True, slots=True)
class SharedTopic:
    """A topic whose frames lie in topic_frame: entries under ``name``, each known by its member ``key``."""

    topic: str
    name: str
    key: str
    read: SharedSource


class Member(Subscriber, Protocol):
    """A socket, as the hub sees it. ``user_id`` and ``session_id`` are None before it showed a connection token."""

    user_id: UserId | None
    session_id: SessionId | None

    def end(self, code: int, reason: str) -> None:
        """Close the socket soon."""

    def close_if_write_timed_out(self) -> None:
        """Called now and then: close the socket if it is stuck."""


_Kind = TypeVar("_Kind", RowChannel, SharedChannel, PersonalChannel)
ActiveSessions: TypeAlias = Callable[[Connection, Collection[SessionId]], Awaitable[set[SessionId]]]


class Hub:
    """Start it once in each process; sockets subscribe and unsubscribe.

    All numbers come from PostgreSQL, so every process sends the same, and a reader may resume at another one.
    """

    def __init__(
        self,
        database: Database,
        rows: RowTopics,
        shared: Sequence[SharedTopic],
        active_sessions: ActiveSessions,
        *,
        tick_s: float = TICK_S,
    ) -> None:
        self._database = database
        self._rows = rows
        self._shared = {topic.topic: topic for topic in shared}
        self.active_sessions = active_sessions
        self._tick_s = tick_s
        self._channels: dict[str, Channel] = {}
        self._members: set[Member] = set()
        self._moved: set[UUID] = set()
        self._all_moved = False
        self._shared_moved = False
        self._sessions_uncertain = False
        self._changed = asyncio.Event()
        self._poll_at = 0.0
        self._frames_sent = 0
        self._ticking: asyncio.Task[None] | None = None
        self.listener = database.listener
        self._listened = {
            rows.moved: self._on_rows_moved,
            "topic_moved": self._on_topic_moved,
            "notification": self._on_notification,
            "session_revoked": self._on_session_revoked,
        }

    def start(self) -> None:
        for channel, callback in self._listened.items():
            self.listener.on(channel, callback)
        self._ticking = asyncio.create_task(self._tick_forever(), name="realtime hub")

    async def close(self) -> None:
        """Close every socket and release the database."""
        for member in tuple(self._members):
            member.end(1012, "restart")
        if self._ticking is not None:
            for channel, callback in self._listened.items():
                self.listener.off(channel, callback)
            self._ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticking

    @property
    def sockets(self) -> int:
        return len(self._members)

    @property
    def topics(self) -> int:
        return len(self._channels)

    def join(self, member: Member) -> None:
        self._members.add(member)
        SOCKETS.set(len(self._members))

    def leave(self, member: Member) -> None:
        self._members.discard(member)
        SOCKETS.set(len(self._members))

    def subscribe(self, member: Member, topic: str) -> Channel:
        """Subscribe the member to this topic. Raises UnknownTopic, or ConnectionTokenNeeded for ``me``."""
        key = f"{ME}:{member.user_id}" if topic == ME else topic
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = self._open(topic, member)
        channel.subscribers.add(member)
        return channel

    def unsubscribe(self, member: Member, channel: Channel) -> None:
        """A topic without subscribers is dropped; its next subscriber reads the database again."""
        channel.subscribers.discard(member)
        if not channel.subscribers and self._channels.get(channel.key) is channel:
            del self._channels[channel.key]

    def _open(self, topic: str, member: Member) -> Channel:
        if topic == ME:
            if member.user_id is None:
                raise ConnectionTokenNeeded()
            return PersonalChannel(ME, member.user_id, self._database)
        if topic in self._shared:
            wanted = self._shared[topic]
            return SharedChannel(topic, self._database, wanted.read, wanted.name, wanted.key)
        prefix, _, text = topic.partition(":")
        key = _uuid(text)
        if prefix != self._rows.prefix or key is None:
            raise UnknownTopic()
        return RowChannel(topic, key, self._database, self._rows.read)

    # What PostgreSQL notifies. None means that the connection is new: anything may have happened.

    def _on_rows_moved(self, payload: str | None) -> None:
        # An empty text means that many rows changed.
        if payload:
            self._moved.update(UUID(text) for text in payload.split(","))
        else:
            self._all_moved = True
        self._changed.set()

    def _on_topic_moved(self, _payload: str | None) -> None:
        self._shared_moved = True
        self._changed.set()

    def _on_notification(self, payload: str | None) -> None:
        if payload is None:
            for channel in self._of(PersonalChannel):
                notify_subscribers(channel)
            return
        for user_id in payload.split(","):
            own = self._channels.get(f"{ME}:{user_id}")
            if own is not None:
                notify_subscribers(own)

    def _on_session_revoked(self, payload: str | None) -> None:
        kind, _, text = (payload or "").partition(":")
        if kind != RevokedSubject.SESSION:
            # Something about a person changed, perhaps before they came here: the database knows who is still in.
            self._sessions_uncertain = True
            self._changed.set()
            return
        for member in tuple(self._members):
            if str(member.session_id) == text:
                member.end(4401, "session ended")

    async def _tick_forever(self) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_S):
                    await self._changed.wait()
            except TimeoutError:
                self._all_moved = self._shared_moved = True
            self._end_stuck_sockets()
            self._changed.clear()
            try:
                await self._tick()
            except Exception as error:  # whatever it was, the next tick may succeed; the sockets stay open
                log.warning("realtime_waits", error=f"{type(error).__name__}: {error}", exc_info=error)
                self._all_moved = self._shared_moved = True
                self._changed.set()
            await self._pause()

    async def _pause(self) -> None:
        """Until the next tick may come. Where the process is so busy that even this is late, longer: money first."""
        loop = asyncio.get_running_loop()
        pause_s = max(self._tick_s, self._frames_sent / FRAMES_A_SECOND)
        self._frames_sent = 0
        due = loop.time() + pause_s
        await asyncio.sleep(pause_s)
        late_s = loop.time() - due
        if late_s > _LATE_S:
            await asyncio.sleep(min(2 * late_s, _MAX_PAUSE_S))

    def _end_stuck_sockets(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._poll_at:
            self._poll_at = now + POLL_S
            for member in tuple(self._members):
                member.close_if_write_timed_out()

    async def _tick(self) -> None:
        """Look at what moved, once for all subscribers of a topic."""
        moved, self._moved = self._moved, set()
        everything, self._all_moved = self._all_moved, False
        rows = {channel.id: channel for channel in self._of(RowChannel)}
        wanted = [id for id in rows if everything or id in moved]
        for start in range(0, len(wanted), _ROWS):
            async with self._database.reading() as connection:
                states = await self._rows.read(connection, wanted[start : start + _ROWS])
            for id, state in states.items():
                if rows[id].take(state):
                    self._frames_sent += len(rows[id].subscribers)
                    notify_subscribers(rows[id])
        if self._shared_moved:
            self._shared_moved = False
            for channel in self._of(SharedChannel):
                if await channel.refresh():
                    self._frames_sent += len(channel.subscribers)
                    notify_subscribers(channel)
        if self._sessions_uncertain:
            await self._disconnect_ended_sessions()

    async def _disconnect_ended_sessions(self) -> None:
        known = {member.session_id for member in self._members if member.session_id is not None}
        async with self._database.reading() as connection:
            living = await self.active_sessions(connection, known) if known else set()
        self._sessions_uncertain = False
        for member in tuple(self._members):
            # Whoever signed in while we asked was not asked about; their session has just been read.
            if member.session_id in known and member.session_id not in living:
                member.end(4401, "session ended")

    def _of(self, kind: type[_Kind]) -> list[_Kind]:
        return [channel for channel in self._channels.values() if isinstance(channel, kind)]


def _uuid(text: str) -> UUID | None:
    """Only the one usual way to write it: two names for one topic would count as two."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None
