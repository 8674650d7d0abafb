"""What the first page weighs on the wire: everything that it names, compressed, with the fonts of its language."""

from __future__ import annotations

import re

import pytest

from halfpenny.marketplace import ListingStore, rebuild
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from support import market
from support.edge import Client

# design/pages.md, 7: bytes without photos, in both languages.
LIMITS = {"page": 12_000, "css": 8_000, "js": 22_000, "woff2": 53_500}
ALL = 100_000
FONT = re.compile(r'url\("(fonts/[\w-]+\.woff2)"\) format\("woff2"\); unicode-range: ([^;]+);')


def characters(ranges: str) -> set[int]:
    found: set[int] = set()
    for each in ranges.replace("U+", "").split(", "):
        first, _, last = each.partition("-")
        found |= set(range(int(first, 16), int(last or first, 16) + 1))
    return found


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_the_first_page_weighs_less_than_its_limit(
    client: Client, database: Database, documents: DocumentStore, language: str
) -> None:
    await market.furnish(database, 14)
    await rebuild(database, ListingStore(documents))
    weights: dict[str, int] = dict.fromkeys(LIMITS, 0)

    async def weigh(address: str, kind: str) -> str:
        async with client.stream("GET", address, headers={"accept-encoding": "gzip"}) as answer:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.status_code == 200, address
        weights[kind] += len(raw)
        return address

    await weigh(f"/?lang={language}", "page")
    page = (await client.get(f"/?lang={language}")).text
    linked = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    [style] = [each for each in linked if ".css" in each]
    for each in linked:
        kind = each.partition("?")[0].rpartition(".")[2]
        if kind in ("css", "js"):
            await weigh(each, kind)
    fonts = dict(FONT.findall((await client.get(style)).text))
    shown = {ord(letter) for letter in re.sub(r"<[^>]+>", " ", page)}
    fetched = {font for font, ranges in fonts.items() if shown & characters(ranges)}
    assert any("latin" in font for font in fetched)
    assert any("polish" in font for font in fetched) or language == "en"
    assert not any("others" in font for font in fetched)
    for font in fetched:
        await weigh(f"/static/{font}", "woff2")
    assert {kind: weight for kind, weight in weights.items() if weight > LIMITS[kind]} == {}
    assert sum(weights.values()) < ALL, weights


async def test_every_letter_is_in_one_font_of_each_family(client: Client) -> None:
    style = (await client.get("/static/halfpenny.css")).text
    faces = FONT.findall(style)
    assert len(faces) == 6
    for family in ("inter", "fraunces"):
        ranges = [characters(each) for font, each in faces if family in font]
        assert len(set.union(*ranges)) == sum(map(len, ranges)), f"two files of {family} have one letter"
        for letter in "Łódź, Żółw, Århus, Čapek, Kõrvemaa, Straße":
            assert any(ord(letter) in each for each in ranges), letter
