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
