"""The market as pages: what is shown, in which language, escaped, within the policy, and when things are away."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from fastapi import FastAPI

from halfpenny import backoffice, funding, identity, loans, marketplace, risk_reporting, underwriting, web
from halfpenny.entrypoints import errors
from halfpenny.marketplace import ListingStore, rebuild
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.http import guard
from halfpenny.primitives import legal_maximum
from halfpenny.primitives.legal_maximum import LegalMaximum, MaximumRates
from halfpenny.primitives.money import Currency
from halfpenny.primitives.rate import Rate
from support import lending, market
from support.edge import Client, client_for

HOSTILE = '<script>alert("1")</script>"\'><img src=x onerror=alert(2)>{{7*7}}{% raw %}'


class Page(HTMLParser):
    """The start tags of a page and its visible words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def app(documents: DocumentStore) -> FastAPI:
    app = FastAPI(openapi_url=None)
    errors.install(app)
    app.add_middleware(guard)
    app.include_router(marketplace.page_router)
    app.mount(web.MOUNT, web.PageFiles())
    app.state.pages = web.Pages([marketplace.TEMPLATES])
    app.state.listings = ListingStore(documents)
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[Client]:
    async with client_for(app, accept="text/html") as client:
        yield client


@pytest.fixture
def listings(documents: DocumentStore) -> ListingStore:
    return ListingStore(documents)


async def test_the_market_shows_open_loans_first(database: Database, listings: ListingStore, client: Client) -> None:
    furnished = await market.furnish(database, 7)
    await rebuild(database, listings)
    answer = await client.get("/")
    assert answer.status_code == 200
    page = Page(answer.text)
    open_loans = {str(loan.id) for loan in furnished if loan.status.value == "funding"}
    assert len(open_loans) == 2
    assert {one["data-loan"] for one in page.all("div") if one.get("class") == "funding"} == open_loans
    assert "2 loans" in page.text
    assert "€100,000" in page.text
    everything = Page((await client.get("/?status=all")).text)
    assert "7 loans" in everything.text


@pytest.mark.parametrize(("share", "shown"), [("{:.1f}", 0), ("1{:.1f}", 1)])
async def test_a_loan_to_value_stands_once_on_a_loans_page(
    database: Database, documents: DocumentStore, client: Client, share: str, shown: int
) -> None:
    """The assessment's own sentence stays where its figure is another one: it uses another value."""
    [loan] = await market.furnish(database, 1)
    await rebuild(database, ListingStore(documents))
    collection = documents.collection("listings")
    document = await collection.find_one({"_id": str(loan.id)})
    figure = share.format(float(document["node"]["terms"]["ltv"])) + "%"
    reason = {"code": "leverage", "text": f"The loan is {figure} of it.", "polish": f"{figure}.", "favours": True}
    risk = {"grade": "B", "probability_of_default": "0.03", "expected_loss": "0.01", "suggested_rate": "9.00"}
    await collection.update_one({"_id": str(loan.id)}, {"$set": {"node.risk": risk | {"reasons": [reason]}}})
    for language, same in (("en", "The loan to value stated above"), ("pl", "Podany wyżej wskaźnik LTV")):
        page = Page((await client.get(f"/loans/{loan.id}", headers={"accept-language": language})).text)
        assert (page.text.count(figure), same in page.text) == (shown, not shown), (language, page.text)


async def test_funding_bars_have_a_name_and_a_value(database: Database, listings: ListingStore, client: Client) -> None:
    await market.furnish(database, 3)
    await rebuild(database, listings)
    page = Page((await client.get("/?status=all")).text)
    bars = page.all("progress")
    names = {one.get("id") for _, one in page.tags}
    assert len(bars) == 3
    for bar in bars:
        assert bar["max"] == "10000"
        assert bar["aria-labelledby"] in names
        assert re.fullmatch(r"\d+%", str(bar["aria-valuetext"]))
    assert {bar["value"] for bar in bars} == {"0", "4", "10000"}


async def test_pages_follow_one_another_without_scripts(
    database: Database, listings: ListingStore, client: Client
) -> None:
    furnished = await market.furnish(database, 14)
    await rebuild(database, listings)
    seen: list[str | None] = []
    address: str | None = "/?status=all&sort=amount"
    while address is not None:
        page = Page((await client.get(address)).text)
        seen += [one["data-loan"] for one in page.all("div") if one.get("class") == "funding"]
        address = next((one["href"] for one in page.all("a") if one.get("hx-swap") == "beforeend"), None)
    by_amount = sorted(furnished, key=lambda loan: -loan.application.amount_minor)
    assert seen == [str(loan.id) for loan in by_amount]


@pytest.mark.parametrize(
    "query", ["status=draft", "sort=x", "max_term=long", "min_rate=NaN", "max_ltv=-5", "after=%22"]
)
async def test_a_filter_that_does_not_exist_is_named(
    database: Database, listings: ListingStore, client: Client, query: str
) -> None:
    await rebuild(database, listings)
    answer = await client.get(f"/?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")


async def test_with_nothing_open_the_rest_of_the_market_is_shown(
    database: Database, listings: ListingStore, client: Client
) -> None:
    furnished = await market.furnish(database, 3)
    async with database.unit_of_work() as connection:
        await loans.transition(connection, furnished[0].id, loans.TransitionName.EXPIRE)
    await rebuild(database, listings)
    assert "3 loans" in Page((await client.get("/")).text).text
    assert "No loan matches these filters" in Page((await client.get("/?status=funding")).text).text


@pytest.mark.parametrize("query", ["kind=house&min_rate=8&max_ltv=60&max_term=12", "kind=land", "max_term=-4"])
async def test_filters_that_match_nothing_show_an_empty_state(
    database: Database, listings: ListingStore, client: Client, query: str
) -> None:
    await rebuild(database, listings)
    answer = await client.get(f"/?{query}")
    assert answer.status_code == 200
    assert "No loan matches these filters" in answer.text


async def test_a_kind_that_is_not_on_the_list_is_refused(
    database: Database, listings: ListingStore, client: Client
) -> None:
    await rebuild(database, listings)
    answer = await client.get("/?kind=castle")
    assert answer.status_code == 422 and "unknown_filter" in answer.text


async def test_one_loan_is_shown_whole(database: Database, listings: ListingStore, client: Client) -> None:
    [loan] = await market.furnish(database, 1)
    await rebuild(database, listings)
    page = Page((await client.get(f"/loans/{loan.id}")).text)
    for shown in ("House, Seattle", "€100,000", "8.25%", "6 months", "retained at drawdown", "Good", "3.1%"):
        assert shown in page.text
    assert "The loan is 60 % of the value." in page.text
    assert lending.application().property.address not in page.text
    polish = Page((await client.get(f"/loans/{loan.id}", headers={"accept-language": "pl"})).text)
    for shown in ("Dom, Seattle", "100 000 €", "8,25%", "6 miesięcy", "Pożyczka to 60 % wartości."):
        assert shown in polish.text.replace("\xa0", " ")


@pytest.mark.parametrize(
    ("contract", "default", "limited"), [("7.5", "9", 2), ("30", "9", 1), ("8.25", "13.25", 0), ("30", "34", 0)]
)
async def test_a_page_shows_each_rate_that_the_law_limits_and_what_was_agreed(
    database: Database,
    listings: ListingStore,
    app: FastAPI,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    contract: str,
    default: str,
    limited: int,
) -> None:
    """8.25 % and 13.25 % are agreed; the maximum is newer."""
    app.state.database = database
    [loan] = await market.furnish(database, 1)
    await rebuild(database, listings)
    row = MaximumRates(date(2026, 1, 15), Rate.parse_annual(contract), Rate.parse_annual(default))
    law = LegalMaximum("PL", Currency.EUR, "made up for a test", default_interest_on_interest=True, rates=(row,))
    monkeypatch.setattr(legal_maximum, "published", lambda: {("PL", Currency.EUR): law})
    page = (await client.get(f"/loans/{loan.id}")).text
    assert page.count("limited by law since") == limited
    polish = (await client.get(f"/loans/{loan.id}", headers={"accept-language": "pl"})).text
    assert polish.count("ograniczone ustawowo od") == limited
    if limited == 2:
        assert "7.5%" in page and "agreed: 8.25%" in page and "agreed: 13.25%" in page


async def test_loans_that_are_not_public_are_not_there(
    database: Database, listings: ListingStore, client: Client
) -> None:
    await market.furnish(database, 1)
    await rebuild(database, listings)
    async with database.reading() as connection:
        hidden = [row["id"] for row in await connection.fetch("SELECT id FROM loan WHERE status <> 'funding'")]
    assert len(hidden) == 3
    for loan_id in [*hidden, "00000000-0000-0000-0000-000000000000", "no-id"]:
        answer = await client.get(f"/loans/{loan_id}")
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


async def test_what_a_borrower_writes_stays_text(database: Database, listings: ListingStore, client: Client) -> None:
    async with database.unit_of_work() as connection:
        administrator = await lending.person(connection, "administrator")
        borrower = await lending.person(connection, "borrower")
        asset = replace(lending.application().property, city=HOSTILE, description=HOSTILE)
        loan = await lending.funding(
            connection, borrower, administrator, property=asset, purpose_note=HOSTILE, exit_note=HOSTILE
        )
    await rebuild(database, listings)
    for address in ("/", f"/loans/{loan.id}"):
        answer = await client.get(address)
        assert answer.status_code == 200
        page = Page(answer.text)
        assert HOSTILE.capitalize() in " ".join(page.words) or HOSTILE in " ".join(page.words)
        assert not any(one.get("src") == "x" for one in page.all("img"))
        assert all(one.get("src", "").startswith("/static/") for one in page.all("script"))  # type: ignore[union-attr]


@pytest.mark.parametrize("address", ["/", "/?status=all", "/?status=no", "/loans/nothing"])
async def test_nothing_on_a_page_needs_what_the_policy_forbids(
    database: Database, listings: ListingStore, client: Client, address: str
) -> None:
    """No inline script or style, no handler attributes, nothing fetched from another site."""
    await market.furnish(database, 2)
    await rebuild(database, listings)
    answer = await client.get(address)
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    page = Page(answer.text)
    assert page.all("style") == []
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on") or name.startswith("hx-on") or name == "style"]
        if tag in ("script", "link", "img"):
            assert str(attributes.get("src") or attributes.get("href")).startswith("/static/")


async def test_every_file_that_a_page_asks_for_is_there(
    database: Database, listings: ListingStore, client: Client
) -> None:
    await rebuild(database, listings)
    page = Page((await client.get("/")).text)
    wanted = [str(one.get("src") or one.get("href")) for tag in ("script", "link") for one in page.all(tag)]
    style = (await client.get(next(address for address in wanted if ".css" in address))).text
    wanted += [f"/static/{name}" for name in re.findall(r'url\("([^"]+)"\)', style)]
    assert len(wanted) >= 8
    for address in wanted:
        answer = await client.get(address)
        assert answer.status_code == 200, address
        kept = answer.headers["cache-control"]
        assert kept == ("public, max-age=31536000, immutable" if "?v=" in address else "no-cache")
    assert (await client.get("/static/../pages.py")).status_code == 404
    assert (await client.get("/static/%2e%2e/pages.py")).status_code == 404


async def test_the_language_is_the_readers(database: Database, listings: ListingStore, client: Client) -> None:
    await rebuild(database, listings)

    async def spoken(address: str = "/", **headers: str) -> str:
        answer = await client.get(address, headers={name.replace("_", "-"): value for name, value in headers.items()})
        assert answer.headers["content-language"] == Page(answer.text).all("html")[0]["lang"]
        assert "Accept-Language" in answer.headers["vary"]
        return str(answer.headers["content-language"])

    assert await spoken() == "en"
    assert await spoken(accept_language="pl-PL,pl;q=0.9,en;q=0.8") == "pl"
    assert await spoken(accept_language="de,en;q=0.5,pl;q=0.7") == "pl"
    assert await spoken(accept_language="de-CH, fr;q=0.3") == "en"
    assert await spoken(accept_language=";q=x,,pl;q=0,en-US") == "en"
    assert await spoken("/?lang=xx", accept_language="pl") == "pl"
    client.cookies.clear()
    assert await spoken("/?lang=pl") == "pl"
    assert await spoken() == "pl"  # cached
    assert await spoken("/?lang=en", accept_language="pl") == "en"


async def test_switching_the_language_stays_on_the_page(
    database: Database, listings: ListingStore, client: Client
) -> None:
    await rebuild(database, listings)
    page = Page((await client.get('/?status=all&sort=rate&kind="><b>')).text)
    switches = [str(one["href"]) for one in page.all("a") if one.get("hreflang")]
    assert switches == [f"/?status=all&sort=rate&kind=%22%3E%3Cb%3E&lang={code}" for code in ("en", "pl")]
    again = Page((await client.get(switches[1])).text)
    assert [str(one["href"]) for one in again.all("a") if one.get("hreflang")] == switches


def test_polish_has_every_text() -> None:
    """Texts are collected from templates and labels as they are now, so a new one without Polish fails here."""
    assert marketplace.__file__ is not None
    catalogue_file = web.STATIC.parent / "translations" / "pl" / "LC_MESSAGES" / "messages.po"
    with catalogue_file.open("rb") as file:
        catalogue = read_po(file, locale="pl")
    used = set()
    for feature in (identity, funding, underwriting, marketplace, risk_reporting, backoffice, web):
        folder = (web.STATIC if feature is web else feature.TEMPLATES).parent
        methods = [("**.html", "jinja2"), ("**.py", "python")]
        options = {"**.html": {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}}
        used |= {(message, context) for _, _, message, _, context in extract_from_dir(folder, methods, options)}
    stored = {(message.id, message.context): message.string for message in catalogue if message.id}
    assert used == set(stored), used ^ set(stored)
    assert all(all(text) if isinstance(text, tuple) else text for text in stored.values())
    for (source, _), text in stored.items():
        names = set(re.findall(r"%\((\w+)\)s", str(source)))
        for form in text if isinstance(text, tuple) else (text,):
            assert set(re.findall(r"%\((\w+)\)s", str(form))) == names, source


async def test_without_the_document_store_the_page_names_what_to_do(app: FastAPI, client: Client) -> None:
    away = await DocumentStore.connect("mongodb://127.0.0.1:9", "nowhere", timeout_s=0.2)
    app.state.listings = ListingStore(away)
    answer = await client.get("/", headers={"accept-language": "pl"})
    assert answer.status_code == 503
    assert "documents_unavailable" in answer.text
    assert "Zaraz wracamy" in answer.text
    await away.close()
