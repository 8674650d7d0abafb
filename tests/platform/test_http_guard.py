"""The guard around every request, and problem documents for everything that can go wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from fastapi import FastAPI, Request
from prometheus_client import REGISTRY

from halfpenny.entrypoints import errors
from halfpenny.platform.database import DatabaseUnavailable
from halfpenny.platform.http import EdgeSettings, Fingerprint, IdempotencyKey, PageQuery, RequestModel, guard
from halfpenny.platform.http.layers.security_headers import CONTENT_SECURITY_POLICY
from halfpenny.platform.http.paging import page
from halfpenny.primitives.errors import NotFound, Refused, TooManyRequests
from support.edge import Client, client_for

SECRET = "postgresql://halfpenny:hunter2@db/books"  # what an exception's text may hold


class Body(RequestModel):
    name: str
    count: int


class Closed(Refused):
    code = "loan_not_open"
    message = "This loan is not open."


def build(edge: EdgeSettings | None = None) -> FastAPI:
    app = FastAPI()
    errors.install(app)
    app.add_middleware(guard, settings=edge)
    app.state.calls = []

    @app.post("/api/echo")
    async def echo(body: Body, request: Request) -> dict[str, Any]:
        app.state.calls.append(body.name)
        return {"name": body.name, "raw": len(await request.body())}

    @app.get("/api/echo")
    async def silence() -> dict[str, Any]:
        return {}

    @app.post("/api/pay")
    async def pay(key: IdempotencyKey, print: Fingerprint) -> dict[str, str]:
        app.state.calls.append(key)
        return {"key": key, "fingerprint": print.hex()}

    @app.get("/api/rows")
    async def rows(paging: PageQuery) -> dict[str, Any]:
        start = paging.start(int)
        first = start[0] + 1 if start else 0
        return page(list(range(first, min(first + paging.limit + 1, 300))), paging.limit, lambda row: (row,))

    @app.get("/api/fail/{how}")
    async def fail(how: str) -> None:
        raise {
            "refused": Closed(loan_id=UUID(int=7)),
            "unknown": NotFound(),
            "limited": TooManyRequests(retry_after_s=17),
            "database": DatabaseUnavailable(),
            "crash": RuntimeError(SECRET),
        }[how]

    return app


@pytest.fixture
def app() -> FastAPI:
    return build()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[Client]:
    async with client_for(app) as client:
        yield client


def is_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:halfpenny:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == answer.request.url.path
    return body


async def test_the_errors_of_the_house_are_problems(client: Client) -> None:
    refused = is_problem(await client.get("/api/fail/refused"), 409, "loan_not_open")
    assert refused["detail"] == "This loan is not open."
    assert refused["data"] == {"loan_id": str(UUID(int=7))}
    is_problem(await client.get("/api/fail/unknown"), 404, "not_found")
    limited = await client.get("/api/fail/limited")
    is_problem(limited, 429, "too_many_requests")
    assert limited.headers["retry-after"] == "17"
    away = await client.get("/api/fail/database")
    is_problem(away, 503, "database_unavailable")
    assert int(away.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/rows"), ("POST", "/api/echo"), ("GET", "/api/nowhere")])
async def test_two_different_idempotency_keys_are_refused_where_none_is_read(
    client: Client, app: FastAPI, method: str, path: str
) -> None:
    body = {"name": "x", "count": 1} if method == "POST" else None

    async def ask(*keys: str) -> Any:
        return await client.request(method, path, json=body, headers=[("Idempotency-Key", key) for key in keys])

    is_problem(await ask("one", "two"), 400, "idempotency_key_ambiguous")
    is_problem(await ask("one", "one", "One"), 400, "idempotency_key_ambiguous")
    assert app.state.calls == []
    assert (await ask("one", "one")).status_code == (await ask("one")).status_code == (await ask()).status_code


async def test_the_framework_s_errors_are_problems(client: Client) -> None:
    is_problem(await client.get("/api/nowhere"), 404, "not_found")
    wrong = await client.delete("/api/echo")
    is_problem(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET, POST"


async def test_a_crash_is_internal_error_for_the_caller_and_whole_in_the_log(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await client.get("/api/fail/crash")
    is_problem(answer, 500, "internal_error")
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    [crash] = [line for line in lines if line["event"] == "unhandled"]
    assert crash["exc_info"]
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["status"], line["path"]) == (500, "/api/fail/crash")


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"name": "Ada"}, "missing_field", "/body/count"),
        ({"name": "Ada", "count": 1, "is_admin": True}, "unknown_field", "/body/is_admin"),
        ({"name": "Ada", "count": 1, "a/b~c": True}, "unknown_field", "/body/a~1b~0c"),
        ({"name": "Ada", "count": "1"}, "malformed", "/body/count"),
        ({"name": None, "count": 1}, "malformed", "/body/name"),
        ([], "malformed", "/body"),
        ("text", "malformed", "/body"),
        (None, "missing_field", "/body"),
    ],
)
async def test_a_body_that_does_not_fit_is_named_by_place(
    client: Client, app: FastAPI, body: Any, code: str, pointer: str
) -> None:
    problem = is_problem(await client.post("/api/echo", json=body), 422, code)
    assert problem["data"]["errors"][0]["pointer"] == pointer
    assert app.state.calls == []


async def test_what_was_sent_is_not_repeated(client: Client) -> None:
    answer = await client.post("/api/echo", json={"name": ["hunter2"], "count": "hunter2"})
    is_problem(answer, 422, "malformed")
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"name": "Ada", "count": 1, "count": 2}', "duplicate_key"),
        (b'{"name": "Ada", "count": NaN}', "malformed_json"),
        (b'{"name": "\\u0000", "count": 1}', "malformed_json"),
        (b'{"name": "Ada", "count": 1', "malformed_json"),
    ],
)
async def test_ambiguous_json_never_reaches_a_route(client: Client, app: FastAPI, raw: bytes, code: str) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}
    is_problem(await client.post("/api/echo", content=raw, headers=headers), 422, code)
    assert app.state.calls == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_json_must_call_itself_json(client: Client, app: FastAPI, kind: str) -> None:
    answer = await client.post("/api/echo", content=b'{"name": "Ada", "count": 1}', headers={"content-type": kind})
    assert answer.status_code == 422
    assert app.state.calls == []


async def test_bodies_have_a_limit_declared_or_not() -> None:
    app = build(EdgeSettings(max_body_bytes=1_000))
    async with client_for(app) as client:
        good = {"name": "x" * 900, "count": 1}
        assert (await client.post("/api/echo", json=good)).status_code == 200
        large = json.dumps({"name": "x" * 2_000, "count": 1}).encode()
        headers = {"content-type": "application/json"}
        is_problem(await client.post("/api/echo", content=large, headers=headers), 413, "body_too_large")

        async def drip() -> AsyncIterator[bytes]:
            for start in range(0, len(large), 100):
                yield large[start : start + 100]

        is_problem(await client.post("/api/echo", content=drip(), headers=headers), 413, "body_too_large")
    assert app.state.calls == ["x" * 900]


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    app = build(EdgeSettings(body_timeout_s=0.05))
    sent = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError("never reached")

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/echo",
        "headers": [(b"host", b"localhost"), (b"content-length", b"10")],
    }
    await guard(app, EdgeSettings(body_timeout_s=0.05))(scope, receive, send)
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "", "127.0.0.1.nip.io", "[::2]"]
)
async def test_other_hosts_are_not_served(client: Client, app: FastAPI, host: str) -> None:
    answer = await client.post("/api/echo", json={"name": "Ada", "count": 1}, headers={"host": host})
    is_problem(answer, 400, "unknown_host")
    assert app.state.calls == []


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
async def test_own_hosts_are_served(client: Client, host: str) -> None:
    answer = await client.post("/api/echo", json={"name": "Ada", "count": 1}, headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://localhost"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9000"},
    ],
)
async def test_a_form_on_another_site_cannot_post_here(client: Client, app: FastAPI, headers: dict[str, str]) -> None:
    is_problem(await client.post("/api/echo", json={"name": "Ada", "count": 1}, headers=headers), 403, "cross_site")
    assert app.state.calls == []
    assert (await client.get("/api/rows", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://localhost"}]
)
async def test_own_pages_and_programs_may_post(client: Client, headers: dict[str, str]) -> None:
    answer = await client.post("/api/echo", json={"name": "Ada", "count": 1}, headers=headers)
    assert answer.status_code == 200


async def test_every_answer_carries_the_security_headers(client: Client) -> None:
    for path in ("/api/rows", "/api/nowhere", "/api/fail/crash", "/api/fail/database"):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert directive in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    async with client_for(build(EdgeSettings(https_only=True))) as https:
        assert "max-age=63072000" in (await https.get("/api/rows")).headers["strict-transport-security"]


async def test_requests_have_names(client: Client) -> None:
    named = await client.get("/api/rows", headers={"x-request-id": "load-test_1.2"})
    assert named.headers["x-request-id"] == "load-test_1.2"
    for bad in ("short", "x" * 65, "with blank 1", 'quote"quote"'):
        given = (await client.get("/api/rows", headers={"x-request-id": bad})).headers["x-request-id"]
        assert UUID(given).version == 7


async def test_the_log_line_has_no_query_and_no_line_break(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        await client.get("/api/nowhere%0d%0aevent=forged?token=hunter2")
    [line] = [line for line in lines if line["event"] == "request"]
    rendered = structlog.processors.JSONRenderer()(None, "info", line)
    assert isinstance(rendered, str)
    assert "\n" not in rendered
    assert "hunter2" not in rendered
    assert line["path"] == "/api/nowhere\r\nevent=forged"
    assert line["client"] == "198.51.100.7"


@pytest.mark.parametrize("path", ["/api/fail/%00", "/api/rows?after=%00"])
async def test_nul_never_reaches_a_route(client: Client, path: str) -> None:
    assert (await client.get(path)).status_code in (404, 422)


async def test_a_key_is_asked_for_by_name(client: Client, app: FastAPI) -> None:
    is_problem(await client.post("/api/pay", json={}), 400, "idempotency_key_missing")
    for bad in ("", "x" * 129, "with blank", "żółw".encode()):
        answer = await client.post("/api/pay", json={}, headers={"Idempotency-Key": bad})  # type: ignore[dict-item]
        is_problem(answer, 422, "idempotency_key_malformed")
    assert app.state.calls == []
    good = await client.post("/api/pay", json={"a": 1, "b": 2}, headers={"Idempotency-Key": "k-1"})
    same = await client.post(
        "/api/pay",
        content=b'{ "b": 2, "a": 1 }',
        headers={"Idempotency-Key": "k-1", "content-type": "application/json"},
    )
    other = await client.post("/api/pay", json={"a": 1, "b": 3}, headers={"Idempotency-Key": "k-1"})
    assert good.json()["fingerprint"] == same.json()["fingerprint"] != other.json()["fingerprint"]


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1.5", "ten", "NaN", "", "9" * 30])
async def test_the_size_of_a_page_is_bounded(client: Client, limit: str) -> None:
    is_problem(await client.get("/api/rows", params={"limit": limit}), 422, "malformed")


async def test_pages_over_http(client: Client) -> None:
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        body = (await client.get("/api/rows", params={"limit": "200"} | after)).json()
        seen += body["items"]
        if body["next_cursor"] is None:
            break
        after = {"after": body["next_cursor"]}
    assert seen == list(range(300))
    is_problem(await client.get("/api/rows", params={"after": "bm90aGluZw"}), 422, "malformed_cursor")


async def test_a_websocket_for_another_host_is_closed_before_it_opens(app: FastAPI) -> None:
    sent = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is read")

    scope = {"type": "websocket", "path": "/ws", "headers": [(b"host", b"evil.example")]}
    await guard(app)(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_requests_are_counted_by_route_and_no_caller_can_add_one(client: Client) -> None:
    def counted(**labels: str) -> float:
        return REGISTRY.get_sample_value("halfpenny_http_request_seconds_count", labels) or 0.0

    failed = {"method": "GET", "route": "/api/fail/{how}", "status": "409"}
    stray = {"method": "GET", "route": "none", "status": "404"}
    odd = {"method": "other", "route": "/api/rows", "status": "405"}
    before = [counted(**labels) for labels in (failed, stray, odd)]
    await client.get("/api/fail/refused")
    for n in range(3):
        await client.get(f"/api/stray-{n}")
    assert (await client.request("BREW", "/api/rows")).status_code == 405
    assert [counted(**labels) for labels in (failed, stray, odd)] == [before[0] + 1, before[1] + 3, before[2] + 1]
