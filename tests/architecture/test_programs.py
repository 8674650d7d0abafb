"""Modules that are run by their name: each reads its arguments before it does anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# They write one document to standard output, and take no argument.
WRITERS = {
    *("src/halfpenny/loans/diagram.py", "src/halfpenny/entrypoints/error_codes.py"),
    *("src/halfpenny/entrypoints/permissions.py", "src/halfpenny/entrypoints/settings_document.py"),
    *("src/halfpenny/entrypoints/alert_rules.py", "src/halfpenny/entrypoints/dashboard.py"),
}
# It runs on the standard library alone, and answers whatever it does not know with its usage.
SETUP = "scripts/setup.py"
# The benchmark starts it with what it needs on standard input.
CHILDREN = {"bench/investing/watchers.py"}


def programs() -> list[str]:
    files = (file for folder in ("src", "bench", "scripts") for file in (ROOT / folder).rglob("*.py"))
    return sorted(str(file.relative_to(ROOT)) for file in files if '\nif __name__ == "__main__":' in file.read_text())


def test_every_program_reads_its_arguments() -> None:
    found = programs()
    assert WRITERS | CHILDREN | {SETUP} <= set(found)
    without = [
        name
        for name in found
        if name not in {*WRITERS, *CHILDREN, SETUP}
        and not any(reader in (ROOT / name).read_text() for reader in ("argparse", "typer"))
    ]
    assert without == []


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("module", ["halfpenny_training.pipeline_steps", "halfpenny_training.demo_properties"])
def test_help_prints_the_usage_and_starts_nothing(module: str) -> None:
    ended = run("-m", module, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("usage: ") and "-- data done" not in ended.stdout


@pytest.mark.parametrize("argument", ["--onyl", "borrower"])
def test_an_argument_that_is_not_known_ends_training_before_its_first_step(argument: str) -> None:
    ended = run("-m", "halfpenny_training.pipeline_steps", argument)
    assert ended.returncode == 2 and argument in ended.stderr and ended.stdout == ""
