"""Bodies: how large, how slow, how many unfinished ones from one address, and JSON as money needs it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from halfpenny.platform.http.asgi import ASGIApp, ClientDisconnected, Message, Receive, Scope, Send, headers_of
from halfpenny.platform.http.json_body import read_json
from halfpenny.platform.http.layers.origins import SAFE_METHODS
from halfpenny.primitives.errors import Malformed, TooManyRequests


class BodyTooLarge(Malformed):
    code = "body_too_large"
    message = "The request body is too large."


class BodyTimeout(Malformed):
    code = "body_timeout"
    message = "The request body did not arrive in time."


class TooManyUnfinished(TooManyRequests):
    code = "too_many_unfinished"
    message = "Too many requests from this address are waiting for their bodies."


class BodyLimits:
    """Reads the whole body before anything behind it runs, and hands it on as one message.

    413 ``body_too_large`` above ``max_bytes``, declared or not; 408 ``body_timeout`` when it is not whole after
    ``timeout_s``; 429 ``too_many_unfinished``, without reading, while ``per_address`` others of that address wait.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float, per_address: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._per_address = per_address
        self._unfinished: Counter[str] = Counter()
        # Who is reading and since when (the loop's time), oldest first; one timer watches over all of them, because a
        # timer for each request would cost the investing route a tenth of its time.
        self._reading: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        declared = headers_of(scope).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise BodyTooLarge()
        client = scope.get("client")
        address = client[0] if client else ""
        if self._unfinished[address] >= self._per_address:
            raise TooManyUnfinished(retry_after_s=1)
        self._unfinished[address] += 1
        try:
            body = await self._read_in_time(receive)
        finally:
            self._unfinished[address] -= 1
            if not self._unfinished[address]:
                del self._unfinished[address]
        await self._app(scope, _whole(body, receive), send)

    async def _read_in_time(self, receive: Receive) -> bytes:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request is read in a task")
        loop = asyncio.get_running_loop()
        self._reading[task] = loop.time()
        if self._watch is None:
            self._watch = loop.call_later(self._timeout_s, self._end_late, loop)
        try:
            return await self._read(receive)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            self._late.discard(task)
            task.uncancel()
            raise BodyTimeout() from None
        finally:
            del self._reading[task]

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        """End whoever has read for too long, and come again when the next one's time is over."""
        now = loop.time()
        next_s: float | None = None
        for task, since in self._reading.items():
            if now - since < self._timeout_s:
                next_s = since + self._timeout_s - now
                break
            if task not in self._late:
                self._late.add(task)
                task.cancel()
        self._watch = None if next_s is None else loop.call_later(next_s, self._end_late, loop)

    async def _read(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        length = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnected
            part = message.get("body", b"")
            length += len(part)
            if length > self._max_bytes:
                raise BodyTooLarge()
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)


class StrictJson:
    """Refuses JSON that reads two ways (duplicate keys, NaN, NUL) before a framework picks one: 422.

    Stands behind ``BodyLimits``, so the body is one message.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self._app(scope, receive, send)
            return
        body: bytes = (await receive())["body"]
        # The type and not its parameters decides: JSON is UTF-8 whatever a charset claims (RFC 8259).
        if body and b"json" in headers_of(scope).get(b"content-type", b"").lower():
            read_json(body)
        await self._app(scope, _whole(body, receive), send)


def _whole(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()  # waits for the caller to hang up
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
