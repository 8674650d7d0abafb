"""The explorer of the interface in a real browser: it works from our own files, and the strict policy holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from halfpenny.platform.documents import DocumentStore
from halfpenny.primitives.ids import uuid7
from halfpenny.web import STATIC
from support.edge import Client
from support.server import api_process

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def test_the_explorer_shows_every_part_and_breaks_no_policy(
    page: Page, database_url: str, document_server: object, tmp_path: Path
) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with api_process(database_url, document_server.url, tmp_path / "api.log") as url:  # type: ignore[attr-defined]
        answer = page.goto(f"{url}/api/v1/docs")
        assert answer is not None
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        page.get_by_text("/api/v1/auth/login", exact=True).wait_for()
        login = page.locator("#operations-sign-in-login_api_v1_auth_login_post")
        login.locator(".opblock-summary-control").click()
        login.get_by_role("button", name="Try it out").click()
        login.locator("textarea").fill('{"email": "nobody@example.com", "password": "not the right password"}')
        login.get_by_role("button", name="Execute").click()
        login.get_by_text("invalid_credentials").first.wait_for()
    foreign = [address for address in asked if not address.startswith((url, "data:", "blob:"))]
    assert foreign == []
    # The answer to our own wrong password is no fault of the page.
    assert [problem for problem in problems if "status of 401" not in problem] == []


async def test_the_page_names_no_other_host(client: Client, documents: DocumentStore) -> None:
    answer = await client.get("/api/v1/docs")
    assert answer.status_code == 200
    assert "//" not in answer.text.replace("<!doctype html>", "")
    assert "//" not in (STATIC / "explorer.js").read_text().replace("// ", "")


def test_vendored_files_carry_their_licence() -> None:
    vendored = STATIC / "vendor" / "swagger-ui"
    assert "Apache License" in (vendored / "LICENSE").read_text()
    assert "swagger-ui-dist" in (vendored / "ORIGIN.md").read_text()


async def test_figures_name_routes_by_their_template(client: Client) -> None:
    await client.get(f"/api/v1/loans/{uuid7()}")
    figures = (await client.get("/metrics")).text
    assert 'method="GET",route="/api/v1/loans/{loan_id}",status="401"' in figures
