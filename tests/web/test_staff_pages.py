"""The work of staff on pages: what waits, a second person's decision, and the decision on an application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import loans
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import Role
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support import lending
from support.people import Somebody, make_somebody
from support.visitors import browser, sign_in, words


class Office:
    """Staff at their browsers, one session each."""

    def __init__(self, app: FastAPI, settings: Settings, database: Database) -> None:
        self.app, self.settings, self.database = app, settings, database

    @asynccontextmanager
    async def desk(self, role: str = "administrator", language: str = "en", **person: Any) -> AsyncIterator[Any]:
        somebody = await make_somebody(self.database, role, **person)
        async with browser(self.app, self.settings, language) as client:
            assert (await sign_in(client, somebody.email)).status_code == 303
            client.somebody = somebody  # type: ignore[attr-defined]
            yield client

    async def statuses(self) -> list[str]:
        async with self.database.reading() as connection:
            return [row["status"] for row in await connection.fetch("SELECT status FROM approval ORDER BY id")]

    async def submitted(self, **changes: Any) -> loans.Loan:
        borrower = await make_somebody(self.database, Role.BORROWER)
        async with self.database.unit_of_work() as connection:
            return await lending.assessed(connection, borrower.user_id, **changes)

    async def loan(self, loan_id: Any) -> loans.Loan:
        async with self.database.reading() as connection:
            return await loans.get(connection, loan_id)


@pytest.fixture
def office(app: FastAPI, settings: Settings, database: Database) -> Office:
    return Office(app, settings, database)


async def propose(client: httpx2.AsyncClient, who: Somebody) -> str:
    """An invitation, which another administrator approves after a day; the path of its page."""
    body = {
        "email": f"new-{uuid7()}@example.com",
        "full_name": "Nadia Nowa",
        "role": "underwriter",
        "reason": "Needed.",
    }
    answer = await client.post("/api/v1/users/invitations", json=body, headers=who.headers)
    assert answer.status_code == 202, answer.text
    return f"/staff/approvals/{answer.json()['approval']['id']}"


@pytest.mark.parametrize("language", ["en", "pl"])
async def test_a_second_person_approves_after_the_wait_and_nobody_before(
    office: Office, client: httpx2.AsyncClient, language: str
) -> None:
    expected = {
        "en": ("waits for a second person", "waits for a while before it can be approved", "Invitation of staff"),
        "pl": ("czeka na drugą osobę", "obowiązuje okres oczekiwania", "Zaproszenie pracownika"),
    }[language]
    async with office.desk(language=language, full_name="Ada Winter") as ada, office.desk(language=language) as zofia:
        page = await propose(client, ada.somebody)
        shown = await zofia.get(page)
        assert expected[0] in words(shown) and expected[2] in words(shown) and "Ada Winter" in words(shown)
        assert expected[2] in words(await zofia.get("/staff"))
        early = await zofia.post(page, data={"decision": "approve", "reason": "Fine."})
        assert early.status_code == 409 and expected[1] in words(early) and "Fine." in early.text
        assert await office.statuses() == ["pending"]
        async with office.database.unit_of_work() as connection:
            await clock.advance(connection, timedelta(days=1))
        for _ in range(2):
            done = await zofia.post(page, data={"decision": "approve"})
            assert (done.status_code, done.headers["location"]) == (303, page)
        assert await office.statuses() == ["approved"]
        assert 'value="approve"' not in (await zofia.get(page)).text


async def test_nobody_decides_on_what_they_proposed_and_they_may_withdraw_it(
    office: Office, client: httpx2.AsyncClient
) -> None:
    async with office.desk() as ada:
        page = await propose(client, ada.somebody)
        shown = await ada.get(page)
        assert "another person must approve it" in words(shown) and 'value="approve"' not in shown.text
        for form in ({"decision": "approve"}, {"decision": "refuse", "reason": "No."}):
            refused = await ada.post(page, data=form)
            assert refused.status_code == 403 and "so another person must decide" in words(refused)
        assert await office.statuses() == ["pending"]
        assert (await ada.post(page, data={"decision": "withdraw"})).status_code == 303
        assert await office.statuses() == ["withdrawn"]
        late = await ada.post(page, data={"decision": "withdraw"})
        assert late.status_code == 409 and "decided meanwhile" in words(late)


@pytest.mark.parametrize(
    "form", [{}, {"decision": "refuse"}, {"decision": "refuse", "reason": " "}, {"decision": "maybe", "reason": "x"}]
)
async def test_a_refusal_takes_its_reason(office: Office, client: httpx2.AsyncClient, form: dict[str, str]) -> None:
    async with office.desk() as ada, office.desk() as zofia:
        page = await propose(client, ada.somebody)
        answer = await zofia.post(page, data=form)
        assert answer.status_code == 422 and "give its reason" in words(answer)
        assert await office.statuses() == ["pending"]
        assert (await zofia.post(page, data={"decision": "refuse", "reason": "Not now."})).status_code == 303
        assert await office.statuses() == ["refused"]
        assert "Not now." in words(await ada.get(page))


async def test_who_may_not_approve_an_act_reads_it_and_does_nothing(office: Office, client: httpx2.AsyncClient) -> None:
    async with office.desk() as ada, office.desk("auditor") as aurel, office.desk("servicer") as simon:
        page = await propose(client, ada.somebody)
        for reader in (aurel, simon):
            shown = await reader.get(page)
            assert shown.status_code == 200 and 'value="approve"' not in shown.text
            assert (await reader.post(page, data={"decision": "approve"})).status_code == 403
        assert await office.statuses() == ["pending"]
        assert (await simon.get(f"/staff/approvals/{uuid7()}")).status_code == 404


async def test_an_application_is_approved_at_the_rate_that_was_typed(office: Office) -> None:
    loan = await office.submitted()
    page = f"/staff/loans/{loan.id}"
    async with office.desk("underwriter") as ursula:
        assert loan.application.borrower.company in words(await ursula.get("/staff"))
        shown = await ursula.get(page)
        assert "€300,000.00" in words(shown) and f'name="version" value="{loan.version}"' in shown.text
        form = {"decision": "approve", "version": str(loan.version), "annual_rate": "10,25"}
        form |= {"reason_code": "within_policy", "reason": "Sound."}
        assert (await ursula.post(page, data=form)).status_code == 303
        decided = await office.loan(loan.id)
        assert decided.status is loans.Status.OFFERED and decided.offer is not None
        assert f"{decided.offer.annual_rate:f}".startswith("10.25")
        again = await ursula.post(page, data=form)
        assert again.status_code == 409 and "was changed" not in words(again).partition("Decision")[0][:0]
        assert "does not wait for a decision" in words(await ursula.get(page))


AGAINST = {
    "en": (
        "Recommendation of the model not recommended",
        "Loss given default 61",
        "Loan to value: not recommended",
        "Rank of the charge: a person decides",
        "the income is not stated",
        "takes a reason that says so, and two people",
        "an approval takes a reason that says so, and a second person",
    ),
    "pl": (
        "Zalecenie modelu niezalecana",
        "Strata w razie niewykonania zobowiązania 61",
        "niezalecana",
        "decyduje człowiek",
        "nie podano dochodu",
        "i dwóch osób",
        "i drugiej osoby",
    ),
}


@pytest.mark.parametrize("language", list(AGAINST))
async def test_what_stands_against_a_loan_is_read_before_it_is_decided(office: Office, language: str) -> None:
    borrower = await make_somebody(office.database, Role.BORROWER)
    flags = ("declines_ltv", "refers_charge_rank", "income_missing", "assumed_lot")
    async with office.database.unit_of_work() as connection:
        asked = await lending.submitted(connection, borrower.user_id)
        answered = lending.risk(
            asked.terms_version, recommendation="decline", loss_given_default=Decimal("0.61"), flags=flags
        )
        await loans.record_assessment(connection, asked.id, answered)
        loan = await loans.get(connection, asked.id)
    async with office.desk("underwriter", language=language) as ursula:
        shown = await ursula.get(f"/staff/loans/{loan.id}")
        for expected in AGAINST[language][:-1]:
            assert expected in words(shown), (expected, words(shown))
        assert 'value="within_policy"' not in shown.text and 'value="compensating_facts"' in shown.text
        assert "selected" not in shown.text.partition('id="reason_code"')[2].partition("</select>")[0]
        assert '<select id="reason_code" name="reason_code" required>' in shown.text
        form = {"decision": "approve", "version": str(loan.version), "reason_code": "within_policy", "reason": "Fine."}
        refused = await ursula.post(f"/staff/loans/{loan.id}", data=form)
        assert refused.status_code == 409 and AGAINST[language][-1] in words(refused)
    assert await office.loan(loan.id) == loan


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"version": "1"}, 409, "has changed since you read it"),
        ({"version": "x"}, 422, "give its reason"),
        ({"reason": " "}, 422, "give its reason"),
        ({"decision": ""}, 422, "give its reason"),
        ({"reason_code": "because"}, 422, "give its reason"),
        ({"annual_rate": "a lot"}, 422, "give its reason"),
    ],
)
async def test_a_decision_that_is_refused_changes_nothing_and_keeps_the_words(
    office: Office, change: dict[str, str], status: int, expected: str
) -> None:
    loan = await office.submitted()
    form = {"decision": "decline", "version": str(loan.version), "reason_code": "leverage", "reason": "Too much."}
    async with office.desk("underwriter") as ursula:
        refused = await ursula.post(f"/staff/loans/{loan.id}", data=form | change)
    assert refused.status_code == status and expected in words(refused), words(refused)
    if "reason" not in change:
        assert "Too much." in refused.text
    assert await office.loan(loan.id) == loan


async def test_whoever_entered_an_application_sees_no_form_and_is_refused(office: Office) -> None:
    borrower = await make_somebody(office.database, Role.BORROWER)
    async with office.desk() as ada:
        async with office.database.unit_of_work() as connection:
            loan = await lending.assessed(connection, borrower.user_id)
            await connection.execute(
                "INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)",
                borrower.user_id,
                ada.somebody.user_id,
            )
        form = {"decision": "approve", "version": str(loan.version), "reason_code": "within_policy", "reason": "Sound."}
        refused = await ada.post(f"/staff/loans/{loan.id}", data=form)
    assert refused.status_code in (403, 409) and (await office.loan(loan.id)).status is loans.Status.ASSESSED


async def test_a_servicer_reads_an_application_and_cannot_decide(office: Office) -> None:
    loan = await office.submitted()
    async with office.desk("servicer") as simon:
        shown = await simon.get(f"/staff/loans/{loan.id}")
        assert shown.status_code == 200 and "Record the decision" not in shown.text
        refused = await simon.post(f"/staff/loans/{loan.id}", data={})
        assert refused.status_code == 403 and "<code>loans:decide</code>" in refused.text
