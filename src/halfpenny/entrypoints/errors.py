"""Hangs the one table of failures (``platform.http.problems``) on the application, for machines and browsers."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from halfpenny.identity.pages import sign_in_first
from halfpenny.platform.http.problems import Problem, framework_problem, problem, validation_problem
from halfpenny.primitives.errors import Forbidden, HalfpennyError, Malformed, NotFound, Unauthenticated
from halfpenny.web import Pages, set_page_context

_MACHINE_PATHS = ("/api/", "/graphql", "/ws", "/metrics", "/livez", "/readyz", "/static/")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# The page's text for a failure that only has a status.
_PAGE_ERRORS: dict[int, type[HalfpennyError]] = {401: Unauthenticated, 403: Forbidden, 404: NotFound}


def install(app: FastAPI) -> None:
    """Register the handlers: every failure leaves as a problem document or, for a browser, as a page."""

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, HalfpennyError)  # noqa: S101 - registered for this type only
        if isinstance(error, Unauthenticated) and _wants_page(request):
            return await sign_in_first(request)
        return await _respond(request, problem(error, request.url.path), error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
        return await _respond(request, validation_problem(error.errors(), request.url.path))

    async def framework(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
        headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers
        return await _respond(request, framework_problem(error.status_code, request.url.path, headers))

    async def unexpected(request: Request, error: Exception) -> Response:
        # Starlette raises it again after the answer, and the guard writes it to the log.
        return await _respond(request, problem(error, request.url.path))

    app.add_exception_handler(HalfpennyError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, framework)
    app.add_exception_handler(Exception, unexpected)


def _allowed(request: Request) -> str:
    """Every method of a path: the framework names only those of the first route that has it (RFC 9110, 10.2.1)."""
    found = [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    return ", ".join(found)


async def _respond(request: Request, answer: Problem, error: HalfpennyError | None = None) -> Response:
    pages: Pages | None = getattr(request.app.state, "pages", None)
    if pages is None or not _wants_page(request):
        return Response(answer.body, answer.status, headers=dict(answer.headers))
    if error is None:
        kind = _PAGE_ERRORS.get(answer.status, Malformed if answer.status < 500 else HalfpennyError)
        error = kind()
    await set_page_context(request)
    page = pages.failure(request, error)
    page.status_code = answer.status
    for name, value in answer.headers:
        if name in ("allow", "retry-after", "www-authenticate"):
            page.headers[name] = value
    return page


def _wants_page(request: Request) -> bool:
    if request.url.path.startswith(_MACHINE_PATHS):
        return False
    return "text/html" in request.headers.get("accept", "")
