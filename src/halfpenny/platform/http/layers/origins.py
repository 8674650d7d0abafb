"""Where a request comes from and whom it is for: proxies, host names, other sites' pages, targets we cannot hold."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import Final
from urllib.parse import urlsplit

from halfpenny.platform.http.asgi import ASGIApp, Receive, Scope, Send, headers_of
from halfpenny.primitives.errors import Forbidden, Malformed, NotFound

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Probes reach a process by its address, so they cannot know its public name.
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})


class UnknownHost(Malformed):
    code = "unknown_host"
    message = "This host name is not served here."


class CrossSite(Forbidden):
    code = "cross_site"
    message = "Requests from another site's pages are refused."


class IdempotencyKeyAmbiguous(Malformed):
    code = "idempotency_key_ambiguous"
    message = "This request has two different Idempotency-Key headers."


class TrustedProxies:
    """Puts the caller's own address into the scope where a proxy in ``networks`` (CIDR) vouches for it."""

    def __init__(self, app: ASGIApp, networks: Sequence[str]) -> None:
        self._app = app
        self._networks = [ipaddress.ip_network(network) for network in networks]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._networks and scope["type"] != "lifespan":
            self._apply_forwarded_for(scope)
        await self._app(scope, receive, send)

    def _apply_forwarded_for(self, scope: Scope) -> None:
        client = scope.get("client")
        forwarded = headers_of(scope).get(b"x-forwarded-for")
        if not client or not forwarded or not self._trusted(client[0]):
            return
        # From the right: each trusted proxy appended what it saw; the first untrusted address is the caller.
        for hop in reversed(forwarded.decode("latin-1").split(",")):
            address = hop.strip()
            try:
                ipaddress.ip_address(address)
            except ValueError:
                return
            scope["client"] = (address, 0)
            if not self._trusted(address):
                return

    def _trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


class KnownHosts:
    """Refuses a Host header outside the allow-list: 400 ``unknown_host``, a WebSocket is closed before it opens."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        # Every request of a client sends the same few headers: most are looked up as they came.
        self._known: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._allowed(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            raise UnknownHost()

    def _allowed(self, scope: Scope) -> bool:
        if scope["path"] in _PROBES:
            return True
        header = headers_of(scope).get(b"host", b"")
        known = self._known.get(header)
        if known is None:
            host = header.decode("latin-1").lower()
            known = (host if host.endswith("]") else host.rpartition(":")[0] or host) in self._hosts
            if len(self._known) < 256:
                self._known[header] = known
        return known


class PlainTargets:
    """Refuses NUL in a path (404) or a query (422): PostgreSQL's text cannot hold it, so nothing can mean it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if "\x00" in scope["path"]:
                raise NotFound()
            if b"%00" in scope.get("query_string", b""):
                raise Malformed("The query holds a character that cannot be stored.")
        await self._app(scope, receive, send)


class UnambiguousHeaders:
    """Refuses a second Idempotency-Key of another value, on every route: 400 ``idempotency_key_ambiguous``.

    Frameworks and proxies choose differently between two; also a route that reads none promises nothing under both.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Most requests repeat no header: comparing two lengths costs less than looking for one name among all.
        if scope["type"] == "http" and len(headers_of(scope)) != len(scope["headers"]):
            keys = {value for name, value in scope["headers"] if name == b"idempotency-key"}
            if len(keys) > 1:
                raise IdempotencyKeyAmbiguous()
        await self._app(scope, receive, send)


class SameOrigin:
    """Refuses an unsafe method that a browser sends for another site's page: 403 ``cross_site``.

    By Sec-Fetch-Site, else by comparing Origin with Host, as Go's http.CrossOriginProtection does.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and _is_cross_site(headers_of(scope)):
            raise CrossSite()
        await self._app(scope, receive, send)


def _is_cross_site(headers: dict[bytes, bytes]) -> bool:
    fetch_site = headers.get(b"sec-fetch-site")
    if fetch_site is not None:
        return fetch_site not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    if origin is None:
        return False  # not a browser: nothing is sent along that the caller did not choose to send
    return urlsplit(origin.decode("latin-1")).netloc.lower() != headers.get(b"host", b"").decode("latin-1").lower()
