"""The envelope on the wire: ``{"id", "name", "version", "recorded_at", "payload"}`` as JSON, whatever the payload."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

# A description of a megabyte must get through; anything far larger is an attack or a mistake.
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


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


class WireEnvelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message with its payload still JSON. ``recorded_at`` carries a time zone."""

    id: UUID
    name: str
    version: int
    recorded_at: datetime
    payload: msgspec.Raw

    def payload_as(self, kind: Any) -> Any:
        """The payload decoded as ``kind``; raises ``MalformedMessage``."""
        try:
            return msgspec.json.decode(self.payload, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
            raise MalformedMessage(truncated_text(error)) from None


def pack_envelope(id: UUID, name: str, version: int, recorded_at: datetime, payload: Any) -> bytes:
    """The envelope as JSON, in UTC; raises ``ValueError`` where ``recorded_at`` has no time zone."""
    if recorded_at.tzinfo is None:
        raise ValueError("recorded_at needs a time zone")
    raw = msgspec.Raw(msgspec.json.encode(payload))
    return msgspec.json.encode(WireEnvelope(id, name, version, recorded_at.astimezone(UTC), raw))


def unpack_envelope(body: bytes) -> WireEnvelope:
    """The envelope in ``body``; raises ``MalformedMessage`` or ``MessageTooLarge``."""
    if len(body) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"{len(body)} bytes; the limit is {MAX_MESSAGE_BYTES}")
    try:
        envelope = msgspec.json.decode(body, type=WireEnvelope)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedMessage(truncated_text(error)) from None
    if envelope.recorded_at.tzinfo is None:
        raise MalformedMessage("recorded_at needs a time zone")
    return envelope


def truncated_text(error: Exception) -> str:
    """The error in at most 300 characters: its text can quote the input, and a megabyte of it helps nobody in a log."""
    return str(error)[:300]
