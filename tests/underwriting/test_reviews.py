"""Row 13: a borrower contests a decline, and another person than the one who took it answers within a month."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from halfpenny import loans
from halfpenny.loans.decision import Decision, Verdict
from halfpenny.loans.rest import router as loans_router
from halfpenny.loans.service import deciding
from halfpenny.platform import audit
from halfpenny.platform.database import Database
from halfpenny.underwriting.reviews.rest import router
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router, loans_router) as client:
        yield client


@pytest.fixture
async def people(database: Database) -> dict[str, Somebody]:
    roles = {"owner": "borrower", "other": "borrower", "first": "underwriter", "second": "administrator"}
    return {name: await make_somebody(database, role) for name, role in roles.items()}


async def declined(database: Database, people: dict[str, Somebody]) -> loans.Loan:
    async with database.unit_of_work() as connection:
        loan = await lending.assessed(connection, people["owner"].user_id)
        decision = Decision(Verdict.DECLINE, loan.version, loans.DecisionReason.DEBTS, "Three other loans are late.")
        loan, _ = await deciding.decide_on(connection, people["first"].user_id, loan.id, decision, lending.RULES)
    return loan


async def test_row_13_an_overturned_decline_is_assessed_and_decided_anew_by_somebody_else(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan = await declined(database, people)
    path, statement = f"/api/v1/loans/{loan.id}/reviews", {"statement": "The three loans were repaid in May."}
    hidden = await client.post(path, json=statement, headers=people["other"].headers)
    assert hidden.json()["code"] == "loan_not_found"
    review = (await client.post(path, json=statement, headers=people["owner"].headers)).json()
    again = await client.post(path, json=statement, headers=people["owner"].headers)
    assert (review["status"], again.json()["code"]) == ("open", "review_requested")
    queue = (await client.get("/api/v1/reviews", headers=people["second"].headers)).json()["items"]
    assert [item["id"] for item in queue] == [review["id"]] and not queue[0]["overdue"]
    verdict = {"outcome": "overturned", "answer": "The register confirms it."}
    decide = f"/api/v1/reviews/{review['id']}/decision"
    own = await client.post(decide, json=verdict, headers=people["first"].headers)
    assert own.json()["code"] == "four_eyes"
    answered = await client.post(decide, json=verdict, headers=people["second"].headers)
    late = await client.post(decide, json=verdict, headers=people["second"].headers)
    assert (answered.json()["status"], late.json()["code"]) == ("overturned", "review_decided")
    async with database.unit_of_work() as connection:
        reopened = await loans.get(connection, loan.id)
        assert (reopened.status, reopened.decided_at) == (loans.Status.SUBMITTED, None)
        assert reopened.terms_version > loan.terms_version, "the same answer would not be taken again"
        assert await deciding.record_assessment(connection, loan.id, lending.risk(reopened.terms_version))
        ready = await loans.get(connection, loan.id)
        approve = Decision(Verdict.APPROVE, ready.version, loans.DecisionReason.WITHIN_POLICY, "Repaid.")
        with pytest.raises(Exception, match="never decides"):
            await deciding.decide_on(connection, people["first"].user_id, loan.id, approve, lending.RULES)
        _, outcome = await deciding.decide_on(connection, people["second"].user_id, loan.id, approve, lending.RULES)
        assert outcome.final
        events = await lending.events_of(connection, loan.id)
        kinds = await connection.fetch("SELECT kind FROM notification WHERE user_id = $1", people["owner"].user_id)
        audited = await connection.fetch(
            "SELECT action, data FROM audit_entry WHERE subject_id = $1 AND action ~ 'review|reinstate' ORDER BY id",
            loan.id,
        )
    assert {"loan.review_requested", "loan.review_decided"} <= set(events)
    assert "review_decided" in {row["kind"] for row in kinds}
    assert [row["action"] for row in audited] == ["loan.review_request", "loan.reinstate", "loan.review_decide"]
    # The words can be erased; the trail keeps their digests.
    assert not any(words in str(row["data"]) for row in audited for words in (*statement.values(), verdict["answer"]))
    digest = audit.text_digest(UUID(review["id"]), verdict["answer"])
    assert audited[-1]["data"]["answer_sha256"] == digest and len(digest) == 64


async def test_row_13_an_upheld_decline_stays_and_its_borrower_reads_why(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    loan = await declined(database, people)
    path = f"/api/v1/loans/{loan.id}/reviews"
    review = (await client.post(path, json={"statement": "Look again."}, headers=people["owner"].headers)).json()
    verdict = {"outcome": "upheld", "answer": "Two of the loans are still late."}
    await client.post(f"/api/v1/reviews/{review['id']}/decision", json=verdict, headers=people["second"].headers)
    [read] = (await client.get(path, headers=people["owner"].headers)).json()["items"]
    assert (read["status"], read["answer"]) == ("upheld", verdict["answer"]) and "decided_by" not in read
    async with database.reading() as connection:
        after = await loans.get(connection, loan.id)
    assert after == loan


async def test_row_13_a_review_has_a_time_and_needs_a_decline(
    client: Client, database: Database, people: dict[str, Somebody]
) -> None:
    async with database.unit_of_work() as connection:
        running = await lending.assessed(connection, people["owner"].user_id)
    statement = {"statement": "Please look."}
    early = await client.post(f"/api/v1/loans/{running.id}/reviews", json=statement, headers=people["owner"].headers)
    assert early.json()["code"] == "nothing_to_review"
    loan = await declined(database, people)
    async with database.unit_of_work() as connection:
        await connection.execute(
            "UPDATE loan SET decided_at = business_now() - $2::interval WHERE id = $1", loan.id, timedelta(days=61)
        )
    late = await client.post(f"/api/v1/loans/{loan.id}/reviews", json=statement, headers=people["owner"].headers)
    assert late.json()["code"] == "review_too_late"


REFUSED = {None: "missing_field", "computer": "malformed", "leverage": "reason_code_does_not_fit"}


@pytest.mark.parametrize("change", [{"reason_code": None}, {"reason_code": "computer"}, {"reason_code": "leverage"}])
async def test_row_13_a_decision_without_a_code_that_fits_is_refused(
    client: Client, database: Database, people: dict[str, Somebody], change: dict[str, str | None]
) -> None:
    async with database.unit_of_work() as connection:
        loan = await lending.assessed(connection, people["owner"].user_id)
    body = {"decision": "approve", "version": loan.version, "reason": "computer says yes"} | change
    body = {name: value for name, value in body.items() if value is not None}
    answer = await client.post(f"/api/v1/loans/{loan.id}/decision", json=body, headers=people["second"].headers)
    assert answer.status_code == 422
    assert answer.json()["code"] == REFUSED[change["reason_code"]]
    async with database.reading() as connection:
        assert await loans.get(connection, loan.id) == loan
    listed = await client.get("/api/v1/decision-reasons", headers=people["owner"].headers)
    codes = {item["code"]: item for item in listed.json()["items"]}
    assert set(codes) == set(loans.DecisionReason)
    assert all(item["text"]["en"] != item["text"]["pl"] for item in codes.values())
