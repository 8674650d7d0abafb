"""The headers that every answer carries."""

from __future__ import annotations

from typing import Final

from halfpenny.platform.http.asgi import ASGIApp, Message, Receive, Scope, Send

# Everything from our own origin, nothing inline, in no frame. Pages are written to live with this.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # With no-referrer browsers send "Origin: null" with our own forms, which looks like a form of another site.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)
# Two years, as the preload list asks (hstspreload.org).
_HSTS: Final = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_NO_STORE: Final = (b"cache-control", b"no-store")


class SecurityHeaders:
    """Adds what the answer does not set itself; answers of the interfaces are not cached unless they allow it."""

    def __init__(self, app: ASGIApp, *, https_only: bool = False) -> None:
        self._app = app
        self._headers = SECURITY_HEADERS + ((_HSTS,) if https_only else ())
        self._names = frozenset(name for name, _ in self._headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                if names.isdisjoint(self._names):
                    headers += self._headers
                else:
                    headers += [pair for pair in self._headers if pair[0] not in names]
                if b"cache-control" not in names and scope["path"].startswith(("/api/", "/graphql")):
                    headers.append(_NO_STORE)
                message["headers"] = headers
            await send(message)

        await self._app(scope, receive, decorated)
