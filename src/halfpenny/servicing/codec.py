"""Terms, events and flows as JSON and back: dataclasses through msgspec, each event under its name."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec

from halfpenny.servicing.model.events import Event
from halfpenny.servicing.model.flows import Flows
from halfpenny.servicing.model.terms import LoanTerms

EVENT_TYPES: dict[str, type[Event]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in get_args(Event)
}
EVENT_NAMES = {kind: name for name, kind in EVENT_TYPES.items()}


def event_name(event: Event) -> str:
    """``receipt``, ``cost_advanced`` and so on."""
    return EVENT_NAMES[type(event)]


def to_json(value: LoanTerms | Event | Flows) -> dict[str, Any]:
    written: dict[str, Any] = msgspec.to_builtins(value)
    return written


def read_terms(raw: Any) -> LoanTerms:
    return msgspec.convert(raw, LoanTerms)


def read_event(kind: str, raw: Any) -> Event:
    return msgspec.convert(raw, EVENT_TYPES[kind])


def read_flows(raw: Any) -> Flows:
    return msgspec.convert(raw, Flows)
