"""How reports read in JSON: amounts as decimal strings with their currency."""

from __future__ import annotations

from typing import Any

import msgspec

from halfpenny.primitives.money import format_minor
from halfpenny_monitoring.impairment import Allowance


def portfolio(content: dict[str, Any]) -> dict[str, Any]:
    """A stored portfolio report with its minor units as amounts."""
    return {
        **content,
        "stages": [_amounts(total, ("principal", "allowance")) for total in content["stages"]],
        "journal": [_amounts(line, ("debit", "credit")) for line in content["journal"]],
    }


def allowance(found: Allowance) -> dict[str, Any]:
    """One loan's allowance."""
    return _amounts(msgspec.to_builtins(found), ("principal", "allowance", "lifetime"))


def _amounts(content: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    kept = {name: value for name, value in content.items() if not name.endswith("_minor")}
    return kept | {
        name: {"amount": format_minor(content[f"{name}_minor"]), "currency": content["currency"]} for name in names
    }
