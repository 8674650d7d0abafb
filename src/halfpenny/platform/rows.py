"""Rows by column name: a dataclass as the values of a row, a row as a dataclass, and plain INSERT and UPDATE.

A field is named like its column, so a new column is one line in the dataclass and one in the migration. Statements
over sets of rows, and those that compute, stay SQL text in their store.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

from halfpenny.platform.database import Connection, Record

T = TypeVar("T")


def read(kind: type[T], row: Record | Mapping[str, Any], **replaced: Any) -> T:
    """The row as ``kind``: each field from the column of its name, with enums and nested values made of plain ones.

    Columns that ``kind`` does not know are passed over; ``replaced`` stands in for columns that are named otherwise
    or hold nothing by themselves. Raises msgspec.ValidationError where a column is missing or holds another type.
    """
    return msgspec.convert({**row, **replaced}, kind)


def values(thing: Any, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass by name, as the columns of a row; what lies in other tables is left out by name."""
    return {name: getattr(thing, name) for name in _names(type(thing)) if name not in leave_out}


def columns(kind: type, prefix: str = "", *, leave_out: Collection[str] = ()) -> str:
    """The columns of a dataclass for a SELECT: ``p.kind, p.address`` with the prefix ``p.``"""
    return ", ".join(f"{prefix}{name}" for name in _names(kind) if name not in leave_out)


async def insert(
    connection: Connection,
    table: str,
    row: Mapping[str, Any],
    *,
    computed: Mapping[str, str] | None = None,
    then: str = "",
) -> str:
    """Insert one row; ``then`` is SQL text such as ``ON CONFLICT DO NOTHING``. Returns the command's tag.

    ``computed`` are columns whose value is SQL text, such as ``business_now()``.
    """
    text = _insert_text(table, tuple(row), tuple((computed or {}).items()))
    return await connection.execute(f"{text} {then}", *row.values())


async def insert_returning(connection: Connection, table: str, row: Mapping[str, Any]) -> Record:
    """Insert one row and return it as stored, with what the database filled in."""
    stored = await connection.fetchrow(f"{_insert_text(table, tuple(row))} RETURNING *", *row.values())
    assert stored is not None  # noqa: S101 - INSERT RETURNING gives its row or raises
    return stored


async def insert_many(connection: Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows that have the same columns."""
    found = list(rows)
    if found:
        await connection.executemany(_insert_text(table, tuple(found[0])), [tuple(row.values()) for row in found])


async def update(
    connection: Connection, table: str, changes: Mapping[str, Any], where: str, *arguments: Any, also: str = ""
) -> str:
    """Set columns of the rows that ``where`` finds, whose ``$1``, ``$2``... are the ``arguments``.

    ``also`` is SQL text of assignments that compute, such as ``version = version + 1``. Returns the command's tag.
    """
    text = _update_text(table, tuple(changes), len(arguments), also)
    return await connection.execute(f"{text} WHERE {where}", *arguments, *changes.values())


def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


@cache
def _insert_text(table: str, names: tuple[str, ...], computed: tuple[tuple[str, str], ...] = ()) -> str:
    columns = ", ".join([*names, *(name for name, _ in computed)])
    found = ", ".join([*(f"${place}" for place in range(1, len(names) + 1)), *(text for _, text in computed)])
    return f"INSERT INTO {table} ({columns}) VALUES ({found})"


@cache
def _update_text(table: str, names: tuple[str, ...], first: int, also: str) -> str:
    assigned = [f"{name} = ${place}" for place, name in enumerate(names, first + 1)]
    return f"UPDATE {table} SET {', '.join([*assigned, also] if also else assigned)}"
