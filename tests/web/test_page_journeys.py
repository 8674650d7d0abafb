"""Signing in and investing in a real browser: by keyboard alone, without scripts on a phone, readable by everybody."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from support.people import PASSWORD
from web.test_browser import CONTRASTS, Scene, chromium, open_page, scene

__all__ = ["chromium", "scene"]
INVESTED = re.compile(r"/investments/[0-9a-f-]{36}$")


def type_and_enter(page: Page, label: str, *texts: str) -> None:
    """Type into the field and, with Tab between them, those after it; Enter sends the form."""
    page.get_by_label(label, exact=True).focus()
    for place, text in enumerate(texts):
        if place:
            page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")


@pytest.mark.timeout(600)
def test_somebody_invests_and_takes_it_back_with_the_keyboard_alone(chromium: Browser, scene: Scene) -> None:
    problems: list[str] = []
    page = open_page(chromium, problems)
    page.goto(f"{scene.address}/loans/{scene.loan_id}")
    type_and_enter(page, "Amount in EUR", "1 234,56")
    # Signed out: to the sign-in, and back with the amount.
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    type_and_enter(page, "E-mail address", scene.investor.email, PASSWORD)
    button = page.get_by_role("button", name="Invest €1,234.56")
    button.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    page.keyboard.press("Enter")
    page.wait_for_url(INVESTED)
    receipt = page.url
    expect(page.get_by_role("heading", level=1)).to_have_text("Your investment of €1,234.56")
    # Back leads to the form's address, which knows that it has invested.
    page.go_back()
    page.wait_for_url(receipt)
    page.get_by_role("button", name="Take back €1,234.56").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The whole amount is back in your wallet.")).to_be_visible()
    page.locator(".menu summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    page.goto(receipt)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert problems == []


@pytest.mark.timeout(600)
def test_a_phone_without_scripts_invests_and_pays_in_in_polish(chromium: Browser, scene: Scene) -> None:
    problems: list[str] = []
    page = open_page(
        chromium, problems, locale="pl-PL", viewport={"width": 390, "height": 844}, java_script_enabled=False
    )
    page.goto(f"{scene.address}/sign-in")
    page.get_by_label("Adres e-mail").fill(scene.investor.email)
    page.get_by_label("Hasło").fill("nie to hasło, niestety")
    page.get_by_role("button", name="Zaloguj się").click()
    expect(page.get_by_text("Adres e-mail lub hasło jest nieprawidłowe.")).to_be_visible()
    expect(page.get_by_label("Adres e-mail")).to_have_value(scene.investor.email)
    page.get_by_label("Hasło").fill(PASSWORD)
    page.get_by_role("button", name="Zaloguj się").click()
    page.goto(f"{scene.address}/loans/{scene.loan_id}")
    page.get_by_label("Kwota w EUR").fill("10")
    page.get_by_role("button", name="Zobacz, co przyniesie").click()
    expect(page.get_by_text("Najmniejsza inwestycja w tę pożyczkę to 50,00 €.")).to_be_visible()
    page.get_by_label("Kwota w EUR").fill("1 000,50")
    page.get_by_role("button", name="Pokaż, co przyniesie").click()
    page.get_by_role("button", name=re.compile(r"Zainwestuj 1\s000,50\s€")).click()
    page.wait_for_url(INVESTED)
    expect(page.get_by_text("Okres na zastanowienie się")).to_be_visible()
    page.goto(f"{scene.address}/wallet/deposit")
    page.get_by_label("Kwota").fill("250,25")
    page.get_by_role("button", name="Zapowiedz wpłatę").click()
    expect(page.get_by_role("status")).to_contain_text("Wpłata jest zapowiedziana")
    for _ in range(60):
        # The worker's bank answers within seconds; without scripts a reader loads the page again.
        if page.get_by_text("+250,25").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.get_by_text("+250,25")).to_be_visible()
    # Refusals are answered by their status; a font that still loads is given up when the reader goes on.
    expected = ("401", "409", "/static/fonts/")
    assert [one for one in problems if not any(part in one for part in expected)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.timeout(600)
def test_everybody_can_read_and_reach_what_is_for_investors(
    chromium: Browser, scene: Scene, scheme: str, width: int
) -> None:
    """WCAG 2.2 AA: contrast, landmarks, names of fields, target size, reflow at 320 pixels."""
    problems: list[str] = []
    page = open_page(
        chromium, problems, color_scheme=scheme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )

    def check(address: str) -> None:
        page.goto(scene.address + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        weak = page.evaluate(CONTRASTS)
        assert weak == [], (address, weak)
        for landmark in ("main", "banner", "contentinfo"):
            assert page.get_by_role(landmark).count() == 1
        assert page.get_by_role("heading", level=1).count() == 1
        for target in page.locator("header a, summary, nav a, .button, select, .input input").all():
            if target.is_visible():
                box = target.bounding_box()
                assert box and box["height"] >= 24 and box["width"] >= 24, (address, target.inner_text())
        unnamed = page.evaluate(
            "[...document.querySelectorAll('main input:not([type=hidden]), main select')]"
            ".filter(field => !field.labels.length).map(field => field.outerHTML)"
        )
        assert unnamed == [], address
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids)), address

    for address in ("/sign-in", "/register"):
        check(address)
    page.goto(f"{scene.address}/sign-in")
    type_and_enter(page, "E-mail address", scene.investor.email, PASSWORD)
    expect(page.locator(".menu summary")).to_be_visible()
    page.locator(".menu summary").click()
    assert page.evaluate(CONTRASTS) == []
    invest = f"/loans/{scene.loan_id}/invest?amount="
    for address in (
        *(f"{invest}{amount}" for amount in ("100", "nothing", "1")),
        *("/wallet", "/wallet/deposit", "/wallet/withdraw", "/portfolio", "/staff/risk"),
    ):
        check(address)
    assert [one for one in problems if not any(status in one for status in ("403", "409", "422"))] == []
