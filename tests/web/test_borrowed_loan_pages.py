"""A borrower's own loan on its page: who acts next, the price with its reasons, and what is owed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import loans, servicing
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import Role
from halfpenny.loans import LoanInterestMode
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.primitives.money import format_minor
from servicing import world
from support import lending
from support.people import Somebody, make_somebody
from support.visitors import browser, hidden, sign_in, words


@dataclass(frozen=True)
class Scene:
    client: httpx2.AsyncClient
    database: Database
    borrower: Somebody

    async def assessed(self) -> loans.Loan:
        async with self.database.unit_of_work() as connection:
            return await lending.assessed(connection, self.borrower.user_id)

    async def loan(self, loan: loans.Loan) -> loans.Loan:
        async with self.database.reading() as connection:
            return await loans.get(connection, loan.id)

    async def page(self, loan: loans.Loan, language: str = "en") -> httpx2.Response:
        return await self.client.get(f"/borrow/{loan.id}", headers={"accept-language": language})


@pytest.fixture
async def scene(app: FastAPI, settings: Settings, database: Database) -> AsyncIterator[Scene]:
    borrower = await make_somebody(database, Role.BORROWER)
    async with browser(app, settings) as client:
        await sign_in(client, borrower.email)
        yield Scene(client, database, borrower)


def written(minor: int) -> str:
    return f"€{minor // 100:,}.{minor % 100:02}"


async def test_once_assessed_it_shows_what_an_offer_at_the_suggested_rate_would_pay_out(scene: Scene) -> None:
    loan = await scene.assessed()
    page = words(await scene.page(loan))
    assert "10.25%" in page and "Risk grade B" in page and "This is no offer" in page
    async with scene.database.unit_of_work() as connection:
        staff = await lending.person(connection, "administrator")
        decision = loans.Decision(loans.Verdict.APPROVE, loan.version, loans.DecisionReason.WITHIN_POLICY, "Sound.")
        offered, _ = await loans.decide_on(connection, staff, loan.id, decision, lending.RULES)
        planned = servicing.planned_loan(offered, await business_date(connection))
    for minor in (planned.net_advance, planned.fees, planned.retained, planned.asked):
        assert written(minor) in page, format_minor(minor)
    # From the offer on, its own page has the figures.
    offer = await scene.page(loan)
    assert "This is no offer" not in words(offer) and f"/borrow/{loan.id}/offer" in offer.text


async def test_what_was_declined_or_withdrawn_shows_no_price(scene: Scene) -> None:
    """A decline has its own page, with the reasons that it rests on."""
    declined, withdrawn = await scene.assessed(), await scene.assessed()
    async with scene.database.unit_of_work() as connection:
        staff = await lending.person(connection, "administrator")
        decision = loans.Decision(loans.Verdict.DECLINE, declined.version, loans.DecisionReason.EXIT, "Thin.")
        await loans.decide_on(connection, staff, declined.id, decision, lending.RULES)
        await loans.withdraw(connection, scene.borrower.user_id, withdrawn.id)
    for loan in (declined, withdrawn):
        page = words(await scene.page(loan))
        assert "10.25%" not in page and "Price and reasons" not in page
    assert f'href="/borrow/{declined.id}/review"' in (await scene.page(declined)).text


async def test_an_assessment_of_older_terms_is_not_shown_as_the_price(scene: Scene) -> None:
    loan = await scene.assessed()
    other = loans.Valuation(48_000_000, loan.application.property.valued_on, "Alder & Finch Surveyors")
    async with scene.database.unit_of_work() as connection:
        actor = loans.Actor(loans.ActorKind.BORROWER, scene.borrower.user_id)
        await loans.revalue(connection, actor, loan.id, other)
    page = words(await scene.page(loan))
    assert "The assessment runs" in page and "10.25%" not in page


@pytest.mark.parametrize(("decision", "status"), [("withdraw", "withdrawn"), ("submit", "submitted")])
async def test_a_draft_is_sent_or_withdrawn_once(scene: Scene, decision: str, status: str) -> None:
    async with scene.database.unit_of_work() as connection:
        loan = await loans.draft(connection, scene.borrower.user_id, lending.application(), lending.RULES)
    form = dict(hidden(await scene.page(loan))) | {"decision": decision}
    assert (await scene.client.post(f"/borrow/{loan.id}", data=form)).status_code == 303
    done = await scene.loan(loan)
    assert done.status == loans.Status(status)
    again = await scene.client.post(f"/borrow/{loan.id}", data=form)
    assert again.status_code == 409 and "has changed since you read it" in words(again)
    assert await scene.loan(loan) == done


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"version": "1"}, 409, "has changed since you read it"),
        ({"version": ""}, 409, "has changed since you read it"),
        ({"decision": "accept"}, 422, "Choose what to do."),
        ({"decision": "submit"}, 409, "this cannot be done"),
    ],
)
async def test_what_is_refused_says_why_and_changes_nothing(
    scene: Scene, change: dict[str, str], status: int, expected: str
) -> None:
    loan = await scene.assessed()
    form = dict(hidden(await scene.page(loan))) | {"decision": "withdraw"} | change
    refused = await scene.client.post(f"/borrow/{loan.id}", data=form)
    assert refused.status_code == status and expected in words(refused)
    assert await scene.loan(loan) == loan


async def test_anothers_loan_does_not_exist(scene: Scene, app: FastAPI, settings: Settings) -> None:
    """Also where everybody may see it in the market."""
    loan = await scene.assessed()
    form = dict(hidden(await scene.page(loan))) | {"decision": "withdraw"}
    drawn = await world.drawn(scene.database, [30_000_000])
    assert (await scene.page(drawn.loan)).status_code == 404
    other = await make_somebody(scene.database, Role.BORROWER)
    async with browser(app, settings) as client:
        await sign_in(client, other.email)
        assert (await client.get(f"/borrow/{loan.id}")).status_code == 404
        assert (await client.post(f"/borrow/{loan.id}", data=form)).status_code == 404
    assert await scene.loan(loan) == loan


@pytest.mark.parametrize("mode", [LoanInterestMode.SERVICED, LoanInterestMode.RETAINED])
@pytest.mark.parametrize("days", [1, 45])
async def test_the_account_is_that_of_the_redemption_and_the_schedule(
    database: Database, mode: LoanInterestMode, days: int
) -> None:
    drawn = await world.drawn(database, [20_000_000, 10_000_000], mode=mode)
    await world.advance(database, timedelta(days=days))
    async with database.reading() as connection:
        account = await servicing.borrower_account(connection, drawn.loan.id)
        redemption = await servicing.redemption_on(connection, drawn.loan.id, None)
        due = await servicing.amount_due(connection, drawn.loan.id)
        today = await business_date(connection)
    assert account is not None and account.redemption == redemption.payable and account.due == due
    assert (due > 0) == (days == 45 and mode is LoanInterestMode.SERVICED)
    following = account.next_payment
    assert following is not None and following.row.due_on > today and following.unpaid > 0
    earlier = [one for one in account.instalments if today < one.row.due_on < following.row.due_on]
    assert all(one.unpaid == 0 for one in earlier)
    if mode is LoanInterestMode.RETAINED:
        assert following is account.instalments[-1]


async def test_a_loan_that_is_repaid_owes_nothing_and_has_no_redemption(database: Database) -> None:
    drawn = await world.drawn(database, [30_000_000])
    async with database.unit_of_work() as connection:
        redemption = await servicing.redemption_on(connection, drawn.loan.id, None)
        await servicing.receive_from_bank(
            connection, drawn.loan.id, world.Money(redemption.payable, world.EUR), drawn.drawn_on, drawn.staff
        )
        account = await servicing.borrower_account(connection, drawn.loan.id)
        assert await servicing.borrower_account(connection, drawn.loan.borrower_id) is None
    assert account is not None and account.redemption is None and account.due == 0 and account.next_payment is None
