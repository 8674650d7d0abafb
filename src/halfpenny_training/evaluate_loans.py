"""``halfpenny-training train|evaluate --loans``: split, fit, judge and score somebody else's table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from halfpenny_risk.errors import BadTable
from halfpenny_risk.normal import Floats, expit
from halfpenny_training.fitting import fit_loans
from halfpenny_training.loans import (
    FEWEST_OF_A_CLASS,
    SEED,
    Ints,
    LoansModel,
    LoansTable,
    base_odds,
    load_loans,
    save_loans,
)
from halfpenny_training.metrics import auc, bootstrap, brier, calibration, expected_calibration_error
from halfpenny_training.report import Line, print_lines
from halfpenny_training.splits import stratified_folds, time_split
from halfpenny_training.table import write_csv

Progress = Callable[[str], None]
FOLDS = 5


def train_loans(data: LoansTable, target: str, out: Path, progress: Progress) -> LoansModel:
    """Fit on every row of the table and write the model."""
    model = fit_loans(data, np.arange(len(data.table)), target, progress)
    progress(f"written to {save_loans(model, out)}")
    return model


def evaluate_split(data: LoansTable, target: str, share: float, predictions: Path | None, progress: Progress) -> None:
    """Fit on a part, test on the rest: later rows where there is a time, else every row by a fold that had not seen it.

    Groups stay whole either way.
    """
    if data.target is None or not len(data.target):
        raise BadTable(f"the file has no target {target!r} to be judged by")
    everything = np.arange(len(data.table))
    predicted = np.full(len(everything), np.nan)
    if data.time is not None and len(np.unique(data.time)) > 1:
        early, late = time_split(data.time, share, data.group)
        _need_both(data.target, late, "the later rows")
        progress(f"split by time: {len(early)} earlier rows to learn from, {len(late)} later ones to test on")
        model = fit_loans(data, early, target, progress)
        predicted[late] = model.predict(data.table.rows(late))
        tested, base = late, np.full(len(late), float(expit(np.array(base_odds(model)))))
    else:
        progress(f"{FOLDS} folds" + (", groups kept whole" if data.group is not None else ""))
        base = np.empty(len(everything))
        for held_out in stratified_folds(data.target, FOLDS, SEED, data.group):
            if not len(held_out):
                continue
            model = fit_loans(data, np.setdiff1d(everything, held_out), target, lambda _: None)
            predicted[held_out] = model.predict(data.table.rows(held_out))
            base[held_out] = model.base_rate
        tested = everything
    groups = None if data.group is None else data.group[tested]
    report_fit(data.target[tested], predicted[tested], base, groups, progress)
    if predictions is not None:
        write_predictions(predictions, data, tested, predicted[tested], progress)


def score_file(data: LoansTable, model: LoansModel, predictions: Path | None, progress: Progress) -> None:
    """Score a file with a model that was trained before; judge it too where the file has the target."""
    predicted = model.predict(data.table)
    progress(f"{len(predicted)} rows scored by a model of {model.rows} rows")
    known = np.flatnonzero(data.target >= 0) if data.target is not None else np.zeros(0, dtype=np.int64)
    if data.target is not None and len(np.unique(data.target[known])) == 2:
        groups = None if data.group is None else data.group[known]
        report_fit(data.target[known], predicted[known], np.full(len(known), model.base_rate), groups, progress)
    if predictions is not None:
        write_predictions(predictions, data, np.arange(len(predicted)), predicted, progress)


def model_for(path: Path) -> LoansModel:
    """The model that ``train --loans`` wrote."""
    return load_loans(path)


def _need_both(target: Ints, rows: Ints, where: str) -> None:
    hits = int(target[rows].sum())
    if min(hits, len(rows) - hits) < min(2, FEWEST_OF_A_CLASS):
        raise BadTable(f"{where} have only one outcome, so that nothing can be measured on them")


def report_fit(target: Ints, predicted: Floats, base: Floats, groups: Ints | None, progress: Progress) -> None:
    """The table of figures, with intervals over whole groups where there are groups."""

    def line(name: str, figure: Callable[[Ints], float]) -> Line:
        return Line(name, bootstrap(figure, len(target), groups=groups))

    lines = [
        line("AUC", lambda some: auc(target[some], predicted[some])),
        line("Brier", lambda some: brier(target[some], predicted[some])),
        line("Brier of the base rate alone", lambda some: brier(target[some], base[some])),
        line("calibration slope", lambda some: calibration(target[some], predicted[some])[0]),
        line("calibration error (ECE)", lambda some: expected_calibration_error(target[some], predicted[some])),
        line("observed rate", lambda some: float(target[some].mean())),
        line("predicted rate", lambda some: float(predicted[some].mean())),
    ]
    print_lines(f"{len(target)} rows, {int(target.sum())} positive", lines, progress)


def write_predictions(path: Path, data: LoansTable, rows: Ints, predicted: Floats, progress: Progress) -> None:
    """One row a loan: id, probability, and the target where it is known."""
    target = data.target
    has_target = target is not None and bool((target >= 0).any())
    header = ["id", "probability", *(["target"] if has_target else [])]
    body: list[list[object]] = []
    for row, probability in zip(rows, predicted, strict=True):
        cells: list[object] = [data.ids[row], f"{probability:.9f}"]
        if has_target and target is not None:
            cells.append(int(target[row]) if target[row] >= 0 else "")
        body.append(cells)
    write_csv(path, header, body)
    progress(f"{len(body)} predictions written to {path}")
