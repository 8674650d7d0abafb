"""Names: no public class name stands for two things, and the glossary speaks of what there is."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "halfpenny"
# One thing in two programs: as it is kept or shown, and as the message between them carries it. And what each of two
# programs has of its own.
IN_TWO_PROGRAMS = {
    "Application": "a borrower's application, and what the models read of it",
    "Borrower": "a person, and what a message says of one",
    "Comparable": "a sale near by in a message, and in GraphQL",
    "Property": "the security as the borrower states it, and as a message says it",
    "Reason": "a reason of an assessment in a message, and in GraphQL",
    "Settings": "each program reads its own",
    "StressCell": "a cell of the stress grid in a message, and in GraphQL",
    "Valuation": "the valuation of a security, and the assessment's in a message",
}


def public_classes(path: Path, source: str) -> list[tuple[str, str]]:
    """(class, where) of every public class at a module's top level."""
    return [
        (node.name, f"{path.name}:{node.lineno}")
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def defined_twice(classes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The class names that are defined in more than one place, with the places."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, place in classes:
        places[name].append(place)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_no_public_class_name_is_defined_twice() -> None:
    found = [entry for path in sorted(SOURCE.rglob("*.py")) for entry in public_classes(path, path.read_text())]
    assert len(found) > 300
    assert defined_twice(found) == {}


def test_a_class_name_that_two_programs_define_is_one_thing_in_both() -> None:
    """Every package beside the marketplace counts; what is listed is needed."""
    packages = sorted(folder for folder in SOURCE.parent.iterdir() if (folder / "__init__.py").is_file())
    assert len(packages) > 4
    found = [
        (name, package.name)
        for package in packages
        for path in sorted(package.rglob("*.py"))
        for name, _ in public_classes(path, path.read_text())
    ]
    assert defined_twice(found).keys() == IN_TWO_PROGRAMS.keys()


def test_a_name_that_is_defined_twice_is_found() -> None:
    loans, funding = Path("loans.py"), Path("funding.py")
    once = public_classes(loans, "class Book: ...\nclass _Row: ...\n")
    again = public_classes(funding, "class Page: ...\n\nclass _Row: ...\nclass Book: ...\n")
    assert defined_twice(once + again) == {"Book": ["loans.py:1", "funding.py:4"]}
    assert defined_twice(once) == {}


def terms(glossary: str) -> list[list[str]]:
    """The terms of each table of the glossary, in its order; the tables of codes are compared with their enums."""
    tables = [
        re.findall(r"^\| \*\*(.+?)\*\* \|", section, re.MULTILINE)
        for section in re.split(r"^## ", glossary, flags=re.MULTILINE)[1:]
    ]
    return [table for table in tables if table]


def test_the_glossary_has_each_term_once_in_order() -> None:
    tables = terms((ROOT / "docs" / "glossary.md").read_text())
    assert len(tables) == 4
    for table in tables:
        assert table == sorted(table, key=str.casefold)
    every = [term for table in tables for term in table]
    assert len(every) == len(set(every)) > 80


def test_the_glossarys_names_are_in_the_code() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    code = "\n".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    text = re.sub(r"\| `\w+` (?=\|)", "", text)  # codes of statuses and kinds: test_statuses.py has them
    names = set(re.findall(r"`([A-Za-z_.]+)`", text)) - {"recorded_at"}
    assert len(names) > 25
    missing = {
        name
        for name in names
        if not re.search(rf"class {name}\b" if name[0].isupper() else rf"[\"' .]{re.escape(name)}\b", code)
    }
    assert missing == set()
