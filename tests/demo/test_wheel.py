"""The wheel brings all that its commands need, and they run from any folder. The demo from it: test_demo."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In the last, "platform" would stand in for Python's own if the folder were imported from.
FOLDERS = (Path("/"), ROOT / "src", ROOT / "src" / "halfpenny")


def run(command: Path, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HALFPENNY", "PYTHON"))}
    environment.pop("DATABASE_URL", None)
    return subprocess.run(
        [command, *arguments], cwd=cwd, env=environment | variables, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("cwd", FOLDERS, ids=str)
def test_help_names_the_command_that_was_typed(installed: Path, cwd: Path) -> None:
    helped = run(installed, "--help", cwd=cwd)
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.split("\n")[1].split() == ["Usage:", "halfpenny", "[OPTIONS]", "COMMAND", "[ARGS]..."]
    for command in ("demo", "loadtest", "migrate"):
        assert f"│ {command} " in helped.stdout


@pytest.mark.parametrize("name", ["halfpenny-risk", "halfpenny-training"])
def test_the_other_commands_come_with_it(installed: Path, name: str) -> None:
    helped = run(installed.with_name(name), "--help", cwd=Path("/"))
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.startswith(f"usage: {name} ")


def test_what_runs_is_the_wheel(installed: Path) -> None:
    """Proof that the other tests of this file do not run the checkout."""
    program = "import halfpenny, halfpenny_demo, halfpenny_risk; print(halfpenny.__file__)"
    found = run(installed.with_name("python"), "-P", "-c", program, cwd=ROOT / "src")
    assert found.stdout.startswith(str(installed.parents[1])), found.stderr


def test_a_database_is_migrated_and_its_schema_is_the_one_described(
    installed: Path, server_folder: Path, request: pytest.FixtureRequest
) -> None:
    folder = server_folder / request.node.name
    for cwd, printed in ((ROOT / "src", "migrated from nothing"), (Path("/"), "nothing to do")):
        migrated = run(installed, "migrate", cwd=cwd, HALFPENNY_DATA=str(folder))
        assert migrated.returncode == 0, migrated.stderr
        assert migrated.stdout.rstrip().endswith(printed)
    compared = run(installed, "check", "schema", cwd=Path("/"), HALFPENNY_DATA=str(folder))
    assert compared.stdout == "The schema is that of docs/schema.sql.\n", compared.stderr
