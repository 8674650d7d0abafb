"""The service's own small port, for tools and probes: a plain ASGI application of six routes.

``POST /score`` takes one LoanSubmitted payload and gives one LoanAssessed; ``POST /score/batch`` takes
``{"loans": [LoanSubmitted...], "valuations": [Valuation or null...]}`` and gives only the figures, in the same
order; ``valuations`` may be left out, and where one is given the loan is not valued anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid5

import msgspec

from halfpenny_messages import LOAN_SUBMITTED, LoanSubmitted, MessageError, Valuation, decode_payload
from halfpenny_risk.batch import score_book
from halfpenny_risk.errors import RiskError
from halfpenny_risk.service.assessor import Assessor

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ONE_BYTES = 4 * 1024 * 1024
MAX_BATCH = 50_000
# A request over HTTP has no event; its id follows from its body, so that asking twice gives the same answer.
_REQUESTS = UUID("0d9a3f52-7f0d-5f43-8a5b-1c2d3e4f5a6b")

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Refusal(Exception):
    """An answer other than 200, as problem+json."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class RiskHttp:
    """The ASGI application. ``ready`` says what keeps the service from being ready, or None."""

    def __init__(self, assessor: Assessor, ready: Callable[[], str | None]) -> None:
        self._assessor = assessor
        self._ready = ready
        self._routes: dict[tuple[str, str], Callable[[Receive], Awaitable[tuple[bytes, bytes]]]] = {
            ("GET", "/livez"): self._livez,
            ("GET", "/readyz"): self._readyz,
            ("GET", "/metrics"): self._metrics,
            ("POST", "/score"): self._score,
            ("POST", "/score/batch"): self._score_batch,
        }

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError(f"this port does not speak {scope['type']}")
        route = self._routes.get((scope["method"], scope["path"]))
        try:
            if route is None:
                known = any(path == scope["path"] for _, path in self._routes)
                raise Refusal(
                    405 if known else 404, "method_not_allowed" if known else "not_found", scope["path"][:200]
                )
            content_type, body = await route(receive)
            status = 200
        except Refusal as refusal:
            status, content_type = refusal.status, b"application/problem+json"
            body = msgspec.json.encode(
                {"type": "about:blank", "status": status, "code": refusal.code, "detail": str(refusal)}
            )
        headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _livez(self, _: Receive) -> tuple[bytes, bytes]:
        return b"text/plain", b"ok\n"

    async def _readyz(self, _: Receive) -> tuple[bytes, bytes]:
        waiting_for = self._ready()
        if waiting_for is not None:
            raise Refusal(503, "not_ready", waiting_for)
        return b"text/plain", b"ok\n"

    async def _metrics(self, _: Receive) -> tuple[bytes, bytes]:
        return b"text/plain; version=0.0.4; charset=utf-8", self._assessor.metrics.exposition()

    async def _score(self, receive: Receive) -> tuple[bytes, bytes]:
        body = await _body(receive, MAX_ONE_BYTES)
        loan = _loan(_json(body))
        try:
            assessed = await self._assessor.assess(uuid5(_REQUESTS, body.decode()), loan)
        except RiskError as error:
            raise Refusal(422, error.code, str(error)) from None
        return b"application/json", msgspec.json.encode(assessed)

    async def _score_batch(self, receive: Receive) -> tuple[bytes, bytes]:
        content = _json(await _body(receive, MAX_BODY_BYTES))
        if not isinstance(content, dict) or not {"loans"} <= set(content) <= {"loans", "valuations"}:
            raise Refusal(422, "malformed_message", 'the body must be {"loans": [...]}, with "valuations" if you like')
        if not isinstance(content["loans"], list):
            raise Refusal(422, "malformed_message", "loans must be a list")
        if not 1 <= len(content["loans"]) <= MAX_BATCH:
            raise Refusal(422, "batch_size", f"from 1 to {MAX_BATCH} loans at a time")
        loans = [_loan(item) for item in content["loans"]]
        kept = _valuations(content.get("valuations"), len(loans))
        # A large batch takes a while of pure arithmetic; the consumers must go on meanwhile.
        rows = await asyncio.to_thread(score_book, loans, self._assessor.models, self._assessor.policies, kept)
        return b"application/json", msgspec.json.encode({"model_version": self._assessor.models.version, "loans": rows})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _body(receive: Receive, most: int) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "disconnected", "the client went away")
        content += message.get("body", b"")
        if len(content) > most:
            raise Refusal(413, "message_too_large", f"at most {most} bytes")
        if not message.get("more_body", False):
            return bytes(content)


def _json(body: bytes) -> Any:
    try:
        body.decode()
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(422, "malformed_message", str(error)[:200]) from None


def _valuations(content: Any, count: int) -> dict[int, Valuation]:
    try:
        given = msgspec.convert(content if content is not None else [], list[Valuation | None])
    except msgspec.ValidationError as error:
        raise Refusal(422, "malformed_message", str(error)[:200]) from None
    if given and len(given) != count:
        raise Refusal(422, "malformed_message", "there must be one valuation, or null, for each loan")
    return {place: valuation for place, valuation in enumerate(given) if valuation is not None}


def _loan(content: Any) -> LoanSubmitted:
    try:
        payload = decode_payload(LOAN_SUBMITTED, 1, content)
    except MessageError as error:
        raise Refusal(422, error.code, str(error)) from None
    assert isinstance(payload, LoanSubmitted)  # noqa: S101 - what this name and version decode to
    return payload
