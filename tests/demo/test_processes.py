"""The demo's own programs: one that refuses its settings ends the demo, one that crashes is started again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from halfpenny_demo import processes
from halfpenny_demo.processes import Child, ProcessFailed, StartRefused


def child(folder: Path, code: str) -> Child:
    """A program of one module, which is ``code``."""
    (folder / "program.py").write_text(code)
    return Child("program", "program", (), folder / "program.log", {**os.environ, "PYTHONPATH": str(folder)})


def ended(one: Child) -> Child:
    deadline = time.monotonic() + 60
    while not one.has_exited:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return one


@pytest.mark.parametrize(
    ("line", "status"),
    [("halfpenny: HALFPENNY_X: should be a number", 1), ("bad_settings: HALFPENNY_RISK_X: no such file", 2)],
)
def test_a_refusal_of_the_first_start_is_passed_on_at_once(tmp_path: Path, line: str, status: int) -> None:
    code = f"import sys\nprint('{{}}')\nsys.stderr.write('{line}\\n')\nsys.exit({status})"
    one = child(tmp_path, code)
    one.start()
    with pytest.raises(StartRefused) as refused:
        ended(one).restart()
    assert (refused.value.line, refused.value.status) == (line, status)


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('halfpenny: no')",  # a traceback ends with status 1 as well
        "import sys; sys.exit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import sys; print('halfpenny: interrupted'); sys.exit(130)",
    ],
)
def test_a_crash_is_started_again(tmp_path: Path, code: str) -> None:
    # What an earlier run of the demo left in the log says nothing about this one.
    (tmp_path / "program.log").write_text("halfpenny: HALFPENNY_X: should be a number\n")
    one = child(tmp_path, code)
    one.start()
    assert "was started again" in ended(one).restart()
    ended(one)
    with pytest.raises(ProcessFailed, match="keeps ending"):
        for _ in range(processes._RESTARTS):
            ended(one).restart()


def test_what_refuses_after_its_first_start_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose database went away ends by name as well, and comes back with it."""
    monkeypatch.setattr(processes, "_FIRST_START_S", 0.0)
    one = child(tmp_path, "import sys\nsys.exit('halfpenny: DATABASE_URL: cannot connect')")
    one.start()
    assert "was started again" in ended(one).restart()
    ended(one)
