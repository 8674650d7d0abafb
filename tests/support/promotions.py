"""Promotions for the tests: models that may be promoted, keys, and the platform's side of a proposal."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from halfpenny.risk_reporting import PromotionKey
from halfpenny.risk_reporting.promotions.signing import public_key_document
from halfpenny_messages import Judgement, Promotion
from halfpenny_risk.artefacts import DEFAULT_FOLDER, ArtefactFolder, sign, write_json
from halfpenny_risk.models import CHAMPION_FILE
from halfpenny_risk.promotion import JUDGEMENTS_FILE, PromotionsKept, PromotionVerifier, model_file

NEXT, THIRD = "borrower_next.json", "borrower_third.json"
NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
PATIENCE_S = 60.0


async def until(true: Callable[[], bool]) -> None:
    """There is nothing to wait for but what another program does."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if true():
                return
            await asyncio.sleep(0.02)


def figures(value: str) -> dict[str, str]:
    return {"value": value, "low": f"-{value}", "high": value}


def judgement(champion: dict[str, str]) -> dict[str, Any]:
    return {
        "champion": champion,
        "judged_on": "2026-11-20",
        "data_sha256": "0" * 64,
        "rows": 4446,
        "monotone_trials": 10_000,
        "monotone_breaks": 0,
        "brier": {"value": "0.1502", "low": "0.1431", "high": "0.1577"},
        "brier_difference": figures("0.0007"),
        "slope": figures("1.01"),
        "intercept": figures("0.02"),
    }


def models_folder(path: Path) -> Path:
    """The package's models, and two more that were judged, each against the one before it."""
    shutil.copytree(DEFAULT_FOLDER, path)
    before = CHAMPION_FILE
    judgements = {}
    for name, shift in ((NEXT, 0.11), (THIRD, 0.23)):
        content = json.loads((DEFAULT_FOLDER / CHAMPION_FILE).read_text())
        content["calibration"]["intercept"] += shift
        write_json(path / name, content)
        hashes = sign(path)
        judgements[hashes[name]] = judgement({"file": before, "sha256": hashes[before]})
        before = name
    write_json(path / JUDGEMENTS_FILE, judgements)
    sign(path)
    return path


def promotion(folder: Path, number: int, champion: str, challenger: str = CHAMPION_FILE) -> Promotion:
    artefacts = ArtefactFolder.open(folder)
    return Promotion(
        number=number,
        champion=model_file(artefacts, champion),
        challenger=model_file(artefacts, challenger),
        judgement=msgspec.convert(judgement({"file": challenger, "sha256": artefacts.hashes[challenger]}), Judgement),
        promoted_at=NOW,
    )


def promotion_key(folder: Path) -> PromotionKey:
    return PromotionKey(folder / "promotion-key.json", make=True)


def public_key(folder: Path, key: PromotionKey) -> Path:
    path = folder / "promotion-key.pub.json"
    path.write_text(json.dumps(public_key_document(key)))
    return path


def kept_in(folder: Path, key: PromotionKey, name: str = "promotion.json") -> PromotionsKept:
    return PromotionsKept(folder / name, PromotionVerifier.read(public_key(folder, key)))


def proposed(folder: Path, champion: str, challenger: str = CHAMPION_FILE) -> dict[str, Any]:
    """The body of a proposal, as ``halfpenny-risk propose`` makes it."""
    hashes = ArtefactFolder.open(folder).hashes
    present = {"file": challenger, "sha256": hashes[challenger]}
    return {
        "champion": {"file": champion, "sha256": hashes[champion]},
        "challenger": present,
        "judgement": judgement(present),
        "reason": "Better on unseen rows.",
    }
