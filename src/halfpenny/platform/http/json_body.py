"""JSON as money needs it: no duplicate keys, no NaN, nothing that PostgreSQL text cannot hold."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NoReturn

from halfpenny.primitives.errors import Malformed

MAX_DEPTH = 32


class MalformedJson(Malformed):
    code = "malformed_json"
    message = "The body is not valid JSON."


class DuplicateKey(Malformed):
    code = "duplicate_key"
    message = "A key appears twice in one JSON object."


def read_json(body: bytes) -> Any:
    """Parse a request body strictly.

    Python's parser takes the last of two equal keys and accepts NaN and Infinity (RFC 8259 leaves the
    first open and forbids the second): both are refused here, and so are texts with NUL or lone
    surrogates and anything nested deeper than MAX_DEPTH. Raises MalformedJson or DuplicateKey.
    """
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise MalformedJson() from error
    _check(value, MAX_DEPTH)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise DuplicateKey()
    return value


def _refuse(_constant: str) -> NoReturn:
    raise MalformedJson("NaN and Infinity are not JSON.")


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        # isprintable is not asked: line breaks are fine in a description.
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise MalformedJson("A text holds a character that cannot be stored.")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise MalformedJson("The body is nested too deeply.")
        if isinstance(value, dict):
            for key in value:
                _check(key, 0)
            value = list(value.values())
        for item in value:
            _check(item, depth - 1)


def fingerprint(method: str, path: str, body: bytes) -> bytes:
    """What one idempotency key stands for: SHA-256 of method, path and the body in canonical form.

    Two bodies that differ only in the order of keys or in blanks are the same request. Raises
    MalformedJson where the body is not JSON.
    """
    canonical = b""
    if body:
        canonical = json.dumps(read_json(body), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), canonical))).digest()
