"""A model's promotion on the platform: proposed by one person, approved by another, signed, kept and announced."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from halfpenny import approvals, risk_reporting
from halfpenny.approvals import Acts
from halfpenny.approvals.rest import router as approval_router
from halfpenny.identity import Role
from halfpenny.platform.consistency import Finding, find_all, no_progress
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import Message
from halfpenny.platform.queue.handling import DeadLettered, Handled, Verdict, handle
from halfpenny.primitives.ids import uuid7
from halfpenny.risk_reporting import PROMOTIONS, PromotionKey, promotion_acts
from halfpenny.risk_reporting.promotions.rest import router
from halfpenny_messages import MODEL_PROMOTED, PROMOTION_ASKED, PROMOTION_RESTATED
from halfpenny_risk.artefacts import sign
from halfpenny_risk.models import CHAMPION_FILE
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody
from support.promotions import NEXT, THIRD, kept_in, models_folder, promotion_key, proposed

URL = "/api/v1/risk/promotions"


@dataclass
class Office:
    client: Client
    first: Somebody
    second: Somebody
    folder: Path
    key: PromotionKey

    async def propose(self, body: dict[str, Any], who: Somebody | None = None) -> Any:
        return await self.client.post(URL, json=body, headers=(who or self.first).headers)

    async def approve(self, approval_id: str, who: Somebody | None = None) -> Any:
        headers = (who or self.second).headers
        return await self.client.post(f"/api/v1/approvals/{approval_id}/approve", headers=headers)

    async def promote(self, champion: str, challenger: str) -> dict[str, Any]:
        answer = await self.propose(proposed(self.folder, champion, challenger))
        assert answer.status_code == 202, answer.text
        approved = await self.approve(answer.json()["approval"]["id"])
        assert approved.status_code == 200, approved.text
        found: dict[str, Any] = approved.json()["result"]
        return found


@pytest.fixture
async def office(database: Database, tmp_path: Path) -> AsyncIterator[Office]:
    staff = [await make_somebody(database, Role.ADMINISTRATOR) for _ in range(2)]
    key = promotion_key(tmp_path)
    acts = Acts(promotion_acts(key), timedelta(days=7))
    async with lending_client(database, approval_router, router, acts=acts) as client:
        yield Office(client, staff[0], staff[1], models_folder(tmp_path / "models"), key)


async def events(database: Database, name: str) -> list[dict[str, Any]]:
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT payload FROM outbox WHERE name = $1 ORDER BY seq", name)
    return [row["payload"] for row in rows]


async def findings(database: Database) -> list[Finding]:
    async with database.reading() as connection:
        return [each async for each in find_all(connection, [risk_reporting.check, approvals.check], no_progress)]


async def kept(database: Database) -> list[int]:
    async with database.reading() as connection:
        return [row["number"] for row in await connection.fetch("SELECT number FROM risk_promotion ORDER BY number")]


async def test_row_16_two_people_promote_and_the_service_can_verify_it(
    database: Database, office: Office, tmp_path: Path
) -> None:
    answer = await office.propose(proposed(office.folder, NEXT))
    assert answer.status_code == 202, answer.text
    approval = answer.json()["approval"]
    assert (approval["act"], approval["subject"]) == ("risk.promote_model", "risk_model")
    shown = await office.client.get(f"/api/v1/approvals/{approval['id']}", headers=office.second.headers)
    facts = shown.json()["facts"]
    assert (facts["champion"], facts["candidate"], facts["promotion_in_force"]) == (CHAMPION_FILE, NEXT, 0)
    assert facts["judgement"]["brier_difference"]["value"] == "0.0007"
    assert await kept(database) == [] and await events(database, MODEL_PROMOTED) == []
    own = await office.approve(approval["id"], office.first)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert await kept(database) == []
    approved = await office.approve(approval["id"])
    assert approved.json()["result"]["champion"] == NEXT
    # The same answer again, and nothing twice.
    assert (await office.approve(approval["id"])).json() == approved.json()
    [event] = await events(database, MODEL_PROMOTED)
    promotion = kept_in(tmp_path, office.key).admit(uuid7(), event["signed"], restated=False)
    assert (promotion.number, promotion.champion.file, promotion.challenger.file) == (1, NEXT, CHAMPION_FILE)
    listed = (await office.client.get(URL, headers=office.second.headers)).json()["items"]
    assert [(one["number"], one["champion_file"], one["approved_by"]) for one in listed] == [
        (1, NEXT, str(office.second.user_id))
    ]
    assert "signed" not in listed[0]
    async with database.reading() as connection:
        trail = await connection.fetch("SELECT action, data FROM audit_entry WHERE subject = 'risk_model' ORDER BY id")
    assert [row["action"] for row in trail] == ["approval.proposed", "approval.approved"]
    assert trail[1]["data"]["payload"]["champion"]["file"] == NEXT
    assert await findings(database) == []


async def test_a_proposal_goes_stale_when_another_model_is_promoted(database: Database, office: Office) -> None:
    waiting = (await office.propose(proposed(office.folder, THIRD))).json()["approval"]["id"]
    assert (await office.promote(NEXT, CHAMPION_FILE))["number"] == 1
    stale = await office.approve(waiting)
    assert (stale.status_code, stale.json()["code"]) == (409, "approval_stale")
    assert await kept(database) == [1]
    assert (await office.promote(THIRD, NEXT))["number"] == 2
    # Going back is promoting again.
    assert (await office.promote(NEXT, THIRD))["number"] == 3
    assert await findings(database) == []


@pytest.mark.parametrize(
    ("champion", "challenger", "judged_against", "code"),
    [
        (NEXT, NEXT, NEXT, "already_champion"),
        (THIRD, CHAMPION_FILE, CHAMPION_FILE, "champion_differs"),
        (THIRD, NEXT, CHAMPION_FILE, "judged_against_another"),
    ],
)
async def test_a_proposal_that_cannot_stand_is_refused(
    database: Database, office: Office, champion: str, challenger: str, judged_against: str, code: str
) -> None:
    await office.promote(NEXT, CHAMPION_FILE)
    body = proposed(office.folder, champion, challenger)
    body["judgement"]["champion"] = proposed(office.folder, champion, judged_against)["challenger"]
    answer = await office.propose(body)
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 1


async def test_the_champions_bytes_under_another_name_are_the_champion(database: Database, office: Office) -> None:
    """Before the first promotion, and after it; neither leaves anything to approve."""
    shutil.copy(office.folder / CHAMPION_FILE, office.folder / "borrower_same.json")
    shutil.copy(office.folder / NEXT, office.folder / "borrower_twin.json")
    sign(office.folder)
    answer = await office.propose(proposed(office.folder, "borrower_same.json"))
    assert (answer.status_code, answer.json()["code"]) == (409, "already_champion")
    await office.promote(NEXT, CHAMPION_FILE)
    for champion, challenger in (("borrower_twin.json", NEXT), (NEXT, "borrower_twin.json")):
        answer = await office.propose(proposed(office.folder, champion, challenger))
        assert (answer.status_code, answer.json()["code"]) == (409, "already_champion")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 1
    # The champion in force may be named as the folder calls it now: it is the same model.
    assert (await office.promote(THIRD, "borrower_twin.json"))["number"] == 2
    assert await findings(database) == []


@pytest.mark.parametrize(("low", "status"), [("0.000001", 409), ("0.02", 409), ("0", 202), ("-0.0003", 202)])
async def test_a_candidate_that_was_found_worse_cannot_be_proposed(
    database: Database, office: Office, low: str, status: int
) -> None:
    body = proposed(office.folder, NEXT)
    body["judgement"]["brier_difference"] = {"value": "0.03", "low": low, "high": "0.04"}
    answer = await office.propose(body)
    assert answer.status_code == status, answer.text
    if status == 409:
        assert answer.json()["code"] == "worse_than_champion"
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == (status == 202)


def figure(value: str, low: str, high: str) -> dict[str, str]:
    return {"value": value, "low": low, "high": high}


INVENTED: list[tuple[dict[str, Any], list[str]]] = [
    ({"slope": figure("7", "6.9", "7.1")}, ["slope"]),
    ({"slope": figure("0.7", "0.5", "0.89")}, ["slope"]),
    ({"intercept": figure("3", "2.9", "3.1")}, ["intercept"]),
    ({"intercept": figure("-0.4", "-0.6", "-0.11")}, ["intercept"]),
    ({"monotone_trials": 1}, ["monotone_trials"]),
    ({"monotone_trials": 9_999}, ["monotone_trials"]),
    ({"monotone_breaks": 1}, ["monotone_breaks"]),
    ({"monotone_breaks": 77, "monotone_trials": 20_000}, ["monotone_breaks"]),
    ({"brier": figure("0.15", "0.16", "0.17")}, ["intervals"]),
    ({"brier": figure("0.9", "0.8", "1.2")}, ["intervals"]),
    (
        {"slope": figure("7", "6.9", "7.1"), "intercept": figure("3", "2.9", "3.1"), "monotone_trials": 1},
        ["monotone_trials", "slope", "intercept"],
    ),
]


@pytest.mark.parametrize(("change", "gates"), INVENTED)
async def test_row_16_figures_that_fail_a_gate_of_the_judge_are_no_proposal(
    database: Database, office: Office, change: dict[str, Any], gates: list[str]
) -> None:
    body = proposed(office.folder, NEXT)
    body["judgement"] |= change
    answer = await office.propose(body)
    assert (answer.status_code, answer.json()["code"]) == (409, "gates_failed"), answer.text
    assert answer.json()["data"] == {"gates": gates}
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"slope": figure("0.88", "0.8", "0.9")},
        {"intercept": figure("-0.14", "-0.2", "-0.1"), "monotone_trials": 10_001},
        {"brier_difference": figure("0.001", "0", "0.002")},
    ],
)
async def test_row_16_figures_at_the_edge_of_a_gate_pass_it(
    database: Database, office: Office, change: dict[str, Any]
) -> None:
    body = proposed(office.folder, NEXT)
    body["judgement"] |= change
    assert (await office.propose(body)).status_code == 202


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("champion", {"file": "../policy.json", "sha256": "a" * 64}),
        ("champion", {"file": NEXT, "sha256": "A" * 64}),
        ("challenger", {"file": NEXT}),
        ("judgement", {}),
        ("reason", ""),
        ("signed", "by myself"),
    ],
)
async def test_what_is_no_proposal_is_422(database: Database, office: Office, part: str, value: Any) -> None:
    answer = await office.propose(proposed(office.folder, NEXT) | {part: value})
    assert answer.status_code == 422, answer.text
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM approval") == 0


async def test_without_a_key_nothing_is_proposed(database: Database, tmp_path: Path) -> None:
    somebody = await make_somebody(database, Role.ADMINISTRATOR)
    acts = Acts(promotion_acts(PromotionKey(tmp_path / "none.json", make=False)))
    async with lending_client(database, router, acts=acts) as client:
        body = proposed(models_folder(tmp_path / "models"), NEXT)
        answer = await client.post(URL, json=body, headers=somebody.headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "promotion_key_missing")
    assert not (tmp_path / "none.json").exists()


@pytest.mark.parametrize("role", [Role.UNDERWRITER, Role.SERVICER, Role.TREASURER, Role.AUDITOR, Role.INVESTOR])
async def test_others_neither_propose_nor_approve(database: Database, office: Office, role: Role) -> None:
    somebody = await make_somebody(database, role)
    answer = await office.propose(proposed(office.folder, NEXT), somebody)
    assert answer.status_code == 403
    waiting = (await office.propose(proposed(office.folder, NEXT))).json()["approval"]["id"]
    assert (await office.approve(waiting, somebody)).status_code == 403
    assert await kept(database) == []


async def deliver(database: Database, payload: dict[str, Any]) -> Verdict:
    async def nothing(_connection: Connection, _messages: Sequence[Message]) -> None:
        return None

    message = Message(uuid7(), PROMOTION_ASKED, 1, datetime(2026, 11, 26, 9, tzinfo=UTC), payload)
    [verdict] = await handle(database, PROMOTIONS, [message], nothing)
    return verdict


async def test_a_service_that_asks_gets_what_it_missed(database: Database, office: Office) -> None:
    assert isinstance(await deliver(database, {"number": 0}), Handled)
    assert await events(database, PROMOTION_RESTATED) == []
    await office.promote(NEXT, CHAMPION_FILE)
    await office.promote(THIRD, NEXT)
    announced = await events(database, MODEL_PROMOTED)
    for number in (2, 3, 1, 0):
        assert isinstance(await deliver(database, {"number": number}), Handled)
    assert await events(database, PROMOTION_RESTATED) == [announced[1], announced[1]]
    for payload in ({"number": "two"}, {}, {"number": -1}):
        assert isinstance(await deliver(database, payload), DeadLettered)
    assert await findings(database) == []


RECORDED = """INSERT INTO outbox (event_id, name, version, aggregate_id, payload, recorded_at, published_at)
VALUES ($1, $2, 1, uuidv7(), $3, now() + $4 * interval '1 second', now() + $4 * interval '1 second')"""


async def record(superuser: Database, rows: Sequence[tuple[str, dict[str, Any], int]]) -> list[Finding]:
    """What is found of questions and answers, each that many seconds from now; every question was handled."""
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        for name, payload, second in rows:
            event_id = uuid7()
            await connection.execute(RECORDED, event_id, name, payload, second)
            if name == PROMOTION_ASKED:
                await connection.execute(
                    "INSERT INTO inbox (queue, event_id) VALUES ($1, $2)", PROMOTIONS.queue, event_id
                )
    async with superuser.reading() as connection:
        return [each async for each in find_all(connection, [risk_reporting.methods_check], no_progress)]


async def announced_at(superuser: Database, *seconds: int) -> list[str]:
    """Each promotion's announcement published that many seconds from now; returns what was signed."""
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        rows = await connection.fetch("SELECT number, signed FROM risk_promotion ORDER BY number")
        for row, second in zip(rows, seconds, strict=True):
            await connection.execute(
                "UPDATE outbox SET published_at = now() + $2 * interval '1 second' "
                "WHERE name = 'risk.model_promoted' AND payload->>'signed' = $1",
                row["signed"],
                second,
            )
    return [row["signed"] for row in rows]


async def test_two_questions_that_are_answered_at_once_with_different_promotions_are_in_order(
    superuser: Database, office: Office
) -> None:
    """The first saw the older promotion, and its answer was recorded after the other's."""
    await office.promote(NEXT, CHAMPION_FILE)
    await office.promote(THIRD, NEXT)
    first, second = await announced_at(superuser, 1, 4)
    honest = [
        (PROMOTION_ASKED, {"number": 0}, 2),
        (PROMOTION_ASKED, {"number": 1}, 5),
        (PROMOTION_RESTATED, {"signed": second}, 6),
        (PROMOTION_RESTATED, {"signed": first}, 7),
    ]
    assert await record(superuser, honest) == []
    # One more of the older is an answer to nobody.
    assert await record(superuser, [(PROMOTION_RESTATED, {"signed": first}, 8)]) != []


async def test_a_question_that_came_before_a_promotion_was_published_needs_no_answer(
    superuser: Database, office: Office
) -> None:
    await office.promote(NEXT, CHAMPION_FILE)
    await announced_at(superuser, 30)
    assert await record(superuser, [(PROMOTION_ASKED, {"number": 0}, 20)]) == []
    assert await record(superuser, [(PROMOTION_ASKED, {"number": 0}, 40)]) != []


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE risk_promotion SET champion_sha256 = repeat('b', 64)", "risk_promotion"),
        ("UPDATE risk_promotion SET approved_by = (SELECT min(id::text)::uuid FROM app_user WHERE id <> proposed_by "
         "AND id <> approved_by)", "risk_promotion"),
        ("UPDATE risk_promotion SET promoted_at = promoted_at + interval '1 day'", "risk_promotion"),
        ("UPDATE risk_promotion SET number = 2", "risk_promotion"),
        ("DELETE FROM risk_promotion", "risk_promotion"),
        ("UPDATE outbox SET payload = '{\"signed\": \"x\"}' WHERE name = 'risk.model_promoted'", "outbox"),
        ("DELETE FROM outbox WHERE name = 'risk.model_promoted'", "outbox"),
    ],
)  # fmt: skip
async def test_the_books_name_a_promotion_that_nobody_approved(
    database: Database, superuser: Database, office: Office, statement: str, table: str
) -> None:
    await make_somebody(database)
    await office.promote(NEXT, CHAMPION_FILE)
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement)
    assert table in {finding.table for finding in await findings(database)}
