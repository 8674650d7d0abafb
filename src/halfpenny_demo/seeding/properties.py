"""The properties that the demo lends on: real sales of 2016 from the seed file, and invented ones that say so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec

from halfpenny.loans import Condition, PropertyKind
from halfpenny.primitives.money import Currency, parse_minor

FILE = Path(__file__).with_name("properties.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoProperty:
    """One property: ``value_minor`` is what its surveyor's report says, in minor units of ``currency``.

    ``sold_on`` is the day of a real sale at ``value_minor``; None where the property is invented.
    """

    kind: PropertyKind
    address: str
    city: str
    country: str
    lat: float
    lon: float
    description: str
    area_m2: Decimal
    beds: int | None
    year_built: int | None
    condition: Condition | None
    currency: Currency
    value_minor: int
    sold_on: date | None = None


class _Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded sale as README.md describes it."""

    kind: PropertyKind
    address: str
    place: str
    city: str
    country: str
    lat: float
    lon: float
    area_m2: Decimal
    beds: int
    year_built: int
    condition: Condition
    sold_on: date
    sale_price_usd: str


def read_sales() -> list[DemoProperty]:
    """The real sales of the seed file, in its order, in dollars of their day."""
    return [_from_sale(sale) for sale in msgspec.json.decode(FILE.read_bytes(), type=list[_Sale])]


def _from_sale(sale: _Sale) -> DemoProperty:
    price = parse_minor(sale.sale_price_usd)
    return DemoProperty(
        kind=sale.kind,
        address=sale.address,
        city=f"{sale.city}, {sale.place}",
        country=sale.country,
        lat=sale.lat,
        lon=sale.lon,
        description=(
            f"A real sale: recorded on {sale.sold_on:%-d %B %Y} for {price // 100:,} USD. The loan, its borrower "
            "and the surveyor's report, which repeats that price, are invented for this demonstration."
        ),
        area_m2=sale.area_m2,
        beds=sale.beds,
        year_built=sale.year_built,
        condition=sale.condition,
        currency=Currency.USD,
        value_minor=price,
        sold_on=sale.sold_on,
    )
