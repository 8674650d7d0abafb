"""What is compressed for whom: reading is, secrets, parts and what is compressed already are not."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from halfpenny.platform.http import guard
from halfpenny.platform.http.layers.compression import Compression
from support.edge import Client, client_for

TEXT = "Ustanowiono hipotekę na pierwszym miejscu. " * 200


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    app = FastAPI()
    app.add_middleware(guard)

    async def answer(request: Request) -> Response:
        kind = request.query_params.get("kind", "text/html; charset=utf-8")
        text = TEXT[: int(request.query_params.get("length", "8000"))]
        return PlainTextResponse(text, media_type=kind, headers={"etag": '"one"'})

    for path in ("/page", "/graphql", "/api/v1/auth/login"):
        app.add_route(path, answer, methods=["GET", "POST"])
    async with client_for(app) as found:
        yield found


async def size_of(client: Client, method: str, path: str, **headers: str) -> tuple[int, Response]:
    """Bytes on the wire, and the answer."""
    async with client.stream(method, path, headers=headers) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    if answer.headers.get("content-encoding") == "gzip":
        assert gzip.decompress(raw).decode() == TEXT[:8000]
    return len(raw), answer


async def test_what_is_read_is_compressed_for_who_accepts_it(client: Client) -> None:
    whole, plain = await size_of(client, "GET", "/page", **{"accept-encoding": "identity"})
    assert whole == len(TEXT[:8000].encode())
    assert plain.headers["etag"] == '"one"'
    for method, path in (("GET", "/page"), ("POST", "/graphql")):
        small, answer = await size_of(client, method, path, **{"accept-encoding": "br, gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in answer.headers["vary"].lower()
        assert answer.headers["etag"] == 'W/"one"'
        assert small < whole / 10
        assert int(answer.headers["content-length"]) == small


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("POST", "/api/v1/auth/login", {}),
        ("POST", "/page", {}),
        ("GET", "/page", {"range": "bytes=0-99"}),
        ("GET", "/page?kind=application/pdf", {}),
        ("GET", "/page?kind=font/woff2", {}),
        ("GET", "/page?length=1000", {}),
    ],
)
async def test_the_rest_is_sent_as_it_is(client: Client, method: str, path: str, more: dict[str, str]) -> None:
    _, answer = await size_of(client, method, path, **{"accept-encoding": "gzip", **more})
    assert "content-encoding" not in answer.headers
    assert answer.headers["etag"] == '"one"'


async def test_the_server_is_not_asked_to_send_files_past_the_compression() -> None:
    offered: list[dict[str, Any]] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        offered.append(scope["extensions"])

    extensions = {"http.response.pathsend": {}, "tls": {}}
    for accepts in (b"gzip", b"identity"):
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", accepts)]}
        await Compression(app)({**scope, "extensions": extensions}, receive, send)
    assert offered == [{"tls": {}}, extensions]


async def receive() -> Any:
    raise AssertionError("nothing is read here")


async def send(_message: Any) -> None: ...
