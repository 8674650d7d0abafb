"""Promotions, pure: what is proposed, what is kept, and when a proposal cannot stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halfpenny.primitives.ids import UserId
from halfpenny.risk_reporting.promotions import errors
from halfpenny_messages import Judgement, ModelFile

SEAT = UUID("6d0c7a52-2f0b-4d0e-9a54-5b8f0c1e7a01")
"""The object of every promotion: the one seat of the leading borrower model. Approvals and audit entries name it."""


@dataclass(frozen=True, slots=True)
class ProposedPromotion:
    """What a person proposes: ``champion`` leads instead of ``challenger``, which runs beside it."""

    champion: ModelFile
    challenger: ModelFile
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class ModelPromotion:
    """One row of ``risk_promotion``, never changed; the newest is in force. ``signed`` is what the service verifies."""

    number: int
    champion_file: str
    champion_sha256: str
    challenger_file: str
    challenger_sha256: str
    judgement: dict[str, Any]
    proposed_by: UserId
    approved_by: UserId
    promoted_at: datetime
    signed: str

    @property
    def champion(self) -> ModelFile:
        return ModelFile(file=self.champion_file, sha256=self.champion_sha256)


def check_proposal(proposed: ProposedPromotion, in_force: ModelPromotion | None) -> None:
    """Refuse what names another champion than the one in force, promotes it again, or was judged against another.

    Before the first promotion the platform knows no champion: then the proposal's own word counts.
    """
    if proposed.champion == proposed.challenger:
        raise errors.AlreadyChampion()
    if in_force is not None and proposed.challenger != in_force.champion:
        raise errors.ChampionDiffers(in_force=in_force.champion_file, named=proposed.challenger.file)
    if proposed.judgement.champion != proposed.challenger:
        raise errors.JudgedAgainstAnother(judged_against=proposed.judgement.champion.file)


def facts(proposed: ProposedPromotion, in_force: ModelPromotion | None) -> dict[str, Any]:
    """What the second person sees: who leads, who would, and what the candidate was found to be on unseen rows."""
    return {
        "promotion_in_force": in_force.number if in_force else 0,
        "champion": proposed.challenger.file,
        "champion_sha256": proposed.challenger.sha256,
        "candidate": proposed.champion.file,
        "candidate_sha256": proposed.champion.sha256,
        "judgement": msgspec.to_builtins(proposed.judgement),
    }
