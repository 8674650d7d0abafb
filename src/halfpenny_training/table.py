"""Data frames of text, read strictly from CSV: what training and scoring of a loan-level table work on.

pandas reads the file and holds the cells. Each stays the text that it was, because exports of loan books write numbers,
dates and missing values in many ways, and guessing a column's type would change what the shipped models were made of.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from halfpenny_risk.errors import BadTable

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

# What people write where a value is missing. An empty cell is one too.
MISSING_WORDS = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "."})
MAX_ROWS = 20_000_000


class Table:
    """A pandas data frame whose cells are text, with columns as text or as numbers; ``columns`` are its names."""

    def __init__(self, columns: Mapping[str, Texts] | pd.DataFrame) -> None:
        self.frame = columns if isinstance(columns, pd.DataFrame) else pd.DataFrame(dict(columns), dtype=object)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order of the file."""
        return list(self.frame.columns)

    def cells(self, name: str) -> Texts:
        """The column exactly as the file has it; raises ``BadTable`` where there is none of that name."""
        if name not in self.frame.columns:
            raise BadTable(f"no column {name!r}; the file has: {', '.join(self.columns[:40])}")
        return np.asarray(self.frame[name].to_numpy(dtype=object).astype(str))

    def texts(self, name: str) -> Texts:
        """The column as text, spaces trimmed and every missing word made empty."""
        place, words = pd.factorize(self.cells(name))
        trimmed = [word.strip() for word in words.tolist()]
        return np.asarray(np.array(["" if word.lower() in MISSING_WORDS else word for word in trimmed])[place])

    def floats(self, name: str) -> Floats:
        """The column as numbers, missing ones NaN; raises ``BadTable`` where a cell is not a number."""
        place, words = pd.factorize(self.cells(name))
        numbers = np.empty(len(words))
        for i, word in enumerate(words.tolist()):
            number = parse_number(word)
            if number is None:
                row = int(np.argmax(place == i)) + 2
                raise BadTable(f"column {name!r}, row {row}: {word[:40]!r} is not a number")
            numbers[i] = number
        return np.asarray(numbers[place])

    def rows(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Table:
        """Only the rows that ``keep`` (a mask or positions) chooses, in its order."""
        places = np.flatnonzero(keep) if keep.dtype == np.bool_ else keep
        return Table(self.frame.iloc[places].reset_index(drop=True))


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
            delimiter = max(",;\t", key=first_line.count)
            header = _header(path, first_line, delimiter)
            body = file.tell()
            _check_widths(path, file, len(header), delimiter)
            file.seek(body)
            frame = _frame(file, header, delimiter, only)
    except FileNotFoundError:
        raise BadTable(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise BadTable(f"{path}: {' '.join(str(error).split())}") from None
    except pd.errors.EmptyDataError:
        raise BadTable(f"{path}: no rows below the header") from None
    checked = _checked(path, frame)
    return Table(checked if only is None else checked[[name for name in header if name in only]])


def header_of(path: Path) -> list[str]:
    """The names of all columns of a CSV file; raises ``BadTable``."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first_line = file.readline(64 * 1024)
    except FileNotFoundError:
        raise BadTable(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadTable(f"{path}: {' '.join(str(error).split())}") from None
    return _header(path, first_line, max(",;\t", key=first_line.count))


def _header(path: Path, line: str, delimiter: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True), [])]
    if not names or "" in names:
        raise BadTable(f"{path}: the first line must name every column")
    if len(set(names)) != len(names):
        raise BadTable(f"{path}: two columns have the same name")
    return names


def _frame(file: TextIO, header: list[str], delimiter: str, only: Collection[str] | None) -> pd.DataFrame:
    """The rows below the header, every cell as text."""
    with warnings.catch_warnings():
        # pandas only warns of a first row that is too long, and drops its end.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            file,
            sep=delimiter,
            header=None,
            names=header,
            usecols=None if only is None else [*(name for name in header[:-1] if name in only), header[-1]],
            index_col=False,
            dtype=object,
            keep_default_na=False,
            na_values=[],
            engine="python",
        )


def _check_widths(path: Path, file: TextIO, width: int, delimiter: str) -> None:
    """Every row has the cells of the header: pandas drops what is too much, and the row would mean another thing."""
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    start = 2
    for row in rows:
        if row and len(row) != width:
            fault = "fewer" if len(row) < width else "more"
            raise BadTable(f"{path}, line {start}: {fault} cells than the {width} of the header")
        start = rows.line_num + 2


def _checked(path: Path, frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) > MAX_ROWS:
        raise BadTable(f"{path}: more than {MAX_ROWS} rows")
    if not len(frame):
        raise BadTable(f"{path}: no rows below the header")
    return frame


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows under a header, with the line ends that every tool reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
