"""Promotion: a better model leads and the old one runs beside it; a worse or a broken one changes nothing."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from halfpenny_risk.artefacts import DEFAULT_FOLDER
from halfpenny_risk.models import CHAMPION_FILE, SCORECARD_FILE, load_models
from halfpenny_training.cli import main

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
        for _ in range(600):
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


def promote(candidate: Path, folder: Path, data: Path) -> int:
    return main(["promote", str(candidate), "--folder", str(folder), "--data", str(data)])


def test_a_model_that_is_as_good_leads_and_can_be_undone(tmp_path: Path, folder: Path, data: Path) -> None:
    candidate = tmp_path / "borrower_next.json"
    shutil.copyfile(folder / CHAMPION_FILE, candidate)
    assert promote(candidate, folder, data) == 0
    models = load_models("champion", folder)
    assert models.borrower.version.startswith("next-")
    assert models.challenger is not None and models.challenger.version.startswith("champion-")
    assert promote(folder / CHAMPION_FILE, folder, data) == 0
    again = load_models("champion", folder)
    assert again.borrower.version.startswith("champion-")
    assert again.challenger is not None and again.challenger.version.startswith("next-")


def test_a_model_that_breaks_monotonicity_changes_nothing(
    tmp_path: Path, folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((folder / CHAMPION_FILE).read_text())
    content["calibration"]["slope"] = -1.0
    candidate = tmp_path / "borrower_next.json"
    candidate.write_text(json.dumps(content))
    before = contents(folder)
    assert promote(candidate, folder, data) == 2
    assert "monotonicity" in capsys.readouterr().err
    assert contents(folder) == before


def test_a_worse_model_changes_nothing(
    tmp_path: Path, folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((folder / SCORECARD_FILE).read_text())
    for card in content["features"].values():
        card["points"] = [0.0] * len(card["points"])
    candidate = tmp_path / "borrower_flat.json"
    candidate.write_text(json.dumps(content))
    before = contents(folder)
    assert promote(candidate, folder, data) == 2
    assert "worse" in capsys.readouterr().err
    assert contents(folder) == before


@pytest.mark.parametrize("content", ["not json", "{}", '{"model": 1}'])
def test_what_is_no_model_changes_nothing(
    tmp_path: Path, folder: Path, data: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = tmp_path / "borrower_next.json"
    candidate.write_text(content)
    before = contents(folder)
    assert promote(candidate, folder, data) == 2
    assert capsys.readouterr().err.startswith("bad_artefact: ")
    assert contents(folder) == before
