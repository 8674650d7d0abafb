"""The people and companies of the demo. All are invented; names are of the kind that the market's countries have."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

from halfpenny.identity import KycStatus, NewPerson, Role
from halfpenny.primitives.ids import UserId, uuid7

INVESTORS = 180
BORROWERS = 64
# Not a hash of anything: nobody signs in as one of these.
_NO_HASH = "!"


def _words(text: str) -> list[str]:
    return text.split()


_FIRST = _words(
    """
    Agnieszka Aleksander Anneli Antoni Bartosz Beata Camille Carmen Clara Dawid Diego Dorota Elias Elif Emil
    Ewa Fabien Filip Freya Gabriela Giulia Hanna Hugo Ignacy Ines Iwona Jakub Joanna Jonas Julia Kaja Karol
    Katrin Lena Lidia Luca Maja Marek Marta Mateo Milena Nadia Natan Nina Oskar Paulina Pavel Piotr Rafael
    Rasmus Renata Sandra Sara Sofia Stefan Szymon Tadeusz Teresa Tomasz Urszula Viktor Weronika Wiktor
    Yasmin Zuzanna
    """
)
_LAST = _words(
    """
    Adamczyk Almeida Andersson Bakker Baran Bauer Bernat Bielak Brandt Carvalho Cieślak Costa Czarnecki
    Dąbrowski Delgado Duda Fernandes Fischer Gajda Garcia Głowacki Haas Hansen Hoffmann Jansen Jaworski
    Kallas Kamiński Keller Kowalczyk Krause Król Kubiak Larsen Lewandowski Lis Maciejewski Marino Mazur
    Meyer Moreau Nielsen Nowicki Olsen Pawlak Petit Piątek Ricci Rossi Rutkowski Sadowski Saar Schmidt
    Sikora Sousa Szulc Tamm Urban Vogel Wagner Wilk Wójcik Zawadzki Ziółkowski
    """
)
# What the companies of a country are called: a first and a second word, and its legal form.
_NAMES = {
    "PL": (
        _words("Wisła Bałtyk Mazowsze Podhale Sudety Jantar Kujawy Roztocze Pieniny Żuławy Narew Warta"),
        ("Nieruchomości", "Kamienice", "Inwestycje", "Domy", "Renowacje"),
        "sp. z o.o.",
    ),
    "DE": (
        _words("Elbe Havel Spree Saale Isar Mulde Neiße Ostsee Harz Lausitz"),
        ("Wohnbau", "Immobilien", "Altbau", "Grundbesitz", "Sanierung"),
        "GmbH",
    ),
    "IE": (
        _words("Liffey Shannon Burren Corrib Wicklow Boyne Skellig Slaney"),
        ("Homes", "Property", "Restoration", "Estates", "Builders"),
        "Ltd",
    ),
    "EE": (_words("Pirita Saare Harju Emajõgi Võru Haapsalu"), ("Kinnisvara", "Kodud", "Ehitus", "Arendus"), "OÜ"),
    "US": (
        _words("Rainier Cascade Olympic Sound Evergreen Salish Cedar Madrone"),
        ("Renovations", "Homes", "Property", "Restoration", "Residential"),
        "LLC",
    ),
}
# The countries of the borrowers in turn, and those of the investors.
_BORROWERS_FROM = ("PL", "DE", "US", "PL", "IE", "US", "PL", "EE", "US", "PL", "DE", "US")
_INVESTORS_FROM = ("PL", "PL", "PL", "EE", "DE", "DE", "ES", "IT", "NL", "IE")


@dataclass(frozen=True, slots=True)
class Company:
    """A borrower: who signs, and the business with its figures in euro cents."""

    user_id: UserId
    name: str
    country: str
    income_minor: int
    assets_minor: int
    debts_minor: int
    adverse_records: int


@dataclass(frozen=True, slots=True)
class DemoPeople:
    """Everybody besides those who can sign in, as rows to be written and as the plan needs them."""

    rows: list[NewPerson]
    investors: list[UserId]
    companies: list[Company]


def make_people(rng: random.Random) -> DemoPeople:
    names = _names(rng, INVESTORS + BORROWERS)
    rows: list[NewPerson] = []
    investors, companies = [], []
    for number, (first, last) in enumerate(names):
        investor = number < INVESTORS
        country = (
            rng.choice(_INVESTORS_FROM) if investor else _BORROWERS_FROM[(number - INVESTORS) % len(_BORROWERS_FROM)]
        )
        person = NewPerson(
            id=UserId(uuid7()),
            email=f"{_ascii(first)}.{_ascii(last)}@example.com",
            full_name=f"{first} {last}",
            role=Role.INVESTOR if investor else Role.BORROWER,
            password_hash=_NO_HASH,
            kyc_status=KycStatus.VERIFIED,
            verified=True,
            country=country,
            # Two in five have shown that they know what they do; the others have days to think (EU 2020/1503).
            sophisticated=investor and rng.random() < 0.4,
        )
        rows.append(person)
        if investor:
            investors.append(person.id)
        else:
            companies.append(_company(rng, person.id, country, number - INVESTORS))
    return DemoPeople(rows, investors, companies)


def _company(rng: random.Random, user_id: UserId, country: str, number: int) -> Company:
    firsts, seconds, form = _NAMES[country]
    first, second = firsts[number % len(firsts)], seconds[(number // len(firsts) + number) % len(seconds)]
    assets = rng.randrange(400, 4_000) * 100_000
    return Company(
        user_id=user_id,
        name=f"{first} {second} {form}",
        country=country,
        income_minor=rng.randrange(90, 900) * 100_000,
        assets_minor=assets,
        debts_minor=assets * rng.randrange(5, 45) // 100,
        adverse_records=rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 1)),
    )


def _names(rng: random.Random, count: int) -> list[tuple[str, str]]:
    pairs = [(first, last) for first in _FIRST for last in _LAST]
    return rng.sample(pairs, count)


def _ascii(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ł", "l").replace("Ł", "L"))
    return plain.encode("ascii", "ignore").decode().lower()
