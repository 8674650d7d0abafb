"""Loans over REST: the interface's shapes, strict bodies, roles, other people's loans, repeated keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from halfpenny import loans
from halfpenny.loans import rest
from halfpenny.loans.service import deciding
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import LoanId, uuid7
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, rest.router) as client:
        yield client


@pytest.fixture
async def borrower(database: Database) -> Somebody:
    return await make_somebody(database, "borrower")


@pytest.fixture
async def anna(database: Database) -> Somebody:
    return await make_somebody(database, "administrator", full_name="Anna Lindqvist")


async def apply(client: Client, who: Somebody, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/loans", json=lending.body(**changes), headers=who.headers)
    assert answer.status_code == 201, answer.text
    loan: dict[str, Any] = answer.json()
    return loan


async def assess(database: Database, loan_id: str, **answered: Any) -> int:
    """What the risk service's answer does; returns the version to decide on."""
    async with database.unit_of_work() as connection:
        loan = await loans.get(connection, LoanId(loan_id))  # type: ignore[arg-type]
        await deciding.record_assessment(connection, loan.id, lending.risk(loan.terms_version, **answered))
        return (await loans.get(connection, loan.id)).version


async def counts(database: Database) -> tuple[int, int]:
    async with database.reading() as connection:
        return (
            await connection.fetchval("SELECT count(*) FROM loan"),
            await connection.fetchval("SELECT count(*) FROM outbox"),
        )


async def test_an_application_answers_with_its_id_status_and_version(client: Client, borrower: Somebody) -> None:
    loan = await apply(client, borrower)
    assert (loan["status"], loan["version"], loan["amount"], loan["currency"]) == (
        "submitted",
        2,
        "300000.00",
        "EUR",
    )
    again = await client.get(f"/api/v1/loans/{loan['id']}", headers=borrower.headers)
    assert again.json() == loan


async def test_from_offer_to_funding(client: Client, database: Database, borrower: Somebody, anna: Somebody) -> None:
    loan = await apply(client, borrower)
    path = f"/api/v1/loans/{loan['id']}"
    early = {"decision": "approve", "version": 2, "reason_code": "within_policy", "reason": "Sound."}
    answer = await client.post(f"{path}/decision", json=early, headers=anna.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_assessed")

    version = await assess(database, loan["id"])
    decision = {
        "decision": "approve",
        "version": version,
        "annual_rate": "9.75",
        "funding_deadline": None,
        "reason_code": "within_policy",
        "reason": "Sound security.",
    }
    answer = await client.post(f"{path}/decision", json=decision, headers=anna.headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["offer"]["annual_rate"]) == ("offered", "9.750000")
    assert answer.json()["offer"]["fees"] == [
        {
            "kind": "arrangement",
            "name": {"en": "Arrangement fee", "pl": "Prowizja przygotowawcza"},
            "when": "advance",
            "percent": "2",
            "amount": "6000.00",
        }
    ]

    answer = await client.post(f"{path}/decision", json=decision, headers=anna.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "stale_version")

    answer = await client.post(f"{path}/accept", headers=borrower.headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "funding")
    assert answer.json()["funding"]["remaining"] == "300000.00"

    evidence = {
        "charge": {"rank": 1, "registered_on": "2025-09-20"},
        "valuation": {"amount": "500000.00", "valued_on": "2025-09-15", "valuer": "Alder & Finch Surveyors"},
        "insurance": {
            "insurer": "Nordhaus Mutual",
            "policy": "HB-2025-118",
            "expires_on": "2099-01-01",
            "sum": "500000.00",
        },
    }
    answer = await client.post(f"{path}/conditions", json=evidence, headers=anna.headers)
    assert answer.json()["conditions"] == ["charge", "insurance", "valuation"]


async def test_above_the_limit_a_second_person_is_due(
    client: Client, database: Database, borrower: Somebody, anna: Somebody
) -> None:
    bartek = await make_somebody(database, "administrator", full_name="Bartek Zieliński")
    loan = await apply(client, borrower, amount="1500000.00")
    decision = {
        "decision": "approve",
        "version": await assess(database, loan["id"]),
        "reason_code": "within_policy",
        "reason": "Sound.",
    }
    path = f"/api/v1/loans/{loan['id']}/decision"
    first = await client.post(path, json=decision, headers=anna.headers)
    assert (first.status_code, first.json()["status"]) == (202, "assessed")
    same = await client.post(path, json=decision, headers=anna.headers)
    assert (same.status_code, same.json()["code"]) == (403, "four_eyes")
    second = await client.post(path, json=decision, headers=bartek.headers)
    assert (second.status_code, second.json()["status"]) == (200, "offered")


async def test_against_the_assessment_nobody_approves_within_the_policy_nor_alone(
    client: Client, database: Database, borrower: Somebody, anna: Somebody
) -> None:
    bartek = await make_somebody(database, "administrator", full_name="Bartek Zieliński")
    loan = await apply(client, borrower)
    flags = ("declines_pd", "refers_lgd", "income_missing")
    version = await assess(database, loan["id"], grade="E", recommendation="decline", flags=flags)
    path = f"/api/v1/loans/{loan['id']}"
    before = (await client.get(path, headers=anna.headers)).json()
    assert (before["risk"]["recommendation"], before["risk"]["flags"]) == ("decline", list(flags))
    assert "flags" not in (await client.get(path, headers=borrower.headers)).json()["risk"]
    decision = {"decision": "approve", "version": version, "reason_code": "within_policy", "reason": "Sound."}
    refused = await client.post(f"{path}/decision", json=decision, headers=anna.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_within_policy")
    assert refused.json()["data"] == {"recommendation": "decline", "limits": ["declines_pd", "refers_lgd"]}
    assert (await client.get(path, headers=anna.headers)).json() == before
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM loan_decision") == 0
    decision |= {"reason_code": "compensating_facts", "reason": "The sale is signed."}
    first = await client.post(f"{path}/decision", json=decision, headers=anna.headers)
    assert (first.status_code, first.json()["status"]) == (202, "assessed")
    same = await client.post(f"{path}/decision", json=decision, headers=anna.headers)
    assert (same.status_code, same.json()["code"]) == (403, "four_eyes")
    second = await client.post(f"{path}/decision", json=decision, headers=bartek.headers)
    assert (second.status_code, second.json()["status"]) == (200, "offered")


async def test_the_applicant_never_decides(
    client: Client, database: Database, superuser: Database, borrower: Somebody
) -> None:
    loan = await apply(client, borrower)
    version = await assess(database, loan["id"])
    async with database.unit_of_work() as connection:
        # The same person with another role: a promotion must not make them their own judge.
        await connection.execute("UPDATE app_user SET role = 'administrator' WHERE id = $1", borrower.user_id)
    promoted = await make_somebody(database, "administrator")
    # The application itself may not change whose a loan is.
    async with superuser.unit_of_work() as connection:
        await connection.execute("UPDATE loan SET borrower_id = $1, entered_by = $1", promoted.user_id)
    decision = {"decision": "approve", "version": version, "reason_code": "within_policy", "reason": "Mine."}
    answer = await client.post(f"/api/v1/loans/{loan['id']}/decision", json=decision, headers=promoted.headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "self_dealing")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT status FROM loan") == "assessed"


_BAD: list[tuple[dict[str, Any], str]] = [
    ({"amount": 300000}, "malformed_amount"),
    ({"amount": "-1.00"}, "malformed_amount"),
    ({"amount": "1e5"}, "malformed_amount"),
    ({"amount": "0.001"}, "malformed_amount"),
    ({"amount": "٣٠٠"}, "malformed_amount"),
    ({"amount": True}, "malformed_amount"),
    ({"amount": "0.00"}, "amount_too_small"),
    ({"currency": "CHF"}, "malformed_currency"),
    ({"term_months": "12"}, "malformed"),
    ({"term_months": 12.5}, "malformed"),
    ({"term_months": True}, "malformed"),
    ({"term_months": 48}, "term_out_of_range"),
    ({"charge_rank": 0}, "malformed"),
    ({"interest_mode": "free"}, "malformed"),
    ({"status": "active"}, "unknown_field"),
    ({"borrower": {**lending.body()["borrower"], "kyc_status": "verified"}}, "unknown_field"),
    ({"property": {**lending.body()["property"], "valued_on": "2099-01-01"}}, "valued_in_future"),
    ({"property": {**lending.body()["property"], "lat": 123}}, "malformed"),
    ({"property": {**lending.body()["property"], "valuation": "0.00"}}, "valuation_not_positive"),
    ({"property": {**lending.body()["property"], "address": "1 Rd\r\nSet-Cookie: a=b"}}, "malformed_text"),
    ({"purpose": None}, "malformed"),
    ({"purpose": "auction purchase"}, "malformed"),
    ({"purpose": "Purchase"}, "malformed"),
    ({"exit_strategy": "Sale of the house"}, "malformed"),
    ({"charge_rank": 9}, "prior_debt_missing"),
    ({"borrower": {**lending.body()["borrower"], "adverse_records": 101}}, "malformed"),
    ({"borrower": {**lending.body()["borrower"], "premises": "tent"}}, "malformed"),
    ({"property": {**lending.body()["property"], "country": "USA"}}, "malformed"),
    ({"property": {**lending.body()["property"], "country": "ZZ"}}, "country_unknown"),
    ({"property": {**lending.body()["property"], "kind": "villa"}}, "malformed"),
    ({"property": {**lending.body()["property"], "kind": "Flat"}}, "malformed"),
    ({"property": {**lending.body()["property"], "condition": "very_good"}}, "malformed"),
    ({"property": {**lending.body()["property"], "lat": 0, "lon": 0}}, "coordinates_outside_country"),
    ({"property": {**lending.body()["property"], "valuation_source": "neighbour"}}, "malformed"),
    ({"property": {**lending.body()["property"], "valuer": None}}, "surveyor_missing"),
    ({"property": {**lending.body()["property"], "gdv": "1.00"}}, "gdv_below_valuation"),
]


@pytest.mark.parametrize(("changes", "code"), _BAD, ids=[f"{code}-{n}" for n, (_, code) in enumerate(_BAD)])
async def test_bad_applications_are_refused_and_store_nothing(
    client: Client, database: Database, borrower: Somebody, changes: dict[str, Any], code: str
) -> None:
    answer = await client.post("/api/v1/loans", json=lending.body(**changes), headers=borrower.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await counts(database) == (0, 0)


@pytest.mark.parametrize("missing", ["year_built", "beds", "condition", "purchase_price"])
async def test_a_fact_left_out_that_could_speak_against_the_loan_is_asked_for(
    client: Client, database: Database, borrower: Somebody, missing: str
) -> None:
    body = lending.body()
    del body["property"][missing]
    answer = await client.post("/api/v1/loans", json=body, headers=borrower.headers)
    code = "purchase_price_missing" if missing == "purchase_price" else "dwelling_facts_missing"
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await counts(database) == (0, 0)


async def test_codes_and_the_notes_beside_them_come_back(client: Client, borrower: Somebody) -> None:
    house = lending.body()["property"]
    body = lending.body(
        purpose="works",
        purpose_note="Kuchnia i dach",
        exit_strategy="other",
        exit_note="Spadek",
        property={**house, "kind": "commercial", "beds": None, "condition": None, "purchased_on": "2019-02-03"},
        borrower={**lending.body()["borrower"], "years_trading": 7, "yearly_costs": "91000.50", "premises": "rented"},
    )
    answer = await client.post("/api/v1/loans", json=body, headers=borrower.headers)
    assert answer.status_code == 201, answer.text
    loan = answer.json()
    for name in ("purpose", "purpose_note", "exit_strategy", "exit_note"):
        assert loan[name] == body[name]
    assert {name: loan["property"][name] for name in body["property"]} == body["property"]
    assert loan["borrower"] == body["borrower"]


@pytest.mark.parametrize("missing", ["property", "borrower", "amount", "currency", "term_months"])
async def test_a_missing_field_is_named(client: Client, borrower: Somebody, missing: str) -> None:
    body = lending.body()
    del body[missing]
    answer = await client.post("/api/v1/loans", json=body, headers=borrower.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "missing_field")
    assert answer.json()["data"]["errors"][0]["pointer"].endswith(f"/{missing}")


@pytest.mark.parametrize("text", ['{"amount": 1, "amount": 2}', '{"lat": NaN}', "[]", "", "\u202e{}"])
async def test_a_body_that_is_not_one_json_object_is_refused(
    client: Client, database: Database, borrower: Somebody, text: str
) -> None:
    headers = borrower.headers | {"content-type": "application/json"}
    answer = await client.post("/api/v1/loans", content=text.encode(), headers=headers)
    assert answer.status_code == 422
    assert await counts(database) == (0, 0)


async def test_one_key_makes_one_application(client: Client, database: Database, borrower: Somebody) -> None:
    headers = borrower.headers | {"Idempotency-Key": "apply-1"}
    first = await client.post("/api/v1/loans", json=lending.body(), headers=headers)
    again = await client.post("/api/v1/loans", json=lending.body(), headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    other = await client.post("/api/v1/loans", json=lending.body(amount="1000.00"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await counts(database) == (1, 1)


@pytest.mark.parametrize(
    ("method", "path", "roles"),
    [
        ("POST", "/loans", {"borrower"}),
        ("POST", "/loans/{id}/withdraw", {"borrower"}),
        ("POST", "/loans/{id}/accept", {"borrower"}),
        ("POST", "/loans/{id}/decision", {"administrator"}),
        ("POST", "/loans/{id}/conditions", {"administrator"}),
    ],
)
@pytest.mark.parametrize("role", ["investor", "borrower", "administrator", None])
async def test_a_wrong_role_is_refused_and_changes_nothing(
    client: Client, database: Database, borrower: Somebody, method: str, path: str, roles: set[str], role: str | None
) -> None:
    loan = await apply(client, borrower)
    before = await counts(database)
    headers = (await make_somebody(database, role)).headers if role else {}
    bodies: dict[str, Any] = {
        "/loans": lending.body(term_months=99),
        "/loans/{id}/decision": {
            "decision": "approve",
            "version": 1,
            "reason_code": "within_policy",
            "reason": "Sound.",
        },
        "/loans/{id}/conditions": {"charge": {"rank": 1, "registered_on": "2025-09-20"}},
    }
    answer = await client.request(
        method, f"/api/v1{path.format(id=loan['id'])}", json=bodies.get(path), headers=headers
    )
    if role is None:
        assert answer.status_code == 401
    elif role not in roles:
        assert answer.status_code == 403
    else:
        # The right role, and another reason to refuse: not theirs, too early, or bad terms.
        assert answer.status_code in (404, 409, 422)
    assert await counts(database) == before


async def test_who_sees_what(client: Client, database: Database, borrower: Somebody, anna: Somebody) -> None:
    investor = await make_somebody(database, "investor")
    outsider = await make_somebody(database, "borrower")
    loan = await apply(client, borrower)
    path = f"/api/v1/loans/{loan['id']}"
    for somebody in (investor, outsider):
        hidden = await client.get(path, headers=somebody.headers)
        assert (hidden.status_code, hidden.json()["code"]) == (404, "loan_not_found")
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=anna.headers)).json()["borrower"]["income"] == "240000.00"

    decision = {
        "decision": "approve",
        "version": await assess(database, loan["id"]),
        "reason_code": "within_policy",
        "reason": "Sound.",
    }
    await client.post(f"{path}/decision", json=decision, headers=anna.headers)
    for somebody in (investor, outsider):
        shown = await client.get(path, headers=somebody.headers)
        assert shown.status_code == 200
        assert shown.json()["status"] == "offered"
        for private in ("240000.00", "Lake Washington", "borrower_id", "decision"):
            assert private not in shown.text
    unknown = await client.get(f"/api/v1/loans/{uuid7()}", headers=anna.headers)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "loan_not_found")


async def test_ones_own_loans_are_paged_newest_first(client: Client, database: Database, borrower: Somebody) -> None:
    made = [(await apply(client, borrower))["id"] for _ in range(5)]
    await apply(client, await make_somebody(database, "borrower"))
    seen: list[str] = []
    query = "limit=2"
    while True:
        answer = (await client.get(f"/api/v1/loans?{query}", headers=borrower.headers)).json()
        seen += [item["id"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            break
        query = f"limit=2&after={answer['next_cursor']}"
    assert seen == made[::-1]


async def test_a_withdrawn_application_is_over(client: Client, borrower: Somebody) -> None:
    loan = await apply(client, borrower)
    path = f"/api/v1/loans/{loan['id']}/withdraw"
    assert (await client.post(path, headers=borrower.headers)).json()["status"] == "withdrawn"
    again = await client.post(path, headers=borrower.headers)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_status")


async def test_a_draft_is_changed_and_sent(client: Client, borrower: Somebody) -> None:
    draft = await client.post("/api/v1/loans/drafts", json=lending.body(), headers=borrower.headers)
    assert (draft.status_code, draft.json()["status"]) == (201, "draft")
    path = f"/api/v1/loans/{draft.json()['id']}"
    changed = await client.put(path, json=lending.body(amount="250000.00"), headers=borrower.headers)
    assert changed.json()["amount"] == "250000.00"
    sent = await client.post(f"{path}/submit", headers=borrower.headers)
    assert (sent.json()["status"], sent.json()["amount"]) == ("submitted", "250000.00")


async def test_surveyors_figures_for_the_condition_become_words(client: Client, borrower: Somebody) -> None:
    loan = await apply(client, borrower, property={**lending.body()["property"], "condition": 5})
    assert loan["property"]["condition"] == "excellent"


async def test_the_valuation_may_be_corrected_before_the_decision(
    client: Client, database: Database, borrower: Somebody, anna: Somebody
) -> None:
    loan = await apply(client, borrower)
    await assess(database, loan["id"])
    path = f"/api/v1/loans/{loan['id']}/valuation"
    lower = {"amount": "420000.00", "valued_on": "2025-10-01", "valuer": "Alder & Finch Surveyors"}
    outsider = await make_somebody(database, "borrower")
    hidden = await client.put(path, json=lower, headers=outsider.headers)
    assert (hidden.status_code, hidden.json()["code"]) == (404, "loan_not_found")
    changed = await client.put(path, json=lower, headers=anna.headers)
    assert (changed.json()["status"], changed.json()["property"]["valuation"]) == ("submitted", "420000.00")


async def test_an_approved_loan_is_offered_and_opened_by_administrators_alone(
    client: Client, database: Database, borrower: Somebody, anna: Somebody
) -> None:
    loan = await apply(client, borrower)
    path = f"/api/v1/loans/{loan['id']}"
    version = await assess(database, loan["id"])
    async with database.unit_of_work() as connection:
        decision = loans.Decision(loans.Verdict.APPROVE, version, loans.DecisionReason.WITHIN_POLICY, "Sound.")
        await loans.decide_on(connection, anna.user_id, UUID(loan["id"]), decision, lending.RULES, offer_at_once=False)
    for step in ("offer", "open-funding"):
        refused = await client.post(f"{path}/{step}", headers=borrower.headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_role")
    assert (await client.post(f"{path}/offer", headers=anna.headers)).json()["status"] == "offered"
    async with database.unit_of_work() as connection:
        await loans.accept(connection, borrower.user_id, UUID(loan["id"]), open_at_once=False)
    assert (await client.post(f"{path}/open-funding", headers=anna.headers)).json()["status"] == "funding"
    again = await client.post(f"{path}/open-funding", headers=anna.headers)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_status")
