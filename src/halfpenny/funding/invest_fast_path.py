"""The fast path for ``POST /api/v1/loans/{id}/invest``: a bare ASGI callable in front of the framework.

It answers only what is plainly in order: a request with a good token and a body of exactly the two fields. Everything
else goes on to the ordinary route with its body put back, so there is one place for every rule. The guard's layers
stand before both, and every refusal is answered by them, in one text.
"""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import Any, Final, Protocol
from uuid import UUID

import msgspec
from asyncpg.pgproto.pgproto import UUID as FastUUID

from halfpenny.funding import views
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.funding.model import InvestmentConfirmation, Ticket
from halfpenny.funding.requests import ticket_fingerprint
from halfpenny.identity import Principal, Tokens
from halfpenny.platform.http.asgi import ASGIApp, ClientDisconnected, Receive, Scope, Send, headers_of
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.money import Currency, MalformedAmount, parse_minor

_PATH: Final = re.compile(
    r"/api/v1/loans/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/invest", re.ASCII
)
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_MAX_BODY_BYTES: Final = 512
ROUTE: Final = "/api/v1/loans/{loan_id}/invest"


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    amount: str
    currency: str


_decoder: Final = msgspec.json.Decoder(_Body)


class _State(Protocol):
    """What the application's lifespan has opened."""

    desk: FundingDesk
    tokens: Tokens


class InvestRoute:
    """Answers what is plainly in order and hands everything else to ``app``; ``state`` is the application's own.

    Stands behind the guard's layers like every route, so that host, origin, body, name and log line are theirs.
    """

    def __init__(self, app: ASGIApp, state: Any) -> None:
        self._app = app
        self._state: _State = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if path is None:
            await self._app(scope, receive, send)
            return
        message = await receive()
        ticket = await self._read(scope, message["body"], path[1])
        if ticket is None:
            await self._app(scope, _replay_first(message, receive), send)
            return
        scope["route_template"] = ROUTE
        scope.setdefault("state", {})["user_id"] = str(ticket.investor_id)
        body = views.invest_answer(await self._answer(ticket, receive))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _read(self, scope: Scope, raw: bytes, loan_text: str) -> Ticket | None:
        """The ticket, or None where the ordinary route should decide."""
        headers = headers_of(scope)
        if not _is_unambiguous(scope, headers):
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
            loan_id=loan_id,
            investor_id=principal.user_id,
            amount_minor=amount_minor,
            currency=body.currency,
            key=key.decode("ascii"),
            fingerprint=ticket_fingerprint(loan_id, body.amount, body.currency),
        )

    async def _principal(self, authorization: bytes) -> Principal | None:
        """The principal of the token; mostly cached, else verified. None sends the request on to be refused."""
        scheme, _, raw = authorization.partition(b" ")
        if scheme != b"Bearer":
            return None
        token = raw.decode("latin-1")
        cached = self._state.tokens.cached(token)
        if cached is not None:
            return cached
        try:
            return await self._state.tokens.verify(token)
        except HalfpennyError:
            return None

    async def _answer(self, ticket: Ticket, receive: Receive) -> InvestmentConfirmation:
        desk = self._state.desk
        answer = desk.submit(ticket)
        if not desk.is_backlogged:
            return await answer
        # Only behind a long queue is it worth listening for callers who hang up before their turn.
        gone = asyncio.ensure_future(receive())
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done() and gone.result()["type"] == "http.disconnect":
            answer.cancel()
            raise ClientDisconnected
        gone.cancel()
        return await answer


def _is_unambiguous(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """JSON without a query, and no header twice: which of two counts is for the ordinary route to judge."""
    return (
        not scope.get("query_string")
        and headers.get(b"content-type", b"").partition(b";")[0] == b"application/json"
        and len(headers) == len(scope["headers"])
    )


@lru_cache(maxsize=4_096)
def _loan_id(text: str) -> UUID:
    """A hot loan's id is read thousands of times a second, and asyncpg's own UUIDs hash and print faster."""
    return FastUUID(text)


def _read_body(raw: bytes) -> _Body | None:
    """The two fields, or None for anything that the strict reader of the ordinary route should judge."""
    # msgspec takes the last of two equal keys; an escape could hide one. Both are rare enough for the slow way.
    if len(raw) > _MAX_BODY_BYTES or b"\\" in raw or raw.count(b'"amount"') != 1 or raw.count(b'"currency"') != 1:
        return None
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        return None


def _replay_first(message: Any, receive: Receive) -> Receive:
    """The first message once more, then whatever comes."""
    first = True

    async def replay() -> Any:
        nonlocal first
        if first:
            first = False
            return message
        return await receive()

    return replay
