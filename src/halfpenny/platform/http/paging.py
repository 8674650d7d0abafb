"""Keyset pages: ``limit``, ``after`` and ``next_cursor``. A cursor is opaque to callers and signed by nobody:
it only holds where to go on, and every query filters by what the caller may see."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from fastapi import Depends, Query
from pydantic import BaseModel

from halfpenny.primitives.errors import Malformed

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)

Item = TypeVar("Item")


class MalformedCursor(Malformed):
    code = "malformed_cursor"
    message = "This cursor does not come from an earlier page."


def encode_cursor(*values: UUID | int | str) -> str:
    """The sort key of the last row of a page, as opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode([str(value) for value in values])).rstrip(b"=").decode()


def decode_cursor(text: str, *types: type[Any]) -> tuple[Any, ...]:
    """The values put into ``encode_cursor``, read as ``types`` (UUID, int or str).

    Raises MalformedCursor for anything that is not such a cursor.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        parts = msgspec.json.decode(raw, type=list[str])
        if len(parts) != len(types):
            raise MalformedCursor()
        return tuple(_read(part, kind) for part, kind in zip(parts, types, strict=True))
    except (binascii.Error, msgspec.MsgspecError, ValueError) as error:
        raise MalformedCursor() from error


def _read(part: str, kind: type[Any]) -> Any:
    if kind is UUID:
        return UUID(part)
    if kind is int:
        if _INTEGER.fullmatch(part) is None:
            raise MalformedCursor()
        return int(part)
    if "\x00" in part:
        raise MalformedCursor()
    return part


@dataclass(frozen=True, slots=True)
class Paging:
    """What the caller asked for. Fetch ``limit + 1`` rows and hand them to ``page``."""

    limit: int
    after: str | None

    def start(self, *types: type[Any]) -> tuple[Any, ...] | None:
        """The decoded cursor, or None for the first page."""
        return None if self.after is None else decode_cursor(self.after, *types)


def paging(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows a page.")] = DEFAULT_LIMIT,
    after: Annotated[
        str | None, Query(min_length=1, max_length=400, description="The next_cursor of the page before.")
    ] = None,
) -> Paging:
    return Paging(limit, after)


PageQuery = Annotated[Paging, Depends(paging)]


class PageOf(BaseModel):
    """A page of a list; ``next_cursor`` asks for the next one."""

    items: list[Any]
    next_cursor: str | None


def page(
    rows: Sequence[Item],
    limit: int,
    cursor: Callable[[Item], tuple[UUID | int | str, ...]],
    present: Callable[[Item], Any] = lambda item: item,
) -> dict[str, Any]:
    """Cut ``limit + 1`` fetched rows to a page: {"items", "next_cursor"}; the extra row only means "more"."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {
        "items": [present(row) for row in shown],
        "next_cursor": encode_cursor(*cursor(shown[-1])) if more else None,
    }
