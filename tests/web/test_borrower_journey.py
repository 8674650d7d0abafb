"""A borrower in a real browser: from the application to what is owed, and on a phone without scripts."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from halfpenny import loans, servicing
from halfpenny.funding.desk.desk import DeskSettings, FundingDesk
from halfpenny.funding.model import Ticket
from halfpenny.identity import Role
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.service import deciding
from halfpenny.platform.database import Database
from halfpenny.platform.servers import DocumentServer
from halfpenny.primitives.ids import LoanId, uuid7
from servicing import world
from support import lending
from support.people import PASSWORD, Somebody, make_somebody
from support.programs import Programs
from support.typed import of_step, typed_application
from web.test_browser import CONTRASTS, chromium, open_page

__all__ = ["chromium"]

Act = Callable[..., Awaitable[None]]
AMOUNT_MINOR = 30_000_000
# Where a designer wants to look at the pages: set it to a folder.
PICTURES = os.environ.get("HALFPENNY_TEST_PICTURES")


@dataclass(frozen=True)
class Scene:
    """A running API, and a borrower who has nothing yet. ``act`` does in the database what others do meanwhile."""

    address: str
    database_url: str
    borrower: Somebody
    elsewhere: ThreadPoolExecutor

    def act(self, what: Act, *arguments: UUID) -> None:
        # The browser's driver keeps a loop in this thread.
        self.elsewhere.submit(asyncio.run, self._act(what, *arguments)).result()

    async def _act(self, what: Act, *arguments: UUID) -> None:
        database = await Database.connect(self.database_url)
        await what(database, *arguments)
        await database.close()


@pytest.fixture
def scene(
    database_url: str, document_server: DocumentServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    async def borrower() -> Somebody:
        database = await Database.connect(database_url)
        made = await make_somebody(database, Role.BORROWER)
        await database.close()
        return made

    with ThreadPoolExecutor(1) as elsewhere:
        somebody = elsewhere.submit(asyncio.run, borrower()).result()
        programs = Programs(
            tmp_path_factory.mktemp("programs"), database_url, document_server.url, f"test_{uuid7().hex}"
        )
        yield Scene(programs.api(), database_url, somebody, elsewhere)
        programs.end()


async def assess(database: Database, loan_id: UUID) -> None:
    reasons = (
        loans.RiskReason(
            "ltv", "The loan is 60% of the value. At 55% the rate falls.", "Pożyczka to 60% wartości.", ("borrower",)
        ),
        loans.RiskReason(
            "condition", "The house is in good condition.", "Dom jest w dobrym stanie.", ("borrower",), True
        ),
        loans.RiskReason("score", "For staff alone.", "Tylko dla pracowników.", ("staff",)),
    )
    async with database.unit_of_work() as connection:
        loan = await loans.get(connection, loan_id)
        assert await deciding.record_assessment(connection, loan_id, lending.risk(loan.terms_version, reasons=reasons))


async def decide(database: Database, loan_id: UUID, verdict: Verdict) -> None:
    reason = loans.DecisionReason.WITHIN_POLICY if verdict is Verdict.APPROVE else loans.DecisionReason.EXIT
    async with database.unit_of_work() as connection:
        staff = await lending.person(connection, "administrator")
        loan = await loans.get(connection, loan_id)
        await deciding.decide_on(
            connection, staff, loan_id, Decision(verdict, loan.version, reason, "As read."), lending.RULES
        )


async def approve(database: Database, loan_id: UUID) -> None:
    await decide(database, loan_id, Verdict.APPROVE)


async def decline(database: Database, loan_id: UUID) -> None:
    await decide(database, loan_id, Verdict.DECLINE)


async def fund(database: Database, loan_id: UUID) -> None:
    """Two investors fund it with real money, and staff record one of its conditions."""
    desk = FundingDesk(database, DeskSettings())
    desk.start()
    for stake in (AMOUNT_MINOR - 5_000_000, 5_000_000):
        async with database.unit_of_work() as connection:
            investor = await lending.person(connection, "investor")
            await world.deposit(connection, investor, stake)
        await desk.submit(Ticket(LoanId(loan_id), investor, stake, "EUR", uuid7().hex, b"fingerprint"))
    await desk.stop()
    async with database.unit_of_work() as connection:
        loan = await loans.get(connection, loan_id)
        staff = await lending.person(connection, "administrator")
        await loans.record_conditions(connection, staff, loan_id, lending.evidence(loan.application)[:1])


async def pay_out(database: Database, loan_id: UUID) -> None:
    async with database.unit_of_work() as connection:
        loan = await loans.get(connection, loan_id)
        recorder, payer = [await lending.person(connection, "administrator") for _ in range(2)]
        await loans.record_conditions(connection, recorder, loan_id, lending.evidence(loan.application)[1:])
    await world.advance(database, world.REFLECTION)
    async with database.unit_of_work() as connection:
        await servicing.draw_down(connection, loan_id, loans.Actor(loans.ActorKind.ADMINISTRATOR, payer))
    await world.advance(database, timedelta(days=40))


def sign_in(page: Page, scene: Scene, words: tuple[str, str, str] = ("E-mail address", "Password", "Sign in")) -> None:
    page.goto(f"{scene.address}/sign-in")
    page.get_by_label(words[0], exact=True).fill(scene.borrower.email)
    page.get_by_label(words[1], exact=True).fill(PASSWORD)
    page.get_by_role("button", name=words[2], exact=True).click()
    page.wait_for_url("**/borrow")


def fill(page: Page, step: int, **changes: str) -> None:
    for name, text in of_step(step, typed_application(**changes)).items():
        field = page.locator(f"#{name}")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)


def look(page: Page, name: str) -> None:
    """The page can be read by everybody; kept as a picture where somebody wants to look at it."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert page.evaluate(CONTRASTS) == [], name
    assert page.get_by_role("heading", level=1).count() == 1
    unnamed = page.evaluate(
        "[...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]"
        ".filter(field => !field.labels.length).map(field => field.outerHTML)"
    )
    assert unnamed == [], name
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids)), name


@pytest.mark.timeout(600)
def test_a_borrower_goes_from_the_application_to_what_is_owed(chromium: Browser, scene: Scene) -> None:
    problems: list[str] = []
    page = open_page(chromium, problems)
    sign_in(page, scene)
    look(page, "empty")
    page.get_by_role("link", name="Apply for a loan").first.click()
    look(page, "start")
    page.get_by_role("button", name="Begin an application").click()
    page.wait_for_url("**/apply/1")
    look(page, "step1")
    fill(page, 1, city="", lat="72.2", gdv="1")
    page.get_by_role("button", name="Save and go on").click()
    # The summary takes the focus, and its links lead to the fields.
    expect(page.get_by_role("heading", name="3 fields need a change")).to_be_visible()
    assert page.evaluate("document.activeElement.classList.contains('summary')")
    look(page, "step1-faults")
    page.get_by_role("link", name="Latitude in degrees").click()
    assert page.url.endswith("#lat")
    page.locator("#lat").fill("47,5")
    page.locator("#city").fill("Seattle")
    page.locator("#gdv").fill("600 000,00")
    page.keyboard.press("Enter")
    page.wait_for_url("**/apply/2")
    expect(page.locator("[aria-current=step]")).to_have_text(re.compile("Company"))
    fill(page, 2)
    look(page, "step2")
    page.locator("#debts").press("Enter")
    page.wait_for_url("**/apply/3")
    fill(page, 3)
    look(page, "step3")
    page.get_by_role("button", name="Save and go on").press("Enter")
    page.wait_for_url("**/apply/4")
    look(page, "check")
    page.get_by_role("button", name="Send the application").dblclick()
    page.wait_for_url(re.compile(r"/borrow/[0-9a-f-]{36}$"))
    loan_id = UUID(page.url.rpartition("/")[2])
    expect(page.get_by_text("We: assess the application.")).to_be_visible()
    look(page, "submitted")
    # Going back leads to the loan: there is no second application.
    page.go_back()
    page.wait_for_url(f"**/borrow/{loan_id}")
    scene.act(assess, loan_id)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("At 55% the rate falls.")).to_be_visible()
    expect(page.get_by_text("For staff alone.")).to_have_count(0)
    expect(page.get_by_text("10.25%")).to_be_visible()
    look(page, "assessed")
    scene.act(approve, loan_id)
    page.reload()
    page.get_by_role("link", name="Read the offer").click()
    page.get_by_role("button", name="Accept the offer").click()
    page.wait_for_url(f"**/borrow/{loan_id}")
    expect(page.get_by_text("Registered charge")).to_be_visible()
    scene.act(fund, loan_id)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator(".checklist").get_by_text("recorded")).to_have_count(1)
    expect(page.locator(".checklist").get_by_text("missing")).to_have_count(2)
    look(page, "conditions")
    scene.act(pay_out, loan_id)
    page.reload()
    expect(page.get_by_role("heading", name="What you owe")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("€300,000.00")
    look(page, "running")
    letter = page.context.request.get(
        scene.address + str(page.get_by_role("link", name="Redemption statement in Polish").get_attribute("href"))
    )
    assert letter.status == 200 and letter.body().startswith(b"%PDF")
    page.goto(f"{scene.address}/borrow")
    look(page, "list")
    assert [one for one in problems if "422" not in one and "/static/fonts/" not in one] == []


@pytest.mark.timeout(600)
def test_a_phone_without_scripts_applies_in_polish_and_reads_the_decline(chromium: Browser, scene: Scene) -> None:
    problems: list[str] = []
    phone = {"width": 390, "height": 844}
    # Pictures and contrast are taken by a script of the test, which a context without scripts still runs.
    page = open_page(chromium, problems, locale="pl-PL", viewport=phone, java_script_enabled=False)
    sign_in(page, scene, ("Adres e-mail", "Hasło", "Zaloguj się"))
    page.goto(f"{scene.address}/borrow/apply")
    look(page, "pl-start")
    page.get_by_role("button", name="Rozpocznij wniosek").click()
    fill(page, 1, valuation="pół miliona", city="")
    page.get_by_role("button", name="Zapisz i przejdź dalej").click()
    expect(page.get_by_role("heading", name="2 pola wymagają zmiany")).to_be_visible()
    look(page, "pl-step1-faults")
    page.locator("#valuation").fill("500 000,00")
    page.locator("#city").fill("Seattle")
    for step in (2, 3, 4):
        page.get_by_role("button", name="Zapisz i przejdź dalej").click()
        page.wait_for_url(f"**/apply/{step}")
        if step < 4:
            fill(page, step)
        look(page, f"pl-step{step}")
    page.get_by_role("button", name="Wyślij wniosek").click()
    page.wait_for_url(re.compile(r"/borrow/[0-9a-f-]{36}$"))
    loan_id = UUID(page.url.rpartition("/")[2])
    scene.act(assess, loan_id)
    page.reload()
    expect(page.get_by_text("Pożyczka to 60% wartości.")).to_be_visible()
    look(page, "pl-assessed")
    scene.act(decline, loan_id)
    page.reload()
    look(page, "pl-declined")
    page.get_by_role("link", name=re.compile("Przeczytaj powody")).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.url.endswith("/review")
    assert [one for one in problems if "422" not in one and "/static/fonts/" not in one] == []
