"""Judging the next champion: a good one lies among the models with its judgement; another changes nothing."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from halfpenny_messages import Judgement, ModelFile
from halfpenny_risk.artefacts import DEFAULT_FOLDER, ArtefactFolder
from halfpenny_risk.borrower import BorrowerModel, boosted_from
from halfpenny_risk.models import CHAMPION_FILE, ChampionAndChallenger, load_models
from halfpenny_risk.normal import expit
from halfpenny_risk.promotion import JUDGEMENTS_FILE
from halfpenny_training.borrower import credit_matrix
from halfpenny_training.cli import main
from halfpenny_training.metrics import brier
from halfpenny_training.pipeline import CREDIT_FILE, boosted_artefact
from halfpenny_training.table import read_csv

COLUMNS = [
    "Status", "Seniority", "Home", "Time", "Age", "Marital", "Records", "Job", "Expenses", "Income", "Assets", "Debt",
    "Amount", "Price",
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Credit applications in the columns of the real ones, whose fate follows from income and records."""
    random = np.random.default_rng(12)
    folder = tmp_path / "data"
    folder.mkdir()
    with (folder / "credit.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for _ in range(420):
            income, records = random.uniform(40, 300), random.random() < 0.2
            bad = random.random() < 1.0 / (1.0 + np.exp(-(0.5 - 0.015 * income + 1.5 * records)))
            writer.writerow(
                ["bad" if bad else "good", 5, "owner", 48, 40, "married", "yes" if records else "no", "fixed", 50,
                 f"{income:.0f}", 3000, 0, 1000, 1400]
            )  # fmt: skip
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "artefacts"
    shutil.copytree(DEFAULT_FOLDER, copy)
    return copy


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def judge(candidate: Path, folder: Path, data: Path, *more: str) -> int:
    return main(["judge", str(candidate), "--folder", str(folder), "--data", str(data), *more])


def judgements(folder: Path) -> dict[str, Judgement]:
    return msgspec.convert(ArtefactFolder.open(folder).json(JUDGEMENTS_FILE), dict[str, Judgement])


MODEST = {"iterations": 60, "depth": 2, "learning_rate": 0.1, "l2_leaf_reg": 8.0, "loss_function": "Logloss"}
OVER_FITTED = MODEST | {"iterations": 160, "depth": 4, "learning_rate": 0.9, "l2_leaf_reg": 0.1}


def written(path: Path, data: Path, recipe: dict[str, Any]) -> Path:
    path.write_text(json.dumps(boosted_artefact(data, recipe | {"random_seed": 4})))
    return path


def load(path: Path) -> BorrowerModel:
    return boosted_from(json.loads(path.read_text()), "file")


def test_row_16_a_model_that_is_good_on_unseen_rows_can_be_proposed_and_followed(
    tmp_path: Path, folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(written(tmp_path / "borrower_next.json", data, MODEST), folder, data) == 0
    assert "on unseen rows" in capsys.readouterr().out
    hashes = ArtefactFolder.open(folder).hashes
    [(judged, judgement)] = judgements(folder).items()
    assert judged == hashes["borrower_next.json"]
    assert judgement.champion == ModelFile(file=CHAMPION_FILE, sha256=hashes[CHAMPION_FILE])
    assert (judgement.rows, judgement.monotone_trials) == (420, 10_000)
    assert float(judgement.brier_difference.low) <= 0.0
    for figure in (judgement.brier, judgement.brier_difference, judgement.slope, judgement.intercept):
        assert float(figure.low) <= float(figure.value) <= float(figure.high)
    # Judging promotes nothing: that takes two people and a signature.
    assert load_models("champion", folder).borrower.version.startswith("champion-")
    # Once it is the champion it has seen these rows too, and both are judged by folds.
    third = written(tmp_path / "borrower_third.json", data, MODEST | {"iterations": 64})
    assert judge(third, folder, data, "--champion", "borrower_next.json") == 0
    assert judgements(folder)[ArtefactFolder.open(folder).hashes["borrower_third.json"]].champion.sha256 == judged
    models = load_models("champion", folder, ChampionAndChallenger("borrower_third.json", "borrower_next.json"))
    assert models.borrower.version.startswith("third-")
    assert models.challenger is not None and models.challenger.version.startswith("next-")


@pytest.mark.parametrize(
    ("name", "champion", "message"),
    [
        ("borrower_champion.json", "borrower_champion.json", "another model"),
        ("borrower_scorecard.json", "borrower_champion.json", "another model"),
        ("Next Model.json", "borrower_champion.json", "a model's name"),
        ("borrower_next.json", "borrower_gone.json", "not in the manifest"),
    ],
)
def test_a_candidate_takes_no_other_models_place(
    tmp_path: Path,
    folder: Path,
    data: Path,
    name: str,
    champion: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    candidate = written(tmp_path / name, data, MODEST)
    before = contents(folder)
    assert judge(candidate, folder, data, "--champion", champion) == 2
    assert message in capsys.readouterr().err
    assert contents(folder) == before


def test_the_champions_own_bytes_are_no_candidate_under_any_name(
    tmp_path: Path, folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (CHAMPION_FILE, "borrower_copy.json", "copy.json"):
        shutil.copy(folder / CHAMPION_FILE, tmp_path / name)
        before = contents(folder)
        assert judge(tmp_path / name, folder, data) == 2
        assert "is the champion that it would be judged against" in capsys.readouterr().err
        assert contents(folder) == before


def test_row_16_an_over_fitted_model_is_refused_though_it_is_best_on_its_own_rows(
    tmp_path: Path, folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "borrower_modest.json", data, MODEST)
    candidate = written(tmp_path / "borrower_next.json", data, OVER_FITTED)
    before = contents(folder)
    assert judge(candidate, folder, data) == 2
    assert "over-fitted" in capsys.readouterr().err
    rows, bad = credit_matrix(read_csv(data / CREDIT_FILE))
    own = [brier(bad, expit(load(path).log_odds(rows))) for path in (tmp_path / "borrower_modest.json", candidate)]
    assert own[1] < own[0], "judged on its own rows it would have won"
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["calibration"].update(slope=-1.0), "monotonicity"),
        (lambda content: content["calibration"].update(slope=3.0), "not what its recipe makes"),
        (lambda content: content["training"]["recipe"].update(iterations=12), "not what its recipe makes"),
        (lambda content: content["training"]["recipe"].update(monotone_constraints=[0]), "the recipe"),
        (lambda content: content["training"].update(data_sha256="0" * 64), "does not name the applications"),
        (lambda content: content.pop("training"), "does not name the applications"),
    ],
)
def test_row_16_a_model_that_is_not_what_it_claims_changes_nothing(
    tmp_path: Path,
    folder: Path,
    data: Path,
    change: Callable[[dict[str, Any]], Any],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    candidate = written(tmp_path / "borrower_next.json", data, MODEST)
    content = json.loads(candidate.read_text())
    change(content)
    candidate.write_text(json.dumps(content))
    before = contents(folder)
    assert judge(candidate, folder, data) == 2
    assert message in capsys.readouterr().err
    assert contents(folder) == before


@pytest.mark.parametrize("content", ["not json", "{}", '{"model": 1}'])
def test_what_is_no_model_changes_nothing(
    tmp_path: Path, folder: Path, data: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = tmp_path / "borrower_next.json"
    candidate.write_text(content)
    before = contents(folder)
    assert judge(candidate, folder, data) == 2
    assert capsys.readouterr().err.startswith("bad_artefact: ")
    assert contents(folder) == before
