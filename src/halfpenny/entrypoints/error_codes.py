"""Every code that a problem document may carry, as docs/errors.md lists them.

``make docs`` writes it; a test compares them.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator

import halfpenny
from halfpenny.platform.http.problems import status_of
from halfpenny.primitives.errors import HalfpennyError

_INTRODUCTION = """# Error codes

Every failure of the REST interface is a problem document (RFC 9457) whose member `code` is one of these and never
changes its meaning; GraphQL carries it in `extensions.code`. `409` is a business rule that refused, `422` input that
could not be read. Where *retry* is yes, the same request may succeed later; one that moves money is retried with the
same `Idempotency-Key`. Made by `make docs`.

A body that does not fit is a 422 whose `data.errors` names each fault by a JSON pointer and a code: `missing_field`,
`unknown_field`, `malformed`, or what the field should have been, such as `malformed_amount`, `malformed_currency`,
`malformed_rate`, `malformed_date`, `malformed_moment`, `malformed_id` or `malformed_text`; `code` is that of the first.
A method that a path does not have is `method_not_allowed` (405).

| code | status | retry | message |
|---|---|---|---|
"""


def every_error() -> list[type[HalfpennyError]]:
    """All classes of errors that an edge may answer with, by code."""
    for module in pkgutil.walk_packages(halfpenny.__path__, "halfpenny."):
        if not module.name.endswith(".error_codes"):
            importlib.import_module(module.name)
    # What entrypoints raise ends a command, and never reaches a caller. Tests may have classes of their own.
    features = {
        kind
        for kind in _below(HalfpennyError)
        if kind.__module__.startswith("halfpenny.") and not kind.__module__.startswith("halfpenny.entrypoints.")
    }
    return sorted({HalfpennyError, *features}, key=lambda kind: (kind.code, kind.__module__))


def document() -> str:
    """The whole of docs/errors.md."""
    rows: dict[str, str] = {}
    for kind in every_error():
        retry = "yes" if kind.retryable else "no"
        # A subclass that keeps its parent's code is the same failure more closely; the first one is the general.
        rows.setdefault(kind.code, f"| `{kind.code}` | {status_of(kind)} | {retry} | {kind.message} |")
    return _INTRODUCTION + "\n".join(rows.values()) + "\n"


def _below(kind: type[HalfpennyError]) -> Iterator[type[HalfpennyError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


if __name__ == "__main__":
    sys.stdout.write(document())
