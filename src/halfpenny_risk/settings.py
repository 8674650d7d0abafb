"""The service's settings, read once from the environment; a wrong one stops the start with its name."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from halfpenny_risk.errors import BadSettings


@dataclass(frozen=True)
class NarrativeSettings:
    """An OpenAI-compatible endpoint that may write prose about the figures. ``url`` ends before /chat/completions."""

    url: str
    model: str
    api_key: str | None
    timeout_s: float


@dataclass(frozen=True)
class Settings:
    """Everything that the service can be told. Exactly one of ``database_url`` and ``amqp_url`` carries the queue;
    with neither only the HTTP port is served."""

    database_url: str | None
    amqp_url: str | None
    mongo_url: str | None
    mongo_database: str
    host: str
    port: int
    model: Literal["champion", "scorecard"]
    artefacts: Path | None
    policy: Path | None
    inbox: Path
    at_once: int
    narrative: NarrativeSettings | None


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in ``environment``; raises ``BadSettings`` naming the first that cannot be used."""
    model = environment.get("HALFPENNY_RISK_MODEL", "champion")
    if model not in ("champion", "scorecard"):
        raise BadSettings(f"HALFPENNY_RISK_MODEL must be champion or scorecard, not {model!r}")
    return Settings(
        database_url=_url(environment, "DATABASE_URL", {"postgresql", "postgres"}),
        amqp_url=_url(environment, "AMQP_URL", {"amqp", "amqps"}),
        mongo_url=_url(environment, "MONGO_URL", {"mongodb", "mongodb+srv"}),
        mongo_database=environment.get("HALFPENNY_RISK_MONGO_DATABASE", "halfpenny_risk"),
        host=environment.get("HALFPENNY_RISK_HOST", "127.0.0.1"),
        port=_whole(environment, "HALFPENNY_RISK_PORT", 8081, 1, 65535),
        model=cast(Literal["champion", "scorecard"], model),
        artefacts=_path(environment, "HALFPENNY_RISK_ARTEFACTS"),
        policy=_path(environment, "HALFPENNY_RISK_POLICY"),
        inbox=Path(environment.get("HALFPENNY_RISK_INBOX", ".data/risk-inbox.sqlite")),
        at_once=_whole(environment, "HALFPENNY_RISK_AT_ONCE", 4, 1, 64),
        narrative=_narrative(environment),
    )


def _narrative(environment: Mapping[str, str]) -> NarrativeSettings | None:
    url = _url(environment, "HALFPENNY_RISK_NARRATIVE_URL", {"http", "https"})
    if url is None:
        return None
    model = environment.get("HALFPENNY_RISK_NARRATIVE_MODEL", "")
    if not model:
        raise BadSettings("HALFPENNY_RISK_NARRATIVE_MODEL must name a model when HALFPENNY_RISK_NARRATIVE_URL is set")
    try:
        timeout_s = float(environment.get("HALFPENNY_RISK_NARRATIVE_TIMEOUT_S", "4"))
    except ValueError:
        timeout_s = math.nan
    if not 0.05 <= timeout_s <= 60.0:
        raise BadSettings("HALFPENNY_RISK_NARRATIVE_TIMEOUT_S must be between 0.05 and 60 seconds")
    return NarrativeSettings(
        url.rstrip("/"), model, environment.get("HALFPENNY_RISK_NARRATIVE_API_KEY") or None, timeout_s
    )


def _url(environment: Mapping[str, str], name: str, schemes: set[str]) -> str | None:
    value = environment.get(name) or None
    if value is not None and urlsplit(value).scheme not in schemes:
        # The value itself may hold a password and is not repeated.
        raise BadSettings(f"{name} must be a URL that starts with {' or '.join(sorted(schemes))}://")
    return value


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    if not value:
        return None
    path = Path(value)
    if not path.exists():
        raise BadSettings(f"{name}: {path} does not exist")
    return path


def _whole(environment: Mapping[str, str], name: str, standard: int, least: int, most: int) -> int:
    text = environment.get(name, str(standard))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadSettings(f"{name} must be a whole number from {least} to {most}, not {text[:40]!r}")
    return int(text)
