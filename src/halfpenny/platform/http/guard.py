"""The guard around every request: host, origin, body, headers, a name for the request and one log line.

It is a plain ASGI middleware, because it must also hold for routes that the framework never sees.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from halfpenny.platform.http import metrics
from halfpenny.platform.http.json_body import read_json
from halfpenny.platform.http.problems import Problem, problem
from halfpenny.primitives.errors import Forbidden, HalfpennyError, Malformed, NotFound
from halfpenny.primitives.ids import uuid7

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Probes reach a process by its address, so they cannot know its public name.
_PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})

# Everything from our own origin, nothing inline, in no frame. Pages are written to live with this.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)
# Two years, as the preload list asks (hstspreload.org).
_HSTS: Final = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")

log = structlog.get_logger("halfpenny.access")


class UnknownHost(Malformed):
    code = "unknown_host"
    message = "This host name is not served here."


class CrossSite(Forbidden):
    code = "cross_site"
    message = "Requests from another site's pages are refused."


class BodyTooLarge(Malformed):
    code = "body_too_large"
    message = "The request body is too large."


class BodyTimeout(Malformed):
    code = "body_timeout"
    message = "The request body did not arrive in time."


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """``allowed_hosts`` are names without ports. ``trusted_proxies`` are networks (CIDR) whose
    X-Forwarded-For is believed; with none, the header is ignored. ``https_only`` adds HSTS."""

    allowed_hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "[::1]"})
    max_body_bytes: int = 1_000_000
    body_timeout_s: float = 15.0
    https_only: bool = False
    trusted_proxies: tuple[str, ...] = ()


class _ClientDisconnected(Exception):
    """The caller hung up before the whole request was here."""


@dataclass(slots=True)
class _Exchange:
    """What the log line says about one request."""

    request_id: str
    status: int = 0
    complete: bool = False
    started: float = field(default_factory=time.perf_counter)


class Guard:
    """Wraps an ASGI application. Whatever it refuses never reaches the application.

    - a Host header outside the allow-list: 400 ``unknown_host``;
    - an unsafe method that a browser sends for another site's page: 403 ``cross_site`` (by Sec-Fetch-Site,
      else by comparing Origin with Host, as Go's http.CrossOriginProtection does);
    - a body over the limit: 413 ``body_too_large``; JSON with duplicate keys, NaN or NUL: 422.

    It adds the security headers and X-Request-Id to every answer and writes one structured line.
    """

    def __init__(self, app: ASGIApp, settings: EdgeSettings | None = None) -> None:
        self.app = app
        self.settings = settings or EdgeSettings()
        self._networks = [ipaddress.ip_network(network) for network in self.settings.trusted_proxies]
        self._headers = SECURITY_HEADERS + ((_HSTS,) if self.settings.https_only else ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        self._apply_forwarded_for(scope, headers)
        if scope["type"] == "websocket":
            if self._host_allowed(headers, scope["path"]):
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        await self._answer(scope, headers, receive, send)

    async def _answer(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        exchange = _Exchange(_request_id(headers))
        decorated = self._decorate(scope, exchange, send)
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                self._check(scope, headers)
                inner = await self._read_body(scope, headers, receive)
                await self.app(scope, inner, decorated)
            except _ClientDisconnected:
                exchange.status = 499
            except Exception as error:
                if not isinstance(error, HalfpennyError):
                    log.exception("unhandled", method=scope["method"], path=scope["path"])
                if exchange.complete:
                    return  # the framework has answered for it already
                if exchange.status:
                    raise  # half an answer is out: the server must break the connection
                await send_problem(problem(error, scope["path"]), decorated)
            finally:
                self._log(scope, exchange)

    def _check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if not self._host_allowed(headers, scope["path"]):
            raise UnknownHost()
        # PostgreSQL text cannot hold NUL: no route and no filter can ever mean it.
        if "\x00" in scope["path"]:
            raise NotFound()
        if b"%00" in scope.get("query_string", b""):
            raise Malformed("The query holds a character that cannot be stored.")
        if scope["method"] not in _SAFE_METHODS and _is_cross_site(headers):
            raise CrossSite()

    def _host_allowed(self, headers: dict[bytes, bytes], path: str) -> bool:
        if path in _PROBES:
            return True
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return name in self.settings.allowed_hosts

    def _apply_forwarded_for(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Put the caller's own address into the scope when a trusted proxy vouches for it."""
        client = scope.get("client")
        forwarded = headers.get(b"x-forwarded-for")
        if not self._networks or not client or not forwarded or not self._trusted(client[0]):
            return
        # From the right: each trusted proxy appended what it saw; the first stranger is the caller.
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

    async def _read_body(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """Read the whole body within limit and time, check JSON, and hand it on as one message."""
        if scope["method"] in _SAFE_METHODS:
            return receive
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.settings.max_body_bytes:
            raise BodyTooLarge()
        body = bytearray()
        try:
            async with asyncio.timeout(self.settings.body_timeout_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _ClientDisconnected
                    body += message.get("body", b"")
                    if len(body) > self.settings.max_body_bytes:
                        raise BodyTooLarge()
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            raise BodyTimeout() from None
        # The type and not its parameters decides: JSON is UTF-8 whatever a charset claims (RFC 8259).
        if body and b"json" in headers.get(b"content-type", b"").lower():
            read_json(bytes(body))
        return _replay(bytes(body), receive)

    def _decorate(self, scope: Scope, exchange: _Exchange, send: Send) -> Send:
        async def decorated(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                headers += [pair for pair in self._headers if pair[0] not in names]
                headers.append((b"x-request-id", exchange.request_id.encode()))
                if b"cache-control" not in names and scope["path"].startswith(("/api/", "/graphql")):
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            elif message["type"] == "http.response.body":
                exchange.complete = not message.get("more_body", False)
            await send(message)

        return decorated

    def _log(self, scope: Scope, exchange: _Exchange) -> None:
        client = scope.get("client")
        duration_s = time.perf_counter() - exchange.started
        metrics.count(scope, exchange.status, duration_s)
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=exchange.status,
            duration_ms=round(duration_s * 1000, 2),
            client=client[0] if client else None,
            user_id=scope.get("state", {}).get("user_id"),
        )


async def send_problem(answer: Problem, send: Send) -> None:
    """Send a problem from any ASGI callable."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else str(uuid7())


def _is_cross_site(headers: dict[bytes, bytes]) -> bool:
    fetch_site = headers.get(b"sec-fetch-site")
    if fetch_site is not None:
        return fetch_site not in (b"same-origin", b"none")
    origin = headers.get(b"origin")
    if origin is None:
        return False  # not a browser: nothing is sent along that the caller did not choose to send
    return urlsplit(origin.decode("latin-1")).netloc.lower() != headers.get(b"host", b"").decode("latin-1").lower()


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()  # waits for the caller to hang up
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
