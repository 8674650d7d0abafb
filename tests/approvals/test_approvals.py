"""Four eyes over REST, with the example of the guide as the act: a loan's maturity, by two people above a limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from approvals.example_act import MOVE_MATURITY
from approvals.example_act import router as example_router
from halfpenny import approvals, identity, loans
from halfpenny.approvals import Acts
from halfpenny.approvals.rest import router
from halfpenny.identity import Permission, Role
from halfpenny.platform.clock import advance
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support import lending
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody

LARGE, SMALL = 50_000_001, 50_000_000
DAY = "2031-03-14"
ACTS = Acts([MOVE_MATURITY], timedelta(days=7))


@dataclass(frozen=True)
class Office:
    """A loan of 500,000.01 EUR, its borrower, and three administrators."""

    client: Client
    loan_id: UUID
    borrower: Somebody
    first: Somebody
    second: Somebody
    third: Somebody

    async def propose(self, somebody: Somebody | None = None, day: str = DAY, loan_id: UUID | None = None) -> Any:
        return await self.client.post(
            f"/api/v1/loans/{loan_id or self.loan_id}/maturity",
            json={"matures_on": day, "reason": "The buyer's bank needs more time."},
            headers=(somebody or self.first).headers,
        )

    async def proposed(self) -> str:
        answer = await self.propose()
        assert answer.status_code == 202, answer.text
        found: str = answer.json()["approval"]["id"]
        return found

    async def decide(self, verb: str, approval_id: str, somebody: Somebody, **body: Any) -> Any:
        return await self.client.post(f"/api/v1/approvals/{approval_id}/{verb}", json=body, headers=somebody.headers)

    async def read(self, approval_id: str) -> dict[str, Any]:
        answer = await self.client.get(f"/api/v1/approvals/{approval_id}", headers=self.third.headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def loan_worth(database: Database, borrower: Somebody, amount_minor: int) -> UUID:
    async with database.unit_of_work() as connection:
        return (await lending.submitted(connection, borrower.user_id, amount_minor=amount_minor)).id


@pytest.fixture
async def office(database: Database) -> AsyncIterator[Office]:
    borrower = await make_somebody(database, Role.BORROWER)
    staff = [await make_somebody(database, Role.ADMINISTRATOR) for _ in range(3)]
    async with lending_client(database, router, example_router, acts=ACTS) as client:
        yield Office(client, await loan_worth(database, borrower, LARGE), borrower, *staff)


async def maturity(database: Database, loan_id: UUID) -> date | None:
    async with database.reading() as connection:
        return (await loans.get(connection, loan_id)).matures_on


async def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    found: dict[str, Any] = answer.json().get("data", {})
    return found


def test_the_guide_shows_the_example_that_is_tested() -> None:
    root = Path(__file__).parents[2]
    guide = (root / "docs" / "guides" / "approvals.md").read_text()
    example = (Path(__file__).parent / "example_act.py").read_text().split('"""', 2)[2]
    shown = guide.partition("```python\n")[2].partition("```")[0]
    assert shown.split() == example.replace("from __future__ import annotations\n", "").split()


async def test_one_person_is_enough_up_to_the_limit(database: Database, office: Office) -> None:
    loan_id = await loan_worth(database, office.borrower, SMALL)
    answer = await office.propose(loan_id=loan_id)
    assert (answer.status_code, answer.json()["matures_on"]) == (200, DAY)
    assert await maturity(database, loan_id) == date.fromisoformat(DAY)
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 0
        request_body = await connection.fetchrow("SELECT * FROM audit_entry WHERE action = 'act.performed'")
    assert request_body is not None
    assert (request_body["actor_id"], request_body["subject_id"], request_body["data"]["act"]) == (
        office.first.user_id,
        loan_id,
        "loan.move_maturity",
    )
    assert request_body["data"]["payload"] == {"matures_on": DAY}


async def test_above_it_nothing_happens_until_another_approves(database: Database, office: Office) -> None:
    answer = await office.propose()
    assert answer.status_code == 202
    proposal = answer.json()["approval"]
    assert proposal["status"] == "pending"
    assert proposal["payload"] == {"matures_on": DAY}
    assert proposal["object_id"] == str(office.loan_id)
    assert await maturity(database, office.loan_id) is None

    decided = await office.decide("approve", proposal["id"], office.second, reason="Seen the letter.")
    assert decided.status_code == 200, decided.text
    assert decided.json()["status"] == "approved"
    assert decided.json()["decided_by"] == str(office.second.user_id)
    assert decided.json()["result"]["matures_on"] == DAY
    assert await maturity(database, office.loan_id) == date.fromisoformat(DAY)
    async with database.reading() as connection:
        outcome = await connection.fetch(
            "SELECT name, payload FROM outbox WHERE aggregate_id = $1 ORDER BY seq", UUID(proposal["id"])
        )
        entries = await connection.fetch(
            "SELECT actor_id, action, data FROM audit_entry WHERE subject_id = $1 AND action LIKE 'approval.%' "
            "ORDER BY id",
            office.loan_id,
        )
    assert [row["name"] for row in outcome] == ["approval.proposed", "approval.approved"]
    assert outcome[1]["payload"]["decided_by"] == str(office.second.user_id)
    assert [(row["actor_id"], row["action"]) for row in entries] == [
        (office.first.user_id, "approval.proposed"),
        (office.second.user_id, "approval.approved"),
    ]


async def test_the_proposer_never_approves_or_refuses_their_own(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    await refused(await office.decide("approve", approval_id, office.first), 403, "four_eyes")
    await refused(await office.decide("refuse", approval_id, office.first, reason="No."), 403, "four_eyes")
    assert (await office.read(approval_id))["status"] == "pending"
    assert await maturity(database, office.loan_id) is None


async def test_whoever_is_related_to_the_proposer_is_no_second_person(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    await relate(database, office.second, office.first)
    await refused(await office.decide("approve", approval_id, office.second), 403, "four_eyes")
    assert (await office.decide("approve", approval_id, office.third)).status_code == 200


async def relate(database: Database, one: Somebody, other: Somebody) -> None:
    async with database.unit_of_work() as connection:
        await connection.execute(
            "INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", one.user_id, other.user_id
        )


async def test_an_interest_in_the_object_bars_proposer_and_approver(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    await relate(database, office.borrower, office.second)
    await refused(await office.decide("approve", approval_id, office.second), 403, "self_dealing")
    await refused(await office.decide("refuse", approval_id, office.second, reason="No."), 403, "self_dealing")
    await refused(await office.propose(office.second), 403, "self_dealing")
    # Found out only after they proposed it.
    await relate(database, office.first, office.borrower)
    await refused(await office.decide("approve", approval_id, office.third), 403, "self_dealing")
    assert await maturity(database, office.loan_id) is None


async def test_a_changed_object_makes_it_stale_and_names_what_changed(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    assert (await office.read(approval_id))["changes"] == []
    async with database.unit_of_work() as connection:
        loan = await loans.get(connection, office.loan_id)
        assert await loans.record_assessment(connection, loan.id, lending.risk(loan.terms_version))
    shown = await office.read(approval_id)
    change = {"fact": "status", "proposed": "submitted", "now": "assessed"}
    assert (shown["stale"], shown["changes"]) == (True, [change])
    data = await refused(await office.decide("approve", approval_id, office.second), 409, "approval_stale")
    assert data["changes"] == [change]
    assert (await office.read(approval_id))["status"] == "pending"
    # What is stale can still be refused, and proposed again.
    assert (await office.decide("refuse", approval_id, office.second, reason="Overtaken.")).status_code == 200
    assert (await office.decide("approve", await office.proposed(), office.second)).status_code == 200


async def test_what_nobody_decided_expires_at_its_moment(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    async with database.unit_of_work() as connection:
        await advance(connection, timedelta(days=6, hours=23))
    assert await approvals.expire_due(database) == 0
    async with database.unit_of_work() as connection:
        await advance(connection, timedelta(hours=1))
    # Before the job has come by as well as after.
    await refused(await office.decide("approve", approval_id, office.second), 409, "approval_expired")
    assert await approvals.expire_due(database) == 1
    assert await approvals.expire_due(database) == 0
    for verb, somebody in (("approve", office.second), ("refuse", office.second), ("withdraw", office.first)):
        await refused(await office.decide(verb, approval_id, somebody, reason="Late."), 409, "approval_expired")
    assert await maturity(database, office.loan_id) is None
    async with database.reading() as connection:
        names = await connection.fetch(
            "SELECT name FROM outbox WHERE aggregate_id = $1 ORDER BY seq", UUID(approval_id)
        )
        entries = await connection.fetch("SELECT actor_id FROM audit_entry WHERE action = 'approval.expired'")
    assert [row["name"] for row in names] == ["approval.proposed", "approval.expired"]
    assert [row["actor_id"] for row in entries] == [None]


async def test_a_refusal_ends_it_with_its_reason(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    assert (await office.decide("refuse", approval_id, office.second)).status_code == 422
    answer = await office.decide("refuse", approval_id, office.second, reason="No letter from the bank.")
    assert (answer.json()["status"], answer.json()["decision_reason"]) == ("refused", "No letter from the bank.")
    data = await refused(await office.decide("approve", approval_id, office.third), 409, "approval_decided")
    assert data["status"] == "refused"
    assert await maturity(database, office.loan_id) is None


async def test_only_the_proposer_takes_it_back(office: Office) -> None:
    approval_id = await office.proposed()
    await refused(await office.decide("withdraw", approval_id, office.second), 403, "four_eyes")
    assert (await office.decide("withdraw", approval_id, office.first)).json()["status"] == "withdrawn"
    await refused(await office.decide("approve", approval_id, office.second), 409, "approval_decided")
    await refused(await office.decide("withdraw", approval_id, office.first), 409, "approval_decided")


async def test_it_is_done_once_whoever_asks_again(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    answers = await asyncio.gather(
        *(office.decide("approve", approval_id, somebody) for somebody in [office.second, office.third] * 5)
    )
    winners = {answer.json()["decided_by"] for answer in answers if answer.status_code == 200}
    assert len(winners) == 1
    # The winner's every request gets the one result; the other learns that it was decided.
    assert {answer.json()["result"]["version"] for answer in answers if answer.status_code == 200} == {3}
    assert {answer.json()["code"] for answer in answers if answer.status_code != 200} == {"approval_decided"}
    async with database.reading() as connection:
        assert (await loans.get(connection, office.loan_id)).version == 3
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE name = 'approval.approved'") == 1


async def test_two_proposals_on_one_version_are_not_both_done(database: Database, office: Office) -> None:
    one, other = await office.proposed(), await office.proposed()
    answers = await asyncio.gather(
        office.decide("approve", one, office.second), office.decide("approve", other, office.third)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    async with database.reading() as connection:
        assert (await loans.get(connection, office.loan_id)).version == 3


async def test_what_the_act_refuses_is_not_proposed(database: Database, office: Office) -> None:
    await refused(await office.propose(day="2020-02-29"), 409, "maturity_passed")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 0


async def test_a_refusing_act_leaves_the_proposal_waiting(database: Database, office: Office) -> None:
    async with database.unit_of_work() as connection:
        tomorrow = await connection.fetchval("SELECT business_date() + 1")
    answer = await office.propose(day=tomorrow.isoformat())
    async with database.unit_of_work() as connection:
        await advance(connection, timedelta(days=2))
    approval_id = answer.json()["approval"]["id"]
    await refused(await office.decide("approve", approval_id, office.second), 409, "maturity_passed")
    assert (await office.read(approval_id))["status"] == "pending"
    assert await maturity(database, office.loan_id) is None


@pytest.mark.parametrize("fall", ["disabled", "demoted"])
async def test_a_proposer_who_may_no_more_takes_the_proposal_along(
    database: Database, office: Office, fall: str
) -> None:
    approval_id = await office.proposed()
    change = "disabled_at = now()" if fall == "disabled" else "role = 'investor'"
    async with database.unit_of_work() as connection:
        await connection.execute(f"UPDATE app_user SET {change} WHERE id = $1", office.first.user_id)
    await refused(await office.decide("approve", approval_id, office.second), 409, "proposer_barred")
    assert await maturity(database, office.loan_id) is None


async def test_investors_and_borrowers_see_and_decide_nothing(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    for role in (Role.INVESTOR, Role.BORROWER):
        somebody = await make_somebody(database, role)
        await refused(await office.propose(somebody), 403, "wrong_role")
        await refused(await office.client.get("/api/v1/approvals", headers=somebody.headers), 403, "wrong_role")
        for verb in ("approve", "refuse", "withdraw"):
            await refused(await office.decide(verb, approval_id, somebody, reason="Mine."), 403, "wrong_role")
    assert (await office.read(approval_id))["status"] == "pending"
    await refused(await office.decide("approve", str(uuid7()), office.second), 404, "approval_not_found")


async def test_a_wait_is_over_before_an_approval_counts(database: Database, office: Office) -> None:
    act = replace(MOVE_MATURITY, wait=timedelta(hours=24))
    async with lending_client(database, router, example_router, acts=Acts([act])) as client:
        slow = replace(office, client=client)
        approval_id = await slow.proposed()
        async with database.unit_of_work() as connection:
            await advance(connection, timedelta(hours=23, minutes=59))
        data = await refused(await slow.decide("approve", approval_id, office.second), 409, "approval_too_early")
        assert data["earliest_at"] == (await slow.read(approval_id))["earliest_at"]
        async with database.unit_of_work() as connection:
            await advance(connection, timedelta(minutes=1))
        assert (await slow.decide("approve", approval_id, office.second)).status_code == 200


async def test_an_act_that_nobody_knows_any_more_is_shown_and_not_done(database: Database, office: Office) -> None:
    approval_id = await office.proposed()
    async with lending_client(database, router, acts=Acts([])) as client:
        later = replace(office, client=client)
        assert (await later.read(approval_id))["payload"] == {"matures_on": DAY}
        await refused(await later.decide("approve", approval_id, office.second), 409, "approval_stale")


async def test_lists_are_narrowed_and_paged(database: Database, office: Office) -> None:
    made = [await office.proposed() for _ in range(3)]
    await office.decide("refuse", made[0], office.second, reason="Twice.")
    other = await loan_worth(database, office.borrower, LARGE + 7)
    made.append((await office.propose(office.second, loan_id=other)).json()["approval"]["id"])

    async def listed(**query: str) -> list[str]:
        found: list[str] = []
        after: dict[str, str] = {}
        while True:
            answer = await office.client.get(
                "/api/v1/approvals", params={"limit": "1", **query, **after}, headers=office.third.headers
            )
            assert answer.status_code == 200, answer.text
            found += [item["id"] for item in answer.json()["items"]]
            if answer.json()["next_cursor"] is None:
                return found
            after = {"after": answer.json()["next_cursor"]}

    assert await listed() == made[::-1]
    assert await listed(status="pending") == [made[3], made[2], made[1]]
    assert await listed(status="refused") == [made[0]]
    assert await listed(object_id=str(office.loan_id)) == [made[2], made[1], made[0]]
    assert await listed(object_id=str(office.loan_id), status="pending") == [made[2], made[1]]
    assert await listed(proposed_by=str(office.second.user_id)) == [made[3]]
    assert await listed(act="loan.move_maturity", proposed_by=str(office.first.user_id)) == made[2::-1]
    assert await listed(act="loan.write_off") == []


async def test_the_database_itself_keeps_four_eyes(database: Database, office: Office) -> None:
    approval_id = UUID(await office.proposed())
    decided = (
        "UPDATE approval SET status = 'approved', decided_at = now(), result = '{}', decided_by = $2 WHERE id = $1"
    )
    attempts = {
        "both people in one": (decided, office.first.user_id),
        "another payload": ("UPDATE approval SET payload = '{}' WHERE id = $1 AND $2::uuid IS NOT NULL", uuid7()),
        "a later end": ("UPDATE approval SET expires_at = now() WHERE id = $1 AND $2::uuid IS NOT NULL", uuid7()),
        "no trace": ("DELETE FROM approval WHERE id = $1 AND $2::uuid IS NOT NULL", uuid7()),
    }
    for what, (statement, user_id) in attempts.items():
        with pytest.raises(asyncpg.PostgresError):
            async with database.unit_of_work() as connection:
                await connection.execute(statement, approval_id, user_id)
                pytest.fail(f"the database allowed: {what}")
    async with database.unit_of_work() as connection:
        await connection.execute(decided, approval_id, office.second.user_id)
    with pytest.raises(asyncpg.PostgresError, match="decided once"):
        async with database.unit_of_work() as connection:
            await connection.execute("UPDATE approval SET status = 'pending' WHERE id = $1", approval_id)


async def test_the_owner_cannot_rewrite_a_proposal_either(
    database_url: str, database: Database, office: Office
) -> None:
    approval_id = UUID(await office.proposed())
    owner = await asyncpg.connect(database_url)
    try:
        for column in ("reason = 'x'", "worth_eur_minor = 0", "payload = '{}'", "proposed_by = decided_by"):
            with pytest.raises(asyncpg.PostgresError):
                await owner.execute(
                    "UPDATE approval SET status = 'refused', decided_at = now(), decided_by = $2, "
                    f"{column} WHERE id = $1",
                    approval_id,
                    office.second.user_id,
                )
        with pytest.raises(asyncpg.PostgresError, match="history is only ever added to"):
            await owner.execute("DELETE FROM approval")
    finally:
        await owner.close()


async def test_permissions_come_from_the_account_not_from_the_proposal(database: Database, office: Office) -> None:
    async with database.reading() as connection:
        assert await identity.is_active_holder(connection, office.first.user_id, Permission.SERVICING_APPROVE)
        assert not await identity.is_active_holder(connection, office.borrower.user_id, Permission.SERVICING_APPROVE)
