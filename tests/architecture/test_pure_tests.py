"""Tests of what is pure pay for no application and no server: neither they nor the common fixtures import one."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
PURE = frozenset({*sys.stdlib_module_names, "pytest", "hypothesis", "msgspec"})


def impure_imports(source: str) -> Iterator[str]:
    """What a module imports when it is loaded, but for the standard library, the test tools and primitives."""
    for node in ast.parse(source).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            if name.partition(".")[0] not in PURE and not name.startswith("halfpenny.primitives"):
                yield name


def test_pure_tests_and_the_common_fixtures_import_no_application() -> None:
    files = [TESTS / "conftest.py", *(TESTS / "primitives").glob("*.py")]
    assert len(files) > 3
    found = {file.name: names for file in files if (names := list(impure_imports(file.read_text())))}
    assert found == {}, "import it inside the fixture or, where the test is not pure, move it to its feature"


def test_the_rule_distinguishes_loading_from_calling() -> None:
    lazy = "import os\ndef f():\n    import fastapi\nif TYPE_CHECKING:\n    import httpx2"
    assert list(impure_imports(lazy)) == []
    eager = "import os, psycopg\nfrom halfpenny.loans import Loan"
    assert list(impure_imports(eager)) == ["psycopg", "halfpenny.loans"]
