"""CSV that a spreadsheet opens: the one writer of every file that a person downloads."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

_AMOUNT = re.compile(r"-?[0-9]+\.[0-9]{2}", re.ASCII)
# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV (RFC 4180, lines ended by CR LF) in which no cell can run as a formula."""
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    for row in rows:
        writer.writerow([safe_cell(cell) for cell in row])
    return sheet.getvalue()


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would take it for a formula: not before an amount."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and _AMOUNT.fullmatch(text) is None else text
