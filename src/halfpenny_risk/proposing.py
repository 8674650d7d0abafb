"""``halfpenny-risk propose``: put a judged model to the platform, where a second person approves it."""

from __future__ import annotations

from typing import Any

import msgspec

from halfpenny_messages import ModelFile
from halfpenny_risk.artefacts import DEFAULT_FOLDER, ArtefactFolder
from halfpenny_risk.errors import BadSettings, ProposalRefused
from halfpenny_risk.models import AS_TRAINED, load_models
from halfpenny_risk.promotion import judgement_of, model_file, models_in_force, promotions_kept
from halfpenny_risk.settings import ProposerSettings, Settings

_PATH = "/api/v1/risk/promotions"
_TIMEOUT_S = 30.0


def proposal(settings: Settings, name: str, reason: str) -> dict[str, Any]:
    """The body of the request: candidate, the champion in force by what this service knows, and the judgement.

    Raises ``BadArtefact`` for a model that is not there or cannot be loaded, ``ProposalRefused`` for one that was not
    judged against the champion.
    """
    artefacts = ArtefactFolder.open(settings.artefacts or DEFAULT_FOLDER)
    candidate, champion = model_file(artefacts, name), _champion(settings, artefacts)
    judgement = judgement_of(artefacts, candidate)
    if judgement is None:
        raise ProposalRefused(f"{name} was not judged: halfpenny-training judge")
    if judgement.champion.sha256 != champion.sha256:
        raise ProposalRefused(
            f"{name} was judged against {judgement.champion.file}, but the champion is {champion.file}"
        )
    load_models("champion", artefacts.folder, AS_TRAINED._replace(champion=name, challenger=champion.file))
    return {
        "champion": msgspec.to_builtins(candidate),
        "challenger": msgspec.to_builtins(champion),
        "judgement": msgspec.to_builtins(judgement),
        "reason": reason,
    }


def _champion(settings: Settings, artefacts: ArtefactFolder) -> ModelFile:
    _, pair = models_in_force(promotions_kept(settings), artefacts.folder)
    return model_file(artefacts, pair.champion)


def propose(platform: ProposerSettings, body: dict[str, Any]) -> str:
    """Send it as the person whose access token is set; returns the id of the approval that now waits.

    Raises ``ProposalRefused`` with the platform's code, ``BadSettings`` where it is not named or does not answer.
    """
    import httpx2

    if platform.url is None or platform.access_token is None:
        missing = "PLATFORM_URL" if platform.url is None else "ACCESS_TOKEN"
        raise BadSettings(f"HALFPENNY_RISK_{missing} must be set to propose a model")
    headers = {"authorization": f"Bearer {platform.access_token}"}
    try:
        answer = httpx2.post(f"{platform.url}{_PATH}", json=body, headers=headers, timeout=_TIMEOUT_S)
    except httpx2.HTTPError as error:
        raise BadSettings(f"HALFPENNY_RISK_PLATFORM_URL: {platform.url} does not answer ({error})") from None
    try:
        content = answer.json()
        if answer.status_code == 202:
            return str(content["approval"]["id"])
        refusal = f"{content['code']}: {content.get('detail', '')}"
    except (ValueError, LookupError, TypeError):
        refusal = f"status {answer.status_code}"
    raise ProposalRefused(refusal)
