"""A table of named columns, read from CSV: all that training needs of a data frame."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.errors import BadTable

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

# What people write where a value is missing. An empty cell is one too.
MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "."})
MAX_ROWS = 20_000_000


@dataclass(frozen=True)
class Table:
    """Columns of equal length, in the order of the file; every cell is kept as the text that it was."""

    columns: Mapping[str, Texts]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def texts(self, name: str) -> Texts:
        """The column as text, spaces trimmed and every missing word made empty."""
        column = self._column(name)
        return np.array(["" if cell.strip().lower() in MISSING_WORDS else cell.strip() for cell in column])

    def floats(self, name: str) -> Floats:
        """The column as numbers, missing ones NaN; raises ``BadTable`` where a cell is not a number."""
        values = np.empty(len(self), dtype=np.float64)
        for row, cell in enumerate(self._column(name)):
            number = parse_number(cell)
            if number is None:
                raise BadTable(f"column {name!r}, row {row + 2}: {cell[:40]!r} is not a number")
            values[row] = number
        return values

    def rows(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Table:
        """Only the rows that ``keep`` chooses, in its order."""
        return Table({name: column[keep] for name, column in self.columns.items()})

    def _column(self, name: str) -> Texts:
        if name not in self.columns:
            raise BadTable(f"no column {name!r}; the file has: {', '.join(list(self.columns)[:40])}")
        return self.columns[name]


def parse_number(cell: str) -> float | None:
    """The number in ``cell``; NaN where it is missing; None where it is something else.

    A thousands separator, a percent sign and a currency sign in front are read over, since exports of
    loan books have them; an infinite number is not one.
    """
    text = cell.strip()
    if text.lower() in MISSING_WORDS:
        return float("nan")
    text = text.replace("\u00a0", "").replace(" ", "").lstrip("$€£").rstrip("%")
    if "," in text:
        head, _, tail = text.rpartition(",")
        # "1,234,567.8" and "1,234": separators of thousands; "0,25": a decimal comma.
        text = text.replace(",", "") if "." in tail or len(tail) == 3 else f"{head.replace(',', '')}.{tail}"
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def read_csv(path: Path) -> Table:
    """The table in a CSV file with a header line (UTF-8, comma, semicolon or tab)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head = file.read(64 * 1024)
            file.seek(0)
            first_line = head.partition("\n")[0]
            delimiter = max(",;\t", key=first_line.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            return _from_reader(reader, path)
    except FileNotFoundError:
        raise BadTable(f"{path}: no such file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadTable(f"{path}: {error}") from None


def _from_reader(reader: Iterable[list[str]], path: Path) -> Table:
    rows = iter(reader)
    header = [name.strip() for name in next(rows, [])]
    if not header or "" in header:
        raise BadTable(f"{path}: the first line must name every column")
    if len(set(header)) != len(header):
        raise BadTable(f"{path}: two columns have the same name")
    body: list[list[str]] = []
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise BadTable(f"{path}, line {number}: {len(row)} cells where the header has {len(header)}")
        body.append(row)
        if len(body) > MAX_ROWS:
            raise BadTable(f"{path}: more than {MAX_ROWS} rows")
    if not body:
        raise BadTable(f"{path}: no rows below the header")
    return Table({name: np.array([row[i] for row in body]) for i, name in enumerate(header)})


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows under a header, with the line ends that every tool reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
