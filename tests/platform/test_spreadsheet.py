"""Files for a spreadsheet: no cell runs as a formula, an amount stays a number, and all is read as it was written."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.platform.spreadsheet import csv_text, safe_cell


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "-12.34+A1", "-12.345", "+12.34"])
def test_a_cell_never_runs_as_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["34.17", "-12.34", "", "Loft, Łódź", "2026-03-01", "a=b"])
def test_an_ordinary_cell_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc"))), min_size=1), max_size=5))
def test_what_was_written_is_read_again(rows: list[list[str]]) -> None:
    text = csv_text(rows)
    assert list(csv.reader(io.StringIO(text))) == [[safe_cell(cell) for cell in row] for row in rows]
    assert text.count("\r\n") == len(rows)
