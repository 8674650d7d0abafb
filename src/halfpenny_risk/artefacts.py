"""The model files: small, JSON or plain arrays, and refused when their hashes are not those of the manifest.

``artefacts/manifest.json`` names every file with its SHA-256; nothing is unpickled, and an array file is opened with
pickles forbidden.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from halfpenny_risk.errors import BadArtefact

DEFAULT_FOLDER = Path(__file__).with_name("artefacts")
MANIFEST = "manifest.json"
# What ``evaluate`` found. It is not a model, is written after signing and is read by nobody but the cards.
EVALUATION = "evaluation.json"


@dataclass(frozen=True)
class ArtefactFolder:
    """A folder of model files whose hashes are known."""

    folder: Path
    hashes: Mapping[str, str]

    @classmethod
    def open(cls, folder: Path = DEFAULT_FOLDER) -> ArtefactFolder:
        """Read the manifest; raises ``BadArtefact`` when it is missing or is not one."""
        try:
            content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            hashes = {str(name): str(digest) for name, digest in content["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadArtefact(f"{folder / MANIFEST}: {error!r}") from None
        return cls(folder, hashes)

    def has(self, name: str) -> bool:
        """Whether the manifest knows the file."""
        return name in self.hashes

    def read(self, name: str) -> bytes:
        """The file's bytes, once its hash is right."""
        expected = self.hashes.get(name)
        if expected is None or "/" in name or name.startswith("."):
            raise BadArtefact(f"{name} is not in the manifest")
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise BadArtefact(f"{name}: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != expected:
            raise BadArtefact(f"{name} was changed after it was signed: its SHA-256 is not the manifest's")
        return content

    def json(self, name: str) -> dict[str, Any]:
        """A JSON artefact."""
        try:
            # msgspec reads the champion's numbers several times faster than the standard library.
            content: dict[str, Any] = msgspec.json.decode(self.read(name), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise BadArtefact(f"{name}: {error}") from None
        return content

    def arrays(self, name: str) -> dict[str, Any]:
        """The named arrays of an ``.npz`` artefact."""
        try:
            with np.load(io.BytesIO(self.read(name)), allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (ValueError, OSError, KeyError) as error:
            raise BadArtefact(f"{name}: {error}") from None

    def version_of(self, name: str) -> str:
        """The first eight digits of the file's hash: two models with one version are one model."""
        return self.hashes[name][:8]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON artefact the same way every time, bit for bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n")


def sign(folder: Path) -> dict[str, str]:
    """Write the manifest of every artefact in the folder, and return the hashes."""
    others = (MANIFEST, EVALUATION)
    names = sorted(
        path.name for path in folder.iterdir() if path.suffix in (".json", ".npz") and path.name not in others
    )
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / MANIFEST).write_text(json.dumps({"files": hashes}, indent=1, sort_keys=True) + "\n")
    return hashes
