"""Findings of a comparison: only the columns that differ by their own type, and numbers without trailing zeros."""

from __future__ import annotations

import pytest

from halfpenny.platform.consistency import Comparison, compare, no_progress
from halfpenny.platform.database import Database

# Two sources state one rate with another scale each; the fees of the first row differ.
ROWS = """(VALUES (1, 9.8500000000000000, 9.850000, '[]'::jsonb, '[1]'::jsonb),
  (2, 10.00, 10, '[]', '[]')) v(id, rate, rate_elsewhere, fees, fees_elsewhere)"""


async def findings(database: Database, columns: dict[str, tuple[str, str]], rows: str = ROWS) -> list[str]:
    comparison = Comparison("loan", "v.id", rows, columns, "its terms")
    async with database.reading() as connection:
        return [str(each) async for each in compare(connection, [comparison], no_progress, "loans")]


async def test_only_the_columns_that_differ_are_named(database: Database) -> None:
    columns = {"rate": ("v.rate", "v.rate_elsewhere"), "fees": ("v.fees", "v.fees_elsewhere")}
    assert await findings(database, columns) == ["loan 1: fees is [], should be [1] (its terms)"]


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("9.8500000000000000", "9.85"),
        ("10.00", "10"),
        ("100", "100"),
        ("0.000", "0"),
        ("-0.500", "-0.5"),
        ("7.01", "7.01"),
    ],
)
async def test_numbers_have_no_trailing_zeros(database: Database, number: str, shown: str) -> None:
    rows = f"(VALUES (1, {number}::numeric)) v(id, rate)"
    assert await findings(database, {"rate": ("v.rate", "'99.000'::numeric")}, rows) == [
        f"loan 1: rate is {shown}, should be 99 (its terms)"
    ]


async def test_text_keeps_its_zeros(database: Database) -> None:
    rows = "(VALUES (1, '12.00'::text)) v(id, amount)"
    assert await findings(database, {"amount": ("v.amount", "'7.50'::text")}, rows) == [
        "loan 1: amount is 12.00, should be 7.50 (its terms)"
    ]
