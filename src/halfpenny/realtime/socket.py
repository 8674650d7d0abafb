"""One WebSocket with back-pressure: its subscriptions, and a sender that writes only as fast as the client reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from halfpenny.platform.database import Database
from halfpenny.primitives.errors import HalfpennyError, Unavailable
from halfpenny.primitives.ids import SessionId, UserId
from halfpenny.realtime import connection_tokens, store
from halfpenny.realtime.channels import Channel
from halfpenny.realtime.errors import InvalidConnectionToken, MalformedFrame, TooManyTopics
from halfpenny.realtime.frames import MAX_FRAME_CHARACTERS, Request, decode, encode, error_text
from halfpenny.realtime.hub import ME, Hub
from halfpenny.realtime.metrics import FRAMES

log = structlog.get_logger("halfpenny.realtime")

MAX_TOPICS = 50
# A reader that takes nothing for so long is gone, or as good as.
WRITE_TIMEOUT_S = 30.0
_RETRY_S = 1.0
_MAX_FAULTS = 10
_BURST = 100
_PER_S = 10.0

SendText = Callable[[str], Awaitable[None]]
ReceiveText = Callable[[], Awaitable[str | None]]


@dataclass(slots=True)
class _Watch:
    channel: Channel
    seen: int | None


class Socket:
    """Speaks the protocol of docs/algorithms/realtime.md over two callables: send a text, receive the next one.

    Nothing is queued for the reader but the names of its stale topics and the answers to its own requests,
    which are bounded by the rate at which it may ask.
    """

    def __init__(self, hub: Hub, database: Database, send: SendText) -> None:
        self.user_id: UserId | None = None
        self.session_id: SessionId | None = None
        self.closing: tuple[int, str] | None = None
        self._hub = hub
        self._database = database
        self._send = send
        self._watches: dict[str, _Watch] = {}
        self._stale: dict[str, None] = {}
        self._answers: list[str] = []
        self._changed = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._writing_since: float | None = None
        self._faults = 0
        self._allowance = float(_BURST)
        self._asked_at = asyncio.get_running_loop().time()

    def stale(self, topic: str) -> None:
        self._stale[topic] = None
        self._changed.set()

    def end(self, code: int, reason: str) -> None:
        if self.closing is None:
            self.closing = (code, reason)
        self._changed.set()

    def close_if_write_timed_out(self) -> None:
        """End a socket whose reader takes nothing. A time-out for each write would cost more than the write."""
        since = self._writing_since
        if since is not None and asyncio.get_running_loop().time() - since > WRITE_TIMEOUT_S:
            self.end(1008, "reads too slowly")
            if self._sending is not None:
                self._sending.cancel()

    async def run(self, receive: ReceiveText) -> tuple[int, str] | None:
        """Serve until the client goes (None) or must go: then the code and reason to close with."""
        self._hub.join(self)
        sending = self._sending = asyncio.create_task(self._send_forever())
        receiving = asyncio.create_task(self._receive_forever(receive))
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(self)
            for watch in self._watches.values():
                self._hub.unsubscribe(self, watch.channel)
            for task in (sending, receiving):
                task.cancel()
            for ended in await asyncio.gather(sending, receiving, return_exceptions=True):
                if isinstance(ended, Exception):
                    log.warning("socket_lost", error=f"{type(ended).__name__}: {ended}")
        return self.closing

    async def _receive_forever(self, receive: ReceiveText) -> None:
        while self.closing is None:
            text = await receive()
            if text is None:
                return
            if len(text) > MAX_FRAME_CHARACTERS:
                self.end(1009, "frame too large")
                return
            if not self._may_ask():
                self.end(1008, "too many frames")
                return
            await self._answer(text)

    async def _answer(self, text: str) -> None:
        topic: str | None = None
        try:
            request = decode(text)
            topic = request.topic
            await self._handle_request(request)
        except HalfpennyError as error:
            self._send_reply(error_text(topic, error))
            self._faults += 1
            if self._faults >= _MAX_FAULTS:
                self.end(1008, "too many faults")

    async def _handle_request(self, request: Request) -> None:
        match request:
            case Request(op="ping"):
                self._send_reply(encode(None, None, "pong", None))
            case Request(op="authenticate", connection_token=str() as token):
                await self._authenticate(token)
                self._send_reply(encode(None, None, "authenticated", {"user_id": str(self.user_id)}))
            case Request(op="subscribe", topic=str() as topic, after=after, connection_token=token):
                if token is not None:
                    await self._authenticate(token)
                await self._subscribe(topic, after)
            case Request(op="unsubscribe", topic=str() as topic):
                await self._unsubscribe(topic)
            case _:
                raise MalformedFrame()

    async def _authenticate(self, token: str) -> None:
        user_id, session_id = await connection_tokens.redeem(self._database, token)
        if self.user_id is not None and self.user_id != user_id:
            raise InvalidConnectionToken()
        self.user_id, self.session_id = user_id, session_id
        # Asked after the hub knows the session: an end before that is seen here, a later one is notified to the hub.
        async with self._database.reading() as connection:
            living = await self._hub.active_sessions(connection, [session_id])
        if session_id not in living:
            self.end(4401, "session ended")
            raise InvalidConnectionToken()

    async def _subscribe(self, topic: str, after: int | None) -> None:
        if topic not in self._watches and len(self._watches) >= MAX_TOPICS:
            raise TooManyTopics()
        channel = self._hub.subscribe(self, topic)
        self._watches[topic] = _Watch(channel, after)
        self.stale(topic)

    async def _unsubscribe(self, topic: str) -> None:
        watch = self._watches.pop(topic, None)
        self._stale.pop(topic, None)
        if watch is None:
            return
        self._hub.unsubscribe(self, watch.channel)
        if self.user_id is not None and topic != ME:
            async with self._database.unit_of_work() as connection:
                await store.delete_watcher(connection, topic, self.user_id)

    async def _send_forever(self) -> None:
        while self.closing is None:
            await self._changed.wait()
            self._changed.clear()
            while self.closing is None and (self._answers or self._stale):
                answers, self._answers = self._answers, []
                for text in answers:
                    await self._write(text)
                if self._stale:
                    topic = next(iter(self._stale))
                    del self._stale[topic]
                    await self._catch_up(topic)

    async def _catch_up(self, topic: str) -> None:
        watch = self._watches.get(topic)
        if watch is None:
            return
        first = watch.seen is None
        try:
            frames = await watch.channel.since(watch.seen)
            if first and self.user_id is not None and topic != ME:
                await self._record_watcher(topic, self.user_id)
        except Unavailable:
            # The database is away: ask again, and let the reader have what other topics know.
            asyncio.get_running_loop().call_later(_RETRY_S, self.stale, topic)
            return
        except HalfpennyError as error:
            self._watches.pop(topic, None)
            self._hub.unsubscribe(self, watch.channel)
            await self._write(error_text(topic, error))
            return
        for frame in frames:
            if self._watches.get(topic) is not watch:
                return
            await self._write(frame.text)
            watch.seen = frame.seq

    async def _record_watcher(self, topic: str, user_id: UserId) -> None:
        async with self._database.unit_of_work() as connection:
            await store.insert_watcher(connection, topic, user_id)

    async def _write(self, text: str) -> None:
        self._writing_since = asyncio.get_running_loop().time()
        await self._send(text)
        self._writing_since = None
        FRAMES.inc()

    def _send_reply(self, text: str) -> None:
        self._answers.append(text)
        self._changed.set()

    def _may_ask(self) -> bool:
        """A token bucket: a page may open many topics at once, nobody may hammer."""
        now = asyncio.get_running_loop().time()
        self._allowance = min(self._allowance + (now - self._asked_at) * _PER_S, float(_BURST)) - 1
        self._asked_at = now
        return self._allowance >= 0


async def closed_quietly(close: Awaitable[None]) -> None:
    """Close a socket whose client may have gone at the same moment."""
    with contextlib.suppress(RuntimeError, OSError):
        await close
