"""The page of promotions: what was proposed, what became of it, who and when; for whoever may read it in the API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from halfpenny.approvals import Acts, history_of
from halfpenny.approvals.rest import router as approval_router
from halfpenny.identity import ROLE_PERMISSIONS, Permission, Role
from halfpenny.platform.clock import business_now
from halfpenny.platform.database import Database
from halfpenny.risk_reporting import PromotionKey, promotion_acts
from halfpenny.risk_reporting.promotions import PROMOTE, pages
from halfpenny.risk_reporting.promotions.model import BORROWER_MODEL_ID, standing_of
from halfpenny.risk_reporting.promotions.rest import router
from halfpenny_risk.models import CHAMPION_FILE
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody
from support.promotions import NEXT, THIRD, models_folder, promotion_key, proposed

URL = "/staff/risk/promotions"
NAMES = ("Wanda Zięba", "Tomasz O'Neill")
CELL = re.compile(r"<[^>]+>")


@dataclass
class Office:
    client: Client
    first: Somebody
    second: Somebody
    folder: Path

    async def propose(self, champion: str, challenger: str = CHAMPION_FILE, reason: str = "Better.") -> str:
        body = proposed(self.folder, champion, challenger) | {"reason": reason}
        answer = await self.client.post("/api/v1/risk/promotions", json=body, headers=self.first.headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["approval"]["id"])

    async def end(self, approval_id: str, how: str, who: Somebody, **body: str) -> None:
        answer = await self.client.post(f"/api/v1/approvals/{approval_id}/{how}", json=body, headers=who.headers)
        assert answer.status_code == 200, answer.text

    async def page(self, who: Somebody, language: str = "en", path: str = URL) -> Any:
        headers = who.headers | {"accept": "text/html", "accept-language": language}
        return await self.client.get(path, headers=headers)


@pytest.fixture
async def office(database: Database, tmp_path: Path) -> AsyncIterator[Office]:
    staff = [await make_somebody(database, Role.ADMINISTRATOR, full_name=name) for name in NAMES]
    key: PromotionKey = promotion_key(tmp_path)
    acts = Acts(promotion_acts(key), timedelta(days=7))
    async with lending_client(database, approval_router, router, pages.router, acts=acts) as client:
        yield Office(client, staff[0], staff[1], models_folder(tmp_path / "models"))


def rows(text: str) -> list[list[str]]:
    """The cells of the table's rows, as they are read."""
    body = text[text.index("<tbody>") : text.index("</tbody>")].replace("<wbr>", "")
    return [
        [" ".join(unescape(CELL.sub(" ", cell)).split()) for cell in re.split(r"</t[hd]>", row)[:-1]]
        for row in body.split("</tr>")[:-1]
    ]


def test_every_role_that_reads_the_page_may_read_its_approvals_in_the_api() -> None:
    readers = {role for role, held in ROLE_PERMISSIONS.items() if Permission.RISK_READ in held}
    assert Role.AUDITOR in readers and Role.BORROWER not in readers
    assert {role for role in readers if Permission.APPROVALS_READ not in ROLE_PERMISSIONS[role]} == set()


async def test_only_who_reads_risk_reads_the_page(database: Database, office: Office) -> None:
    assert (await office.client.get(URL, headers={"accept": "text/html"})).status_code == 303
    for role in (Role.BORROWER, Role.INVESTOR, Role.SERVICE):
        outsider = await make_somebody(database, role)
        assert (await office.page(outsider)).status_code == 403
    empty = await office.page(office.second)
    assert empty.status_code == 200
    assert "the champion that it was delivered with" in empty.text and "No model has been proposed yet." in empty.text
    assert f'<a href="{URL}" aria-current="page">' in empty.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Waiting for approval", "In force", "Out of date", "Replaced since", "Withdrawn", "Refused"]),
        ("pl", ["Oczekuje na zatwierdzenie", "Obowiązuje", "Nieaktualna", "Już zastąpiona", "Wycofana", "Odrzucona"]),
    ],
)
async def test_every_proposal_is_shown_with_what_became_of_it_who_and_when(
    database: Database, office: Office, language: str, words: list[str]
) -> None:
    first, second = office.first, office.second
    await office.end(await office.propose(NEXT), "refuse", second, reason="Too few <rows>.")
    await office.end(await office.propose(NEXT), "withdraw", first)
    promoted = await office.propose(NEXT, reason="Better & newer.")
    await office.propose(NEXT)
    await office.end(promoted, "approve", second, reason="Agreed.")
    await office.end(await office.propose(THIRD, NEXT), "approve", second)
    await office.propose(NEXT, THIRD)
    page = await office.page(second, language)
    assert page.status_code == 200
    found = rows(page.text)
    assert [row[0].split(" ")[0] for row in found] == [NEXT, THIRD, NEXT, NEXT, NEXT, NEXT]
    waiting, in_force, outdated, replaced, withdrawn, refused = found
    for row, word in zip(found, words, strict=True):
        assert row[1].startswith(word)
    assert (in_force[1][-2:], replaced[1][-2:]) == (" 2", " 1")
    assert all(row[3].endswith(NAMES[0]) for row in found)
    assert all(row[4].endswith(NAMES[1]) for row in (in_force, replaced, refused))
    assert withdrawn[4].endswith(NAMES[0]) and waiting[4] == outdated[4] == "–"
    async with database.reading() as connection:
        year = str((await business_now(connection)).year)
    assert all(year in row[3] for row in found) and year in in_force[4]
    assert "Too few <rows>." in refused[5] and "Better & newer." in replaced[5] and "Agreed." in replaced[5]
    assert in_force[0].endswith(NEXT) and waiting[0].endswith(THIRD)
    assert {"en": "0.0007", "pl": "0,0007"}[language] in waiting[2]
    assert "<rows>" not in page.text
    champion = page.text[: page.text.index("<tbody>")].replace("<wbr>", "")
    assert f"<dd>{THIRD}</dd>" in champion and f"<dd>{NEXT}</dd>" in champion


async def test_a_proposal_expires_at_its_moment_before_anybody_has_ended_it(database: Database, office: Office) -> None:
    await office.propose(NEXT)
    async with database.reading() as connection:
        [waiting] = await history_of(connection, PROMOTE, BORROWER_MODEL_ID, None, 5)
    moments = (waiting.expires_at - timedelta(microseconds=1), waiting.expires_at)
    assert [standing_of(waiting, 0, moment) for moment in moments] == ["waiting", "expired"]
    # Once it has expired it does not matter that another model was promoted, too.
    assert [standing_of(waiting, 1, moment) for moment in moments] == ["outdated", "expired"]


async def test_names_are_for_whoever_may_read_people(database: Database, office: Office) -> None:
    await office.propose(NEXT)
    for role, named in ((Role.AUDITOR, True), (Role.UNDERWRITER, False), (Role.TREASURER, False)):
        page = await office.page(await make_somebody(database, role))
        [row] = rows(page.text)
        assert row[3].endswith(NAMES[0] if named else str(office.first.user_id))
        assert (NAMES[0] in page.text) is named


async def test_a_long_history_is_shown_in_pages(
    database: Database, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_SHOWN", 2)
    proposals = [await office.propose(NEXT, reason=f"Reason {number}.") for number in range(5)]
    path, seen = URL, []
    while path:
        page = await office.page(office.second, path=path)
        seen += [row[5] for row in rows(page.text)]
        following = re.search(rf'button-quiet" href="({URL}\?after=[^"]+)"', page.text)
        path = following[1] if following else ""
    assert seen == [f"Reason {number}." for number in reversed(range(len(proposals)))]
