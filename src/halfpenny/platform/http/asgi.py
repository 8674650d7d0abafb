"""What every layer of the edge shares: the shapes of ASGI, one reading of the headers, and sending a problem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from halfpenny.platform.http.problems import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS = "halfpenny.headers"


class ClientDisconnected(Exception):
    """The client disconnected before it had an answer; none is sent."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by name, read once a request; of two with one name the last."""
    headers: dict[bytes, bytes] | None = scope.get(_HEADERS)
    if headers is None:
        headers = scope[_HEADERS] = dict(scope["headers"])
    return headers


async def send_problem(answer: Problem, send: Send) -> None:
    """Send a problem from any ASGI callable."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
