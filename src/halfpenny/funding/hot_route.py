"""The lean way in for ``POST /api/v1/loans/{id}/invest``: a bare ASGI callable in front of the application.

It answers only what is plainly in order: a request of a program (not of a browser's page) with a good token
and a body of exactly the two fields. Everything else goes on to the ordinary route with
its body put back, so there is one place for every rule of the edge, and one text for every error.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from asyncpg.pgproto.pgproto import UUID as FastUUID

from halfpenny.funding import metrics, views
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.funding.model import InvestmentConfirmation, Ticket
from halfpenny.funding.requests import ticket_fingerprint
from halfpenny.identity import Principal, Tokens
from halfpenny.platform.http import problem
from halfpenny.platform.http.guard import SECURITY_HEADERS, ASGIApp, EdgeSettings, Receive, Scope, Send
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency, MalformedAmount, parse_minor

_PATH: Final = re.compile(
    r"/api/v1/loans/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/invest", re.ASCII
)
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_MAX_BODY_BYTES: Final = 512
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
# What a browser's page sends is the guard's business.
_OTHERS_BUSINESS: Final = frozenset({b"origin", b"sec-fetch-site", b"expect"})


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    amount: str
    currency: str


_decoder: Final = msgspec.json.Decoder(_Body)


class _State(Protocol):
    """What the application's lifespan has opened."""

    desk: FundingDesk
    tokens: Tokens


class InvestRoute:
    """Wraps the guarded application; ``state`` is the application's own."""

    def __init__(self, app: ASGIApp, state: Any, edge: EdgeSettings) -> None:
        self._app = app
        self._state: _State = state
        self._hosts = frozenset(edge.allowed_hosts)
        self._headers = [*SECURITY_HEADERS, (b"cache-control", b"no-store")]
        if edge.https_only:
            self._headers.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        path = _PATH.fullmatch(scope["path"])
        if path is None:
            await self._app(scope, receive, send)
            return
        message = await receive()
        ticket = await self._read(scope, message, path[1])
        if ticket is None:
            await self._app(scope, _again(message, receive), send)
        else:
            await self._invest(ticket, scope, receive, send)

    async def _read(self, scope: Scope, message: Any, loan_text: str) -> Ticket | None:
        """The ticket, or None where anything at all needs a second look."""
        headers = dict(scope["headers"])
        raw = message.get("body", b"")
        # Some servers announce more although everything is here: the length says whether it is.
        whole = headers.get(b"content-length") == str(len(raw)).encode()
        if message["type"] != "http.request" or not whole or not self._is_plain(scope, headers):
            return None
        principal = await self._principal(headers.get(b"authorization", b""))
        key = headers.get(b"idempotency-key", b"")
        body = _read_body(raw)
        if principal is None or body is None or _KEY.fullmatch(key) is None:
            return None
        try:
            amount_minor = parse_minor(body.amount)
        except MalformedAmount:
            return None
        if amount_minor == 0 or body.currency not in Currency.__members__:
            return None
        loan_id = _loan_id(loan_text)
        return Ticket(
            investment_id=uuid7(),
            loan_id=loan_id,
            investor_id=principal.user_id,
            amount_minor=amount_minor,
            currency=body.currency,
            key=key.decode("ascii"),
            fingerprint=ticket_fingerprint(loan_id, body.amount, body.currency),
        )

    async def _principal(self, authorization: bytes) -> Principal | None:
        """Whom the token speaks for; mostly remembered, else verified. None sends the request on to be refused."""
        scheme, _, raw = authorization.partition(b" ")
        if scheme != b"Bearer":
            return None
        token = raw.decode("latin-1")
        remembered = self._state.tokens.cached(token)
        if remembered is not None:
            return remembered
        try:
            return await self._state.tokens.verify(token)
        except HalfpennyError:
            return None

    def _is_plain(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return (
            name in self._hosts
            and not scope.get("query_string")
            and headers.get(b"content-type", b"").partition(b";")[0] == b"application/json"
            and len(headers) == len(scope["headers"])
            and _OTHERS_BUSINESS.isdisjoint(headers)
        )

    async def _invest(self, ticket: Ticket, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(ticket, receive)
        except _ClientDisconnected:
            return
        except HalfpennyError as error:
            told = problem(error, scope["path"])
            status, body = told.status, told.body
            headers = [(name.encode(), value.encode()) for name, value in told.headers if name != "cache-control"]
        else:
            status, body = 201, views.invest_answer(answer)
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        metrics.count_answer(status)
        headers.append((b"x-request-id", _request_id(scope, ticket)))
        await send({"type": "http.response.start", "status": status, "headers": headers + self._headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, ticket: Ticket, receive: Receive) -> InvestmentConfirmation:
        desk = self._state.desk
        answer = desk.submit(ticket)
        if not desk.is_crowded:
            return await answer
        # Only behind a long queue is it worth listening for callers who hang up before their turn.
        gone = asyncio.ensure_future(receive())
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() and gone.result()["type"] == "http.disconnect":
            answer.cancel()
            raise _ClientDisconnected
        gone.cancel()
        return await answer


class _ClientDisconnected(Exception):
    """The caller left; nobody is there to be answered."""


@lru_cache(maxsize=4_096)
def _loan_id(text: str) -> UUID:
    """A hot loan's id is read thousands of times a second, and asyncpg's own UUIDs hash and print faster."""
    return FastUUID(text)


def _request_id(scope: Scope, ticket: Ticket) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return str(ticket.investment_id).encode()


def _read_body(raw: bytes) -> _Body | None:
    """The two fields, or None for anything that the strict reader of the ordinary route should judge."""
    # msgspec takes the last of two equal keys; an escape could hide one. Both are rare enough for the slow way.
    if len(raw) > _MAX_BODY_BYTES or b"\\" in raw or raw.count(b'"amount"') != 1 or raw.count(b'"currency"') != 1:
        return None
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        return None


def _again(message: Any, receive: Receive) -> Receive:
    """The first message once more, then whatever comes."""
    first = True

    async def replay() -> Any:
        nonlocal first
        if first:
            first = False
            return message
        return await receive()

    return replay
