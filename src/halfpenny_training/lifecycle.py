"""Judging a borrower model as the next champion, on rows that it had not seen."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from halfpenny_risk.artefacts import EVALUATION, ArtefactFolder, sign, write_json
from halfpenny_risk.assess import ModelSet, decimal_text
from halfpenny_risk.borrower import BorrowerModel, boosted_from, scorecard_from
from halfpenny_risk.errors import BadArtefact
from halfpenny_risk.models import ChampionAndChallenger, load_models
from halfpenny_risk.normal import Floats, expit
from halfpenny_risk.promotion import JUDGED_TRIALS, JUDGEMENTS_FILE, check_gates, is_model_file_name
from halfpenny_training.borrower import SEED, credit_matrix, fit_champion, fit_scorecard
from halfpenny_training.metrics import Estimate, Ints, bootstrap, brier, calibration
from halfpenny_training.perturb import monotone_breaks
from halfpenny_training.pipeline import CREDIT_FILE
from halfpenny_training.sources import sha256_of
from halfpenny_training.splits import stratified_folds
from halfpenny_training.table import read_csv

Progress = Callable[[str], None]

# Trees that need to be flattened or steepened more than this on rows held back are over-fitted or stopped too soon.
TREE_SLOPES = (0.8, 1.25)
OUTER_FOLDS = 3
# Two runs on one machine are alike to the last bit; artefacts keep six digits of the calibration.
MADE_AGAIN_WITHIN = 1e-4
# The parameters of CatBoost that a recipe may set; direction and features are not its to choose.
RECIPE = frozenset(
    {"iterations", "depth", "learning_rate", "l2_leaf_reg", "rsm", "bootstrap_type", "subsample", "loss_function"}
    | {"random_seed"}
)


def judge(candidate: Path, folder: Path, data: Path, champion: str, today: date, progress: Progress) -> str:
    """Judge a borrower model as the next champion, and put it among the models in ``folder``; returns its name there.

    It promotes nothing: that is proposed by ``halfpenny-risk propose`` and approved on the platform. Refused with
    ``BadArtefact``, and nothing is written, when the candidate cannot be loaded, breaks monotonicity, does not name
    what it was made from or is not what that makes, or is uncalibrated or worse than ``champion`` on rows that it had
    not seen. The files stay in the folder, so that going back is judging and proposing again.
    """
    present = ArtefactFolder.open(folder)
    name = candidate.name if candidate.name.startswith("borrower_") else f"borrower_{candidate.name}"
    if not is_model_file_name(name):
        raise BadArtefact(f"{name}: a model's name is borrower_ and small letters, digits and _, and ends in .json")
    content = candidate.read_bytes() if candidate.is_file() else b""
    if not content:
        raise BadArtefact(f"{candidate} cannot be read")
    if (folder / name).exists() and (folder / name).read_bytes() != content:
        raise BadArtefact(f"{folder / name} is another model: give the candidate a name of its own")
    if hashlib.sha256(content).hexdigest() == present.hashes.get(champion):
        raise BadArtefact(f"{name} is the champion that it would be judged against, byte for byte: {champion}")
    with tempfile.TemporaryDirectory() as scratch:
        trial = Path(scratch)
        (trial / name).write_bytes(content)
        (trial / champion).write_bytes(present.read(champion))
        sign(trial)
        tried = ArtefactFolder.open(trial)
        models = load_models("champion", trial, ChampionAndChallenger(name, champion))
        found = _judged(models, tried, ChampionAndChallenger(name, champion), candidate.name, data, today, progress)
    (folder / name).write_bytes(content)
    judgements = present.json(JUDGEMENTS_FILE) if present.has(JUDGEMENTS_FILE) else {}
    write_json(folder / JUDGEMENTS_FILE, {**judgements, tried.hashes[name]: found})
    sign(folder)
    progress(f"{name} may replace {champion} as the champion: halfpenny-risk propose {name} --reason ...")
    return name


def _judged(
    models: ModelSet,
    artefacts: ArtefactFolder,
    pair: ChampionAndChallenger,
    name: str,
    data: Path,
    today: date,
    progress: Progress,
) -> dict[str, Any]:
    """The judgement of the candidate, the champion of ``models``; raises ``BadArtefact`` at the first gate it fails."""
    breaks = sum(monotone_breaks(JUDGED_TRIALS, models=models).values())
    if breaks:
        raise BadArtefact(f"{name} breaks monotonicity {breaks} times")
    rows, bad = credit_matrix(read_csv(data / CREDIT_FILE))
    hashed = sha256_of(data / CREDIT_FILE)
    training = artefacts.json(pair.champion).get("training") or {}
    if training.get("data_sha256") != hashed:
        raise BadArtefact(f"{name} does not name the applications in {data} as those that it was made from")
    own = models.borrower.log_odds(rows)
    # What is judged is the recipe, so the file has to be what the recipe makes of these applications.
    if np.abs(own - _made_again(training, rows, bad).log_odds(rows)).max() > MADE_AGAIN_WITHIN:
        raise BadArtefact(f"{name} is not what its recipe makes of these applications")
    slope = float(artefacts.json(pair.champion).get("calibration", {}).get("slope", 1.0))
    if not TREE_SLOPES[0] <= slope <= TREE_SLOPES[1]:
        raise BadArtefact(f"{name} is over-fitted or unfinished: on unseen rows its trees need the slope {slope:.3f}")
    unseen = unseen_odds(training, rows, bad)
    champion = artefacts.json(pair.challenger).get("training") or {}
    assert models.challenger is not None  # noqa: S101 - the present champion runs beside the candidate
    # A champion of other applications has seen none of these, and is judged as it stands.
    theirs = unseen_odds(champion, rows, bad) if champion.get("data_sha256") == hashed else None
    figures = _on_unseen(
        name, bad, own, unseen, models.challenger.log_odds(rows) if theirs is None else theirs, progress
    )
    found = {
        "champion": {"file": pair.challenger, "sha256": artefacts.hashes[pair.challenger]},
        "data_sha256": hashed,
        "rows": len(bad),
        "monotone_trials": JUDGED_TRIALS,
        "monotone_breaks": breaks,
        **{figure: _as_text(estimate) for figure, estimate in figures.items()},
        "judged_on": today.isoformat(),
    }
    check_gates(found, name)
    return found


def _as_text(estimate: Estimate) -> dict[str, str]:
    return {part: decimal_text(getattr(estimate, part), 6) for part in ("value", "low", "high")}


def _on_unseen(
    name: str, bad: Ints, own: Floats, unseen: Floats, champion: Floats, progress: Progress
) -> dict[str, Estimate]:
    """The figures that the gates are held to, each with its interval."""
    probability = expit(unseen)
    slope = bootstrap(lambda some: calibration(bad[some], probability[some])[0], len(bad))
    level = bootstrap(lambda some: calibration(bad[some], probability[some])[1], len(bad))
    score = bootstrap(lambda some: _brier_of(unseen[some], bad[some]), len(bad))
    behind = bootstrap(lambda some: _brier_of(unseen[some], bad[some]) - _brier_of(champion[some], bad[some]), len(bad))
    progress(f"{name}: Brier {_brier_of(own, bad):.5f} on its own rows, {score.value:.5f} on unseen ones")
    progress(f"on unseen rows: Brier less the champion's {behind}; slope {slope}, intercept {level}")
    return {"brier": score, "brier_difference": behind, "slope": slope, "intercept": level}


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


def write_evaluation(folder: Path, part: str, content: dict[str, object]) -> None:
    """Keep the figures of an evaluation beside the models, for the cards."""
    path = folder / EVALUATION
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[part] = content
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
