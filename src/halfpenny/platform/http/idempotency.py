"""The ``Idempotency-Key`` header and what it stands for; the store is ``platform.idempotency``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.http.json_body import fingerprint
from halfpenny.platform.http.openapi import DEMANDED
from halfpenny.platform.idempotency import RequestKey, claim, remember
from halfpenny.primitives.errors import Malformed

_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


class IdempotencyKeyMissing(Malformed):
    code = "idempotency_key_missing"
    message = "Requests that move money need an Idempotency-Key header."


class IdempotencyKeyMalformed(Malformed):
    code = "idempotency_key_malformed"
    message = "An Idempotency-Key is 1 to 128 visible ASCII characters."


def check_idempotency_key(value: str | None) -> str:
    """The key itself, or IdempotencyKeyMissing (400) or IdempotencyKeyMalformed (422)."""
    if value is None:
        raise IdempotencyKeyMissing()
    if _KEY.fullmatch(value) is None:
        raise IdempotencyKeyMalformed()
    return value


def idempotency_key(
    value: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Names this request: the same key and body get the stored answer, once and for all.",
            json_schema_extra={DEMANDED: True},
        ),
    ] = None,
) -> str:
    return check_idempotency_key(value)


def optional_idempotency_key(
    value: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
) -> str | None:
    """For what moves no money: a key that is sent counts, none is demanded."""
    return None if value is None else check_idempotency_key(value)


async def request_fingerprint(request: Request) -> bytes:
    return fingerprint(request.method, request.url.path, await request.body())


@dataclass(frozen=True, slots=True)
class AnswerWithStatus:
    """What ``once`` stores for an act that chooses its status itself, such as 202 where a second person is due."""

    status: int
    body: Any


async def once(
    database: Database, request: RequestKey | None, status: int, act: Callable[[Connection], Awaitable[Any]]
) -> JSONResponse:
    """Run ``act`` in one transaction under the request's key, or give the answer that is stored under it.

    ``act`` returns the answer's JSON, or an AnswerWithStatus, which is stored in its transaction. Without a key it
    simply runs. Raises IdempotencyKeyReused, and whatever ``act`` raises: nothing has happened then.
    """
    async with database.unit_of_work() as connection:
        if request is not None and (stored := await claim(connection, request)) is not None:
            return JSONResponse(stored.body, stored.status)
        answer = await act(connection)
        if not isinstance(answer, AnswerWithStatus):
            answer = AnswerWithStatus(status, answer)
        if request is not None:
            await remember(connection, request, answer.status, answer.body)
    return JSONResponse(answer.body, answer.status)


IdempotencyKey = Annotated[str, Depends(idempotency_key)]
OptionalIdempotencyKey = Annotated[str | None, Depends(optional_idempotency_key)]
Fingerprint = Annotated[bytes, Depends(request_fingerprint)]
