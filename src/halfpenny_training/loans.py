"""Train on anybody's loan-level table and score another: the path of ``--loans`` (docs/guides/risk-training.md).

The model is a logistic regression and boosted trees, mixed in log-odds by what did best on held-back rows.
Everything is seeded: the same file gives the same model, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from halfpenny_risk.artefacts import write_json
from halfpenny_risk.errors import BadArtefact, BadTable
from halfpenny_risk.normal import Floats, expit, logit
from halfpenny_risk.trees import trees_from_json
from halfpenny_training.columns import check_columns
from halfpenny_training.encoding import ColumnCode, encode_all, read_times
from halfpenny_training.protected import protected_meaning, report_proxies
from halfpenny_training.table import Table, header_of, read_csv

Ints = NDArray[np.int64]
Progress = Callable[[str], None]

SEED = 20160101
MODEL_FILE = "loans_model.json"
FEWEST_OF_A_CLASS = 3
POSITIVE_WORDS = frozenset({"1", "true", "yes", "y", "bad", "default", "defaulted", "charged off", "late", "t"})


class LoansModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model of one table. ``logistic`` has the intercept first and works on (x - centre) / scale, middle for missing.
    ``tree_weight`` is the share of the trees in the log-odds."""

    target: str
    positive: str
    codes: list[ColumnCode]
    middle: list[float]
    centre: list[float]
    scale: list[float]
    low: list[float]
    high: list[float]
    logistic: list[float]
    trees: dict[str, Any] | None
    tree_weight: float
    base_rate: float
    slope: float
    intercept: float
    rows: int

    def predict(self, table: Table) -> Floats:
        """The probability of the positive class of each row."""
        rows = encode_all(table, self.codes)
        odds = (1.0 - self.tree_weight) * self.linear_odds(rows)
        if self.trees is not None and self.tree_weight > 0.0:
            titles = [title for code in self.codes for title in code.titles]
            odds = odds + self.tree_weight * trees_from_json(self.trees, titles).predict(rows)
        return expit(self.intercept + self.slope * odds)

    def linear_odds(self, rows: Floats) -> Floats:
        """The log-odds of the logistic part alone, of encoded rows."""
        ready = np.clip(np.where(np.isnan(rows), self.middle, rows), self.low, self.high)
        weights = np.asarray(self.logistic)
        return np.asarray(weights[0] + (ready - np.asarray(self.centre)) / np.asarray(self.scale) @ weights[1:])


class LoansTable:
    """A table read for a task: features without the protected ones, and target, time and group where they are."""

    def __init__(
        self,
        path: Path,
        features: list[str],
        target: str | None,
        *,
        id_column: str | None = None,
        time_column: str | None = None,
        group_column: str | None = None,
        positive: str | None = None,
        for_scoring: bool = False,
        progress: Progress = lambda _: None,
    ) -> None:
        named = [column for column in (target, id_column, time_column, group_column) if column]
        held = [] if for_scoring else [name for name in header_of(path) if protected_meaning(name)]
        table = read_csv(path, {*features, *named, *held})
        lacking = [
            name for name in (*features, id_column, time_column, group_column) if name and name not in table.columns
        ]
        if lacking:
            raise BadTable(f"{path} has no column {', '.join(map(repr, lacking))}")
        self.features = usable_features(features, named, progress)
        self.positive = positive
        self.target: Ints | None = None
        if target is not None and target in table.columns and for_scoring:
            # Every row is scored; the outcome is kept where there is one, -1 elsewhere.
            cells = table.texts(target)
            self.target = np.where(cells == "", -1, cells == positive).astype(np.int64)
        elif target is not None and target in table.columns:
            table, self.target, self.positive = _with_target(table, target, positive, progress)
        if not for_scoring:
            check_columns(table, self.features)
            report_proxies(table, self.features, [name for name in held if name not in named], progress)
        self.table = table
        self.ids = table.texts(id_column) if id_column else np.arange(1, len(table) + 1).astype(str)
        self.time = read_times(table, time_column) if time_column else None
        self.group = _codes(table.texts(group_column)) if group_column else None

    @classmethod
    def read(cls, options: Any, features: list[str], progress: Progress, *, for_scoring: bool = False) -> LoansTable:
        """The table that the command line's options name."""
        return cls(
            options.loans,
            features,
            options.target,
            id_column=options.id,
            time_column=options.time,
            group_column=options.group,
            positive=options.positive,
            for_scoring=for_scoring,
            progress=progress,
        )


def usable_features(features: list[str], named: list[str], progress: Progress) -> list[str]:
    """The features that may be scored; raises ``BadTable`` when one has another task in the file too."""
    if not features or len(set(features)) != len(features):
        raise BadTable("--features must name columns, each once")
    doubled = [name for name in features if name in named]
    if doubled:
        raise BadTable(f"{', '.join(doubled)} is among --features and is the target, the id, the time or the group too")
    protected = {name: meaning for name in features if (meaning := protected_meaning(name))}
    if protected:
        listed = ", ".join(f"{name} ({meaning})" for name, meaning in protected.items())
        progress(f"refused and left out, since protected attributes are never scored: {listed}")
    usable = [name for name in features if name not in protected]
    if not usable:
        raise BadTable("no feature is left: protected attributes are never scored")
    return usable


def _with_target(table: Table, column: str, positive: str | None, progress: Progress) -> tuple[Table, Ints, str | None]:
    cells = table.texts(column)
    known = cells != ""
    if not known.any():
        # A file to be scored may keep the column, empty.
        return table, np.zeros(0, dtype=np.int64), positive
    if not known.all():
        progress(f"{int((~known).sum())} rows without a target are left out")
        table, cells = table.rows(known), cells[known]
    words = np.unique(cells)
    if positive is None:
        plain = {word: _plain(str(word)) for word in words}
        marked = [word for word in words if plain[word] in POSITIVE_WORDS]
        if len(words) > 2 or len(marked) != 1:
            listed = ", ".join(repr(str(word)) for word in words[:6])
            raise BadTable(f"--target {column} must have two values, one of them plainly the bad one; it has {listed}. "
                           "Name the bad one with --positive.")  # fmt: skip
        positive = str(marked[0])
    hits = (cells == positive).astype(np.int64)
    if not hits.any() or hits.all():
        raise BadTable(f"--target {column}: all rows are alike; {positive!r} and another value are needed")
    return table, hits, positive


def _plain(word: str) -> str:
    text = word.strip().lower()
    return text[:-2] if text.endswith(".0") else text


def _codes(labels: NDArray[np.str_]) -> Ints:
    return np.asarray(np.unique(labels, return_inverse=True)[1], dtype=np.int64)


def save_loans(model: LoansModel, folder: Path) -> Path:
    """Write the model as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / MODEL_FILE, msgspec.to_builtins(model))
    return folder / MODEL_FILE


def load_loans(folder: Path) -> LoansModel:
    """Read a model that ``train --loans`` wrote; raises ``BadArtefact``."""
    path = folder / MODEL_FILE if folder.is_dir() else folder
    try:
        return msgspec.json.decode(path.read_bytes(), type=LoansModel)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BadArtefact(f"{path}: {error}") from None


def base_odds(model: LoansModel) -> float:
    """The log-odds of the training rows: the benchmark that knows nothing."""
    return float(logit(np.array(model.base_rate)))
