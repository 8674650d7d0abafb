"""The envelope of every message: who it is, what it says and when it was recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from halfpenny_messages.assessed import LOAN_ASSESSED, LoanAssessed
from halfpenny_messages.submitted import (
    LOAN_REASSESSMENT_REQUESTED,
    LOAN_SUBMITTED,
    LoanSubmitted,
    ReassessmentRequested,
)

# A description of a megabyte must get through; anything far larger is an attack or a mistake.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024

Payload = LoanSubmitted | ReassessmentRequested | LoanAssessed

_PAYLOADS: dict[tuple[str, int], type[Payload]] = {
    (LOAN_SUBMITTED, 1): LoanSubmitted,
    (LOAN_REASSESSMENT_REQUESTED, 1): ReassessmentRequested,
    (LOAN_ASSESSED, 1): LoanAssessed,
}
_NAME_AND_VERSION = {kind: name_and_version for name_and_version, kind in _PAYLOADS.items()}


class MessageError(Exception):
    """A message that cannot be acted upon. Trying it again cannot help: it belongs in the dead letters."""

    code: ClassVar[str] = "message_refused"


class MalformedMessage(MessageError):
    """Not JSON, or not the fields that this name and version promise."""

    code = "malformed_message"


class MessageTooLarge(MessageError):
    """Larger than ``MAX_MESSAGE_BYTES``."""

    code = "message_too_large"


class UnknownMessage(MessageError):
    """A name or a version that this side has not learned yet."""

    code = "unknown_message_version"


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message on any wire: ``{"id", "name", "version", "recorded_at", "payload"}``."""

    id: UUID
    name: str
    version: int
    recorded_at: datetime
    payload: Payload


class _RawEnvelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: UUID
    name: str
    version: int
    recorded_at: datetime
    payload: msgspec.Raw


def encode(payload: Payload, *, id: UUID, recorded_at: datetime) -> bytes:
    """The envelope of ``payload`` as JSON; ``recorded_at`` must carry a time zone."""
    if recorded_at.tzinfo is None:
        raise ValueError("recorded_at needs a time zone")
    name, version = _NAME_AND_VERSION[type(payload)]
    return msgspec.json.encode(Envelope(id, name, version, recorded_at.astimezone(UTC), payload))


def decode(body: bytes) -> Envelope:
    """The message in ``body``; raises ``MalformedMessage``, ``MessageTooLarge`` or ``UnknownMessage``."""
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"{len(body)} bytes; the limit is {MAX_MESSAGE_BYTES}")
    try:
        raw = msgspec.json.decode(body, type=_RawEnvelope)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise MalformedMessage(_brief(error)) from None
    if raw.recorded_at.tzinfo is None:
        raise MalformedMessage("recorded_at needs a time zone")
    kind = _kind(raw.name, raw.version)
    try:
        payload = msgspec.json.decode(raw.payload, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise MalformedMessage(_brief(error)) from None
    return Envelope(raw.id, raw.name, raw.version, raw.recorded_at, payload)


def decode_payload(name: str, version: int, payload: Any) -> Payload:
    """The payload from JSON-like builtins (as a JSONB column gives them); raises as ``decode`` does."""
    kind = _kind(name, version)
    try:
        return msgspec.convert(payload, type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedMessage(_brief(error)) from None


def to_builtins(payload: Payload) -> dict[str, Any]:
    """The payload as JSON-like builtins, for an outbox row."""
    builtins: dict[str, Any] = msgspec.to_builtins(payload)
    return builtins


def _kind(name: str, version: int) -> type[Payload]:
    kind = _PAYLOADS.get((name, version))
    if kind is None:
        raise UnknownMessage(f"{name[:100]!r} version {version}")
    return kind


def _brief(error: Exception) -> str:
    # The text of the error can quote the input: a megabyte of it helps nobody in a log.
    return str(error)[:300]
