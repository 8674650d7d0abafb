"""Who may call what, as docs/permissions.md lists it: roles by permission, and the permission of each route and field.

``make docs`` writes it; a test compares them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, WebSocketRoute

from halfpenny.identity import ROLE_PERMISSIONS, Permission, Role, asked_by
from halfpenny.marketplace import field_permissions

_INTRODUCTION = """# Permissions

A route or field of a query names the permission that its caller needs, and one table has the permissions of each role.
Whether a caller may do it to *this* loan, ticket or person is the thing's own rule: what is not theirs to see does not
exist (404). An account has one role. What takes a second person takes one whatever the role: see
[acts that take two people](guides/approvals.md). Made by `make docs`.

## Roles

"""


def routes(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, frozenset[Permission] | None]]:
    """("GET /api/v1/me", its permissions) of every route that people or programs call.

    Any one of the permissions lets a caller through; none of them lets anyone. None instead: the route declares
    nothing, or more than once, which is a fault.
    """
    for context in iter_route_contexts(routes):
        dependant = getattr(context, "dependant", None)
        found = [asked for asked in _asked(dependant) if asked is not None] if dependant is not None else []
        for method in sorted(context.methods or {"WS" if isinstance(context.original_route, WebSocketRoute) else "*"}):
            yield f"{method} {context.path}", found[0] if len(found) == 1 else None


def _asked(dependant: Dependant) -> Iterator[frozenset[Permission] | None]:
    for inner in dependant.dependencies:
        if inner.call is not None:
            yield asked_by(inner.call)
        yield from _asked(inner)


def document(app: FastAPI) -> str:
    """The whole of docs/permissions.md."""
    roles = list(Role)
    lines = [f"| permission | {' | '.join(roles)} |", "|---" * (len(roles) + 1) + "|"]
    for permission in Permission:
        held = ["yes" if permission in ROLE_PERMISSIONS[role] else "" for role in roles]
        lines.append(f"| `{permission}` | {' | '.join(held)} |")
    lines += ["", "## Routes", "", "| route | takes |", "|---|---|"]
    lines += [
        f"| `{name}` | {_taken(asked)} |"
        for name, asked in sorted(routes(app.routes), key=_by_path)
        if asked is not None
    ]
    lines += ["", "## Fields of the GraphQL query", "", "| field | takes |", "|---|---|"]
    lines += [f"| `{name}` | {_taken(asked)} |" for name, asked in sorted(field_permissions().items())]
    return _INTRODUCTION + "\n".join(lines) + "\n"


def _by_path(entry: tuple[str, object]) -> tuple[str, str]:
    method, path = entry[0].split()
    return path, method


def _taken(asked: frozenset[Permission]) -> str:
    return " or ".join(f"`{permission}`" for permission in sorted(asked)) or "anyone"


if __name__ == "__main__":
    from halfpenny.entrypoints.api import create_app
    from halfpenny.entrypoints.settings import Settings

    sys.stdout.write(document(create_app(Settings())))
