"""Codes are a promise: each has one meaning, a place in the one table, and a line in docs/errors.md."""

from __future__ import annotations

import re
from pathlib import Path

from halfpenny.entrypoints.error_codes import document, every_error
from halfpenny.platform.http.problems import FAILURE_KINDS, status_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"


def test_every_code_is_documented_and_none_else() -> None:
    assert DOCUMENT.read_text() == document(), "make docs"


def test_a_code_has_one_status_and_one_answer_to_retrying() -> None:
    meanings: dict[str, set[tuple[int, bool]]] = {}
    for kind in every_error():
        meanings.setdefault(kind.code, set()).add((status_of(kind), kind.retryable))
    assert {code: found for code, found in meanings.items() if len(found) > 1} == {}


def test_codes_are_plain_and_messages_are_sentences() -> None:
    for kind in every_error():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", kind.code), kind
        assert kind.message[0].isupper(), kind
        assert kind.message[-1] in ".!?", kind
        # Nothing is put into a message: what belongs to it stands beside it in the answer.
        assert re.search(r"\{\w+\}", kind.message) is None, kind
        assert kind.kind in FAILURE_KINDS, kind


def test_what_may_be_retried_is_answered_with_a_retryable_status() -> None:
    for kind in every_error():
        assert kind.retryable == (status_of(kind) in (429, 503)), kind
