"""Messages: one event in one JSON envelope, whichever transport carries it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from halfpenny_messages import MessageError, pack_envelope, unpack_envelope


@dataclass(frozen=True, slots=True)
class Message:
    """One event on its way to one queue. ``attempt`` counts from 1; ``recorded_at`` is UTC."""

    id: UUID
    name: str
    version: int
    recorded_at: datetime
    payload: dict[str, Any]
    attempt: int = 1


class Poison(Exception):
    """Trying this message again cannot help: it goes to the dead letters at once, under ``reason``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def encode(message: Message) -> bytes:
    """The envelope ``{"id", "name", "version", "recorded_at", "payload"}`` as JSON."""
    return pack_envelope(message.id, message.name, message.version, message.recorded_at, message.payload)


def decode(body: bytes, attempt: int) -> Message:
    """Read an envelope. Raises Poison ``unreadable_message`` when it is none."""
    try:
        envelope = unpack_envelope(body)
        payload = envelope.payload_as(dict[str, Any])
    except MessageError as error:
        raise Poison("unreadable_message", str(error)) from error
    return Message(envelope.id, envelope.name, envelope.version, envelope.recorded_at, payload, attempt)
