"""Names: no public class name stands for two things."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "halfpenny"


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


def test_a_name_that_is_defined_twice_is_found() -> None:
    loans, funding = Path("loans.py"), Path("funding.py")
    once = public_classes(loans, "class Book: ...\nclass _Row: ...\n")
    again = public_classes(funding, "class Page: ...\n\nclass _Row: ...\nclass Book: ...\n")
    assert defined_twice(once + again) == {"Book": ["loans.py:1", "funding.py:4"]}
    assert defined_twice(once) == {}
