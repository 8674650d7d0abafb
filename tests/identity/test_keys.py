"""The signing key: shared by processes, made once, never made in production."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OKPKey

from halfpenny.identity import BadSigningKey, IdentitySettings, load_signing_keys


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    settings = IdentitySettings(tmp_path / "data" / "key.json")
    found: list[str] = []
    start = threading.Barrier(8)

    def run() -> None:
        start.wait()
        found.append(load_signing_keys(settings).current.thumbprint())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in settings.signing_key_file.parent.iterdir()] == ["key.json"]
    assert settings.signing_key_file.stat().st_mode & 0o777 == 0o600


def test_production_makes_no_key_by_itself(tmp_path: Path) -> None:
    settings = IdentitySettings(tmp_path / "key.json", make_signing_key=False)
    with pytest.raises(BadSigningKey, match="HALFPENNY_SIGNING_KEY_FILE"):
        load_signing_keys(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"keys": []}',
        "not json",
        json.dumps(ECKey.generate_key("P-256").as_dict(private=False)),
        json.dumps(ECKey.generate_key("P-384").as_dict(private=True)),
        json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)),
        '{"kty": "oct", "k": "c2VjcmV0"}',
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_a_file_without_a_usable_key_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    with pytest.raises(
        BadSigningKey, match=r"^HALFPENNY_SIGNING_KEY_FILE: \S*key\.json should hold a private key .* such as .*\Z"
    ):
        load_signing_keys(IdentitySettings(path))
    assert path.read_text() == text


def test_pem_and_jwk_are_read(tmp_path: Path) -> None:
    key, older = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    path = tmp_path / "key"
    path.write_bytes(key.as_pem(private=True))
    assert load_signing_keys(IdentitySettings(path)).current.thumbprint() == key.thumbprint()
    path.write_text(json.dumps(key.as_dict(private=True)))
    assert load_signing_keys(IdentitySettings(path)).current.thumbprint() == key.thumbprint()
    path.write_text(json.dumps({"keys": [key.as_dict(private=True), older.as_dict(private=True)]}))
    keys = load_signing_keys(IdentitySettings(path))
    assert keys.current.thumbprint() == key.thumbprint()
    assert set(keys.by_id) == {key.thumbprint(), older.thumbprint()}
