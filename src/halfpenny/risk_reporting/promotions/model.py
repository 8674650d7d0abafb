"""Promotions, pure: what is proposed, what is kept, and when a proposal cannot stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from halfpenny.approvals import Approval, ApprovalStatus
from halfpenny.primitives.ids import UserId
from halfpenny.risk_reporting.promotions import errors
from halfpenny_messages import Gate, Judgement, ModelFile, failed_gates

BORROWER_MODEL_ID = UUID("6d0c7a52-2f0b-4d0e-9a54-5b8f0c1e7a01")
"""The object of every promotion, whichever file is the champion. Approvals, events and audit entries name it."""


ProposalStanding = Literal["waiting", "outdated", "in_force", "replaced", "refused", "withdrawn", "expired"]


@dataclass(frozen=True, slots=True)
class ProposedPromotion:
    """What a person proposes: ``champion`` is to replace the present one, ``challenger``, which then runs beside it."""

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


def check_proposal(proposed: ProposedPromotion, in_force: ModelPromotion | None) -> None:
    """Refuse what names another champion than the one in force, promotes it again, was judged against another, or was
    found worse or by figures that no judge lets pass.

    A model is its bytes, by their SHA-256; under another name it is the same one. Before the first promotion the
    platform knows no champion: then the proposal's own word counts. The figures have to pass the gates of the judge
    (``failed_gates``); that they are those of the judgement, the risk service verifies by its folder.
    """
    if proposed.champion.sha256 == proposed.challenger.sha256:
        raise errors.AlreadyChampion()
    if in_force is not None and proposed.challenger.sha256 != in_force.champion_sha256:
        raise errors.ChampionDiffers(in_force=in_force.champion_file, named=proposed.challenger.file)
    if proposed.judgement.champion.sha256 != proposed.challenger.sha256:
        raise errors.JudgedAgainstAnother(judged_against=proposed.judgement.champion.file)
    behind = proposed.judgement.brier_difference
    failed = failed_gates(proposed.judgement)
    if Gate.BRIER_DIFFERENCE in failed:
        raise errors.WorseThanChampion(brier_difference=behind.value, low=behind.low)
    if failed:
        raise errors.GatesFailed(gates=[gate.value for gate in failed])


def standing_of(proposal: Approval, in_force: int, now: datetime) -> ProposalStanding:
    """What became of a proposal, or may still; ``in_force`` is the number of the newest promotion, 0 before the first.

    One that waits is outdated once another model was promoted after it was proposed: nobody can approve it any more.
    """
    match proposal.status:
        case ApprovalStatus.PENDING if now >= proposal.expires_at:
            return "expired"
        case ApprovalStatus.PENDING:
            return "waiting" if proposal.object_version == str(in_force) else "outdated"
        case ApprovalStatus.APPROVED:
            # Approved while the page was read, it may be newer than what was read before it.
            return "in_force" if proposal.result and proposal.result["number"] >= in_force else "replaced"
        case ApprovalStatus.REFUSED:
            return "refused"
        case ApprovalStatus.WITHDRAWN:
            return "withdrawn"
        case ApprovalStatus.EXPIRED:
            return "expired"


def facts(proposed: ProposedPromotion, in_force: ModelPromotion | None) -> dict[str, Any]:
    """What the second person sees: the champion, the candidate, and what was found of the candidate on unseen rows."""
    return {
        "promotion_in_force": in_force.number if in_force else 0,
        "champion": proposed.challenger.file,
        "champion_sha256": proposed.challenger.sha256,
        "candidate": proposed.champion.file,
        "candidate_sha256": proposed.champion.sha256,
        "judgement": msgspec.to_builtins(proposed.judgement),
    }
