"""Promotion and monitoring: which model leads, and whether its predictions came true."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from halfpenny_risk.artefacts import EVALUATION, ArtefactFolder, sign, write_json
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.errors import BadArtefact, BadTable
from halfpenny_risk.models import CHAMPION_FILE, ROLES_FILE, SCORECARD_FILE, load_models
from halfpenny_risk.normal import Floats
from halfpenny_training.borrower import credit_matrix, without_optional
from halfpenny_training.metrics import (
    Ints,
    auc,
    bootstrap,
    brier,
    calibration,
    expected_calibration_error,
    psi,
)
from halfpenny_training.perturb import monotone_breaks
from halfpenny_training.pipeline import CREDIT_FILE
from halfpenny_training.report import Line, print_lines
from halfpenny_training.table import Table, read_csv

Progress = Callable[[str], None]

# A candidate may be this much worse in Brier score before it is refused: less than the interval of the measurement.
TOLERATED_BRIER = 0.001
MONOTONE_TRIALS = 10_000
PSI_WATCH, PSI_ACT = 0.10, 0.25


def promote(candidate: Path, folder: Path, data: Path, progress: Progress) -> None:
    """Make ``candidate`` the champion and the present champion its challenger.

    Refused with ``BadArtefact`` when it cannot be loaded, breaks monotonicity, or is worse on the credit
    applications than the champion by more than the tolerance. The files stay in the folder, so that going back is
    promoting again.
    """
    present = ArtefactFolder.open(folder)
    roles = present.json(ROLES_FILE) if present.has(ROLES_FILE) else {}
    champion = roles.get("champion", CHAMPION_FILE)
    name = candidate.name if candidate.name.startswith("borrower_") else f"borrower_{candidate.name}"
    if name in (CHAMPION_FILE, SCORECARD_FILE, champion) and candidate.resolve() != (folder / name).resolve():
        name = f"borrower_candidate_{candidate.stem.removeprefix('borrower_')}.json"
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch)
        shutil.copyfile(candidate, trial / name)
        for file in present.hashes:
            if file.startswith("borrower_") and file != name:
                shutil.copyfile(folder / file, trial / file)
        write_json(trial / ROLES_FILE, {"champion": name, "challenger": champion})
        sign(trial)
        _check_candidate(load_models("champion", trial), candidate.name, data, progress)
        shutil.copyfile(trial / name, folder / name)
    write_json(folder / ROLES_FILE, {"champion": name, "challenger": champion})
    sign(folder)
    progress(f"{name} leads, {champion} runs beside it; the service takes them at its next start")


def _check_candidate(models: ModelSet, name: str, data: Path, progress: Progress) -> None:
    breaks = monotone_breaks(MONOTONE_TRIALS, models=models)
    if any(breaks.values()):
        raise BadArtefact(f"{name} breaks monotonicity {sum(breaks.values())} times")
    rows, bad = credit_matrix(read_csv(data / CREDIT_FILE))
    scored, outcome = np.vstack([rows, without_optional(rows)]), np.concatenate([bad, bad])
    assert models.challenger is not None  # noqa: S101 - the roles name the present champion as it
    new, old = (_brier_of(model.log_odds(scored), outcome) for model in (models.borrower, models.challenger))
    progress(f"Brier on the credit applications: candidate {new:.5f}, champion {old:.5f}")
    if new > old + TOLERATED_BRIER:
        raise BadArtefact(f"{name} is worse than the champion")


def _brier_of(odds: Floats, outcome: Ints) -> float:
    # The level is the policy's to set; only the shape is compared.
    return brier(outcome, 1.0 / (1.0 + np.exp(-odds)))


@dataclass(frozen=True)
class Outcomes:
    """Loans whose end is known: what was predicted of each, what was decided and what came of it."""

    probability: Floats
    expected_loss: Floats
    defaulted: Ints
    loss: Floats
    overridden: Ints
    table: Table


def read_outcomes(path: Path) -> Outcomes:
    """The outcomes file of docs/guides/risk-training.md; raises ``BadTable``."""
    table = read_csv(path)
    probability = table.floats("probability_of_default")
    if np.isnan(probability).any() or (probability < 0.0).any() or (probability > 1.0).any():
        raise BadTable(f"{path}: probability_of_default must be between 0 and 1 in every row")
    return Outcomes(
        probability=probability,
        expected_loss=np.nan_to_num(table.floats("expected_loss")),
        defaulted=_flags(table, "defaulted"),
        loss=np.nan_to_num(table.floats("loss")),
        overridden=_flags(table, "overridden"),
        table=table,
    )


def _flags(table: Table, name: str) -> Ints:
    values = table.floats(name)
    if not np.isin(values, (0.0, 1.0)).all():
        raise BadTable(f"column {name!r} must be 0 or 1 in every row")
    return values.astype(np.int64)


def monitor(path: Path, reference: Path | None, watched: list[str], progress: Progress) -> dict[str, object]:
    """Calibration of the predictions, overridden loans against the model's own, and the drift of features."""
    outcomes = read_outcomes(path)
    lines: list[Line] = []
    for title, some in (
        ("all loans", np.ones(len(outcomes.defaulted), dtype=bool)),
        ("priced as the model suggested", outcomes.overridden == 0),
        ("overridden by an administrator", outcomes.overridden == 1),
    ):
        rows = np.flatnonzero(some)
        if len(rows):
            lines += _calibration_lines(title, outcomes, rows)
    print_lines(f"{len(outcomes.defaulted)} loans, {int(outcomes.defaulted.sum())} defaulted", lines, progress)
    slope, intercept = calibration(outcomes.defaulted, outcomes.probability)
    if np.isfinite(slope):
        progress(f"\nrecalibration: log-odds = {intercept:.4f} + {slope:.4f} x predicted log-odds")
    else:
        progress("\nrecalibration: needs loans of both outcomes")
    drifts = {}
    if reference is not None:
        before = read_csv(reference)
        progress("\nDrift against the reference (PSI: below 0.10 steady, above 0.25 act)")
        for name in watched:
            drifts[name] = psi(before.floats(name), outcomes.table.floats(name))
            verdict = "act" if drifts[name] > PSI_ACT else "watch" if drifts[name] > PSI_WATCH else "steady"
            progress(f"{name:<30} {drifts[name]:.4f} {verdict}")
    return {"lines": [line.as_json() for line in lines], "psi": drifts, "slope": slope, "intercept": intercept}


def _calibration_lines(title: str, outcomes: Outcomes, rows: Ints) -> list[Line]:
    bad, predicted = outcomes.defaulted[rows], outcomes.probability[rows]
    loss, expected = outcomes.loss[rows], outcomes.expected_loss[rows]

    def line(name: str, figure: Callable[[Ints], float]) -> Line:
        return Line(f"{title}: {name}", bootstrap(figure, len(rows)))

    return [
        line("default rate, observed", lambda some: float(bad[some].mean())),
        line("default rate, predicted", lambda some: float(predicted[some].mean())),
        line("loss, observed", lambda some: float(loss[some].mean())),
        line("loss, predicted", lambda some: float(expected[some].mean())),
        line("AUC", lambda some: auc(bad[some], predicted[some])),
        line("calibration error (ECE)", lambda some: expected_calibration_error(bad[some], predicted[some])),
    ]


def write_evaluation(folder: Path, part: str, content: dict[str, object]) -> None:
    """Keep the figures of an evaluation beside the models, for the cards."""
    path = folder / EVALUATION
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[part] = content
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
