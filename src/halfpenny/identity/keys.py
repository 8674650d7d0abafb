"""ES256 keys that sign, such as those of access tokens: a JWK set in one file that all API processes share."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from halfpenny.identity.settings import IdentitySettings
from halfpenny.primitives.errors import OperatorError
from halfpenny.primitives.ids import uuid7


class BadSigningKey(OperatorError):
    """The signing key file cannot be used; the message names the setting and the reason."""


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """``current`` signs; every key of ``by_id`` verifies, so that keys can be changed without signing people out."""

    current: ECKey
    by_id: dict[str, ECKey]


SETTING = "HALFPENNY_SIGNING_KEY_FILE"
_NO_KEY = (
    "{setting}: {path} should hold a private key on the curve P-256: PEM, a JWK or a JWK set, such as "
    "`openssl ecparam -name prime256v1 -genkey -noout` writes"
)


def load_signing_keys(settings: IdentitySettings) -> SigningKeys:
    """The keys of access tokens. Raises BadSigningKey."""
    return load_keys(settings.signing_key_file, SETTING, make=settings.make_signing_key)


def load_keys(path: Path, setting: str, *, make: bool) -> SigningKeys:
    """Read a key file; the first key signs. A missing file is made where ``make`` allows it, which is where the
    settings name the data folder's own.

    The file holds a PEM private key, a JWK or a JWK set (RFC 7517), on the curve P-256.
    Raises BadSigningKey, naming ``setting``.
    """
    if not path.exists():
        if not make:
            raise BadSigningKey(
                f"{setting}: {path} does not exist; only outside production and where no file is "
                "named, a key is made in the data folder"
            )
        try:
            _make(path)
        except OSError as error:
            raise BadSigningKey(f"HALFPENNY_DATA: cannot write {path} ({error.strerror})") from error
    try:
        keys = [_import(entry) for entry in _entries(path.read_bytes())]
    except OSError as error:
        raise BadSigningKey(f"{setting}: cannot read {path} ({error.strerror})") from error
    except (ValueError, TypeError, LookupError, AttributeError, JoseError) as error:
        # What a parser says about a file that is something else altogether would mislead.
        raise BadSigningKey(_NO_KEY.format(setting=setting, path=path)) from error
    if not keys:
        raise BadSigningKey(_NO_KEY.format(setting=setting, path=path))
    return SigningKeys(keys[0], {key.thumbprint(): key for key in keys})


def _entries(raw: bytes) -> list[Any]:
    if raw.lstrip().startswith(b"-----BEGIN"):
        return [raw]
    document = json.loads(raw)
    if not isinstance(document, dict):
        raise ValueError("neither a JWK nor a JWK set")
    return list(document["keys"]) if "keys" in document else [document]


def _import(entry: Any) -> ECKey:
    key = ECKey.import_key(entry)
    if key.curve_name != "P-256" or not key.is_private:
        raise ValueError("a private key on the curve P-256 is needed")
    return key


def _make(path: Path) -> None:
    """Write a fresh key. Of several processes that start together, one writes and the others read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"keys": [ECKey.generate_key("P-256").as_dict(private=True)]}
    draft = path.with_name(f".{path.name}.{uuid7().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(document, file)
        # A link fails where another process was first; a rename would replace its key.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
