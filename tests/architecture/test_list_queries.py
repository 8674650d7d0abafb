"""Every list is read along an index, however long its table grows.

A list query is any text in a feature's store (store.py, or a file of its store/ folder) that orders rows and limits
them. PostgreSQL plans each with scans of whole tables and sorts priced out: a plan that still scans a table from end
to end, or sorts before it limits, has no index to go by.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

SOURCE = Path(__file__).parents[2] / "src" / "halfpenny"
LIST = re.compile(r"\bSELECT\b.*\bORDER BY\b.*\bLIMIT\b", re.DOTALL)
# A batch of work that changes rows is no list, though it takes its rows in order and with a limit.
WORK = re.compile(r"\b(UPDATE \w+( \w+)? SET|INSERT INTO|DELETE FROM)\b")

# Tables of a fixed handful of rows, which may be read whole.
TINY = {"business_clock"}
# Lists that sort after an index has narrowed them to what belongs to one thing, and what that thing is.
NARROW: dict[str, str] = {}


def stores() -> list[Path]:
    return sorted([*SOURCE.glob("*/store.py"), *SOURCE.glob("*/*/store.py"), *SOURCE.glob("*/store/*.py")])


def list_queries(file: Path) -> Iterator[tuple[str, str]]:
    """(place, SQL) of every list query in a store, with the constants that it is made of filled in."""
    module = "halfpenny." + ".".join(file.relative_to(SOURCE).with_suffix("").parts)
    tree = ast.parse(file.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        whole = isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and id(node) not in parts)
        written = ast.unparse(node) if whole else ""
        if LIST.search(written) and not WORK.search(written):
            text = eval(  # noqa: S307 - the project's own source, in the names of its own module
                compile(ast.Expression(node), str(file), "eval"),  # type: ignore[arg-type]
                vars(importlib.import_module(module)),
            )
            yield f"{module.removeprefix('halfpenny.')}:{node.lineno}", str(text)  # type: ignore[attr-defined]


QUERIES = [query for file in stores() for query in list_queries(file)]


def faults(plan: dict[str, Any]) -> Iterator[str]:
    """What in a plan grows with the table: whole scans, and sorts of what was not limited before."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] not in TINY:
        yield f"reads all of {plan['Relation Name']}"
    if plan["Node Type"] == "Sort" and not limited(plan):
        yield f"sorts by {', '.join(plan['Sort Key'])}"
    for part in plan.get("Plans", []):
        yield from faults(part)


def limited(plan: dict[str, Any]) -> bool:
    """Whether what comes out of a step was limited somewhere below it."""
    return plan["Node Type"] == "Limit" or any(limited(part) for part in plan.get("Plans", []))


def plan_of(database_url: str, query: str) -> dict[str, Any]:
    """The generic plan: the one for whatever the parameters turn out to be."""
    with psycopg.connect(database_url) as connection:
        for way in ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort"):
            connection.execute(f"SET LOCAL {way} = off")
        found = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {query}".encode()).fetchone()
    assert found is not None
    plan: dict[str, Any] = found[0][0]["Plan"]
    return plan


@pytest.mark.parametrize(("place", "query"), [pytest.param(*each, id=each[0]) for each in QUERIES])
def test_list_queries_are_served_by_an_index(database_url: str, place: str, query: str) -> None:
    found = list(faults(plan_of(database_url, query)))
    if place.partition(":")[0] in NARROW:
        found = [fault for fault in found if not fault.startswith("sorts")]
    assert found == [], query


def test_the_features_with_lists_are_seen() -> None:
    assert {"loans", "funding", "ledger", "identity"} <= {place.partition(".")[0] for place, _ in QUERIES}


def test_the_rule_lets_an_indexed_list_pass(database_url: str) -> None:
    assert list(faults(plan_of(database_url, "SELECT id FROM app_user WHERE id > $1 ORDER BY id LIMIT $2"))) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT id FROM app_user WHERE full_name > $1 LIMIT $2", "reads all of app_user"),
        ("SELECT id FROM app_user ORDER BY full_name LIMIT $1", "sorts by full_name"),
    ],
)
def test_the_rule_catches_a_list_without_an_index(database_url: str, query: str, fault: str) -> None:
    assert fault in list(faults(plan_of(database_url, query)))
