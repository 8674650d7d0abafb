"""A table of named columns, read from CSV: all that training needs of a data frame."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
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
        words, place = np.unique(self._column(name), return_inverse=True)
        trimmed = [word.strip() for word in words.tolist()]
        return np.asarray(np.array(["" if word.lower() in MISSING_WORDS else word for word in trimmed])[place])

    def floats(self, name: str) -> Floats:
        """The column as numbers, missing ones NaN; raises ``BadTable`` where a cell is not a number."""
        words, place = np.unique(self._column(name), return_inverse=True)
        numbers = np.empty(len(words))
        for i, word in enumerate(words.tolist()):
            number = parse_number(word)
            if number is None:
                row = int(np.argmax(place == i)) + 2
                raise BadTable(f"column {name!r}, row {row}: {word[:40]!r} is not a number")
            numbers[i] = number
        return np.asarray(numbers[place])

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


def read_csv(path: Path, only: Collection[str] | None = None) -> Table:
    """The table in a CSV file with a header line (UTF-8, comma, semicolon or tab).

    ``only`` keeps the columns of these names, so that a wide file fits into memory; one that the file lacks is
    simply not there. Raises ``BadTable`` naming the line that is wrong.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first_line = file.readline(64 * 1024)
            file.seek(0)
            delimiter = max(",;\t", key=first_line.count)
            return _from_reader(csv.reader(file, delimiter=delimiter, strict=True), path, only)
    except FileNotFoundError:
        raise BadTable(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadTable(f"{path}: {error}") from None


def _from_reader(reader: Iterable[list[str]], path: Path, only: Collection[str] | None) -> Table:
    rows = iter(reader)
    header = [name.strip() for name in next(rows, [])]
    if not header or "" in header:
        raise BadTable(f"{path}: the first line must name every column")
    if len(set(header)) != len(header):
        raise BadTable(f"{path}: two columns have the same name")
    kept = [place for place, name in enumerate(header) if only is None or name in only]
    body: list[list[str]] = [[] for _ in kept]
    count = 0
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise BadTable(f"{path}, line {number}: {len(row)} cells where the header has {len(header)}")
        for column, place in zip(body, kept, strict=True):
            column.append(row[place])
        count += 1
        if count > MAX_ROWS:
            raise BadTable(f"{path}: more than {MAX_ROWS} rows")
    if not count:
        raise BadTable(f"{path}: no rows below the header")
    return Table({header[place]: np.array(column) for place, column in zip(kept, body, strict=True)})


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows under a header, with the line ends that every tool reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
