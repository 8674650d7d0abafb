"""A promotion counts by its signature and its number alone; what is kept of it survives a restart."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from halfpenny.risk_reporting import PromotionKey
from halfpenny_messages import Promotion
from halfpenny_risk.artefacts import ArtefactFolder, sign
from halfpenny_risk.errors import (
    BadArtefact,
    BadSettings,
    PromotedModelMissing,
    PromotionForged,
    PromotionReplayed,
    PromotionStale,
)
from halfpenny_risk.models import Lead
from halfpenny_risk.promotion import PromotionsKept, PromotionVerifier, lead_of
from support.promotions import NEXT, THIRD, kept_in, models_folder, promotion, promotion_key


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
    assert lead_of(approved, ArtefactFolder.open(folder)) == Lead(NEXT, THIRD)
    for name in (NEXT, THIRD):
        original = (folder / name).read_bytes()
        (folder / name).write_bytes(original.replace(b"1", b"2", 1))
        sign(folder)  # whoever can write the folder can sign its manifest
        with pytest.raises(PromotedModelMissing, match=name):
            lead_of(approved, ArtefactFolder.open(folder))
        (folder / name).write_bytes(original)
        sign(folder)


NO_KEYS = ["", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "-----BEGIN X"]


@pytest.mark.parametrize("content", NO_KEYS)
def test_a_key_file_that_holds_no_key_is_a_wrong_setting(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(BadSettings, match="HALFPENNY_RISK_PROMOTION_KEY"):
        PromotionVerifier.read(path)
