"""Put the model set together: the champion with its market models, or the scorecard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from halfpenny_risk.artefacts import DEFAULT_FOLDER, ArtefactFolder
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.borrower import BorrowerModel, boosted_from, scorecard_from
from halfpenny_risk.errors import BadSettings

CHAMPION_FILE = "borrower_champion.json"
SCORECARD_FILE = "borrower_scorecard.json"
# What ``halfpenny-training promote`` writes: which borrower model leads and which one runs beside it.
ROLES_FILE = "roles.json"
Choice = Literal["champion", "scorecard"]


def load_models(choice: Choice, folder: Path = DEFAULT_FOLDER) -> ModelSet:
    """Load and check what ``choice`` needs; raises ``BadArtefact`` or ``BadSettings``.

    The scorecard needs one small file and knows no market, so that it starts at once on the smallest machine.
    """
    artefacts = ArtefactFolder.open(folder)
    if choice == "scorecard":
        card = _borrower(artefacts, SCORECARD_FILE)
        return ModelSet(card.version, card, flags=("scorecard_only",))
    if choice != "champion":
        raise BadSettings(f"HALFPENNY_RISK_MODEL must be champion or scorecard, not {choice!r}")
    from halfpenny_risk.market import load_markets

    roles = artefacts.json(ROLES_FILE) if artefacts.has(ROLES_FILE) else {}
    champion = _borrower(artefacts, roles.get("champion", CHAMPION_FILE))
    challenger = _borrower(artefacts, roles.get("challenger", SCORECARD_FILE))
    markets = load_markets(artefacts)
    version = "+".join([champion.version, *(market.version for market in markets)])
    return ModelSet(version, champion, markets, challenger)


def _borrower(artefacts: ArtefactFolder, name: str) -> BorrowerModel:
    version = f"{name.removeprefix('borrower_').removesuffix('.json')}-{artefacts.version_of(name)}"
    content = artefacts.json(name)
    return boosted_from(content, version) if "model" in content else scorecard_from(content, version)
