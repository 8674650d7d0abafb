"""The properties that the demo lends on: real sales, from the seed file with its origin and licence beside it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from halfpenny.primitives.money import parse_minor

FILE = Path(__file__).with_name("properties.json")


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """One property as README.md describes it; ``price_eur`` is what the demo takes as its valuation."""

    kind: str
    address: str
    city: str
    country: str
    lat: float
    lon: float
    area_m2: Decimal
    beds: int
    year_built: int
    condition: str
    price_eur: str
    valued_on: date

    @property
    def value_minor(self) -> int:
        """In euro cents."""
        return parse_minor(self.price_eur)


def read_homes() -> list[Home]:
    """All properties of the seed, in the file's order."""
    return msgspec.json.decode(FILE.read_bytes(), type=list[Home])
