"""Promotion and monitoring: which model leads, and whether its predictions came true."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from halfpenny_risk.artefacts import EVALUATION, ArtefactFolder, sign, write_json
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.borrower import BorrowerModel, boosted_from, scorecard_from
from halfpenny_risk.errors import BadArtefact, BadTable
from halfpenny_risk.models import CHAMPION_FILE, ROLES_FILE, SCORECARD_FILE, load_models
from halfpenny_risk.normal import Floats, expit
from halfpenny_training.borrower import SEED, credit_matrix, fit_champion, fit_scorecard
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
from halfpenny_training.sources import sha256_of
from halfpenny_training.splits import stratified_folds
from halfpenny_training.table import Table, read_csv

Progress = Callable[[str], None]

# Trees that need to be flattened or steepened more than this on rows held back are over-fitted or stopped too soon.
TREE_SLOPES = (0.8, 1.25)
MONOTONE_TRIALS = 10_000
# Calibration on unseen rows: the 95 % intervals of slope and intercept have to meet these.
SLOPES, MOST_INTERCEPT = (0.9, 1.1), 0.1
OUTER_FOLDS = 3
# Two runs on one machine are alike to the last bit; artefacts keep six digits of the calibration.
MADE_AGAIN_WITHIN = 1e-4
# The parameters of CatBoost that a recipe may set; direction and features are not its to choose.
RECIPE = frozenset(
    {"iterations", "depth", "learning_rate", "l2_leaf_reg", "rsm", "bootstrap_type", "subsample", "loss_function"}
    | {"random_seed"}
)
PSI_WATCH, PSI_ACT = 0.10, 0.25


def promote(candidate: Path, folder: Path, data: Path, progress: Progress) -> None:
    """Make ``candidate`` the champion and the present champion its challenger.

    Refused with ``BadArtefact`` when it cannot be loaded, breaks monotonicity, does not name what it was made from or
    is not what that makes, or is uncalibrated or worse than the champion on rows that it had not seen. The files stay
    in the folder, so that going back is promoting again.
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
        named = {"champion": name, "challenger": champion}
        tried = ArtefactFolder.open(trial)
        _check_candidate(load_models("champion", trial), tried, named, candidate.name, data, progress)
        shutil.copyfile(trial / name, folder / name)
    write_json(folder / ROLES_FILE, {"champion": name, "challenger": champion})
    sign(folder)
    progress(f"{name} leads, {champion} runs beside it; the service takes them at its next start")


def _check_candidate(
    models: ModelSet, artefacts: ArtefactFolder, roles: Mapping[str, str], name: str, data: Path, progress: Progress
) -> None:
    """Judge the candidate on rows that it had not seen; raises ``BadArtefact`` with the first gate that it fails."""
    breaks = monotone_breaks(MONOTONE_TRIALS, models=models)
    if any(breaks.values()):
        raise BadArtefact(f"{name} breaks monotonicity {sum(breaks.values())} times")
    rows, bad = credit_matrix(read_csv(data / CREDIT_FILE))
    hashed = sha256_of(data / CREDIT_FILE)
    training = artefacts.json(roles["champion"]).get("training") or {}
    if training.get("data_sha256") != hashed:
        raise BadArtefact(f"{name} does not name the applications in {data} as those that it was made from")
    own = models.borrower.log_odds(rows)
    # What is judged is the recipe, so the file has to be what the recipe makes of these applications.
    if np.abs(own - _made_again(training, rows, bad).log_odds(rows)).max() > MADE_AGAIN_WITHIN:
        raise BadArtefact(f"{name} is not what its recipe makes of these applications")
    slope = float(artefacts.json(roles["champion"]).get("calibration", {}).get("slope", 1.0))
    if not TREE_SLOPES[0] <= slope <= TREE_SLOPES[1]:
        raise BadArtefact(f"{name} is over-fitted or unfinished: on unseen rows its trees need the slope {slope:.3f}")
    unseen = unseen_odds(training, rows, bad)
    champion = artefacts.json(roles["challenger"]).get("training") or {}
    assert models.challenger is not None  # noqa: S101 - the roles name the present champion as it
    # A champion of other applications has seen none of these, and is judged as it stands.
    theirs = unseen_odds(champion, rows, bad) if champion.get("data_sha256") == hashed else None
    _check_unseen(name, bad, own, unseen, models.challenger.log_odds(rows) if theirs is None else theirs, progress)


def _check_unseen(name: str, bad: Ints, own: Floats, unseen: Floats, champion: Floats, progress: Progress) -> None:
    probability = expit(unseen)
    slope = bootstrap(lambda some: calibration(bad[some], probability[some])[0], len(bad))
    level = bootstrap(lambda some: calibration(bad[some], probability[some])[1], len(bad))
    behind = bootstrap(lambda some: _brier_of(unseen[some], bad[some]) - _brier_of(champion[some], bad[some]), len(bad))
    progress(f"{name}: Brier {_brier_of(own, bad):.5f} on its own rows, {_brier_of(unseen, bad):.5f} on unseen ones")
    progress(f"on unseen rows: Brier less the champion's {behind}; slope {slope}, intercept {level}")
    if slope.low > SLOPES[1] or slope.high < SLOPES[0]:
        raise BadArtefact(f"{name} is not calibrated on unseen rows: slope {slope}")
    if level.low > MOST_INTERCEPT or level.high < -MOST_INTERCEPT:
        raise BadArtefact(f"{name} is not calibrated on unseen rows: intercept {level}")
    if behind.low > 0.0:
        raise BadArtefact(f"{name} is worse than the champion on unseen rows by {behind.value:.5f} of Brier score")


def _made_again(training: Mapping[str, Any], rows: Floats, bad: Ints) -> BorrowerModel:
    """The model that a recipe makes of these rows, calibration and all."""
    if training.get("kind") == "scorecard":
        return scorecard_from(fit_scorecard(rows, bad), "again")
    with tempfile.TemporaryDirectory() as scratch:
        return boosted_from(fit_champion(rows, bad, Path(scratch), _recipe_of(training)), "again")


def unseen_odds(training: Mapping[str, Any], rows: Floats, bad: Ints) -> Floats:
    """Log-odds of every row by a model of the same recipe that had not seen it, its calibration included.

    The folds are nested: a fold's model is made and calibrated on the other folds alone.
    """
    found = np.empty(len(bad))
    for held in stratified_folds(bad, OUTER_FOLDS, SEED + 1):
        rest = np.setdiff1d(np.arange(len(bad)), held)
        found[held] = _made_again(training, rows[rest], bad[rest]).log_odds(rows[held])
    return found


def _recipe_of(training: Mapping[str, Any]) -> Mapping[str, Any]:
    recipe = training.get("recipe")
    if training.get("kind") != "boosted" or not isinstance(recipe, dict) or not set(recipe) <= RECIPE:
        raise BadArtefact("a candidate names its kind and, for boosted trees, the recipe that it was made by")
    return recipe


def _brier_of(odds: Floats, outcome: Ints) -> float:
    return brier(outcome, expit(odds))


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
