"""What the risk service logs is one JSON object a line, whatever is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src"
PROGRAM = """
import structlog
from halfpenny_risk.service.logs import configure_logging
configure_logging()
structlog.get_logger("x").info("assessed", title="House\\n{\\"level\\": \\"critical\\"}")
"""


def test_a_text_with_line_breaks_stays_one_escaped_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": str(SOURCE)}, check=True, capture_output=True, text=True
    )
    (line,) = done.stderr.splitlines()
    output = json.loads(line)
    assert output["title"] == 'House\n{"level": "critical"}'
    assert (output["service"], output["event"], output["level"]) == ("risk", "assessed", "info")
