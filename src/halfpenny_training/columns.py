"""Columns from which nothing can be learned, each named: empty, constant or nearly so, or the names of rows.

A column of text names rows where no value stands often enough to be learned. Numbers that nearly all differ may well be
amounts: they name rows where they count them, where the column's name says so (``loan_number``, no
``number_of_shares``), or where they look drawn as references are: at least ``FEWEST_FOR_SPREAD`` of them, all of one
length and evenly over their range. Amounts in a book of loans are not spread so, but fewer of them can look it: drawn
references in a smaller file are found by their name alone.
"""

from __future__ import annotations

import itertools

import numpy as np

from halfpenny_risk.errors import BadTable
from halfpenny_risk.normal import Floats
from halfpenny_training.encoding import FEWEST_ROWS_A_LEVEL, parse_moment
from halfpenny_training.protected import words_of
from halfpenny_training.table import Table, Texts, parse_number

# So few rows may all differ by chance; of more, this share of different values names the rows.
FEWEST_FOR_IDS, ID_SHARE = 20, 0.95
# One row that differs from all others teaches nothing about the next.
FEWEST_OTHERS = 2
REFERENCE_DIGITS = 6
# Kolmogorov's statistic times the root of the count: an even spread stays below it in 95 % of samples.
EVEN_SPREAD = 1.36
# Of fewer values amounts pass for evenly spread: of 20, in more than half of the samples.
FEWEST_FOR_SPREAD = 200
ID_WORDS = frozenset({"id", "uuid", "guid", "nip", "regon"})
# Words that say an id where they stand last in the name, or beside a word for what is numbered.
NUMBER_WORDS = frozenset({"key", "no", "nr", "number", "numer", "ref", "reference"})
NUMBERED = frozenset(
    {"account", "loan", "customer", "client", "borrower", "contract", "application", "case", "deal", "invoice", "row"}
    | {"konta", "rachunku", "kredytu", "pozyczki", "klienta", "umowy", "wniosku", "sprawy", "faktury", "wiersza"}
)


def check_columns(table: Table, features: list[str]) -> None:
    """Raises ``BadTable`` naming every feature from which nothing can be learned."""
    faults = [fault for name in features if (fault := _fault_of(name, table.texts(name)))]
    if faults:
        raise BadTable("; ".join(faults))


def _fault_of(name: str, cells: Texts) -> str | None:
    if not (cells != "").any():
        return f"column {name!r} is empty"
    values, counts = np.unique(cells, return_counts=True)
    most = str(values[counts.argmax()])
    if len(values) == 1:
        return f"column {name!r} is constant: every row has {most[:40]!r}"
    others = len(cells) - int(counts.max())
    if others < FEWEST_OTHERS and len(cells) >= FEWEST_FOR_IDS:
        return f"column {name!r} is nearly constant: all rows but {others} have {most[:40]!r}"
    known = values != ""
    if counts[known].sum() < FEWEST_FOR_IDS or not _names_rows(name, values[known], counts[known]):
        return None
    return f"column {name!r} names rows ({known.sum()} values in {counts[known].sum()} rows): give it as --id"


def _names_rows(name: str, values: Texts, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> bool:
    numbers = [parse_number(str(value)) for value in values]
    if sum(number is None for number in numbers) > 0.1 * len(values):
        if all(parse_moment(str(value)) is not None for value in values[:50]):
            return False
        return len(values) >= ID_SHARE * counts.sum() or int(counts.max()) < FEWEST_ROWS_A_LEVEL
    whole = np.array([number for number in numbers if number is not None and number.is_integer()])
    if len(whole) < len(values) or len(values) < ID_SHARE * counts.sum():
        return False
    span = whole.max() - whole.min() + 1
    return bool(span <= 2 * len(whole) or _named_as_id(name) or _drawn_like_references(whole))


def _named_as_id(name: str) -> bool:
    words = words_of(name)
    if ID_WORDS & set(words) or (words and words[-1] in NUMBER_WORDS):
        return True
    return any({*pair} & NUMBER_WORDS and {*pair} & NUMBERED for pair in itertools.pairwise(words))


def _drawn_like_references(whole: Floats) -> bool:
    low, high = float(whole.min()), float(whole.max())
    digits = len(f"{low:.0f}")
    rounded = int(np.gcd.reduce(whole.astype(np.int64))) > 1
    if (
        len(whole) < FEWEST_FOR_SPREAD
        or low <= 0.0
        or rounded
        or digits < REFERENCE_DIGITS
        or len(f"{high:.0f}") != digits
    ):
        return False
    place = (np.sort(whole) - low) / (high - low)
    even = np.linspace(0.0, 1.0, len(whole))
    return bool(float(np.abs(place - even).max()) * np.sqrt(len(whole)) < EVEN_SPREAD)
