"""The queue of loans that wait for a decision, and the audit trail, as administrators read them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from halfpenny import backoffice, loans
from halfpenny.backoffice import store
from halfpenny.backoffice.rest import router
from halfpenny.platform import audit
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Database
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router) as client:
        yield client


@pytest.fixture
async def anna(database: Database) -> Somebody:
    return await make_somebody(database, "administrator", full_name="Anna Lindqvist")


async def read(client: Client, path: str, who: Somebody) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/backoffice{path}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_queue_names_what_each_loan_waits_for(client: Client, database: Database, anna: Somebody) -> None:
    bartek = await make_somebody(database, "administrator", full_name="Bartek Zieliński")
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        early = await lending.submitted(connection, borrower)
        small = await lending.assessed(connection, borrower)
        large = await lending.assessed(connection, borrower, amount_minor=150_000_000)
        decision = loans.Decision(loans.Verdict.APPROVE, large.version, loans.DecisionReason.WITHIN_POLICY, "Sound.")
        await loans.decide_on(connection, anna.user_id, large.id, decision, lending.RULES)
        await lending.offered(connection, borrower, bartek.user_id)

    mine = await read(client, "/applications", anna)
    assert [(item["loan_id"], item["next_step"], item["needs_second_person"]) for item in mine["items"]] == [
        (str(early.id), "assessment", False),
        (str(small.id), "first_approval", False),
        (str(large.id), "another_person", True),
    ]
    theirs = await read(client, "/applications", bartek)
    assert theirs["items"][2]["next_step"] == "second_approval"
    assert theirs["items"][2]["first_approval"]["made_by"] == str(anna.user_id)


async def test_the_queue_is_paged_without_gaps(client: Client, database: Database, anna: Somebody) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        waiting = [str((await lending.submitted(connection, borrower)).id) for _ in range(5)]
    seen: list[str] = []
    path = "/applications?limit=2"
    while True:
        found = await read(client, path, anna)
        seen += [item["loan_id"] for item in found["items"]]
        if found["next_cursor"] is None:
            break
        path = f"/applications?limit=2&after={found['next_cursor']}"
    assert seen == waiting


async def test_a_changed_application_loses_its_first_approval(
    client: Client, database: Database, anna: Somebody
) -> None:
    bartek = await make_somebody(database, "administrator")
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        loan = await lending.assessed(connection, borrower, amount_minor=150_000_000)
        decision = loans.Decision(loans.Verdict.APPROVE, loan.version, loans.DecisionReason.WITHIN_POLICY, "Sound.")
        await loans.decide_on(connection, anna.user_id, loan.id, decision, lending.RULES)
        valuation = loans.Valuation(300_000_000, loan.application.property.valued_on, "Alder & Finch Surveyors")
        changed = await loans.revalue(connection, loans.Actor(loans.ActorKind.BORROWER, borrower), loan.id, valuation)
        await loans.record_assessment(connection, loan.id, lending.risk(changed.terms_version))
    [item] = (await read(client, "/applications", bartek))["items"]
    assert (item["next_step"], item["first_approval"]) == ("first_approval", None)


async def test_the_audit_trail_names_who_did_what(client: Client, database: Database, anna: Somebody) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        loan = await lending.offered(connection, borrower, anna.user_id)
        await lending.submitted(connection, borrower)
    trail = await read(client, f"/audit?subject_id={loan.id}", anna)
    assert [(item["action"], item["actor_name"]) for item in trail["items"]] == [
        ("loan.approve", "Anna Lindqvist"),
        ("loan.assess", None),
        ("loan.submit", "Ines Almeida"),
        ("loan.draft", "Ines Almeida"),
    ]
    assert trail["items"][0]["data"]["reason"] == "Sound security, clear exit."
    everything = await read(client, "/audit?limit=2", anna)
    rest = await read(client, f"/audit?limit=200&after={everything['next_cursor']}", anna)
    ids = [item["id"] for item in everything["items"] + rest["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) >= 5


async def test_the_trail_is_sealed_in_the_background_and_verifies(
    client: Client, database: Database, anna: Somebody
) -> None:
    async with database.unit_of_work() as connection:
        await lending.submitted(connection, await lending.person(connection, "borrower"))
    assert not (await read(client, "/audit?limit=1", anna))["items"][0]["sealed"]
    assert await backoffice.seal_audit_trail(database) >= 2
    assert await backoffice.seal_audit_trail(database) == 0
    assert (await read(client, "/audit?limit=1", anna))["items"][0]["sealed"]
    async with database.reading() as connection:
        assert await collect(connection, audit.check) == []


@pytest.mark.parametrize("path", ["/applications", "/audit"])
@pytest.mark.parametrize("role", ["investor", "borrower", None])
async def test_only_administrators_enter(client: Client, database: Database, path: str, role: str | None) -> None:
    headers = (await make_somebody(database, role)).headers if role else {}
    answer = await client.get(f"/api/v1/backoffice{path}", headers=headers)
    assert answer.status_code == (403 if role else 401)
    assert "items" not in answer.json()


@pytest.mark.parametrize(
    ("query", "types", "arguments"),
    [
        (store.AUDIT_PAGE, "(bigint, int)", "(NULL, 10)"),
        (store.AUDIT_PAGE_OF_SUBJECT, "(bigint, int, uuid)", "(NULL, 10, NULL)"),
    ],
    ids=["all", "of_subject"],
)
async def test_the_trail_is_served_by_an_index(database: Database, query: str, types: str, arguments: str) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute(f"PREPARE listing{types} AS {query}")
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE listing{arguments}"))
    assert "Seq Scan" not in plan
    assert "Sort" not in plan
