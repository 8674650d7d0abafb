"""Rows by column name: what is written is what is read, and nothing is lost silently."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.platform import rows
from halfpenny.platform.database import Database
from halfpenny.platform.http import AmountText, RequestModel
from halfpenny.platform.views import view
from halfpenny.primitives.money import MAX_MINOR, format_minor


class Side(StrEnum):
    DEBIT = "debit"
    CREDIT = "credit"


@dataclass(frozen=True, slots=True)
class Meter:
    id: UUID
    side: Side
    amount_minor: int
    rate: Decimal
    read_at: datetime
    note: str | None = None


METER = Meter(UUID(int=7), Side.CREDIT, 123_45, Decimal("0.10"), datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC))
TABLE = """
CREATE TEMPORARY TABLE meter (note text, id uuid PRIMARY KEY, side text, rate numeric, amount_minor bigint,
  read_at timestamptz, other int DEFAULT 5)
"""


async def test_a_dataclass_is_a_row_and_a_row_a_dataclass(database: Database) -> None:
    async with database.pool.acquire() as connection:
        await connection.execute(f"SET ROLE NONE; {TABLE}")
        await rows.insert(connection, "meter", rows.values(METER))
        stored = await connection.fetchrow(f"SELECT other, {rows.columns(Meter, 'm.')} FROM meter m")
        assert stored is not None and rows.read(Meter, stored) == METER
        assert rows.read(Meter, stored, note="noted") == replace(METER, note="noted")


async def test_an_update_touches_the_columns_and_the_rows_that_it_names(database: Database) -> None:
    async with database.pool.acquire() as connection:
        await connection.execute(f"SET ROLE NONE; {TABLE}")
        others = [replace(METER, id=UUID(int=n), amount_minor=n) for n in (1, 2, 3)]
        await rows.insert_many(connection, "meter", [rows.values(other) for other in others])
        changes = {"note": "seen", "rate": Decimal("2.5")}
        where = "amount_minor > $1 AND side = $2"
        tag = await rows.update(connection, "meter", changes, where, 1, Side.CREDIT, also="other = other + 1")
        assert tag == "UPDATE 2"
        found = await connection.fetch("SELECT amount_minor, note, rate, other FROM meter ORDER BY id")
    assert [tuple(each) for each in found] == [
        (1, None, Decimal("0.10"), 5),
        (2, "seen", Decimal("2.5"), 6),
        (3, "seen", Decimal("2.5"), 6),
    ]


async def test_what_follows_an_insert_decides_on_a_second_one(database: Database) -> None:
    async with database.pool.acquire() as connection:
        await connection.execute(f"SET ROLE NONE; {TABLE}")
        assert await rows.insert(connection, "meter", rows.values(METER)) == "INSERT 0 1"
        again = rows.values(METER)
        assert await rows.insert(connection, "meter", again, then="ON CONFLICT DO NOTHING") == "INSERT 0 0"
        with pytest.raises(asyncpg.UniqueViolationError):
            await rows.insert(connection, "meter", again)


def test_a_row_that_lacks_a_column_or_holds_another_kind_is_an_error() -> None:
    whole = rows.values(METER)
    with pytest.raises(msgspec.ValidationError, match="rate"):
        rows.read(Meter, {name: value for name, value in whole.items() if name != "rate"})
    with pytest.raises(msgspec.ValidationError, match="side"):
        rows.read(Meter, whole | {"side": "sideways"})


@given(st.integers(0, MAX_MINOR), st.decimals(0, 99, places=4), st.none() | st.text(max_size=9))
def test_a_view_holds_every_field_once_as_text_that_reads_back(minor: int, rate: Decimal, note: str | None) -> None:
    shown = view(replace(METER, amount_minor=minor, rate=rate, note=note))
    assert shown == {
        "id": "00000000-0000-0000-0000-000000000007",
        "side": "credit",
        "amount": format_minor(minor),
        "rate": shown["rate"],
        "read_at": "2026-02-03T04:05:06+00:00",
        "note": note,
    }
    assert Decimal(shown["rate"]) == rate and "E" not in shown["rate"]


def test_a_view_shows_only_what_it_is_asked_for() -> None:
    assert view(METER, only=("amount", "side")) == {"side": "credit", "amount": "123.45"}
    assert view(METER, leave_out=("id", "amount", "rate", "read_at")) == {"side": "credit", "note": None}


@dataclass(frozen=True, slots=True)
class Order:
    side: Side
    amount_minor: int
    limit_minor: int | None = None
    note: str = "none"


class OrderRequest(RequestModel):
    side: str
    amount: AmountText
    limit: AmountText | None = None


def test_a_body_becomes_what_the_rules_know() -> None:
    assert OrderRequest(side="debit", amount="12.5", limit="100").read_as(Order) == Order(Side.DEBIT, 1250, 10_000)
    assert OrderRequest(side="debit", amount="0.01").read_as(Order, note="mine") == Order(Side.DEBIT, 1, None, "mine")


class WordyRequest(OrderRequest):
    colour: str = "red"


def test_a_member_that_nothing_reads_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="Order has no field for colour of WordyRequest"):
        WordyRequest(side="debit", amount="1").read_as(Order)
