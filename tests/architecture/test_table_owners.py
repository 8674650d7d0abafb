"""A feature's SQL names the tables of that feature and no others: what belongs to another is asked of its functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from architecture.test_house_rules import ROOT, python_files

MIGRATIONS = ROOT / "migrations" / "versions"
# The features whose tables a migration makes; the number states which.
OWNERS = {
    "0001": {"platform"},
    "0002": {"ledger"},
    "0003": {"identity"},
    "0004": {"realtime"},
    "0005": {"loans", "underwriting"},
    "0006": {"funding"},
    "0007": {"servicing"},
    "0008": {"approvals"},
}
# The proof of the books holds the tables of several features against each other: that is what it is for.
PROOF = re.compile(r"\w+/check(\.py|/\w+\.py)")
# (file, table): why it may.
EXCEPTIONS = {
    ("entrypoints/books.py", "transfer"): "how many there are, for the progress bar of the proof",
    ("entrypoints/books.py", "chain_head"): "the proof prints the heads of all chains",
}

_CREATED = re.compile(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?\"?(\w+)")
_VERB = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b")
_NAMED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|USING|TABLE)\s+(?:ONLY\s+)?\"?(\w+)")


def tables() -> dict[str, str]:
    """Every table of the schema and the number of the migration that makes it."""
    return {name: file.name[:4] for file in MIGRATIONS.glob("0*") for name in _CREATED.findall(file.read_text())}


def named_tables(source: str, known: dict[str, str]) -> Iterator[str]:
    """The tables that the SQL in a module reads or writes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            # A statement may be put together from parts: a part without a verb still names its tables in capitals.
            yield from (name for name in _NAMED.findall(node.value) if name in known and _is_sql(node.value))


def _is_sql(text: str) -> bool:
    return bool(_VERB.search(text) or re.match(r"\s*(FROM|LEFT JOIN|JOIN)\b", text))


def found_exceptions() -> set[tuple[str, str]]:
    known = tables()
    return {
        (str(file.relative_to(ROOT / "src" / "halfpenny")), table)
        for file in python_files("src/halfpenny")
        for table in named_tables(file.read_text(), known)
        if file.relative_to(ROOT / "src" / "halfpenny").parts[0] not in OWNERS[known[table]]
        and not PROOF.fullmatch(str(file.relative_to(ROOT / "src" / "halfpenny")))
    }


def test_every_migration_has_its_owner() -> None:
    assert set(tables().values()) <= OWNERS.keys()
    assert len(tables()) > 30


def test_sql_names_only_the_tables_of_its_own_feature() -> None:
    """Every exception is listed with its reason, and none is listed that is not needed."""
    assert found_exceptions() == EXCEPTIONS.keys()


def test_it_sees_a_foreign_table() -> None:
    known = {"loan": "0005", "account": "0002"}
    assert list(named_tables('x = "SELECT 1 FROM loan l JOIN account a ON true"', known)) == ["loan", "account"]
    assert list(named_tables('f"SELECT {columns} FROM loan WHERE id = $1"', known)) == ["loan"]
    assert list(named_tables('"Money from account to account, see loan"', known)) == []


def test_paths_are_as_the_exceptions_write_them() -> None:
    assert all((ROOT / "src" / "halfpenny" / Path(file)).is_file() for file, _ in EXCEPTIONS)
