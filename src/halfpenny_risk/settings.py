"""The service's settings, read once from the environment; a wrong one stops the start with its name."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, cast

from halfpenny_messages.exchange_rates import SETTING, read_units_per_eur
from halfpenny_risk.errors import BadSettings


@dataclass(frozen=True)
class NarrativeSettings:
    """An OpenAI-compatible endpoint that may write prose about the figures. ``url`` ends before /chat/completions."""

    url: str
    model: str
    api_key: str | None
    timeout_s: float


@dataclass(frozen=True)
class ProposerSettings:
    """Where ``halfpenny-risk propose`` sends a proposal, and the access token of the person who makes it."""

    url: str | None
    access_token: str | None


@dataclass(frozen=True)
class Settings:
    """The service's settings. Exactly one of ``database_url`` and ``amqp_url`` carries the queue;
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
    units_per_eur: Mapping[str, Decimal]
    inbox: Path
    promotion_key: Path | None
    promotion_file: Path
    proposer: ProposerSettings
    concurrency: int
    narrative: NarrativeSettings | None


PREFIX = "HALFPENNY_RISK_"
# Every setting that is this service's alone, without the prefix.
NAMES = frozenset(
    {
        *("MODEL", "MONGO_DATABASE", "HOST", "PORT", "ARTEFACTS", "POLICY", "INBOX", "CONCURRENCY"),
        *("PROMOTION_KEY", "PROMOTION_FILE", "PLATFORM_URL", "ACCESS_TOKEN"),
        *("NARRATIVE_URL", "NARRATIVE_MODEL", "NARRATIVE_API_KEY", "NARRATIVE_TIMEOUT_S"),
    }
)
_PORTS = range(1, 65_536)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]@/]*)(:(?P<port>[0-9]{1,5}))?", re.ASCII)
_DATABASE_NAME = re.compile(r"[A-Za-z0-9_-]{1,38}", re.ASCII)


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in ``environment``; raises ``BadSettings`` naming the first that cannot be used.

    A variable that is empty counts as not set.
    """
    environment = {name: value for name, value in environment.items() if value}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in NAMES:
            raise BadSettings(f"{name} is not a setting; docs/guides/risk-service.md lists them all")
    model = environment.get("HALFPENNY_RISK_MODEL", "champion")
    if model not in ("champion", "scorecard"):
        raise BadSettings(f"HALFPENNY_RISK_MODEL must be champion or scorecard, not {model!r}")
    return Settings(
        database_url=_url(environment, "DATABASE_URL", {"postgresql", "postgres"}),
        amqp_url=_url(environment, "AMQP_URL", {"amqp", "amqps"}),
        mongo_url=_url(environment, "MONGO_URL", {"mongodb", "mongodb+srv"}),
        mongo_database=_database_name(environment, "HALFPENNY_RISK_MONGO_DATABASE", "halfpenny_risk"),
        host=environment.get("HALFPENNY_RISK_HOST", "127.0.0.1"),
        port=_whole(environment, "HALFPENNY_RISK_PORT", 8081, 1, 65535),
        model=cast(Literal["champion", "scorecard"], model),
        artefacts=_path(environment, "HALFPENNY_RISK_ARTEFACTS"),
        policy=_path(environment, "HALFPENNY_RISK_POLICY"),
        units_per_eur=_units_per_eur(environment),
        inbox=Path(environment.get("HALFPENNY_RISK_INBOX", ".data/risk-inbox.sqlite")),
        promotion_key=_path(environment, "HALFPENNY_RISK_PROMOTION_KEY"),
        promotion_file=Path(environment.get("HALFPENNY_RISK_PROMOTION_FILE", ".data/risk-promotion.json")),
        proposer=_proposer(environment),
        concurrency=_whole(environment, "HALFPENNY_RISK_CONCURRENCY", 4, 1, 64),
        narrative=_narrative(environment),
    )


def _units_per_eur(environment: Mapping[str, str]) -> Mapping[str, Decimal]:
    """The rates that the operator replaces, by the setting that the marketplace reads too."""
    try:
        return read_units_per_eur(environment.get(SETTING, "{}"))
    except ValueError as error:
        raise BadSettings(f"{SETTING} {error}") from None


def _proposer(environment: Mapping[str, str]) -> ProposerSettings:
    url = _url(environment, "HALFPENNY_RISK_PLATFORM_URL", {"http", "https"})
    token = environment.get("HALFPENNY_RISK_ACCESS_TOKEN")
    # The token itself is a secret and is not repeated.
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise BadSettings("HALFPENNY_RISK_ACCESS_TOKEN must be the access token of whoever proposes")
    return ProposerSettings(url.rstrip("/") if url else None, token)


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
    value = environment.get(name)
    if value is None:
        return None
    # The value itself may hold a password and is not repeated.
    scheme, _, rest = value.partition("://")
    if scheme not in schemes:
        raise BadSettings(f"{name} must be a URL that starts with {' or '.join(sorted(schemes))}://")
    hosts = [_HOST.fullmatch(host) for host in re.split(r"[/?#]", rest)[0].rpartition("@")[2].split(",")]
    # Only PostgreSQL may go without a host: it then has a socket of this machine.
    unnamed_allowed = "postgresql" in schemes
    if not all(host and (host["host"] or unnamed_allowed) and int(host["port"] or 1) in _PORTS for host in hosts):
        raise BadSettings(f"{name} must name a host and, where it names one, a port from 1 to 65535")
    return value


def _database_name(environment: Mapping[str, str], name: str, standard: str) -> str:
    value = environment.get(name, standard)
    if not _DATABASE_NAME.fullmatch(value):
        raise BadSettings(f"{name} must be a name of letters, digits, - and _, such as {standard}")
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
