"""A status that stands in the text of a statement is one that its column allows, so no rename passes by.

Stores bind statuses from their StrEnums where one is written. Statements that are put together once, checks, functions
and triggers of the database name them as literals; each is held here against the CHECK of its column in
docs/schema.sql, which ``test_statuses.py`` holds against the StrEnum.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from halfpenny.platform import migrations
from halfpenny.servicing.codec import EVENT_TYPES

ROOT = Path(__file__).parents[2]
SCHEMA = (ROOT / "docs" / "schema.sql").read_text()
_TABLE = re.compile(r"CREATE TABLE (\w+) \((.*?)\n\)", re.DOTALL)
_LIST = re.compile(r"CHECK \(\((\w+) = ANY \(ARRAY\[(.*?)\]\)\)\)")
_LITERAL = re.compile(r"'([a-z_A-Z]+)'")
_COLUMN = r"(?:\(?(\w+)\.)?\"?(\w+)\"?\)?"
_VALUE = r"'[a-zA-Z_]+'"
# column = 'a', column <> 'a', column IS DISTINCT FROM 'a', SET column = 'a', column IN ('a', 'b')
_COMPARED = re.compile(
    rf"\b{_COLUMN}\s*(?:=|<>|!=|IS (?:NOT )?DISTINCT FROM)\s*({_VALUE})"
    rf"|\b{_COLUMN}\s+(?:NOT )?IN \(\s*({_VALUE}(?:,\s*{_VALUE})*)\s*\)"
)
_CASE = re.compile(rf"\bCASE\s+{_COLUMN}\s+(WHEN\s+{_VALUE}.*?)\bEND\b", re.DOTALL)
_WHEN = re.compile(rf"\bWHEN\s+({_VALUE})")
# SET column = CASE WHEN condition THEN 'a' ELSE 'b' END
_SET = re.compile(rf"\b{_COLUMN}\s*=\s*CASE\s+WHEN\b(.*?)\bEND\b", re.DOTALL)
_ACCOUNT = re.compile(r"'(\w+)', [^()']*\)::account_name")
_POSTING = re.compile(r"\(\w+, \w+, '(\w+)',[^']*\)::posting")
_RESULT = re.compile(rf"\b(?:THEN|ELSE)\s+({_VALUE})(?!\s*[|]{{2}})|^({_VALUE})$")
_NAMED = re.compile(
    r"\b(?:FROM|JOIN|UPDATE|INTO|ONLY|TABLE)\s+(?:public\.)?\"?(\w+)\"?(?:\s+(?:AS\s+)?(?!ON\b|SET\b)(\w+))?"
)
# A comparison's source begins with its table.
_FIRST = re.compile(r"^\s*\(?(\w+)(?:\s+(?:AS\s+)?(\w+))?")


def allowed_values() -> dict[tuple[str, str], set[str]]:
    """What the CHECK of each (table, column) allows, the events of the chart, and the names of servicing's events."""
    found = {
        (table, column): set(_LITERAL.findall(values))
        for table, body in _TABLE.findall(SCHEMA)
        for column, values in _LIST.findall(body)
    }
    events = {line[0] for line in migrations.module("0002").chart_lines()}
    found |= {(table, "event"): events for table in ("transfer", "hold", "chart")}
    return found | {("servicing_event", "kind"): set(EVENT_TYPES)}


ALLOWED = allowed_values()
COLUMNS = {column for _, column in ALLOWED}


@dataclass(frozen=True)
class Use:
    """A literal of a statement, the column it is for, and the tables that the column may be of."""

    literal: str
    column: str
    tables: frozenset[str]

    @property
    def allowed(self) -> bool:
        return any(self.literal in ALLOWED[table, self.column] for table in self.tables)


def aliases(text: str) -> dict[str, set[str]]:
    """Which tables each name or alias of a text stands for."""
    known = {table for table, _ in ALLOWED}
    found: dict[str, set[str]] = {}
    for table, alias in [*_NAMED.findall(text), *_FIRST.findall(text)]:
        if table in known:
            for name in {table, alias} - {""}:
                found.setdefault(name, set()).add(table)
    return found


def _tables_of(alias: str, column: str, near: list[dict[str, set[str]]]) -> frozenset[str]:
    """The tables that a column may be of: what its alias stands for in the text, in its statement, in the module; of a
    derived table or without an alias, what is named there."""
    for names in near:
        for candidates in (names.get(alias, set()), set().union(*names.values())):
            if own := frozenset(table for table in candidates if (table, column) in ALLOWED):
                return own
    return frozenset(table for table, own in ALLOWED if own == column)


def uses(texts: list[str], module: str) -> Iterator[Use]:
    """The literals that the texts of one statement compare a listed column with, or set it to."""
    near = [aliases(text) for text in texts] + [aliases(" ".join(texts)), aliases(module)]
    for place, text in enumerate(texts):
        own = [near[place], *near[len(texts) :]]
        for found in _COMPARED.findall(text):
            alias, column, one, alias_of_many, column_of_many, many = found
            if (name := column or column_of_many) in COLUMNS:
                for literal in _LITERAL.findall(one or many):
                    yield Use(literal, name, _tables_of(alias or alias_of_many, name, own))
        for alias, column, branches in _CASE.findall(text):
            if column in COLUMNS:
                for literal in _WHEN.findall(branches):
                    yield Use(literal.strip("'"), column, _tables_of(alias, column, own))
        for alias, column, branches in _SET.findall(text):
            if column in COLUMNS:
                for one, _ in _RESULT.findall(branches):
                    yield Use(one.strip("'"), column, _tables_of(alias, column, own))
        yield from (Use(kind, "kind", frozenset({"account"})) for kind in _ACCOUNT.findall(text))
        yield from (Use(event, "event", frozenset({"transfer"})) for event in _POSTING.findall(text))


def expected_values(node: ast.AST, module: str) -> Iterator[Use]:
    """Of a comparison's pairs (found, expected): the literals that a listed column should be."""
    for pair in ast.walk(node):
        if isinstance(pair, ast.Tuple) and len(pair.elts) == 2:
            found, expected = (_text(part) for part in pair.elts)
            simple = re.fullmatch(r"(\w+)\.(\w+)", found or "")
            if simple and simple[2] in COLUMNS and expected:
                near = [aliases(text) for text in _texts(node)] + [aliases(module)]
                for literal in (a or b for a, b in _RESULT.findall(expected)):
                    yield Use(literal.strip("'"), simple[2], _tables_of(simple[1], simple[2], near))


def _text(node: ast.AST) -> str | None:
    """The text of a string, with what an f-string puts in left out."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)
    return None


def _texts(node: ast.AST) -> list[str]:
    inside = {id(part) for joined in ast.walk(node) if isinstance(joined, ast.JoinedStr) for part in joined.values}
    return [text for part in ast.walk(node) if id(part) not in inside and (text := _text(part)) is not None]


def uses_of_python(source: str) -> list[Use]:
    tree = ast.parse(source)
    module = " ".join(_texts(tree))
    found = []
    for statement in tree.body:
        found += [*uses(_texts(statement), module), *expected_values(statement, module)]
    return found


def every_use() -> list[tuple[str, Use]]:
    python = [path for folder in ("src", "migrations") for path in (ROOT / folder).rglob("*.py")]
    found = [(path.relative_to(ROOT).as_posix(), use) for path in python for use in uses_of_python(path.read_text())]
    for path in (ROOT / "migrations").rglob("*.sql"):
        text = path.read_text()
        found += [(path.relative_to(ROOT).as_posix(), use) for use in uses([text], text)]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "X = \"SELECT 1 FROM loan l WHERE l.status = '{}'\"",
        "X = \"UPDATE loan SET status = '{}' WHERE id = $1\"",
        "X = \"SELECT 1 FROM loan WHERE status IN ('active', '{}')\"",
        "X = \"SELECT 1 FROM loan l WHERE l.status IS DISTINCT FROM '{}'\"",
        "X = \"SELECT CASE l.status WHEN 'active' THEN 1 WHEN '{}' THEN 2 END FROM loan l\"",
        "X = \"UPDATE loan SET status = CASE WHEN a = b THEN '{}' ELSE 'active' END\"",
        "X = Comparison('loan', 'l.id', 'loan l', {{'status': ('l.status', \"CASE WHEN x THEN '{}' END\")}})",
        "X = Comparison('loan', 'l.id', 'loan l', {{'status': ('l.status', \"'{}'\")}})",
        "def f(): return g('SELECT 1 FROM loan l', where=\"l.status <> '{}'\")",
    ],
)
def test_a_status_that_a_column_does_not_allow_is_found(source: str) -> None:
    # 'open' is a status of other tables, and none of a loan.
    for literal in ("activ", "open"):
        assert any(use.literal == literal and not use.allowed for use in uses_of_python(source.format(literal)))
    assert all(use.allowed for use in uses_of_python(source.format("repaid")))


def test_a_kind_of_account_and_an_event_that_the_ledger_does_not_have_are_found() -> None:
    source = (
        "X = \"SELECT ledger_post(ARRAY[(a, 0, 'gift', b, NULL, c, (d, 'purse', e, f)::account_name, g, h)::posting])\""
    )
    assert {use.literal for use in uses_of_python(source) if not use.allowed} >= {"purse"}
    source = "X = \"SELECT ledger_post(ARRAY[(a, b, 'gift', c, NULL, d, e, f, g)::posting])\""
    assert {use.literal for use in uses_of_python(source) if not use.allowed} == {"gift"}


def test_every_status_in_a_statement_is_one_of_its_column() -> None:
    found = every_use()
    assert len(found) > 100
    assert [(path, use) for path, use in found if not use.allowed] == []
