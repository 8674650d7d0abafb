"""The champion by a signed promotion: verified, held against the models' folder, kept in one file.

Nothing but the signature is trusted. The file keeps the last promotion as it was signed, so that a restart answers
with the same model; it is verified again each time that it is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import msgspec

from halfpenny_messages import (
    MODEL_FILE_PATTERN,
    MONOTONE_TRIALS,
    SIGNATURE_ALGORITHM,
    SIGNATURE_TYPE,
    Gate,
    Judgement,
    ModelFile,
    Promotion,
    failed_gates,
)
from halfpenny_risk.artefacts import ArtefactFolder
from halfpenny_risk.errors import (
    BadArtefact,
    BadSettings,
    PromotedModelMissing,
    PromotionForged,
    PromotionReplayed,
    PromotionStale,
    PromotionUnjudged,
)
from halfpenny_risk.models import AS_TRAINED, ChampionAndChallenger
from halfpenny_risk.settings import Settings

if TYPE_CHECKING:  # loaded where a key is set
    from joserfc.jwk import ECKey

JUDGEMENTS_FILE = "judgements.json"
"""Written by ``halfpenny-training judge``, and signed in the manifest: a Judgement by the SHA-256 of each candidate."""
JUDGED_TRIALS: Final = MONOTONE_TRIALS
"""How many applications a judge makes worse."""
_KEY = "HALFPENNY_RISK_PROMOTION_KEY"
_FAILS: Mapping[Gate, str] = {
    Gate.INTERVALS: "has figures outside of their intervals",
    Gate.MONOTONE_TRIALS: "was tried for monotonicity too little",
    Gate.MONOTONE_BREAKS: "breaks monotonicity",
    Gate.SLOPE: "is not calibrated on unseen rows, slope",
    Gate.INTERCEPT: "is not calibrated on unseen rows, intercept",
    Gate.BRIER_DIFFERENCE: "is worse than the champion on unseen rows, difference of Brier scores",
}


class KeptPromotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file: the promotion in force as it was signed, and the event that brought it."""

    event_id: UUID
    signed: str


class PromotionVerifier:
    """Verifies signatures by the platform's public keys."""

    def __init__(self, keys: Sequence[ECKey]) -> None:
        self._keys = keys

    @classmethod
    def read(cls, path: Path) -> PromotionVerifier:
        """From a file that holds a JWK set, a JWK or a PEM public key, on the curve P-256; raises ``BadSettings``."""
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey

        try:
            raw = path.read_bytes()
            if raw.lstrip().startswith(b"-----BEGIN"):
                keys = [ECKey.import_key(raw)]
            else:
                content = msgspec.json.decode(raw, type=dict)
                keys = [ECKey.import_key(entry) for entry in content.get("keys", [content])]
        except OSError as error:
            raise BadSettings(f"{_KEY}: cannot read {path} ({error.strerror})") from None
        except (ValueError, TypeError, LookupError, JoseError, msgspec.MsgspecError):
            raise BadSettings(f"{_KEY}: {path} holds no public key on the curve P-256") from None
        if not keys or any(key.curve_name != "P-256" for key in keys):
            raise BadSettings(f"{_KEY}: {path} holds no public key on the curve P-256")
        return cls(keys)

    def verify(self, signed: str) -> Promotion:
        """The promotion that was signed; raises ``PromotionForged``."""
        from joserfc import jws
        from joserfc.errors import JoseError

        for key in self._keys:
            try:
                found = jws.deserialize_compact(signed, key, algorithms=[SIGNATURE_ALGORITHM])
            except (JoseError, ValueError, TypeError):
                continue
            if found.protected.get("typ") != SIGNATURE_TYPE:
                raise PromotionForged("signed for another purpose")
            try:
                return msgspec.json.decode(found.payload, type=Promotion)
            except msgspec.MsgspecError as error:
                raise PromotionForged(f"what was signed is no promotion: {error}") from None
        raise PromotionForged("not signed by the platform")


@dataclass
class PromotionsKept:
    """The promotion in force, in one file; several instances of the service may share it."""

    path: Path
    verifier: PromotionVerifier

    def kept(self) -> tuple[Promotion, KeptPromotion] | None:
        """What is in force; None before the first. Raises ``BadArtefact`` where the file is not as it was written."""
        try:
            content = msgspec.json.decode(self.path.read_bytes(), type=KeptPromotion)
            return self.verifier.verify(content.signed), content
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, PromotionForged) as error:
            raise BadArtefact(f"{self.path} is not the promotion that was kept there: {error}") from None

    def admit(self, event_id: UUID, signed: str, *, restated: bool) -> Promotion:
        """The promotion, where it follows the one in force, or is that one.

        Raises ``PromotionForged``; ``PromotionStale`` for one that is older; ``PromotionReplayed`` for the one in
        force under another event, unless the platform restates it.
        """
        promotion = self.verifier.verify(signed)
        in_force = self.kept()
        if in_force is not None and promotion.number < in_force[0].number:
            raise PromotionStale(f"promotion {promotion.number} is older than {in_force[0].number}, which is in force")
        # The same event may come twice, as every event may; the same promotion by another one may not.
        again = not restated and in_force is not None and promotion.number == in_force[0].number
        if again and in_force is not None and event_id != in_force[1].event_id:
            raise PromotionReplayed(f"promotion {promotion.number} came before, by another event")
        return promotion

    def keep(self, event_id: UUID, signed: str, number: int) -> None:
        """Write it, whole or not at all, unless another instance has kept a later one meanwhile."""
        in_force = self.kept()
        if in_force is not None and in_force[0].number >= number:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{uuid4().hex}")
        try:
            with draft.open("wb") as file:
                file.write(msgspec.json.encode(KeptPromotion(event_id, signed)))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)


def promotions_kept(settings: Settings) -> PromotionsKept | None:
    """Where this service keeps the promotion in force; None where it has no public key, and so takes no promotion.

    Raises ``BadSettings`` where a promotion is kept and there is no key: it would be out of force without a word.
    """
    if settings.promotion_key is not None:
        return PromotionsKept(settings.promotion_file, PromotionVerifier.read(settings.promotion_key))
    if settings.promotion_file.exists():
        raise BadSettings(
            f"{_KEY} must be set, as {settings.promotion_file} keeps a promotion; to answer by the shipped champion "
            "again, move that file away"
        )
    return None


def models_in_force(kept: PromotionsKept | None, folder: Path) -> tuple[int, ChampionAndChallenger]:
    """The number of the promotion in force and the models that it names; before the first 0 and the shipped ones.

    Raises ``BadArtefact`` where the kept file was changed, ``PromotedModelMissing`` where the folder lacks a model.
    """
    found = kept.kept() if kept is not None else None
    if found is None:
        return 0, AS_TRAINED
    return found[0].number, promoted_models(found[0], ArtefactFolder.open(folder))


def promoted_models(promotion: Promotion, artefacts: ArtefactFolder) -> ChampionAndChallenger:
    """The two files that a promotion names; raises ``PromotedModelMissing`` where one is not there as it was judged."""
    for model in (promotion.champion, promotion.challenger):
        if artefacts.hashes.get(model.file) != model.sha256:
            raise PromotedModelMissing(
                f"promotion {promotion.number} names {model.file} with the SHA-256 {model.sha256[:12]}..., "
                f"which is not in {artefacts.folder}"
            )
    return ChampionAndChallenger(promotion.champion.file, promotion.challenger.file)


def judgement_of(artefacts: ArtefactFolder, model: ModelFile) -> Judgement | None:
    """What ``halfpenny-training judge`` found of the model; None where it was not judged. Raises ``BadArtefact``."""
    found = (artefacts.json(JUDGEMENTS_FILE) if artefacts.has(JUDGEMENTS_FILE) else {}).get(model.sha256)
    try:
        return None if found is None else msgspec.convert(found, Judgement)
    except msgspec.ValidationError as error:
        raise BadArtefact(f"{JUDGEMENTS_FILE}: the judgement of {model.file} cannot be read: {error}") from None


def check_gates(found: Mapping[str, Any], name: str) -> None:
    """Raises ``BadArtefact`` at the first gate that the judgement of a candidate fails."""
    for gate in failed_gates(msgspec.convert(found, Judgement)):
        raise BadArtefact(f"{name} {_FAILS[gate]}: {found.get(gate.value, '')}".removesuffix(": "))


def check_judged(promotion: Promotion, artefacts: ArtefactFolder) -> None:
    """Raises ``PromotionUnjudged`` unless the folder's judgement of the champion, against the challenger, is the one
    that was approved, figure for figure: whoever proposes states the figures, and may have made them up."""
    judged = judgement_of(artefacts, promotion.champion)
    if judged is None:
        raise PromotionUnjudged(f"{promotion.champion.file} was not judged by what is in {artefacts.folder}")
    if judged.champion.sha256 != promotion.challenger.sha256 or judged != promotion.judgement:
        raise PromotionUnjudged(
            f"promotion {promotion.number} was approved by another judgement of {promotion.champion.file} "
            f"than the one in {artefacts.folder}"
        )


def is_model_file_name(name: str) -> bool:
    """Whether a borrower model may be called so, in the folder and in messages."""
    return re.fullmatch(MODEL_FILE_PATTERN, name, re.ASCII) is not None


def model_file(artefacts: ArtefactFolder, name: str) -> ModelFile:
    """The file with its hash, as messages name it; raises ``BadArtefact``."""
    if not artefacts.has(name):
        raise BadArtefact(f"{name} is not in the manifest of {artefacts.folder}")
    return ModelFile(file=name, sha256=artefacts.hashes[name])
