"""Any loan-level table as numbers: what each column is, learned once and applied alike to later files."""

from __future__ import annotations

import re
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.errors import BadTable
from halfpenny_risk.normal import Floats
from halfpenny_training.splits import stratified_folds
from halfpenny_training.table import MISSING_WORDS, Table, Texts, parse_number

Ints = NDArray[np.int64]

# A column is numeric when nearly all of its cells are; the rest of them are then missing.
NUMERIC_SHARE = 0.9
MOST_LEVELS = 12
FEWEST_ROWS_A_LEVEL = 5
# Weight of the overall rate in the rate of a level, in rows.
SMOOTHING = 20.0
_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_MONTH = re.compile(r"(\d{4})[-/.](\d{1,2})")
_QUARTER = re.compile(r"(\d{4})[-/ ]?Q([1-4])", re.IGNORECASE)


class ColumnCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one column becomes numbers: itself, a date in days, or a category.

    A category becomes one 0/1 column a frequent level and one column with the smoothed rate of its level; a
    level that was never seen is none of them and has the overall rate.
    """

    name: str
    kind: Literal["number", "date", "category"]
    levels: tuple[str, ...] = ()
    rates: dict[str, float] = {}
    overall: float = 0.0

    @property
    def width(self) -> int:
        """How many columns it becomes."""
        return 1 + len(self.levels) if self.kind == "category" else 1

    @property
    def titles(self) -> tuple[str, ...]:
        """The names of those columns."""
        if self.kind != "category":
            return (self.name,)
        return (f"{self.name}:rate", *(f"{self.name}={level or '(missing)'}" for level in self.levels))


def learn_code(table: Table, name: str, target: Ints) -> ColumnCode:
    """What the column is, from the training rows."""
    cells = table.texts(name)
    present = np.unique(cells[cells != ""])
    share = _share(present, cells, lambda cell: parse_number(cell) is not None)
    if share >= NUMERIC_SHARE:
        return ColumnCode(name=name, kind="number")
    if _share(present, cells, lambda cell: parse_moment(cell) is not None) >= NUMERIC_SHARE:
        return ColumnCode(name=name, kind="date")
    overall = float(target.mean())
    levels, place, counts = np.unique(cells, return_inverse=True, return_counts=True)
    hits = np.bincount(place, weights=target, minlength=len(levels))
    rates = (hits + SMOOTHING * overall) / (counts + SMOOTHING)
    often = sorted(range(len(levels)), key=lambda i: (-counts[i], str(levels[i])))
    frequent = [i for i in often if counts[i] >= FEWEST_ROWS_A_LEVEL]
    return ColumnCode(
        name=name,
        kind="category",
        levels=tuple(str(levels[i]) for i in frequent[:MOST_LEVELS]),
        rates={str(levels[i]): float(rates[i]) for i in frequent[:1000]},
        overall=overall,
    )


def encode(table: Table, code: ColumnCode) -> Floats:
    """The column as numbers, rows x ``width``; missing and unreadable numbers are NaN."""
    cells, place = np.unique(table.texts(code.name), return_inverse=True)
    words = [str(cell) for cell in cells]
    if code.kind == "number":
        read = [parse_number(word) for word in words]
        return np.array([np.nan if number is None else number for number in read])[place][:, None]
    if code.kind == "date":
        moments = [parse_moment(word) for word in words]
        return np.array([np.nan if moment is None else moment for moment in moments])[place][:, None]
    rate = np.array([code.rates.get(word, code.overall) for word in words])[place]
    columns = [rate] + [np.array([float(word == level) for word in words])[place] for level in code.levels]
    return np.column_stack(columns)


def encode_for_training(table: Table, codes: list[ColumnCode], target: Ints, seed: int) -> Floats:
    """All columns; the rate of each row's level comes from the other folds, so that no row helps to predict itself."""
    columns = []
    for code in codes:
        block = encode(table, code)
        if code.kind == "category":
            for held_out in stratified_folds(target, 5, seed):
                rest = np.setdiff1d(np.arange(len(target)), held_out)
                if len(rest) and len(held_out):
                    other = learn_code(table.rows(rest), code.name, target[rest])
                    block[held_out, 0] = _rates(table.rows(held_out), code.name, other)
        columns.append(block)
    return np.hstack(columns)


def encode_all(table: Table, codes: list[ColumnCode]) -> Floats:
    """All columns of a table to be scored; raises ``BadTable`` when one is not there."""
    lacking = [code.name for code in codes if code.name not in table.columns]
    if lacking:
        raise BadTable(f"the model needs the columns {', '.join(lacking)}, which the file does not have")
    return np.hstack([encode(table, code) for code in codes])


def _rates(table: Table, name: str, code: ColumnCode) -> Floats:
    if code.kind != "category":
        return np.full(len(table), code.overall)
    return encode(table, code)[:, 0]


def _share(present: Texts, cells: Texts, readable: object) -> float:
    if not len(present):
        # Nothing but missing cells: a number that is never known.
        return 1.0
    good = {str(cell) for cell in present if readable(str(cell))}  # type: ignore[operator]
    known = cells[cells != ""]
    return float(np.isin(known, sorted(good)).mean()) if good else 0.0


def parse_moment(cell: str) -> float | None:
    """Days since 1970 of a day, a month or a quarter; NaN where missing; None where it is something else."""
    text = cell.strip()
    if text.lower() in MISSING_WORDS:
        return float("nan")
    for pattern, months in ((_DAY, 1), (_MONTH, 1), (_QUARTER, 3)):
        found = pattern.fullmatch(text)
        if found:
            parts = [int(part) for part in found.groups()]
            month = (parts[1] - 1) * months + 1
            day = parts[2] if len(parts) > 2 else 1
            try:
                return float((np.datetime64(f"{parts[0]:04d}-{month:02d}-{day:02d}", "D")).astype(int))
            except ValueError:
                return None
    return None


def read_times(table: Table, name: str) -> Floats:
    """A column of times as numbers in order: dates, months, quarters, years or plain numbers; missing ones first."""
    cells, place = np.unique(table.texts(name), return_inverse=True)
    read = []
    for cell in cells.tolist():
        moment = parse_moment(cell)
        value = moment if moment is not None else parse_number(cell)
        if value is None:
            raise BadTable(f"--time {name}: {cell[:40]!r} is neither a date nor a number")
        read.append(-np.inf if np.isnan(value) else value)
    return np.array(read)[place]
