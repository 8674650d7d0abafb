"""Answers are compressed for whoever accepts gzip: pages, static files, and what is read.

What a sign-in answers is left alone: a secret that is compressed beside text that somebody else chose can be guessed by
the length (BREACH, CVE-2013-3587). Pages hold no secret: forms are known to be ours by their origin.
"""

from __future__ import annotations

from typing import Final

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from halfpenny.platform.http.asgi import ASGIApp, Message, Receive, Scope, Send, headers_of

MINIMUM_BYTES: Final = 1_024
_LEVEL = 6
# These are compressed already.
_EXCLUDED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/pdf")
_READ_BY_POST = "/graphql"
_PATH_SEND = "http.response.pathsend"


class Compression:
    """One layer: a request that asks for a range, or sends something, is answered as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, MINIMUM_BYTES, _LEVEL, exclude_content_types=_EXCLUDED)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _wanted(scope):
            await self._app(scope, receive, send)
            return

        async def send_weakened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _weakened(message["headers"])
            await send(message)

        # The server may offer to send files itself, past every layer.
        # Changed in place: the layers outside read in this scope which route was found.
        scope["extensions"] = {name: each for name, each in scope.get("extensions", {}).items() if name != _PATH_SEND}
        await self._gzip(scope, receive, send_weakened)


def _wanted(scope: Scope) -> bool:
    if scope["type"] != "http" or not (scope["method"] == "GET" or scope["path"] == _READ_BY_POST):
        return False
    headers = headers_of(scope)
    return b"gzip" in headers.get(b"accept-encoding", b"") and b"range" not in headers


def _weakened(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """A strong ETag is of the bytes as they were (RFC 9110, 8.8.3.3): compressed, it is a weak one."""
    if not any(name == b"content-encoding" for name, _ in headers):
        return headers
    return [
        (name, b"W/" + value if name == b"etag" and not value.startswith(b"W/") else value) for name, value in headers
    ]
