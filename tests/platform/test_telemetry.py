"""Our log: one JSON object a line, ours and our libraries' alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2] / "src"


def said(program: str) -> list[dict[str, Any]]:
    """What a process that logs says; a process of its own, because logging is set up once for all."""
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
    (line,) = said('configure_logging("api"); structlog.get_logger("x").info("seen", path="/a\\n{\\"level\\": 1}")')
    assert line["path"] == '/a\n{"level": 1}'
    assert (line["service"], line["event"], line["level"], line["logger"]) == ("api", "seen", "info", "x")


def test_libraries_speak_the_same_way_and_tracebacks_stay_in_their_line() -> None:
    program = """
configure_logging("worker")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("library").exception("it broke: %s", "badly")
"""
    (line,) = said(program)
    assert (line["event"], line["level"]) == ("it broke: badly", "error")
    assert "ZeroDivisionError" in line["exception"]


def test_less_severe_lines_are_left_out() -> None:
    program = 'configure_logging("api", "warning"); log = structlog.get_logger("x"); log.info("a"); log.warning("b")'
    assert [line["event"] for line in said(program)] == ["b"]


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
    slow, fast = said(program)
    assert {**slow, "at": ""} == {**fast, "at": ""}
    assert slow["at"][:11] == fast["at"][:11] and fast["at"].endswith("Z")


def test_every_line_says_for_which_request_it_was_written() -> None:
    program = """
from halfpenny.platform.http.layers.request_log import REQUEST_ID
configure_logging("api")
REQUEST_ID.set("a-name-1")
structlog.get_logger("x").info("seen")
logging.getLogger("library").warning("slow")
"""
    assert [line["request_id"] for line in said(program)] == ["a-name-1", "a-name-1"]
