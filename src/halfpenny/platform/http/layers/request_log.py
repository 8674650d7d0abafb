"""A name for each request, one log line and one figure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog

from halfpenny.platform.http import metrics
from halfpenny.platform.http.asgi import ASGIApp, Message, Receive, Scope, Send, headers_of
from halfpenny.primitives.ids import uuid7

# Takes the fields of one request's line.
WriteLine = Callable[[dict[str, Any]], None]

# The name of the request that is being answered; every log record carries it.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_GONE = 499  # as nginx logs a caller who hung up before its answer

log = structlog.get_logger("halfpenny.access")


class RequestIds:
    """Every request has a name: its own X-Request-Id where that can be one, else a new UUID. The answer carries it,
    and so does every log record that is written meanwhile."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = headers_of(scope).get(b"x-request-id", b"")
        name = given if _REQUEST_ID.fullmatch(given) else str(uuid7()).encode()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", name)]
            await send(message)

        scope["request_id"] = name.decode()
        bound = REQUEST_ID.set(scope["request_id"])
        try:
            await self._app(scope, receive, named)
        finally:
            REQUEST_ID.reset(bound)


class AccessLog:
    """Writes one line and counts one figure for each request, whoever answers it and whether it is answered."""

    def __init__(self, app: ASGIApp, write_line: WriteLine) -> None:
        self._app = app
        self._write_line = write_line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, watched)
        finally:
            duration_s = time.perf_counter() - started
            client = scope.get("client")
            metrics.count(scope, status or _GONE, duration_s)
            self._write_line(
                {
                    "request_id": scope.get("request_id"),
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status or _GONE,
                    "duration_ms": round(duration_s * 1000, 2),
                    "client": client[0] if client else None,
                    "user_id": scope.get("state", {}).get("user_id"),
                }
            )


def log_line(fields: dict[str, Any]) -> None:
    """The line as one more record of the process's log."""
    log.info("request", **fields)
