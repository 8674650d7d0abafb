"""Put the model set together: the champion with its market models, or the scorecard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from halfpenny_risk.artefacts import DEFAULT_FOLDER, ArtefactFolder
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.borrower import BorrowerModel, boosted_from, scorecard_from
from halfpenny_risk.errors import BadSettings
from halfpenny_risk.valuation import Market

CHAMPION_FILE = "borrower_champion.json"
SCORECARD_FILE = "borrower_scorecard.json"
Choice = Literal["champion", "scorecard"]


class ChampionAndChallenger(NamedTuple):
    """The files of the champion and of the challenger, two borrower models."""

    champion: str = CHAMPION_FILE
    challenger: str = SCORECARD_FILE


# Before the first promotion.
AS_TRAINED = ChampionAndChallenger()


def load_models(choice: Choice, folder: Path = DEFAULT_FOLDER, pair: ChampionAndChallenger = AS_TRAINED) -> ModelSet:
    """Load and check what ``choice`` needs; raises ``BadArtefact`` or ``BadSettings``.

    The scorecard needs one small file and knows no market, so that it starts at once on the smallest machine; ``pair``
    does not matter to it.
    """
    artefacts = ArtefactFolder.open(folder)
    if choice == "scorecard":
        card = _borrower(artefacts, SCORECARD_FILE)
        return ModelSet(card.version, card, flags=("scorecard_only",))
    if choice != "champion":
        raise BadSettings(f"HALFPENNY_RISK_MODEL must be champion or scorecard, not {choice!r}")
    from halfpenny_risk.market import load_markets

    return _model_set(artefacts, pair, load_markets(artefacts))


def with_borrower_models(models: ModelSet, artefacts: ArtefactFolder, pair: ChampionAndChallenger) -> ModelSet:
    """The same markets under another pair of borrower models; raises ``BadArtefact``."""
    return _model_set(artefacts, pair, models.markets)


def _model_set(artefacts: ArtefactFolder, pair: ChampionAndChallenger, markets: tuple[Market, ...]) -> ModelSet:
    champion, challenger = _borrower(artefacts, pair.champion), _borrower(artefacts, pair.challenger)
    version = "+".join([champion.version, *(market.version for market in markets)])
    return ModelSet(version, champion, markets, challenger)


def _borrower(artefacts: ArtefactFolder, name: str) -> BorrowerModel:
    version = f"{name.removeprefix('borrower_').removesuffix('.json')}-{artefacts.version_of(name)}"
    content = artefacts.json(name)
    return boosted_from(content, version) if "model" in content else scorecard_from(content, version)
