"""The house's rules that no linter knows. Each states what to do instead, and each is shown to catch what it is for."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
FEATURES = (
    *("ledger", "identity", "approvals", "loans", "underwriting", "funding", "servicing", "marketplace"),
    "risk_reporting",
    *("realtime", "backoffice", "web", "platform", "primitives"),
)

LONGEST_FUNCTION = 70
LONGEST_FILE = 500


@cache
def tracked_files() -> list[Path]:
    """What the project consists of: everything under version control or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def python_files(*folders: str) -> list[Path]:
    roots = [ROOT / folder for folder in folders]
    return [file for file in tracked_files() if file.suffix == ".py" and any(root in file.parents for root in roots)]


def where(file: Path, line: int) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


# --- size ---------------------------------------------------------------------------------------------------------


def long_functions(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length >= LONGEST_FUNCTION:
                yield node.name, node.lineno, length


def test_functions_stay_under_70_lines() -> None:
    found = [
        f"{where(file, line)} {name} has {length} lines: part it"
        for file in python_files("src")
        for name, line, length in long_functions(ast.parse(file.read_text()))
    ]
    assert found == []


def test_files_stay_under_500_lines() -> None:
    found = [
        f"{file.relative_to(ROOT)} has {length} lines: part it by use case"
        for file in python_files("src", "tests", "bench", "migrations", "scripts")
        if (length := len(file.read_text().splitlines())) >= LONGEST_FILE
    ]
    assert found == []


def test_services_are_parted_by_use_case_and_nothing_is_called_utils() -> None:
    for file in python_files("src"):
        assert file.stem not in ("utils", "helpers", "common", "misc"), f"{file}: name the business instead"
        if file.name == "service.py":
            length = len(file.read_text().splitlines())
            assert length <= 300, f"{file} has {length} lines: make it a folder with a file for each use case"


# --- banned calls -------------------------------------------------------------------------------------------------

BANNED = {
    "datetime.now": "business_now(connection) for lending, or pass the time as an argument",
    "datetime.utcnow": "business_now(connection) for lending, or pass the time as an argument",
    "date.today": "business_date(connection), or pass the date as an argument",
    "eval": "nothing: parse what you are given",
    "exec": "nothing",
    "pickle.loads": "msgspec: pickle runs whatever it reads",
    "pickle.load": "msgspec: pickle runs whatever it reads",
    "os.system": "subprocess.run with a list",
    "print": "structlog in services, typer.echo in commands",
    "float": "integers of minor units for money, Decimal for rates",
}
# Money is handled here, and only here a float is a mistake: areas, probabilities and seconds may be floats.
NO_FLOATS = ("src/halfpenny/ledger", "src/halfpenny/funding", "src/halfpenny/servicing", "src/halfpenny/x.py")
ALLOWED = {
    ("float", "src/halfpenny/servicing/model/returns.py"): "an internal rate of return is found by approximation",
    ("datetime.now", "src/halfpenny/platform/telemetry.py"): "a log line says when it was written, in real time",
    ("datetime.now", "src/halfpenny_risk/cli.py"): "a command runs on the day on which it is typed",
    ("datetime.now", "src/halfpenny_risk/service/rabbit.py"): "a sender stamps its event, as the outbox does",
    ("datetime.now", "src/halfpenny_risk/service/publishing.py"): "the method is published as of the day",
    ("datetime.now", "src/halfpenny_training/cli.py"): "a judgement is dated by the day on which it is made",
}


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def banned_calls(file: Path, tree: ast.AST) -> Iterator[str]:
    place = file.relative_to(ROOT).as_posix()
    for called, line in calls(tree):
        if called not in BANNED or (called, place) in ALLOWED:
            continue
        # Commands and the demo's journey live in real time, outside of the market's.
        outside = called.startswith("date") and place.startswith(("src/halfpenny/entrypoints", "src/halfpenny_demo"))
        if not outside and (called != "float" or place.startswith(NO_FLOATS)):
            yield f"{where(file, line)} calls {called}; use {BANNED[called]}"


def test_banned_calls_are_not_made() -> None:
    found = [line for file in python_files("src") for line in banned_calls(file, ast.parse(file.read_text()))]
    assert found == []


@pytest.mark.parametrize("good", ["business_now(connection)", "now()", "Decimal('1.5')", "math.fsum(x)"])
def test_the_rule_lets_good_calls_pass(good: str) -> None:
    assert list(banned_calls(SOURCE / "halfpenny" / "x.py", ast.parse(good))) == []


@pytest.mark.parametrize("bad", ["datetime.now(UTC)", "float(amount)", "print(1)", "f(date.today())"])
def test_the_rule_catches_bad_calls(bad: str) -> None:
    assert len(list(banned_calls(SOURCE / "halfpenny" / "x.py", ast.parse(bad)))) == 1


# --- directions ---------------------------------------------------------------------------------------------------


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def reaches_inside(feature: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Imports of another feature's files instead of its public surface. platform and primitives are open to all."""
    closed = [f"halfpenny.{other}." for other in FEATURES if other not in (feature, "platform", "primitives", "web")]
    for module, line in imports(tree):
        if any(module.startswith(inside) for inside in closed):
            yield module, line


def test_features_import_each_other_only_through_their_public_surface() -> None:
    found = [
        f"{where(file, line)} imports {module}: take it from the feature's __init__, or add it there"
        for feature in FEATURES
        for file in python_files(f"src/halfpenny/{feature}")
        for module, line in reaches_inside(feature, ast.parse(file.read_text()))
    ]
    assert found == []


def test_the_rule_distinguishes_surface_from_inside() -> None:
    surface = ast.parse("from halfpenny import ledger\nfrom halfpenny.loans import Loan\nimport halfpenny.funding.x")
    assert [module for module, _ in reaches_inside("funding", surface)] == []
    inside = ast.parse("from halfpenny.loans.store import find")
    assert [module for module, _ in reaches_inside("funding", inside)] == ["halfpenny.loans.store"]


def test_only_entrypoints_read_the_environment() -> None:
    found = [
        where(file, line)
        for feature in FEATURES
        for file in python_files(f"src/halfpenny/{feature}")
        for line, text in enumerate(file.read_text().splitlines(), 1)
        if re.search(r"os\.(environ|getenv)", text) and "PATH" not in text and "PROMETHEUS_MULTIPROC_DIR" not in text
    ]
    assert found == [], "features get plain values; halfpenny.entrypoints.settings reads the environment"


# --- words --------------------------------------------------------------------------------------------------------

UNFINISHED = re.compile(r"\b(TODO|FIXME|HACK|NotImplementedError)\b")
# Package indexes and mirrors, and places of one machine: requirements name packages and hashes only.
PLACES = re.compile(r"(pypi\.org|pythonhosted\.org|--index-url|--extra-index-url|/root/|/home/[a-z]+/)")
# The rules themselves must name what they forbid.
EXEMPT = {Path(__file__)}


def lines_matching(pattern: re.Pattern[str], files: Iterable[Path]) -> list[str]:
    return [
        f"{where(file, number)}: {line.strip()[:100]}"
        for file in files
        if file not in EXEMPT
        and file.suffix in {".py", ".md", ".txt", ".toml", ".yml", ".yaml", ".sql", ".ini", ".sh", ""}
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_left_unfinished() -> None:
    assert lines_matching(UNFINISHED, tracked_files()) == []


def test_no_registry_and_no_place_of_one_machine_is_named() -> None:
    assert lines_matching(PLACES, tracked_files()) == []


def test_every_requirement_is_pinned_with_hashes() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        entries = re.split(r"\n(?=\S)", file.read_text().strip())
        loose = [entry for entry in entries if not re.match(r"[a-z0-9._\[\]-]+==\S+.*--hash=sha256:", entry, re.DOTALL)]
        assert loose == [], file.name


def test_migrations_form_one_line_and_wait_only_briefly_for_locks() -> None:
    files = python_files("migrations/versions")
    assert len(files) >= 7
    for file in files:
        first = re.search(r"def upgrade\(\) -> None:\n    (.+)", file.read_text())
        assert first is not None, file
        assert first[1] == """op.execute("SET LOCAL lock_timeout = '5s'")""", file
