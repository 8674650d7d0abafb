"""The model cards in docs/models state what was last evaluated, of the models that are shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halfpenny_risk.artefacts import DEFAULT_FOLDER, EVALUATION, ArtefactFolder
from halfpenny_risk.errors import BadArtefact
from halfpenny_training.card import cards, write_cards

DOCS = Path(__file__).parents[2] / "docs" / "models"
EVALUATED = json.loads((DEFAULT_FOLDER / EVALUATION).read_text(encoding="utf-8"))


def test_the_cards_are_current() -> None:
    found = cards(EVALUATED, ArtefactFolder.open())
    assert {"valuation-seattle", "borrower-strength"} <= set(found)
    for name, content in found.items():
        assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == content, f"{name} is old: halfpenny-training card"
    assert {path.stem for path in DOCS.glob("*.md")} == set(found)


def test_every_figure_that_was_to_be_reached_is_reached() -> None:
    aimed = [line for part in EVALUATED.values() for line in part["lines"] if line["reached"] is not None]
    assert len(aimed) >= 8
    assert [line["measure"] for line in aimed if not line["reached"]] == []


def test_a_card_needs_an_evaluation(tmp_path: Path) -> None:
    with pytest.raises(BadArtefact):
        write_cards(tmp_path, tmp_path / "cards", lambda _: None)
    assert not (tmp_path / "cards").exists()
