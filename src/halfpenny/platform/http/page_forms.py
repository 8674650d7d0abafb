"""Forms of pages that move money: who sends one, under which key, and what was refused about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from halfpenny.platform.http.idempotency import check_idempotency_key
from halfpenny.platform.http.json_body import fingerprint
from halfpenny.platform.http.problems import status_of
from halfpenny.primitives.errors import HalfpennyError, NotFound
from halfpenny.primitives.ids import uuid7

# The query and form field that holds the key: going back in a browser asks for the same address, hence the same key.
KEY: Final = "request"


@dataclass(frozen=True, slots=True)
class RefusedForm:
    """A form that was refused: why, and what was typed. A thing that does not exist is raised instead."""

    error: HalfpennyError
    typed: Mapping[str, str]

    def __post_init__(self) -> None:
        if isinstance(self.error, NotFound):
            raise self.error

    @property
    def status(self) -> int:
        return status_of(self.error)


def fault_of(refused: RefusedForm | None) -> dict[str, Any]:
    """What a template is given of a refusal: ``fault`` (a code or None), ``fault_data`` and ``typed``."""
    if refused is None:
        return {"fault": None, "fault_data": {}, "typed": {}}
    return {"fault": refused.error.code, "fault_data": refused.error.data, "typed": refused.typed}


def key_of(request: Request) -> str | None:
    """The key in the address; None where there is none, or one that cannot be a key."""
    try:
        return check_idempotency_key(request.query_params.get(KEY))
    except HalfpennyError:
        return None


def with_new_key(request: Request) -> Response:
    """The same address with a key of its own, for a form that has none yet."""
    address = URL(str(request.url)).remove_query_params(KEY).include_query_params(**{KEY: str(uuid7())})
    return RedirectResponse(f"{address.path}?{address.query}", 303)


def form_fingerprint(request: Request, fields: Mapping[str, str]) -> bytes:
    """What a form's key stands for: the address and every field."""
    return fingerprint(request.method, request.url.path, msgspec.json.encode(dict(fields)))
