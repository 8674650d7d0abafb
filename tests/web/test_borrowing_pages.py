"""A borrower's loans on pages: what each waits for, the offer with all its terms, and the answer to it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import loans, servicing
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import Role
from halfpenny.platform import clock
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.primitives.money import format_minor
from support import lending
from support.people import Somebody, make_somebody
from support.visitors import browser, hidden, sign_in, words


@dataclass(frozen=True)
class Scene:
    """An offer of 300,000.00 EUR, and its borrower, who is signed in."""

    client: httpx2.AsyncClient
    database: Database
    borrower: Somebody
    loan_id: UUID

    @property
    def path(self) -> str:
        return f"/borrow/{self.loan_id}/offer"

    async def loan(self) -> loans.Loan:
        async with self.database.reading() as connection:
            return await loans.get(connection, self.loan_id)


@pytest.fixture
async def scene(app: FastAPI, settings: Settings, database: Database) -> AsyncIterator[Scene]:
    borrower = await make_somebody(database, Role.BORROWER)
    async with database.unit_of_work() as connection:
        staff = await lending.person(connection, "administrator")
        loan = await lending.offered(connection, borrower.user_id, staff)
    async with browser(app, settings) as client:
        assert (await sign_in(client, borrower.email)).headers["location"] == "/borrow"
        yield Scene(client, database, borrower, loan.id)


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_the_offer_shows_what_is_paid_out_and_owed_and_is_accepted_once(scene: Scene, language: str) -> None:
    headers = {"accept-language": language}
    listed = await scene.client.get("/borrow", headers=headers)
    assert {"en": "Offer for you", "pl": "Oferta do przyjęcia"}[language] in words(listed)
    assert f'href="{scene.path}"' in listed.text
    page = await scene.client.get(scene.path, headers=headers)
    loan = await scene.loan()
    async with scene.database.reading() as connection:
        planned = servicing.planned_loan(loan, await business_date(connection))
    figures = re.sub(r"[^0-9]", " ", words(page))
    for minor in (planned.net_advance, planned.fees, planned.retained, planned.asked):
        assert " ".join(re.findall(r"\d+", f"{minor // 100:,} {minor % 100:02}")) in " ".join(figures.split())
    form = dict(hidden(page)) | {"decision": "accept"}
    assert (await scene.client.post(scene.path, data=form)).headers["location"] == f"/borrow/{scene.loan_id}"
    assert (await scene.loan()).status is loans.Status.FUNDING
    again = await scene.client.post(scene.path, data=form, headers=headers)
    assert again.status_code == 409 and 'value="accept"' not in again.text


async def test_net_advance_fees_and_retained_interest_are_the_loan(scene: Scene) -> None:
    loan = await scene.loan()
    async with scene.database.reading() as connection:
        planned = servicing.planned_loan(loan, await business_date(connection))
    assert planned.net_advance + planned.fees + planned.retained == loan.application.amount_minor
    interest = sum(row.interest for row in planned.instalments)
    assert planned.retained > 0
    assert planned.asked + planned.retained >= loan.application.amount_minor + interest
    assert sum(servicing.asked_of(row) for row in planned.instalments) == planned.asked, format_minor(planned.asked)


async def test_an_application_is_withdrawn_on_its_offer(scene: Scene) -> None:
    form = dict(hidden(await scene.client.get(scene.path))) | {"decision": "withdraw"}
    assert (await scene.client.post(scene.path, data=form)).status_code == 303
    assert (await scene.loan()).status is loans.Status.WITHDRAWN


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"version": "1"}, 409, "has changed since you read it"),
        ({"version": ""}, 409, "has changed since you read it"),
        ({"decision": ""}, 422, "Choose whether to accept"),
        ({"decision": "maybe"}, 422, "Choose whether to accept"),
    ],
)
async def test_an_answer_that_is_refused_says_why_and_changes_nothing(
    scene: Scene, change: dict[str, str], status: int, expected: str
) -> None:
    before = await scene.loan()
    form = dict(hidden(await scene.client.get(scene.path))) | {"decision": "accept"} | change
    refused = await scene.client.post(scene.path, data=form)
    assert refused.status_code == status and expected in words(refused)
    assert await scene.loan() == before


async def test_after_its_deadline_an_offer_is_not_accepted(scene: Scene) -> None:
    form = dict(hidden(await scene.client.get(scene.path))) | {"decision": "accept"}
    async with scene.database.unit_of_work() as connection:
        await clock.advance(connection, timedelta(days=400))
    refused = await scene.client.post(scene.path, data=form)
    assert refused.status_code == 409 and "deadline of this offer has passed" in words(refused)
    assert (await scene.loan()).status is loans.Status.OFFERED


async def test_another_borrowers_offer_does_not_exist(scene: Scene, app: FastAPI, settings: Settings) -> None:
    form = dict(hidden(await scene.client.get(scene.path))) | {"decision": "accept"}
    other = await make_somebody(scene.database, Role.BORROWER)
    async with browser(app, settings) as client:
        await sign_in(client, other.email)
        assert (await client.get(scene.path)).status_code == 404
        assert (await client.post(scene.path, data=form)).status_code == 404
        assert "You have not applied for a loan yet." in words(await client.get("/borrow"))
    assert (await scene.loan()).status is loans.Status.OFFERED


async def test_before_there_is_an_offer_its_page_does_not_exist(scene: Scene) -> None:
    async with scene.database.unit_of_work() as connection:
        assessed = await lending.assessed(connection, scene.borrower.user_id, amount_minor=5_000_000)
    assert (await scene.client.get(f"/borrow/{assessed.id}/offer")).status_code == 404
    assert "Waits for our decision" in words(await scene.client.get("/borrow"))
