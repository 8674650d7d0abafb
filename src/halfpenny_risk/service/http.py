"""The service's own small port, for tools and probes: a Starlette application of five routes.

``POST /score`` takes one LoanSubmitted payload and gives one LoanAssessed; ``POST /score/batch`` takes
``{"loans": [LoanSubmitted...], "valuations": [Valuation or null...]}`` and gives only the figures, in the same
order; ``valuations`` may be left out, and where one is given the loan is not valued anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid5

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from halfpenny_messages import LOAN_SUBMITTED, LoanSubmitted, MessageError, Valuation, decode_payload
from halfpenny_risk.batch import score_batch
from halfpenny_risk.errors import RiskError
from halfpenny_risk.service.assessor import Assessor

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ONE_BYTES = 4 * 1024 * 1024
MAX_BATCH = 50_000
BODY_TIMEOUT_S = 30.0
# A request over HTTP has no event; its id follows from its body, so that asking twice gives the same answer.
_REQUESTS = UUID("0d9a3f52-7f0d-5f43-8a5b-1c2d3e4f5a6b")
_CODES = {404: "not_found", 405: "method_not_allowed"}


class Refusal(Exception):
    """An answer other than 200, as problem+json."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


def make_app(assessor: Assessor, ready: Callable[[], str | None]) -> Starlette:
    """The ASGI application. ``ready`` returns what keeps the service from being ready, or None."""
    routes = _Routes(assessor, ready)
    return Starlette(
        routes=[
            Route("/livez", routes.livez, methods=["GET"]),
            Route("/readyz", routes.readyz, methods=["GET"]),
            Route("/metrics", routes.metrics, methods=["GET"]),
            Route("/score", routes.score, methods=["POST"]),
            Route("/score/batch", routes.score_batch, methods=["POST"]),
        ],
        exception_handlers={Refusal: _refused, HTTPException: _no_route, ClientDisconnect: _disconnected},
    )


class _Routes:
    def __init__(self, assessor: Assessor, ready: Callable[[], str | None]) -> None:
        self._assessor = assessor
        self._ready = ready

    async def livez(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        waiting_for = self._ready()
        if waiting_for is not None:
            raise Refusal(503, "not_ready", waiting_for)
        return PlainTextResponse("ok\n")

    async def metrics(self, _: Request) -> Response:
        media_type = "text/plain; version=0.0.4; charset=utf-8"
        return Response(self._assessor.metrics.exposition(), media_type=media_type)

    async def score(self, request: Request) -> Response:
        body = await _body(request, MAX_ONE_BYTES)
        loan = _loan(_json(body))
        try:
            assessed = self._assessor.assess(uuid5(_REQUESTS, body.decode()), loan)
        except RiskError as error:
            raise Refusal(422, error.code, str(error)) from None
        return _json_response(assessed)

    async def score_batch(self, request: Request) -> Response:
        content = _json(await _body(request, MAX_BODY_BYTES))
        if not isinstance(content, dict) or not {"loans"} <= set(content) <= {"loans", "valuations"}:
            raise Refusal(422, "malformed_message", 'the body must be {"loans": [...]}, with "valuations" if you like')
        if not isinstance(content["loans"], list):
            raise Refusal(422, "malformed_message", "loans must be a list")
        if not 1 <= len(content["loans"]) <= MAX_BATCH:
            raise Refusal(422, "batch_size", f"from 1 to {MAX_BATCH} loans at a time")
        loans = [_loan(item) for item in content["loans"]]
        kept = _valuations(content.get("valuations"), len(loans))
        # A large batch takes a while of pure arithmetic; the consumers must go on meanwhile.
        # Another model may be promoted before it is done: the answer names the one that scored.
        models = self._assessor.models
        rows = await asyncio.to_thread(score_batch, loans, models, self._assessor.policies, kept)
        return _json_response({"model_version": models.version, "loans": rows})


def _json_response(content: Any) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _problem(status: int, code: str, detail: str) -> Response:
    body = msgspec.json.encode({"type": "about:blank", "status": status, "code": code, "detail": detail})
    return Response(body, status, media_type="application/problem+json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for this class alone
    return _problem(error.status, error.code, str(error))


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    answer = _problem(error.status_code, _CODES.get(error.status_code, "refused"), request.url.path[:200])
    answer.headers.update(error.headers or {})
    return answer


async def _disconnected(_: Request, error: Exception) -> Response:
    # Nobody reads it; the client went away in the middle of its own request.
    return _problem(400, "disconnected", "the client went away")


async def _body(request: Request, most: int) -> bytes:
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                content += part
                if len(content) > most:
                    raise Refusal(413, "message_too_large", f"at most {most} bytes")
    except TimeoutError:
        raise Refusal(408, "body_timeout", f"the body did not come within {BODY_TIMEOUT_S:g} seconds") from None
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
