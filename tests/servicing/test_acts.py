"""Who may act on a drawn loan: two people above a limit, nobody with an interest in it, nobody all by themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest

from halfpenny import loans, servicing
from halfpenny.identity import Role
from halfpenny.loans import Actor, ActorKind, Status
from halfpenny.platform.database import Database
from halfpenny.servicing.service import arrears
from servicing import world
from support import lending
from support.people import Somebody, make_somebody

# 10,000.01 EUR is a cent above what one person may decide on.
LARGE, SMALL = [400_001, 600_000], [400_000, 600_000]
REASON = {"reason": "The buyer's bank needs more time."}
Client = httpx2.AsyncClient


async def staff(database: Database) -> tuple[Somebody, Somebody]:
    return await make_somebody(database, Role.SERVICER), await make_somebody(database, Role.ADMINISTRATOR)


async def defaulted(database: Database, stakes: list[int]) -> world.Drawn:
    made = await world.drawn(database, stakes)
    await world.advance(database, timedelta(days=40))
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvency proceedings opened.")
    return made


async def events(database: Database, loan_id: UUID) -> int:
    async with database.reading() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM servicing_event WHERE loan_id = $1", loan_id)
        return found


def days(made: world.Drawn, first: int, last: int) -> dict[str, str]:
    return {
        "first": (made.drawn_on + timedelta(days=first)).isoformat(),
        "last": (made.drawn_on + timedelta(days=last)).isoformat(),
    }


async def test_one_person_writes_off_up_to_the_limit(client: Client, database: Database) -> None:
    made = await defaulted(database, SMALL)
    one, _ = await staff(database)
    answer = await client.post(f"/api/v1/loans/{made.loan.id}/write-off", json=REASON, headers=one.paying())
    assert (answer.status_code, answer.json()["status"]) == (200, "written_off")


async def test_a_cent_above_it_takes_two_and_happens_once(client: Client, database: Database) -> None:
    made = await defaulted(database, LARGE)
    one, other = await staff(database)
    path = f"/api/v1/loans/{made.loan.id}/write-off"
    headers = one.paying("the-same-key")
    answer = await client.post(path, json=REASON, headers=headers)
    assert answer.status_code == 202, answer.text
    again = await client.post(path, json=REASON, headers=headers)
    assert (again.status_code, again.json()) == (202, answer.json())
    # Staff see on the loan what waits for a second person; nobody else does.
    shown = await client.get(f"/api/v1/loans/{made.loan.id}", headers=other.headers)
    assert shown.json()["approvals"] == [answer.json()["approval"]]
    investor = await make_somebody(database, Role.INVESTOR)
    public = await client.get(f"/api/v1/loans/{made.loan.id}", headers=investor.headers)
    assert "approvals" not in public.json()
    before = await events(database, made.loan.id)
    approve = f"/api/v1/approvals/{answer.json()['approval']['id']}/approve"
    own = await client.post(approve, headers=one.headers)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert await events(database, made.loan.id) == before
    done = await client.post(approve, headers=other.headers)
    assert (done.status_code, done.json()["result"]["status"]) == (200, "written_off")
    assert await events(database, made.loan.id) == before + 1
    shown = await client.get(f"/api/v1/loans/{made.loan.id}", headers=other.headers)
    assert shown.json()["approvals"] == []
    assert await world.problems(database) == []


async def test_a_receipt_in_between_makes_the_write_off_stale(client: Client, database: Database) -> None:
    made = await defaulted(database, LARGE)
    one, other = await staff(database)
    answer = await client.post(f"/api/v1/loans/{made.loan.id}/write-off", json=REASON, headers=one.paying())
    await world.repay(database, made, 123_456)
    approve = f"/api/v1/approvals/{answer.json()['approval']['id']}/approve"
    stale = await client.post(approve, headers=other.headers)
    assert (stale.status_code, stale.json()["code"]) == (409, "approval_stale")
    changed = {change["fact"]: (change["proposed"], change["now"]) for change in stale.json()["data"]["changes"]}
    assert changed["principal_outstanding"][0] == "10000.01"
    assert "events" in changed
    async with database.reading() as connection:
        assert (await loans.get(connection, made.loan.id)).status is Status.DEFAULTED


@pytest.mark.parametrize("way", ["extension", "pause"])
async def test_forbearance_takes_two_above_the_limit(client: Client, database: Database, way: str) -> None:
    one, other = await staff(database)

    async def asked(made: world.Drawn) -> httpx2.Response:
        body = REASON | ({"months": 3} if way == "extension" else days(made, 3, 12))
        return await client.post(f"/api/v1/loans/{made.loan.id}/{way}", json=body, headers=one.paying())

    made = await world.drawn(database, LARGE)
    answer = await asked(made)
    assert (answer.status_code, answer.json()["approval"]["act"]) == (202, f"loan.{way}")
    assert await events(database, made.loan.id) == 0
    done = await client.post(f"/api/v1/approvals/{answer.json()['approval']['id']}/approve", headers=other.headers)
    assert done.status_code == 200, done.text
    assert await events(database, made.loan.id) == 1
    assert (await asked(await world.drawn(database, SMALL))).status_code == 200


async def test_what_cannot_be_done_is_not_proposed(client: Client, database: Database) -> None:
    made = await world.drawn(database, LARGE)
    one, _ = await staff(database)
    answer = await client.post(f"/api/v1/loans/{made.loan.id}/write-off", json=REASON, headers=one.paying())
    assert (answer.status_code, answer.json()["code"]) == (409, "not_in_default")
    lost = await defaulted(database, LARGE)
    answer = await client.post(
        f"/api/v1/loans/{lost.loan.id}/extension", json=REASON | {"months": 2}, headers=one.paying()
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_status")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 0


async def relate(database: Database, one: UUID, other: UUID) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute("INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", one, other)


async def test_an_interest_in_the_loan_bars_every_act_of_servicing(client: Client, database: Database) -> None:
    running, lost = await world.drawn(database, SMALL), await defaulted(database, SMALL)
    somebody = await make_somebody(database, Role.ADMINISTRATOR)
    for made in (running, lost):
        await relate(database, made.borrower, somebody.user_id)
    cost = REASON | {"amount": "12.34", "currency": "EUR", "kind": "survey"}
    receipt = {
        "amount": "77.77",
        "currency": "EUR",
        "received_on": running.drawn_on.isoformat(),
        "payer": "Somebody",
        "reference": "RF18",
        "loan_id": str(running.loan.id),
    }
    asked: list[tuple[str, Any]] = [
        (f"/loans/{running.loan.id}/default", REASON),
        (f"/loans/{running.loan.id}/extension", REASON | {"months": 2}),
        (f"/loans/{running.loan.id}/pause", REASON | days(running, 3, 12)),
        (f"/loans/{lost.loan.id}/acceleration", REASON),
        (f"/loans/{lost.loan.id}/cure", REASON),
        (f"/loans/{lost.loan.id}/recovery", REASON),
        (f"/loans/{lost.loan.id}/recovery/updates", {"text": "A buyer was found."}),
        (f"/loans/{lost.loan.id}/recovery/costs", cost),
        (f"/loans/{lost.loan.id}/write-off", REASON),
        ("/receipts", receipt),
    ]
    before = await events(database, running.loan.id), await events(database, lost.loan.id)
    for path, body in asked:
        answer = await client.post(f"/api/v1{path}", json=body, headers=somebody.paying())
        assert (answer.status_code, answer.json()["code"]) == (403, "self_dealing"), path
    assert (await events(database, running.loan.id), await events(database, lost.loan.id)) == before
    async with database.reading() as connection:
        assert (await loans.get(connection, running.loan.id)).status is Status.ACTIVE
        assert (await loans.get(connection, lost.loan.id)).status is Status.DEFAULTED


async def test_an_interest_in_the_loan_bars_every_act_before_drawdown(client: Client, database: Database) -> None:
    somebody = await make_somebody(database, Role.ADMINISTRATOR)
    valuation = {"amount": "510000.00", "valued_on": "2026-01-15", "valuer": "Alder & Finch Surveyors"}
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        decider = await lending.person(connection, "administrator")
        assessed = await lending.assessed(connection, borrower, amount_minor=2_000_000)
        funding = await lending.funding(connection, borrower, decider, amount_minor=2_000_000)
        met = await lending.conditions_met(connection, borrower, decider, amount_minor=2_000_000)
    await relate(database, somebody.user_id, borrower)
    decision = {"decision": "approve", "version": assessed.version, "reason_code": "within_policy", "reason": "Sound."}
    asked: list[tuple[str, str, Any]] = [
        ("POST", f"/loans/{assessed.id}/decision", decision),
        ("POST", f"/loans/{assessed.id}/decision", decision | {"decision": "decline", "reason_code": "exit"}),
        ("PUT", f"/loans/{assessed.id}/valuation", valuation),
        ("POST", f"/loans/{assessed.id}/assessment", None),
        ("POST", f"/loans/{funding.id}/conditions", {"valuation": valuation}),
        ("POST", f"/loans/{funding.id}/cancel", {"reason": "Sold already."}),
        ("POST", f"/loans/{met.id}/drawdown", None),
    ]
    for method, path, body in asked:
        answer = await client.request(method, f"/api/v1{path}", json=body, headers=somebody.paying())
        assert (answer.status_code, answer.json()["code"]) == (403, "self_dealing"), path
    async with database.reading() as connection:
        for loan in (assessed, funding, met):
            assert await loans.get(connection, loan.id) == loan


async def test_who_approved_and_recorded_the_conditions_does_not_draw_down(database: Database) -> None:
    made = await world.ready(database, SMALL, recorded_by_approver=True)
    await world.advance(database, world.REFLECTION)
    with pytest.raises(loans.SeparationOfDuties):
        async with database.unit_of_work() as connection:
            await servicing.draw_down(connection, made.loan.id, made.staff)
    async with database.unit_of_work() as connection:
        assert (await loans.get(connection, made.loan.id)).status is Status.CONDITIONS_MET
        colleague = Actor(ActorKind.ADMINISTRATOR, await lending.person(connection, "administrator"))
        done = await servicing.draw_down(connection, made.loan.id, colleague)
    assert done.loan.status is Status.ACTIVE


async def test_evidence_of_a_colleague_lets_the_approver_draw_down(database: Database) -> None:
    made = await world.drawn(database, SMALL)
    assert made.loan.status is Status.ACTIVE
