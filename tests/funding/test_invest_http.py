"""Investing over HTTP: the same answers by the fast path and the ordinary one, whatever is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
import structlog
from prometheus_client import REGISTRY

from funding.edge import invest_path, serving, somebody_with_money, warm
from funding.world import World, check_books, make_world, state
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.identity import KycStatus
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support.people import Somebody, make_somebody

GOOD = {"amount": "250.00", "currency": "EUR"}


@pytest.fixture(params=[True, False], ids=["fast_path", "ordinary"])
def fast_path(request: pytest.FixtureRequest) -> bool:
    found: bool = request.param
    return found


async def test_the_answer_is_exactly_what_was_promised(database: Database, fast_path: bool) -> None:
    world = await make_world(database)
    person = await somebody_with_money(database)
    async with serving(database, fast_path=fast_path) as client:
        await warm(client, person)
        answer = await client.post(invest_path(world), json=GOOD, headers=person.paying())
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.headers["x-request-id"]) >= 8
    body = answer.json()
    assert set(body) == {"investment", "funding"}
    made = body["investment"]
    assert set(made) == {"id", "loan_id", "amount", "currency", "status", "revocable_until"}
    assert (made["loan_id"], made["amount"], made["currency"]) == (str(world.loan.id), "250.00", "EUR")
    assert made["status"] == "committed" and made["revocable_until"].endswith("+00:00")
    assert set(body["funding"]) == {"target", "funded", "remaining", "investors", "version"}
    assert (body["funding"]["target"], body["funding"]["funded"]) == ("10000.00", "250.00")
    assert (body["funding"]["remaining"], body["funding"]["investors"]) == ("9750.00", 1)
    await check_books(database)


async def test_the_fast_path_is_really_taken(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise every comparison of the two would compare the ordinary one with itself."""
    world = await make_world(database)
    person = await somebody_with_money(database)
    asked = []
    submit = FundingDesk.submit

    def counting(desk: FundingDesk, ticket: Any) -> Any:
        asked.append(ticket)
        return submit(desk, ticket)

    async def never(*_: Any) -> None:
        raise AssertionError("the ordinary route was asked")

    monkeypatch.setattr(FundingDesk, "submit", counting)
    async with serving(database) as client:
        await warm(client, person)
        monkeypatch.setattr(FundingDesk, "invest", never)
        answer = await client.post(invest_path(world), json=GOOD, headers=person.paying())
    assert answer.status_code == 201 and len(asked) == 1


async def test_investing_has_its_line_and_its_figure_like_every_request(database: Database, fast_path: bool) -> None:
    """Accepted and refused alike: who, what, how it ended, under the request's name."""
    world = await make_world(database)
    person = await somebody_with_money(database)

    def counted(status: int) -> float:
        labels = {"method": "POST", "route": "/api/v1/loans/{loan_id}/invest", "status": str(status)}
        return REGISTRY.get_sample_value("halfpenny_http_request_seconds_count", labels) or 0.0

    before = counted(201), counted(409)
    async with serving(database, fast_path=fast_path) as client:
        await warm(client, person)
        with structlog.testing.capture_logs() as lines:
            named = person.paying() | {"x-request-id": "a-name-1"}
            taken = await client.post(invest_path(world), json=GOOD, headers=named)
            refused = await client.post(invest_path(world), json=GOOD | {"amount": "1.00"}, headers=person.paying())
    assert (taken.status_code, refused.status_code) == (201, 409)
    assert taken.headers["x-request-id"] == "a-name-1" and taken.headers["x-frame-options"] == "DENY"
    outcome = [line for line in lines if line["event"] == "request"]
    assert [(line["status"], line["method"], line["path"]) for line in outcome] == [
        (201, "POST", invest_path(world)),
        (409, "POST", invest_path(world)),
    ]
    assert {line["user_id"] for line in outcome} == {str(person.user_id)}
    assert [line["request_id"] for line in outcome] == ["a-name-1", refused.headers["x-request-id"]]
    assert (counted(201), counted(409)) == (before[0] + 1, before[1] + 1)


BODIES = [
    b'{"amount":"-1","currency":"EUR"}',
    b'{"amount":"0","currency":"EUR"}',
    b'{"amount":"0.00","currency":"EUR"}',
    b'{"amount":"NaN","currency":"EUR"}',
    b'{"amount":NaN,"currency":"EUR"}',
    b'{"amount":"Infinity","currency":"EUR"}',
    b'{"amount":1e400,"currency":"EUR"}',
    b'{"amount":"1e3","currency":"EUR"}',
    b'{"amount":true,"currency":"EUR"}',
    b'{"amount":"0.001","currency":"EUR"}',
    b'{"amount":"9223372036854775808","currency":"EUR"}',
    '{"amount":"٢٥٠","currency":"EUR"}'.encode(),
    b'{"amount":250,"currency":"EUR"}',
    b'{"amount":250.00,"currency":"EUR"}',
    b'{"amount":"250.00","amount":"250.00","currency":"EUR"}',
    b'{"amount":"250.00","\\u0061mount":"250.00","currency":"EUR"}',
    b'{"amount":"250.00","currency":"EUR","kyc_status":"verified"}',
    b'{"amount":"250.00"}',
    b'{"currency":"EUR"}',
    b'{"amount":"250.00","currency":"eur"}',
    b'{"amount":"250.00","currency":"CHF"}',
    b'{"amount":"250.00","currency":"PLN"}',
    b'{"amount":null,"currency":"EUR"}',
    b'["250.00","EUR"]',
    b'"250.00"',
    b"",
    b"{",
    b'{"amount":"250.00","currency":"EUR"}{}',
    b'\xff{"amount":"250.00","currency":"EUR"}',
    b'{"amount":" 250.00","currency":"EUR"}',
    b'{"amount":"0250.00","currency":"EUR"}',
]


@pytest.fixture
async def place(database: Database) -> tuple[World, Somebody]:
    return await make_world(database), await somebody_with_money(database)


async def test_every_malformed_body_is_422_and_changes_nothing(
    database: Database, place: tuple[World, Somebody], fast_path: bool
) -> None:
    world, person = place
    before = await state(database, world)
    async with serving(database, fast_path=fast_path) as client:
        await warm(client, person)
        for body in BODIES:
            answer = await client.post(
                invest_path(world), content=body, headers=person.paying() | {"content-type": "application/json"}
            )
            assert answer.status_code == 422, (body, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"]
    assert await state(database, world) == before


async def test_both_routes_answer_every_request_alike(database: Database, place: tuple[World, Somebody]) -> None:
    world, person = place
    path = invest_path(world)
    json_type = {"content-type": "application/json"}
    good = b'{"amount":"250.00","currency":"EUR"}'
    borrower = await make_somebody(database, "borrower")
    staff = await make_somebody(database, "administrator")
    unverified = await make_somebody(database, email_verified=False)
    unknown = await make_somebody(database, kyc_status=KycStatus.REJECTED)
    cases: list[tuple[str, bytes, dict[str, str]]] = [
        (path, good, json_type),
        (path, good, person.headers | json_type),
        (path, good, person.paying("x" * 129) | json_type),
        (path, good, person.paying("a b") | json_type),
        (path, good, {"Authorization": "Bearer nonsense", "Idempotency-Key": "k"} | json_type),
        (path, good, {"Authorization": person.headers["Authorization"][7:], "Idempotency-Key": "k"} | json_type),
        (path, good, person.paying("wrong type") | {"content-type": "text/plain"}),
        (path, good, person.paying("cross") | json_type | {"origin": "https://elsewhere.example"}),
        (path, good, person.paying("host") | json_type | {"host": "elsewhere.example"}),
        (path + "/", good, person.paying("slash") | json_type),
        (f"/api/v1/loans/{uuid7()}/invest", good, person.paying("unknown") | json_type),
        ("/api/v1/loans/1/invest", good, person.paying("no uuid") | json_type),
        (path, good, borrower.paying("role") | json_type),
        (path, good, staff.paying("staff") | json_type),
        (path, good, unverified.paying("mail") | json_type),
        (path, good, unknown.paying("kyc") | json_type),
        *[(path, body, person.paying(f"body{place}") | json_type) for place, body in enumerate(BODIES)],
        *[
            (path, b'{"amount":"%b","currency":"EUR"}' % amount, person.paying(f"amount{amount.decode()}") | json_type)
            for amount in (b"49.99", b"10000.01", b"9999999.00")
        ],
    ]
    before = await state(database, world)
    outcome: list[list[tuple[int, Any, str | None]]] = []
    for fast_path in (True, False):
        async with serving(database, fast_path=fast_path) as client:
            for someone in (person, borrower, staff, unverified, unknown):
                await warm(client, someone)
            answers = [await client.post(url, content=body, headers=headers) for url, body, headers in cases]
            outcome.append(
                [(a.status_code, a.json() if a.content else None, a.headers.get("retry-after")) for a in answers]
            )
    for case, one, other in zip(cases, *outcome, strict=True):
        assert one == other, case
    assert await state(database, world) == before
    assert {one[0] for one in outcome[0]} >= {400, 401, 403, 404, 409, 422}


async def test_double_click_reused_key_and_another_persons_key(
    database: Database, place: tuple[World, Somebody], fast_path: bool
) -> None:
    world, person = place
    other = await somebody_with_money(database)
    async with serving(database, fast_path=fast_path) as client:
        await warm(client, person)
        await warm(client, other)
        twice = await asyncio.gather(
            *(client.post(invest_path(world), json=GOOD, headers=person.paying("key")) for _ in range(10))
        )
        assert {answer.status_code for answer in twice} == {201}
        assert len({answer.content for answer in twice}) == 1
        reused = await client.post(
            invest_path(world), json={"amount": "251.00", "currency": "EUR"}, headers=person.paying("key")
        )
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
        independent = await client.post(invest_path(world), json=GOOD, headers=other.paying("key"))
        assert independent.status_code == 201 and independent.content != twice[0].content
        missing = await client.post(invest_path(world), json=GOOD, headers=person.headers)
        assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
    await check_books(database)


async def test_over_funding_race_over_http(database: Database, fast_path: bool) -> None:
    """One 201 for each free place, the rest loan_fully_funded."""
    world = await make_world(database, target_minor=100_000)
    people = [await somebody_with_money(database, 10_000) for _ in range(40)]
    async with serving(database, fast_path=fast_path) as client:
        for person in people:
            await warm(client, person)
        body = {"amount": "50.00", "currency": "EUR"}
        answers = await asyncio.gather(
            *(client.post(invest_path(world), json=body, headers=person.paying()) for person in people)
        )
    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 20
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"loan_fully_funded"}
    await check_books(database)


async def test_a_full_queue_is_503_with_retry_after(
    database: Database, place: tuple[World, Somebody], fast_path: bool
) -> None:
    world, person = place
    before = await state(database, world)
    async with serving(database, fast_path=fast_path, capacity_tickets=0) as client:
        await warm(client, person)
        answer = await client.post(invest_path(world), json=GOOD, headers=person.paying())
    assert (answer.status_code, answer.json()["code"]) == (503, "desk_full")
    assert answer.headers["retry-after"] == "1"
    assert await state(database, world) == before


async def test_bulk_answers_each_ticket_and_repeats_itself(database: Database, place: tuple[World, Somebody]) -> None:
    world, person = place
    wanted = [
        {"loan_id": str(world.loan.id), "amount": amount, "currency": currency}
        for amount, currency in (("250.00", "EUR"), ("10.00", "EUR"), ("100.00", "PLN"), ("9750.00", "EUR"))
    ] + [{"loan_id": str(uuid7()), "amount": "50.00", "currency": "EUR"}]
    async with serving(database) as client:
        headers = person.paying("bulk")
        first = await client.post("/api/v1/investments/bulk", json={"investments": wanted}, headers=headers)
        assert first.status_code == 200, first.text
        results = first.json()["results"]
        assert [one["status"] for one in results] == [201, 409, 422, 201, 404]
        assert results[1]["problem"]["code"] == "below_minimum"
        assert results[3]["funding"]["remaining"] == "0.00"
        again = await client.post("/api/v1/investments/bulk", json={"investments": wanted}, headers=headers)
        assert again.json() == first.json()
        other = await client.post("/api/v1/investments/bulk", json={"investments": wanted[:1]}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        many = await client.post(
            "/api/v1/investments/bulk", json={"investments": wanted[:1] * 501}, headers=person.paying()
        )
        assert many.status_code == 422
    await check_books(database)


async def test_a_bulk_that_was_cut_short_is_finished_by_its_retry(
    database: Database, place: tuple[World, Somebody], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, person = place
    body = {"investments": [{"loan_id": str(world.loan.id), "amount": "50.00", "currency": "EUR"}] * 3}
    from halfpenny.funding.service import bulk

    async def lost(*_: Any) -> None:
        raise ConnectionResetError

    async with serving(database) as client:
        headers = person.paying("bulk")
        with monkeypatch.context() as patched:
            patched.setattr(bulk, "remember", lost)
            cut: httpx2.Response = await client.post("/api/v1/investments/bulk", json=body, headers=headers)
        assert cut.status_code == 503
        finished = await client.post("/api/v1/investments/bulk", json=body, headers=headers)
    assert [one["status"] for one in finished.json()["results"]] == [201, 201, 201]
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM investment") == 3
    await check_books(database)
