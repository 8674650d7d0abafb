"""Frames: what the server sends and what it understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from halfpenny.primitives.errors import HalfpennyError
from halfpenny.realtime import errors

MAX_FRAME_CHARACTERS = 4_096
MAX_TOPIC_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Frame:
    """An encoded frame and the sequence number that it brings its reader to."""

    seq: int
    text: str


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends: ``op`` is subscribe, unsubscribe, authenticate or ping."""

    op: str
    topic: str | None = None
    after: int | None = None
    connection_token: str | None = None


def encode(topic: str | None, seq: int | None, type: str, data: Any) -> str:
    return msgspec.json.encode({"topic": topic, "seq": seq, "type": type, "data": data}).decode()


def error_text(topic: str | None, error: HalfpennyError) -> str:
    return encode(topic, None, "error", {"code": error.code, "message": str(error), **error.data})


def decode(text: str) -> Request:
    """Raises MalformedFrame for anything but a request with sensible members."""
    try:
        request = msgspec.json.decode(text, type=Request)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise errors.MalformedFrame() from error
    if len(request.topic or "") > MAX_TOPIC_CHARACTERS or not 0 <= (request.after or 0) < 2**63:
        raise errors.MalformedFrame()
    return request
