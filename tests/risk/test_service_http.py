"""The service's own port: scores for tools, probes, metrics, and a clear no."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from halfpenny_messages import to_builtins
from halfpenny_risk.errors import BadSettings
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import load_policies
from halfpenny_risk.service import http, listener
from halfpenny_risk.service.assessor import Assessor
from halfpenny_risk.service.http import make_app
from halfpenny_risk.service.listener import HttpListener
from halfpenny_risk.service.metrics import Metrics
from support.risk_applications import ORDINARY, changed


class State:
    waiting_for: str | None = None


def scorecard_assessor() -> Assessor:
    return Assessor(load_models("scorecard"), load_policies(), TemplateNarrator(), Metrics())


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
async def client(state: State) -> AsyncIterator[httpx2.AsyncClient]:
    assessor = scorecard_assessor()
    app: Any = make_app(assessor, lambda: state.waiting_for)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://risk") as client:
        yield client


def payload(**changes: Any) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(to_builtins(changed(**changes))))  # type: ignore[no-any-return]


async def test_one_loan_gets_the_whole_answer_and_the_same_one_again(client: httpx2.AsyncClient) -> None:
    answers = [(await client.post("/score", json=payload())).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["loan_id"] == str(ORDINARY.loan_id)
    assert answers[0]["grade"] in "ABCDE" and answers[0]["narrative"]["written_by"] == "template"


async def test_a_batch_gets_figures_in_its_order(client: httpx2.AsyncClient) -> None:
    loans = [payload(), payload(amount="0"), payload(amount="400000.00")]
    answer = await client.post("/score/batch", json={"loans": loans})
    rows = answer.json()["loans"]
    assert rows[1]["error"] == "bad_application"
    assert float(rows[2]["probability_of_default"]) > float(rows[0]["probability_of_default"])


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/score", b"{", 422, "malformed_message"),
        ("/score", b"\xff", 422, "malformed_message"),
        ("/score", b"{}", 422, "malformed_message"),
        ("/score", b"[" * 10_000, 422, "malformed_message"),
        ("/score/batch", b'{"loans": []}', 422, "batch_size"),
        ("/score/batch", b'{"loans": 3}', 422, "malformed_message"),
        ("/score/batch", b'{"loans": [{}]}', 422, "malformed_message"),
        ("/score/batch", b'{"loans": [], "more": 1}', 422, "malformed_message"),
        ("/nowhere", b"", 404, "not_found"),
        ("/metrics", b"", 405, "method_not_allowed"),
    ],
)
async def test_what_cannot_be_done_is_named(
    client: httpx2.AsyncClient, path: str, body: bytes, status: int, code: str
) -> None:
    answer = await client.post(path, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code


async def test_a_body_beyond_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/score", content=b"x" * (4 * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "message_too_large")


async def test_a_megabyte_of_text_is_scored(client: httpx2.AsyncClient) -> None:
    plain = (await client.post("/score", json=payload())).json()
    long = (await client.post("/score", json=payload(description="x" * 1_000_000))).json()
    assert long["score"] == plain["score"]


async def test_probes_name_what_is_waited_for(client: httpx2.AsyncClient, state: State) -> None:
    assert (await client.get("/livez")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200
    state.waiting_for = "the queue is not connected"
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "the queue is not connected")
    assert (await client.get("/livez")).status_code == 200


async def test_metrics_count_what_was_assessed(client: httpx2.AsyncClient) -> None:
    for _ in range(3):
        await client.post("/score", json=payload(income=None))
    text = (await client.get("/metrics")).text
    assert "risk_assessment_seconds_count 3.0" in text
    assert 'risk_flag_total{flag="income_missing"} 3.0' in text
    assert 'risk_narrative_total{written_by="template"}' in text


async def test_the_listener_bounds_what_it_reads_and_closes_cleanly() -> None:
    assessor = scorecard_assessor()
    first = HttpListener(make_app(assessor, lambda: None), "127.0.0.1", 0)
    port = await first.open()
    second = HttpListener(make_app(assessor, lambda: None), "127.0.0.1", port)
    with pytest.raises(BadSettings, match="HALFPENNY_RISK_PORT"):
        await second.open()
    await second.close()

    async def raw(sent: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await writer.drain()
        async with asyncio.timeout(60.0):
            answer = await reader.read()
        writer.close()
        return answer

    one = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert (await raw(one + one + last)).count(b"HTTP/1.1 200") == 3
    body = msgspec.json.encode(payload())
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = b"POST /score HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
    assert b"HTTP/1.1 200" in await raw(head + b"\r\n" + chunked)
    assert b"HTTP/1.1 100" in await raw(head + b"expect: 100-continue\r\n\r\n" + chunked)
    # Nonsense and an endless head are refused and closed; the next client is served.
    assert b"HTTP/1.1 400" in await raw(b"\x16\x03\x01 hello\r\n\r\n")
    assert b"HTTP/1.1 400" in await raw(b"GET / HTTP/1.1\r\nx: " + b"y" * 40_000)
    assert b"HTTP/1.1 200" in await raw(last)
    await first.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


async def _send(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(20.0):
            return await reader.read()
    finally:
        writer.close()


async def test_a_client_that_sends_nothing_half_a_head_or_half_a_body_is_disconnected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener, "IDLE_TIMEOUT_S", 1)
    monkeypatch.setattr(http, "BODY_TIMEOUT_S", 0.3)
    port_of = HttpListener(make_app(scorecard_assessor(), lambda: None), "127.0.0.1", 0)
    port = await port_of.open()
    half_a_body = b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\nconnection: close\r\n\r\n{"
    nothing, half, late = await asyncio.gather(
        _send(port, b""), _send(port, b"GET /livez HTTP/1.1\r\nhost"), _send(port, half_a_body)
    )
    assert (nothing, half) == (b"", b"")
    assert b"HTTP/1.1 408" in late and b"body_timeout" in late
    await port_of.close()


async def test_it_opens_and_closes_twenty_times_with_a_client_connected() -> None:
    app = make_app(scorecard_assessor(), lambda: None)
    for _ in range(20):
        one = HttpListener(app, "127.0.0.1", 0)
        port = await one.open()
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as kept_alive:
            assert (await kept_alive.get("/livez")).status_code == 200
            async with asyncio.timeout(10.0):
                await one.close()
    assert len(asyncio.all_tasks()) == 1


async def test_the_process_starts_answers_and_stops_cleanly() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HALFPENNY_RISK_PORT": str(port),
        "HALFPENNY_RISK_MODEL": "scorecard",
    }
    for name in ("DATABASE_URL", "AMQP_URL", "MONGO_URL"):
        environment.pop(name, None)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "halfpenny_risk.cli", "serve", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60.0), httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            while True:
                try:
                    ready = await client.get("/readyz")
                    break
                except httpx2.HTTPError:
                    await asyncio.sleep(0.05)
            assert ready.status_code == 200
            assert (await client.post("/score", json=payload())).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        _, output = await asyncio.wait_for(process.communicate(), 60.0)
    assert process.returncode == 0
    assert b"risk_service_stopped" in output


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HALFPENNY_RISK_PORT", "eighty"),
        ("HALFPENNY_RISK_MODEL", "oracle"),
        ("DATABASE_URL", "mysql://u:secret@h/d"),
        ("HALFPENNY_RISK_POLICY", "/nowhere/policy.json"),
        ("HALFPENNY_RISK_NARRATIVE_TIMEOUT_S", "soon"),
    ],
)
async def test_a_wrong_setting_stops_the_start_with_its_name(name: str, value: str) -> None:
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"], name: value}
    if "NARRATIVE" in name:
        environment |= {"HALFPENNY_RISK_NARRATIVE_URL": "http://127.0.0.1:1/v1", "HALFPENNY_RISK_NARRATIVE_MODEL": "m"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "halfpenny_risk.cli", "serve", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60.0)
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1 and name in errors.decode() and "secret" not in errors.decode()
