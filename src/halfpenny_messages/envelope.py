"""The messages that this version knows, in their envelope: which payload belongs to which name and version."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from halfpenny_messages.assessed import LOAN_ASSESSED, LOAN_NARRATIVE_WRITTEN, LoanAssessed, NarrativeWritten
from halfpenny_messages.method import METHOD_PUBLISHED, MethodPublished
from halfpenny_messages.promotion import (
    MODEL_PROMOTED,
    PROMOTION_ASKED,
    PROMOTION_RESTATED,
    ModelPromoted,
    PromotionAsked,
    PromotionRestated,
)
from halfpenny_messages.submitted import (
    LOAN_REASSESSMENT_REQUESTED,
    LOAN_SUBMITTED,
    LoanSubmitted,
    ReassessmentRequested,
)
from halfpenny_messages.wire import MalformedMessage, UnknownMessage, pack_envelope, truncated_text, unpack_envelope

Payload = (
    LoanSubmitted
    | ReassessmentRequested
    | LoanAssessed
    | NarrativeWritten
    | MethodPublished
    | ModelPromoted
    | PromotionRestated
    | PromotionAsked
)

_PAYLOADS: dict[tuple[str, int], type[Payload]] = {
    (LOAN_SUBMITTED, 1): LoanSubmitted,
    (LOAN_REASSESSMENT_REQUESTED, 1): ReassessmentRequested,
    (LOAN_ASSESSED, 1): LoanAssessed,
    (LOAN_NARRATIVE_WRITTEN, 1): NarrativeWritten,
    (METHOD_PUBLISHED, 1): MethodPublished,
    (MODEL_PROMOTED, 1): ModelPromoted,
    (PROMOTION_RESTATED, 1): PromotionRestated,
    (PROMOTION_ASKED, 1): PromotionAsked,
}
_NAME_AND_VERSION = {kind: name_and_version for name_and_version, kind in _PAYLOADS.items()}


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message that was read whole, with its payload."""

    id: UUID
    name: str
    version: int
    recorded_at: datetime
    payload: Payload


def encode(payload: Payload, *, id: UUID, recorded_at: datetime) -> bytes:
    """The envelope of ``payload`` as JSON; ``recorded_at`` must carry a time zone."""
    name, version = _NAME_AND_VERSION[type(payload)]
    return pack_envelope(id, name, version, recorded_at, payload)


def decode(body: bytes) -> Envelope:
    """The message in ``body``; raises ``MalformedMessage``, ``MessageTooLarge`` or ``UnknownMessage``."""
    wire = unpack_envelope(body)
    payload = wire.payload_as(_kind(wire.name, wire.version))
    return Envelope(wire.id, wire.name, wire.version, wire.recorded_at, payload)


def decode_payload(name: str, version: int, payload: Any) -> Payload:
    """The payload from JSON-like builtins (as a JSONB column gives them); raises as ``decode`` does."""
    kind = _kind(name, version)
    try:
        return msgspec.convert(payload, type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedMessage(truncated_text(error)) from None


def to_builtins(payload: Payload) -> dict[str, Any]:
    """The payload as JSON-like builtins, for an outbox row."""
    builtins: dict[str, Any] = msgspec.to_builtins(payload)
    return builtins


def _kind(name: str, version: int) -> type[Payload]:
    kind = _PAYLOADS.get((name, version))
    if kind is None:
        raise UnknownMessage(f"{name[:100]!r} version {version}")
    return kind
