"""Hangs the one table of failures (``platform.http.problems``) on the application, for machines and browsers."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from halfpenny.platform.http.problems import Problem, answer_of, framework_problem, problem, validation_problem
from halfpenny.primitives.errors import HalfpennyError

_MACHINE_PATHS = ("/api/", "/graphql", "/ws", "/metrics", "/livez", "/readyz", "/static/")

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title} - Halfpenny</title></head>
<body><main><h1>{title}</h1><p>{detail}</p><p><a href="/">To the marketplace</a></p></main></body></html>
"""


def install(app: FastAPI) -> None:
    """Register the handlers: every failure leaves as a problem document or, for a browser, as a page."""

    async def ours(request: Request, error: Exception) -> Response:
        return _respond(request, problem(error, request.url.path))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
        return _respond(request, validation_problem(error.errors(), request.url.path))

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
        return _respond(request, framework_problem(error.status_code, request.url.path, error.headers))

    async def unexpected(request: Request, error: Exception) -> Response:
        # Starlette raises it again after the answer, and the guard writes it to the log.
        return _respond(request, problem(error, request.url.path))

    app.add_exception_handler(HalfpennyError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(Exception, unexpected)


def retry_after_failure(error: BaseException) -> bool:
    """Whether a consumer that met this error should be tried again, by the same table."""
    return answer_of(error).worker_retries


def _respond(request: Request, answer: Problem) -> Response:
    if _wants_page(request):
        return _as_page(answer)
    return Response(answer.body, answer.status, headers=dict(answer.headers))


def _wants_page(request: Request) -> bool:
    if request.url.path.startswith(_MACHINE_PATHS):
        return False
    return "text/html" in request.headers.get("accept", "")


def _as_page(answer: Problem) -> Response:
    document: dict[str, Any] = msgspec.json.decode(answer.body)
    kept = {name: value for name, value in answer.headers if name not in ("content-type", "content-length")}
    text = _PAGE.format(title=escape(document["title"]), detail=escape(document["detail"]))
    return Response(text, answer.status, headers=kept, media_type="text/html")
