"""The model cards in docs/models state what was last evaluated, of the models that are shipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from halfpenny_risk.artefacts import DEFAULT_FOLDER, EVALUATION, ArtefactFolder
from halfpenny_risk.errors import BadArtefact
from halfpenny_training import avm
from halfpenny_training.card import cards, write_cards

DOCS = Path(__file__).parents[2] / "docs" / "models"
EVALUATED = json.loads((DEFAULT_FOLDER / EVALUATION).read_text(encoding="utf-8"))


def test_the_cards_are_current() -> None:
    found = cards(EVALUATED, ArtefactFolder.open())
    assert {"valuation-seattle", "borrower-strength"} <= set(found)
    for name, content in found.items():
        assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == content, f"{name} is old: halfpenny-training card"
    assert {path.stem for path in DOCS.glob("*.md")} == set(found)


@pytest.mark.parametrize("market", ["seattle", "lucas"])
def test_row_11_the_figures_of_a_market_are_those_of_todays_recipe(market: str) -> None:
    """Whoever changes what a valuation is trained, masked or calibrated with evaluates it again."""
    assert EVALUATED[market]["recipe"] == avm.recipe(), "run halfpenny-training evaluate, then card"
    assert {line["measure"].rpartition(":")[0] for line in EVALUATED[market]["lines"]} >= {
        "the same, only what an application says",
        "benchmark: hedonic regression and index",
    }


def test_the_readme_states_the_figures_of_the_fields_that_are_served() -> None:
    """Row 14: what the product asks for comes first, then the same with the optional fields withheld."""
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    served = {line["measure"]: line["value"] for line in EVALUATED["borrower"]["lines"]}
    every, withheld = (
        served[f"champion, {fields}: AUC"] for fields in ("every field that is asked for", "optional fields withheld")
    )
    assert f"an AUC of {every:.3f}, and of {withheld:.3f} where the optional ones are withheld" in readme


def test_every_figure_that_was_to_be_reached_is_reached() -> None:
    aimed = [line for part in EVALUATED.values() for line in part["lines"] if line["reached"] is not None]
    assert len(aimed) >= 8
    assert [line["measure"] for line in aimed if not line["reached"]] == []


def test_a_card_needs_an_evaluation(tmp_path: Path) -> None:
    with pytest.raises(BadArtefact):
        write_cards(tmp_path, tmp_path / "cards", lambda _: None)
    assert not (tmp_path / "cards").exists()
