"""A promotion counts by its signature and its number alone; what is kept of it survives a restart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from structlog.testing import capture_logs

from halfpenny.risk_reporting import PromotionKey
from halfpenny_messages import Promotion
from halfpenny_risk.artefacts import ArtefactFolder, sign
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.cli import main
from halfpenny_risk.errors import (
    BadArtefact,
    BadSettings,
    PromotedModelMissing,
    PromotionForged,
    PromotionReplayed,
    PromotionStale,
)
from halfpenny_risk.models import ChampionAndChallenger
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.ordinary import Share
from halfpenny_risk.promotion import PromotionsKept, PromotionVerifier, promoted_models
from halfpenny_risk.proposing import proposal
from halfpenny_risk.service.serve import make_service
from halfpenny_risk.settings import Settings, read_settings
from support.promotions import NEXT, THIRD, kept_in, models_folder, promotion, promotion_key, public_key


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return models_folder(tmp_path / "models")


@pytest.fixture
def key(tmp_path: Path) -> PromotionKey:
    return promotion_key(tmp_path)


@pytest.fixture
def kept(tmp_path: Path, key: PromotionKey) -> PromotionsKept:
    return kept_in(tmp_path, key)


def test_what_is_kept_is_in_force_and_read_again(kept: PromotionsKept, key: PromotionKey, folder: Path) -> None:
    assert kept.kept() is None
    signed, event_id = key.sign(promotion(folder, 3, NEXT)), uuid4()
    assert kept.admit(event_id, signed, restated=False).number == 3
    assert kept.kept() is None, "to admit is not to keep"
    kept.keep(event_id, signed, 3)
    found = kept.kept()
    assert found is not None and found[0] == promotion(folder, 3, NEXT)
    # As every event, it may come twice.
    assert kept.admit(event_id, signed, restated=False).number == 3
    assert kept.admit(uuid4(), signed, restated=True).number == 3


def test_an_old_and_a_repeated_promotion_are_named(kept: PromotionsKept, key: PromotionKey, folder: Path) -> None:
    first, second = (key.sign(promotion(folder, number, NEXT)) for number in (4, 5))
    kept.keep(UUID(int=4), first, 4)
    kept.keep(UUID(int=5), second, 5)
    for restated in (True, False):
        with pytest.raises(PromotionStale):
            kept.admit(UUID(int=4), first, restated=restated)
    with pytest.raises(PromotionReplayed):
        kept.admit(uuid4(), second, restated=False)
    # Written by an instance that was slower: the later one stays.
    kept.keep(UUID(int=4), first, 4)
    found = kept.kept()
    assert found is not None and found[0].number == 5


def forgeries(key: PromotionKey, folder: Path) -> dict[str, str]:
    content = msgspec.json.encode(promotion(folder, 9, NEXT))
    ours, theirs = key.load().current, ECKey.generate_key("P-256")
    header = {"alg": "ES256", "typ": "halfpenny-promotion", "kid": ours.thumbprint()}
    good = jws.serialize_compact(header, content, ours, algorithms=["ES256"])
    head, body, signature = good.split(".")
    other = jws.serialize_compact(header, msgspec.json.encode(promotion(folder, 9, THIRD)), ours, algorithms=["ES256"])
    return {
        "another key": jws.serialize_compact(header, content, theirs, algorithms=["ES256"]),
        "another purpose": jws.serialize_compact(header | {"typ": "at+jwt"}, content, ours, algorithms=["ES256"]),
        "no purpose": jws.serialize_compact({"alg": "ES256"}, content, ours, algorithms=["ES256"]),
        "another content": f"{head}.{other.split('.')[1]}.{signature}",
        "no signature": f"{head}.{body}.",
        "no algorithm": f"eyJhbGciOiJub25lIiwidHlwIjoiaGFsZnBlbm55LXByb21vdGlvbiJ9.{body}.",
        "no promotion": jws.serialize_compact(header, b'{"number": 9}', ours, algorithms=["ES256"]),
        "number zero": jws.serialize_compact(
            header, content.replace(b'"number":9', b'"number":0'), ours, algorithms=["ES256"]
        ),
        "not a signature at all": "promote me",
        "empty": "",
    }


KINDS = [
    *("another key", "another purpose", "no purpose", "another content", "no signature", "no algorithm"),
    *("no promotion", "number zero", "not a signature at all", "empty"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_platform_did_not_sign_is_forged(
    kept: PromotionsKept, key: PromotionKey, folder: Path, kind: str
) -> None:
    with pytest.raises(PromotionForged):
        kept.admit(uuid4(), forgeries(key, folder)[kind], restated=False)
    assert kept.kept() is None


def test_a_file_that_was_changed_stops_the_start(kept: PromotionsKept, key: PromotionKey, folder: Path) -> None:
    kept.keep(UUID(int=1), key.sign(promotion(folder, 1, NEXT)), 1)
    content = kept.path.read_bytes()
    for changed in (content.replace(b'"signed":"e', b'"signed":"f'), b"{}", b""):
        kept.path.write_bytes(changed)
        with pytest.raises(BadArtefact, match=str(kept.path)):
            kept.kept()


def test_the_models_are_those_that_were_approved(folder: Path) -> None:
    approved: Promotion = promotion(folder, 1, NEXT, THIRD)
    assert promoted_models(approved, ArtefactFolder.open(folder)) == ChampionAndChallenger(NEXT, THIRD)
    for name in (NEXT, THIRD):
        original = (folder / name).read_bytes()
        (folder / name).write_bytes(original.replace(b"1", b"2", 1))
        sign(folder)  # whoever can write the folder can sign its manifest
        with pytest.raises(PromotedModelMissing, match=name):
            promoted_models(approved, ArtefactFolder.open(folder))
        (folder / name).write_bytes(original)
        sign(folder)


@dataclass
class KeptService:
    """A service that keeps promotion 1, of NEXT."""

    environment: dict[str, str]
    key: Path

    def settings(self, **variables: str) -> Settings:
        return read_settings(self.environment | variables)


@pytest.fixture
def service(kept: PromotionsKept, key: PromotionKey, folder: Path, tmp_path: Path) -> KeptService:
    kept.keep(UUID(int=1), key.sign(promotion(folder, 1, NEXT)), 1)
    variables = {"HALFPENNY_RISK_ARTEFACTS": str(folder), "HALFPENNY_RISK_PROMOTION_FILE": str(kept.path)}
    return KeptService(variables, public_key(tmp_path, key))


def test_a_kept_promotion_is_never_dropped_for_want_of_the_key(
    service: KeptService, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_key = service.settings(HALFPENNY_RISK_PROMOTION_KEY=str(service.key))
    assessor, promoting = make_service(with_key, TemplateNarrator())
    assert assessor.models.version.startswith("next-")
    assert promoting is not None and promoting.number == 1
    assert proposal(with_key, THIRD, "Better.")["challenger"]["file"] == NEXT
    wanted = "HALFPENNY_RISK_PROMOTION_KEY must be set"
    with pytest.raises(BadSettings, match=wanted):
        make_service(service.settings(), TemplateNarrator())
    with pytest.raises(BadSettings, match=wanted):
        proposal(service.settings(), THIRD, "Better.")
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    for command in (["decided-share"], ["propose", THIRD, "--reason", "Better."]):
        assert main(command) == 2
        assert wanted in capsys.readouterr().err
    # Moved away, the shipped champion answers again, and nobody takes promotions.
    Path(service.environment["HALFPENNY_RISK_PROMOTION_FILE"]).unlink()
    assessor, promoting = make_service(service.settings(), TemplateNarrator())
    assert assessor.models.version.startswith("champion-") and promoting is None


def test_the_decided_share_is_the_promoted_models(service: KeptService, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def share(models: ModelSet, *_: object) -> Share:
        asked.append(models.version.partition("-")[0])
        return Share(Counter(approve=1), {})

    monkeypatch.setattr("halfpenny_risk.ordinary.decided_share", share)
    for name, value in service.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HALFPENNY_RISK_PROMOTION_KEY", str(service.key))
    assert main(["decided-share"]) == 0
    monkeypatch.setenv("HALFPENNY_RISK_MODEL", "scorecard")
    assert main(["decided-share"]) == 0
    assert asked == ["next", "scorecard"]


def test_the_scorecard_starts_and_names_the_promotion_that_it_does_not_apply(service: KeptService) -> None:
    with capture_logs() as logs:
        assessor, promoting = make_service(service.settings(HALFPENNY_RISK_MODEL="scorecard"), TemplateNarrator())
    assert promoting is None and assessor.models.version.startswith("scorecard-")
    [warned] = [entry for entry in logs if entry["event"] == "promotion_not_in_force"]
    assert warned["log_level"] == "warning"
    assert warned["kept_in"] == service.environment["HALFPENNY_RISK_PROMOTION_FILE"]


NO_KEYS = ["", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "-----BEGIN X"]


@pytest.mark.parametrize("content", NO_KEYS)
def test_a_key_file_that_holds_no_key_is_a_wrong_setting(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(BadSettings, match="HALFPENNY_RISK_PROMOTION_KEY"):
        PromotionVerifier.read(path)
