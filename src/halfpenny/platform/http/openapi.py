"""The OpenAPI 3.1 description, with what FastAPI cannot know: how every route fails, and required keys."""

from __future__ import annotations

import re
from typing import Any, Final

from fastapi import FastAPI

from halfpenny.platform.http.problems import PROBLEM_TYPE

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A failure (RFC 9457). `code` is stable; `data` holds what the caller may know of the reason.",
    "required": ["type", "title", "status", "detail", "instance", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "data": {"type": "object"},
    },
}
_FAILURES: Final = {
    "4XX": "Not done, and nothing changed: the request is malformed, not allowed or refused by a rule.",
    "5XX": "Not known to be done: retry with the same Idempotency-Key.",
}
# Put into a parameter's schema by whoever answers its absence by themselves; never published.
DEMANDED: Final = "x-demanded"
# Stands for HTTPBearer on routes that also answer anonymous callers; never published.
OPTIONAL_SCHEME: Final = "OptionalBearer"
_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})


def describe(app: FastAPI) -> None:
    """Make ``app.openapi()`` the whole truth about its routes."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(plain())
        return plain()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents it as the way to extend


def _complete(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"].get("securitySchemes", {}).pop(OPTIONAL_SCHEME, None)
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path in document.get("paths", {}).values():
        for method, operation in path.items():
            if method in _METHODS:
                _complete_operation(operation, content)


def _summary(description: str) -> str:
    """The first clause of what a route does: what people search for, where FastAPI has the function's name."""
    sentence = " ".join(description.split("\n\n", maxsplit=1)[0].split())
    return re.split(r"\.(?:\s|$)|[;:]\s", sentence)[0].rstrip(".")


def _complete_operation(operation: dict[str, Any], content: dict[str, Any]) -> None:
    if {OPTIONAL_SCHEME: []} in operation.get("security", ()):
        operation["security"] = [{"HTTPBearer": []}, {}]
    if operation.get("description", "`")[0] != "`":
        operation["summary"] = _summary(operation["description"])
    responses = operation.setdefault("responses", {})
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status, description in _FAILURES.items():
        responses.setdefault(status, {"description": description, "content": content})
    for parameter in operation.get("parameters", ()):
        if parameter["schema"].pop(DEMANDED, False):
            # Optional in the code only so that its absence can be answered by its own name.
            parameter["required"] = True
            parameter["schema"] = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}
