"""Terms that can be searched for: no figure of speech in a docstring, a comment, a document, a name or a test's name.

Each forbidden word stands beside the standard terms that replace it. The list is of words that hid what code does: a
process that "hears" subscribes or consumes, a store that "forgets" prunes, a rule that "says no" refuses.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STANDARD_TERMS = {
    r"tells?|telling|told": "notify, answer, report, disclose",
    r"hears?|hearing|heard|deaf": "subscribe, consume, be notified, disconnected",
    r"believes?|believed": "count, trust a proxy",
    r"wish|wishes": "option, candidate, wanted amount",
    r"whispers?|chatter|gossip": "log, publish",
    r"lets? go of|lets? it go": "release, close, void",
    r"forgets?|forgotten": "prune, delete, drop from the cache",
    r"remembers|remembered": "cache, store",
    r"strangers?": "anonymous caller, untrusted address",
    r"deeds?": "audit entry, act",
    r"buries|buried|bury": "dead-letter",
    r"at hand|in hand": "running, claimed",
    r"asleep|awake": "idle, running",
    r"told off|no mouth|eyes of": "",
}
# Prose may say what a text says; a name that says, tells or looks hides what is done.
STANDARD_VERBS = {r"says?|saying|said": "record_event, print_line, output, published"}
FORBIDDEN = re.compile(rf"\b({'|'.join(STANDARD_TERMS)})\b", re.IGNORECASE)
FORBIDDEN_IN_NAMES = re.compile(rf"\b({'|'.join([*STANDARD_TERMS, *STANDARD_VERBS])})\b", re.IGNORECASE)
# The words of a form or of a law, and the phrases in which a listed word is the thing itself.
ALLOWED = re.compile(r"forgotten passwords?|title deeds?|tells? [\w ]{0,40}apart", re.IGNORECASE)
PYTHON = sorted(
    path
    for folder in ("src", "migrations", "tests", "bench", "scripts")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("src/**/*.md")]
    if "vendor" not in path.parts and path.name != "CHANGELOG.md"
)


def figures_in(text: str) -> list[str]:
    """The figures of speech in a text."""
    return [found[0] for found in FORBIDDEN.finditer(ALLOWED.sub(" ", text))]


def figures_in_name(name: str) -> list[str]:
    """The figures of speech in a name that was written as words; test names are sentences, and read as prose."""
    pattern = FORBIDDEN if name.startswith("test ") else FORBIDDEN_IN_NAMES
    return [found[0] for found in pattern.finditer(ALLOWED.sub(" ", name))]


def prose_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each docstring and comment."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text is not None:
                yield getattr(node, "lineno", 1), text
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def names_of(source: str) -> Iterator[tuple[int, str]]:
    """(line, name in words) of each function, class, argument and assigned variable."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.name.replace("_", " ")
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg.replace("_", " ")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id.replace("_", " ")


def faults(path: Path) -> list[str]:
    """Each figure of speech in a Python file, with its line."""
    source = path.read_text()
    return [
        f"{path.relative_to(ROOT)}:{line}: {figure!r} in {' '.join(text.split())[:90]!r}"
        for line, text, figures in [
            *((line, text, figures_in(text)) for line, text in prose_of(source)),
            *((line, name, figures_in_name(name)) for line, name in names_of(source)),
        ]
        for figure in figures
    ]


@pytest.mark.parametrize("folder", ["src", "migrations", "tests", "bench", "scripts"])
def test_code_uses_standard_terms(folder: str) -> None:
    paths = [path for path in PYTHON if path.relative_to(ROOT).parts[0] == folder]
    assert paths
    assert [fault for path in paths for fault in faults(path)] == []


def test_documents_use_standard_terms() -> None:
    assert len(DOCUMENTS) > 30
    found = [
        f"{path.relative_to(ROOT)}:{number}: {figure!r}"
        for path in DOCUMENTS
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for figure in figures_in(line)
    ]
    assert found == []


def test_sql_comments_use_standard_terms() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {figure!r} in {comment!r}"
        for path in sorted((ROOT / "migrations").rglob("*"))
        if path.suffix in (".py", ".sql")
        for comment in re.findall(r"--[^\n]*", path.read_text())
        for figure in figures_in(comment)
    ]
    assert found == []


def test_a_figure_of_speech_is_found() -> None:
    source = '"""The hub."""\n\ndef tell_everybody(wish: int) -> None:\n    heard = 1  # nobody is deaf\n'
    found = [
        *(figure for _, text in prose_of(source) for figure in figures_in(text)),
        *(figure for _, name in names_of(source) for figure in figures_in_name(name)),
    ]
    assert found == ["deaf", "tell", "wish", "heard"]
    assert figures_in_name("said") == ["said"] and figures_in("What the statement says.") == []
    assert figures_in("Registrations and forgotten passwords") == []
