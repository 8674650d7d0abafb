"""How a dataclass reads in JSON at the edges: amounts as decimal strings without ``_minor``, everything by its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from halfpenny.primitives.money import format_minor

MINOR = "_minor"


def amount_view(minor: int, currency: str) -> dict[str, str]:
    """An amount with its currency: 60000000 and EUR read ``{"amount": "600000.00", "currency": "EUR"}``."""
    return {"amount": format_minor(minor), "currency": str(currency)}


def view(thing: Any, *, only: Collection[str] = (), leave_out: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a dataclass as JSON holds them, in their order.

    ``gdv_minor`` 60000000 reads ``"gdv": "600000.00"``; decimals and ids are strings, dates ISO 8601. ``only`` and
    ``leave_out`` are names as they read, without ``_minor``.
    """
    shown = ((field.name.removesuffix(MINOR), field.name) for field in dataclasses.fields(thing))
    return {
        name: _plain(field, getattr(thing, field))
        for name, field in shown
        if name not in leave_out and (not only or name in only)
    }


def _plain(field: str, value: Any) -> Any:
    match value:
        case int() if field.endswith(MINOR):
            return format_minor(value)
        case Enum():
            return value.value
        case Decimal():
            return f"{value:f}"
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return value
