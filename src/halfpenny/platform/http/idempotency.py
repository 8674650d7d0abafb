"""The ``Idempotency-Key`` header and what it stands for; the store is ``platform.idempotency``."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Request

from halfpenny.platform.http.json_body import fingerprint
from halfpenny.platform.http.openapi import DEMANDED
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


async def request_fingerprint(request: Request) -> bytes:
    return fingerprint(request.method, request.url.path, await request.body())


IdempotencyKey = Annotated[str, Depends(idempotency_key)]
Fingerprint = Annotated[bytes, Depends(request_fingerprint)]
