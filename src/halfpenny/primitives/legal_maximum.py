"""The highest interest that the law allows, by governing law, currency and day.

``legal_maximum.json`` beside this file holds the rules and the reference rates that they go by, each with its day and
its source. A row is never edited: when the reference rate changes, one is added.
``not_held_against_the_source`` names the rows that somebody still has to compare with it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from halfpenny.primitives.money import Currency
from halfpenny.primitives.rate import Rate, parse_percent


@dataclass(frozen=True, slots=True)
class MaximumRates:
    """From ``since`` on, that day included: the highest contract rate and the highest rate of default interest."""

    since: date
    contract: Rate
    default: Rate


@dataclass(frozen=True, slots=True)
class LegalMaximum:
    """What one law says about debts in one currency. ``rates`` are in the order of their days.

    ``default_interest_on_interest``: whether overdue interest may bear default interest before it is sued for.
    """

    governing_law: str
    currency: Currency
    source: str
    default_interest_on_interest: bool
    rates: tuple[MaximumRates, ...]

    def on(self, day: date) -> MaximumRates | None:
        """The maximum in force on ``day``: the newest known for a day to come, None before the table begins."""
        place = bisect_right(self.rates, day, key=lambda row: row.since)
        return self.rates[place - 1] if place else None


# By governing law (ISO 3166-1 alpha-2) and currency.
LegalMaximumTable = Mapping[tuple[str, Currency], LegalMaximum]


@cache
def published() -> LegalMaximumTable:
    """The published table; a law and a currency that it does not have know no maximum."""
    read = json.loads(files("halfpenny.primitives").joinpath("legal_maximum.json").read_text("utf-8"))
    found = [_law(raw) for raw in read["laws"]]
    return {(law.governing_law, law.currency): law for law in found}


def _law(raw: Mapping[str, Any]) -> LegalMaximum:
    factor = Decimal(raw["factor"])
    points = parse_percent(raw["contract_points"]), parse_percent(raw["default_points"])

    def maximum(row: Mapping[str, str]) -> MaximumRates:
        reference = parse_percent(row["percent"])
        contract, default = (Rate(int(factor * (reference + more))) for more in points)
        return MaximumRates(date.fromisoformat(row["since"]), contract, default)

    return LegalMaximum(
        governing_law=raw["governing_law"],
        currency=Currency(raw["currency"]),
        source=raw["source"],
        default_interest_on_interest=raw["default_interest_on_interest"],
        rates=tuple(sorted(map(maximum, raw["reference_rate"]["rates"]), key=lambda row: row.since)),
    )
