"""The HTTP edge: strict bodies, idempotency keys, pages, problem+json and the guard around every request."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from halfpenny.platform.database import Database
from halfpenny.platform.http.asgi import send_problem
from halfpenny.platform.http.fields import (
    AmountText,
    CountryText,
    CurrencyText,
    DateText,
    IdText,
    LineText,
    ProseText,
    RateText,
    RequestModel,
    code_of,
)
from halfpenny.platform.http.idempotency import (
    AnswerWithStatus,
    Fingerprint,
    IdempotencyKey,
    OptionalIdempotencyKey,
    check_idempotency_key,
    idempotency_key,
    once,
)
from halfpenny.platform.http.json_body import fingerprint, read_json
from halfpenny.platform.http.layers import EdgeSettings, guard
from halfpenny.platform.http.openapi import describe
from halfpenny.platform.http.pages import AppPages, FormFields, PageRenderer
from halfpenny.platform.http.paging import (
    PageOf,
    PageQuery,
    Paging,
    decode_cursor,
    encode_cursor,
    page,
)
from halfpenny.platform.http.problems import Problem, build_problem, failure_kind_of, problem


def database(request: Request) -> Database:
    """The application's database; a dependency."""
    found: Database = request.app.state.database
    return found


AppDatabase = Annotated[Database, Depends(database)]

__all__ = [
    "AmountText",
    "AnswerWithStatus",
    "AppDatabase",
    "AppPages",
    "CountryText",
    "CurrencyText",
    "DateText",
    "EdgeSettings",
    "Fingerprint",
    "FormFields",
    "IdText",
    "IdempotencyKey",
    "LineText",
    "OptionalIdempotencyKey",
    "PageOf",
    "PageQuery",
    "PageRenderer",
    "Paging",
    "Problem",
    "ProseText",
    "RateText",
    "RequestModel",
    "build_problem",
    "check_idempotency_key",
    "code_of",
    "database",
    "decode_cursor",
    "describe",
    "encode_cursor",
    "failure_kind_of",
    "fingerprint",
    "guard",
    "idempotency_key",
    "once",
    "page",
    "problem",
    "read_json",
    "send_problem",
]
