"""Our log: one JSON object a line, ours and our libraries' alike."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny.entrypoints import errors
from halfpenny.platform.http import guard

SOURCE = Path(__file__).parents[2] / "src"


def output(program: str) -> list[dict[str, Any]]:
    """What a process that logs writes; a process of its own, because logging is set up once for all."""
    begin = "import logging, structlog\nfrom halfpenny.platform.telemetry import configure_logging\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + program],
        env={"PYTHONPATH": str(SOURCE)},
        check=True,
        capture_output=True,
        text=True,
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_text_with_line_breaks_stays_one_escaped_line() -> None:
    (line,) = output('configure_logging("api"); structlog.get_logger("x").info("seen", path="/a\\n{\\"level\\": 1}")')
    assert line["path"] == '/a\n{"level": 1}'
    assert (line["service"], line["event"], line["level"], line["logger"]) == ("api", "seen", "info", "x")


def test_libraries_log_in_the_same_format_and_tracebacks_stay_in_their_line() -> None:
    program = """
configure_logging("worker")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("library").exception("it broke: %s", "badly")
"""
    (line,) = output(program)
    assert (line["event"], line["level"]) == ("it broke: badly", "error")
    assert "ZeroDivisionError" in line["exception"]


def test_less_severe_lines_are_left_out() -> None:
    program = 'configure_logging("api", "warning"); log = structlog.get_logger("x"); log.info("a"); log.warning("b")'
    assert [line["event"] for line in output(program)] == ["b"]


def test_the_line_of_a_request_has_the_shape_of_every_other_and_its_level() -> None:
    program = """
from halfpenny.platform.http.layers.request_log import log_line
from halfpenny.platform.telemetry import access_writer
configure_logging("api")
fields = {"request_id": "a-name-1", "method": "GET", "path": "/a\\n{", "status": 200, "duration_ms": 1.25,
          "client": "127.0.0.1", "user_id": None}
log_line(fields)
access_writer("api")(fields)
access_writer("api", "warning")(fields)
"""
    slow, fast = output(program)
    assert {**slow, "at": ""} == {**fast, "at": ""}
    assert slow["at"][:11] == fast["at"][:11] and fast["at"].endswith("Z")


def test_every_log_line_carries_the_request_id() -> None:
    program = """
from halfpenny.platform.http.layers.request_log import REQUEST_ID
configure_logging("api")
REQUEST_ID.set("a-name-1")
structlog.get_logger("x").info("seen")
logging.getLogger("library").warning("slow")
"""
    assert [line["request_id"] for line in output(program)] == ["a-name-1", "a-name-1"]


SECRET = "correct-horse-battery-staple"
FAILURE = """
def sign_in(password):
    reversed_password = password[::-1]
    raise RuntimeError("no answer")
try:
    sign_in("-".join(["correct", "horse", "battery", "staple"]))
except RuntimeError:
    structlog.get_logger("x").exception("unhandled")
"""


@pytest.mark.parametrize(
    "begin",
    [
        "import structlog\nimport halfpenny.platform.http.layers.problem_answers\n",
        "import structlog\nfrom halfpenny.platform.telemetry import configure_logging\nconfigure_logging('api')\n",
        "import structlog\nfrom halfpenny_risk.service.logs import configure_logging\nconfigure_logging()\n",
    ],
    ids=["console", "json", "risk"],
)
def test_a_traceback_shows_where_and_no_local_variable(begin: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", begin + FAILURE],
        env={"PYTHONPATH": str(SOURCE)},
        check=True,
        capture_output=True,
        text=True,
    )
    printed = done.stdout + done.stderr
    assert "RuntimeError: no answer" in printed and "in sign_in" in printed
    assert SECRET not in printed and SECRET[::-1] not in printed


async def test_a_request_that_fails_is_logged_in_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever its frames hold: a pool, an application, thousands of rows."""
    app = FastAPI()
    errors.install(app)

    @app.get("/")
    async def fail() -> None:
        rows = [{"number": number, "password": SECRET} for number in range(200_000)]
        raise RuntimeError(f"{len(rows)} rows")

    transport = httpx2.ASGITransport(guard(app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        started = time.perf_counter()
        answer = await client.get("/")
        took_s = time.perf_counter() - started
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    printed = capsys.readouterr().out
    assert "RuntimeError: 200000 rows" in printed and SECRET not in printed
    assert took_s < 5
