"""The market in a real browser: bars move as money comes in, filters work in place, everybody can use it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from halfpenny.ledger import Account, AccountKind, Journal, Transfer, post
from halfpenny.marketplace import ListingStore, rebuild
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.servers import DocumentServer
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency
from support import market
from support.people import Somebody, make_somebody
from support.programs import Programs

CHROMIUM = Path("/usr/bin/chromium")
SHOWN_IN_MS = 30_000
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Scene:
    """A running market. ``loan_id`` is open for 100,000.00 EUR, of which nothing is funded."""

    address: str
    loan_id: str
    investor: Somebody

    def invest(self, amount: str) -> None:
        answer = httpx2.post(
            f"{self.address}/api/v1/loans/{self.loan_id}/invest",
            json={"amount": amount, "currency": "EUR"},
            headers=self.investor.paying(),
            timeout=30,
        )
        assert answer.status_code == 201, answer.text


async def furnish(database_url: str, mongo_url: str, mongo_name: str) -> tuple[str, Somebody]:
    """Fourteen loans, listed, and an investor with 100,000.00 EUR."""
    database = await Database.connect(database_url)
    documents = await DocumentStore.connect(mongo_url, mongo_name)
    furnished = await market.furnish(database, 14)
    investor = await make_somebody(database)
    async with database.unit_of_work() as connection:
        bank = Account(AccountKind.CLIENT_BANK, None, Currency.EUR)
        wallet = Account(AccountKind.WALLET, investor.user_id, Currency.EUR)
        paid_in = (Transfer(bank, wallet, 10_000_000),)
        assert await post(connection, Journal(JournalId(uuid7()), "deposit", paid_in, await business_date(connection)))
    await rebuild(database, ListingStore(documents))
    await documents.close()
    await database.close()
    return str(furnished[0].id), investor


@pytest.fixture(scope="module")
def scene(
    shared_database_url: str, document_server: DocumentServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """One for all tests: they read, but for the one that invests in ``loan_id``."""
    name = f"test_{uuid7().hex}"
    # In a thread of its own: the browser's driver keeps a loop in this one.
    with ThreadPoolExecutor(1) as elsewhere:
        filling = furnish(shared_database_url, document_server.url, name)
        loan_id, investor = elsewhere.submit(asyncio.run, filling).result()
    programs = Programs(tmp_path_factory.mktemp("programs"), shared_database_url, document_server.url, name)
    programs.worker()
    yield Scene(programs.api(), loan_id, investor)
    programs.end()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def open_page(browser: Browser, problems: list[str], **context: Any) -> Page:
    """A page of a context of its own; whatever the browser complains of is collected."""
    page = browser.new_context(**({"locale": "en-GB", "viewport": {"width": 1280, "height": 900}} | context)).new_page()
    page.set_default_timeout(SHOWN_IN_MS)
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    return page


def live(page: Page) -> None:
    # Not wait_for_function: where it has to poll, it evaluates a string, which the policy of the pages forbids.
    expect(page.locator("html")).to_have_attribute("data-live", "yes")


@pytest.mark.timeout(600)
def test_bars_move_when_money_comes_in(chromium: Browser, scene: Scene) -> None:
    """One reader watches the market in English, another one loan in Polish; neither reloads."""
    problems: list[str] = []
    market_page = open_page(chromium, problems)
    loan_page = open_page(chromium, problems, locale="pl-PL", viewport={"width": 390, "height": 844})
    market_page.goto(scene.address)
    loan_page.goto(f"{scene.address}/loans/{scene.loan_id}")
    places = [page.locator(f'.funding[data-loan="{scene.loan_id}"]') for page in (market_page, loan_page)]
    for page, place in zip((market_page, loan_page), places, strict=True):
        live(page)
        assert place.locator("progress").get_attribute("value") == "0"
    scene.invest("25000.50")
    for place, funded in zip(places, ("€25,000.50", "25 000,50 €"), strict=True):
        expect(place.locator("progress")).to_have_attribute("value", "2500")
        expect(place.locator("progress")).to_have_attribute("aria-valuetext", "25%")
        expect(place.locator("[data-percent]")).to_have_text("25%")
        expect(place.locator("[data-investors]")).to_have_text("1")
        assert place.locator("[data-funded]").inner_text().replace("\xa0", " ") == funded
    scene.invest("50000.00")
    for place in places:
        expect(place.locator("[data-percent]")).to_have_text("75%")
    # A screen reader is notified, in its language.
    expect(loan_page.locator("[data-announce]")).to_have_text("75% sfinansowano")
    assert problems == []


@pytest.mark.timeout(600)
def test_filters_and_more_loans_work_in_place(chromium: Browser, scene: Scene) -> None:
    problems: list[str] = []
    page = open_page(chromium, problems)
    page.goto(scene.address)
    # A mark that a reload would wipe away.
    page.evaluate("document.body.dataset.mark = 'here'")
    expect(page.get_by_role("status")).to_have_text("3 loans")
    page.get_by_label("Show").select_option("all")
    expect(page.get_by_role("status")).to_have_text("14 loans")
    assert "status=all" in page.url
    expect(page.locator("#loans > li")).to_have_count(12)
    page.get_by_role("link", name="Show more loans").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#loans > li")).to_have_count(14)
    expect(page.get_by_role("link", name="Show more loans")).to_have_count(0)
    page.get_by_label("Sort by").select_option("amount")
    expect(page.locator("#loans > li")).to_have_count(12)
    page.get_by_role("combobox", name="Property").select_option("land")
    expect(page.get_by_role("status")).to_have_text("3 loans")
    assert page.evaluate("document.body.dataset.mark") == "here"
    page.go_back()
    expect(page.get_by_role("status")).to_have_text("14 loans")
    page.get_by_role("link", name="Polski").click()
    expect(page.get_by_role("status")).to_have_text("14 pożyczek")
    page.locator(".card-title a").first.click()
    expect(page.get_by_role("heading", name="Warunki")).to_be_visible()
    assert problems == []


# Every element with words of its own, with its colours and the size of its letters; backgrounds are solid here.
CONTRASTS = (HERE / "contrasts.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.timeout(600)
def test_everybody_can_read_and_reach_it(chromium: Browser, scene: Scene, scheme: str, width: int) -> None:
    """WCAG 2.2 AA: contrast, names, landmarks, focus, target size, reflow at 320 pixels, motion on request only."""
    problems: list[str] = []
    page = open_page(
        chromium,
        problems,
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    empty, refused = "/?status=all&kind=mixed_use", "/?status=all&kind=castle"
    for address in ("/?status=all", f"/loans/{scene.loan_id}", "/loans/nothing", empty, refused):
        page.goto(scene.address + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        weak = page.evaluate(CONTRASTS)
        assert weak == [], (address, weak)
        assert page.get_by_role("main").count() == 1
        assert page.get_by_role("banner").count() == 1
        assert page.get_by_role("contentinfo").count() == 1
        assert page.get_by_role("heading", level=1).count() == 1
        for bar in page.get_by_role("progressbar").all():
            assert bar.get_attribute("aria-labelledby")
        for target in page.locator("header a, nav a, .button, select, .more a").all():
            box = target.bounding_box()
            assert box is None or (box["height"] >= 24 and box["width"] >= 24), target.inner_text()
        assert page.evaluate("getComputedStyle(document.querySelector('.skip')).transitionDuration") == "0s"
    page.goto(scene.address + "/?status=all")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    # Past the header, at the first filter, and visibly so.
    expect(page.get_by_label("Show")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    # The complaints allowed: the loan that is not there answered 404, the kind that no list holds 422.
    assert [problem for problem in problems if "404" not in problem and "422" not in problem] == []
