"""Properties that do not exist, openly so: the demo's markets in euros and in złoty, from a table of places.

Places, positions and what a square metre costs there are of the right size and no more; each property says in its
address and its description that it is invented. Pure: random numbers in, properties out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

from halfpenny.loans import Condition, PropertyKind
from halfpenny.primitives.money import Currency
from halfpenny_demo.seeding.properties import DemoProperty

INVENTED = {
    "en": "Invented for this demonstration: no such property exists.",
    "pl": "Nieruchomość wymyślona na potrzeby tej demonstracji: nie istnieje.",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """A district: its name as it stands in an address, where it is, euros for a square metre of a flat."""

    city: str
    country: str
    lat: float
    lon: float
    euros_a_square_metre: int


_POLAND = (
    _Place("Warszawa-Mokotów", "PL", 52.193, 21.035, 3_900),
    _Place("Warszawa-Wola", "PL", 52.236, 20.955, 3_700),
    _Place("Warszawa-Praga", "PL", 52.255, 21.040, 3_100),
    _Place("Kraków-Podgórze", "PL", 50.040, 19.962, 3_500),
    _Place("Kraków-Kazimierz", "PL", 50.051, 19.944, 3_900),
    _Place("Wrocław-Krzyki", "PL", 51.076, 17.010, 3_000),
    _Place("Wrocław-Nadodrze", "PL", 51.121, 17.033, 2_800),
    _Place("Gdańsk-Wrzeszcz", "PL", 54.380, 18.605, 3_200),
    _Place("Gdańsk-Oliwa", "PL", 54.409, 18.561, 3_300),
    _Place("Gdynia-Orłowo", "PL", 54.481, 18.560, 3_400),
    _Place("Poznań-Jeżyce", "PL", 52.415, 16.897, 2_700),
    _Place("Łódź-Śródmieście", "PL", 51.772, 19.464, 1_900),
    _Place("Katowice-Koszutka", "PL", 50.273, 19.017, 2_100),
    _Place("Lublin-Czechów", "PL", 51.271, 22.545, 2_200),
    _Place("Szczecin-Pogodno", "PL", 53.440, 14.510, 2_100),
)
_EURO_AREA = (
    _Place("Berlin-Pankow", "DE", 52.569, 13.402, 5_100),
    _Place("Berlin-Neukölln", "DE", 52.477, 13.434, 4_800),
    _Place("Leipzig-Plagwitz", "DE", 51.329, 12.334, 3_000),
    _Place("Leipzig-Gohlis", "DE", 51.362, 12.367, 2_900),
    _Place("Dresden-Neustadt", "DE", 51.065, 13.752, 3_000),
    _Place("Hamburg-Altona", "DE", 53.550, 9.935, 5_600),
    _Place("Köln-Ehrenfeld", "DE", 50.949, 6.919, 4_500),
    _Place("Potsdam-Babelsberg", "DE", 52.391, 13.093, 4_400),
    _Place("Dublin-Phibsborough", "IE", 53.361, -6.273, 5_400),
    _Place("Dublin-Rathmines", "IE", 53.322, -6.266, 6_100),
    _Place("Cork-Blackrock", "IE", 51.898, -8.415, 4_200),
    _Place("Galway-Salthill", "IE", 53.262, -9.077, 4_000),
    _Place("Limerick-Corbally", "IE", 52.679, -8.609, 3_100),
    _Place("Tallinn-Kalamaja", "EE", 59.447, 24.736, 3_300),
    _Place("Tallinn-Nõmme", "EE", 59.386, 24.686, 2_700),
    _Place("Tartu-Karlova", "EE", 58.368, 26.733, 2_400),
)
MARKETS = {Currency.EUR: _EURO_AREA, Currency.PLN: _POLAND}


@dataclass(frozen=True, slots=True)
class _Kind:
    """How often a kind comes, how large it is, what its square metre costs for one of a flat, and who lives there."""

    kind: PropertyKind
    share: int
    area_m2: tuple[int, int]
    price: float
    beds: tuple[int, int] | None
    en: str
    pl: str


_KINDS = (
    _Kind(
        PropertyKind.FLAT,
        38,
        (38, 118),
        1.0,
        (1, 4),
        "A flat with a balcony in a small block with a lift.",
        "Mieszkanie z balkonem w kameralnym budynku z windą.",
    ),
    _Kind(
        PropertyKind.HOUSE,
        14,
        (95, 260),
        0.82,
        (3, 6),
        "A detached house with a garden and a garage.",
        "Dom wolnostojący z ogrodem i garażem.",
    ),
    _Kind(
        PropertyKind.TOWNHOUSE,
        10,
        (90, 170),
        0.88,
        (3, 5),
        "A house in a row, with a terrace towards the yard.",
        "Dom w zabudowie szeregowej z tarasem od podwórza.",
    ),
    _Kind(
        PropertyKind.MULTI_FAMILY,
        11,
        (280, 900),
        0.62,
        (8, 26),
        "A tenement of let flats; the ground floor stands empty.",
        "Kamienica z wynajętymi mieszkaniami; parter stoi pusty.",
    ),
    _Kind(
        PropertyKind.COMMERCIAL,
        12,
        (160, 950),
        0.60,
        None,
        "Offices on two floors with parking, let to three firms.",
        "Biura na dwóch piętrach z parkingiem, wynajęte trzem firmom.",
    ),
    _Kind(
        PropertyKind.MIXED_USE,
        8,
        (180, 620),
        0.66,
        None,
        "Shops below and flats above, on a corner.",
        "Lokale handlowe na dole i mieszkania na górze, na rogu ulicy.",
    ),
    _Kind(
        PropertyKind.LAND,
        7,
        (600, 4_500),
        0.11,
        None,
        "Building land with a road and mains at the boundary.",
        "Działka budowlana z drogą i mediami przy granicy.",
    ),
)


def make_properties(rng: random.Random, currency: Currency, count: int) -> list[DemoProperty]:
    """So many invented properties of one market, no two with the same kind, place and size."""
    found: list[DemoProperty] = []
    seen: set[tuple[PropertyKind, str, Decimal]] = set()
    while len(found) < count:
        place = MARKETS[currency][len(found) % len(MARKETS[currency])]
        made = _make_property(rng, currency, place, len(found) + 1)
        key = (made.kind, made.city, made.area_m2)
        if key not in seen:
            seen.add(key)
            found.append(made)
    return found


def _make_property(rng: random.Random, currency: Currency, place: _Place, number: int) -> DemoProperty:
    kind = rng.choices(_KINDS, weights=[kind.share for kind in _KINDS])[0]
    area = Decimal(rng.randint(*kind.area_m2))
    built = kind.kind is not PropertyKind.LAND
    euros = place.euros_a_square_metre * kind.price * float(area) * rng.uniform(0.85, 1.15)
    units = euros * float(currency.units_per_eur)
    polish = place.country == "PL"
    language = "pl" if polish else "en"
    return DemoProperty(
        kind=kind.kind,
        address=f"Nieruchomość przykładowa {number}" if polish else f"Sample property {number}",
        city=place.city,
        country=place.country,
        lat=round(place.lat + rng.uniform(-0.006, 0.006), 5),
        lon=round(place.lon + rng.uniform(-0.006, 0.006), 5),
        description=f"{INVENTED[language]} {kind.pl if polish else kind.en}",
        area_m2=area,
        beds=rng.randint(*kind.beds) if kind.beds else None,
        year_built=rng.choice((1898, 1912, 1928, 1936, 1961, 1974, 1988, 1999, 2006, 2014, 2021)) if built else None,
        condition=rng.choice(tuple(Condition)[1:]) if built else None,
        currency=currency,
        # Whole thousands, as a surveyor's report would round.
        value_minor=round(units / 1_000) * 100_000,
    )
