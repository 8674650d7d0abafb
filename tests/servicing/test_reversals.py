"""Receipts that leave their loan again: reversed by the bank, or matched to the wrong loan and taken back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from halfpenny import funding, servicing
from halfpenny.identity import Role
from halfpenny.ledger import Account, AccountKind
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.money import Money, parse_minor
from servicing import world
from servicing.receipts import DUE, ask, first_due, overdue
from support.bank import PAYER, credits_in_suspense, pay_in_from_outside
from support.people import Somebody, make_somebody, sign_in

Client = httpx2.AsyncClient


@pytest.fixture
async def made(database: Database) -> world.Drawn:
    return await overdue(database)


async def shown(client: Client, who: Somebody, line_id: UUID) -> Any:
    return (await client.get(f"/api/v1/receipts/{line_id}", headers=who.headers)).json()


async def stated(database: Database, amount_minor: int, day: date) -> UUID:
    """A credit of a statement that stands in suspense: its line."""
    before = await credits_in_suspense(database)
    async with database.unit_of_work() as connection:
        await pay_in_from_outside(connection, amount_minor, day, reference="no words")
    await funding.reconcile_due(database)
    [line_id] = set(await credits_in_suspense(database)) - set(before)
    return line_id


async def posted_ahead(client: Client, database: Database, made: world.Drawn, amount: str) -> str:
    one, other = await make_somebody(database, Role.TREASURER), await make_somebody(database, Role.ADMINISTRATOR)
    body = {
        "amount": amount,
        "currency": "EUR",
        "received_on": (await first_due(database, made)).isoformat(),
        "payer": "Okonkwo & Daughters Ltd",
        "reference": "RF44 first instalment",
        "loan_id": str(made.loan.id),
    }
    _, answer = await ask(client, one, "/receipts", body)
    status, _ = await ask(client, other, f"/approvals/{answer['approval']['id']}/approve")
    assert status == 200
    return str(answer["receipt_id"])


def reversal(day: date) -> dict[str, str]:
    return {"reversed_on": day.isoformat(), "reference": "RTRN/77", "reason": "Recalled by its bank."}


async def money(database: Database) -> dict[str, int]:
    """The bank's side of the books, minor units."""
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT kind, debits - credits AS minor FROM account WHERE kind IN ('client_bank', 'own_bank', 'suspense')"
        )
    return {row["kind"]: row["minor"] for row in rows if row["minor"]}


@pytest.mark.parametrize("amount", ["85.42", "12.30"])
async def test_a_receipt_posted_ahead_that_never_comes_leaves_the_books_as_it_came(
    client: Client, database: Database, made: world.Drawn, amount: str
) -> None:
    before = await money(database)
    receipt_id = await posted_ahead(client, database, made, amount)
    # The day's statement comes without it: the house covers it until somebody knows better.
    await stated(database, 111, await first_due(database, made))
    staff = await make_somebody(database, Role.TREASURER)
    today = await first_due(database, made) + timedelta(days=2)
    status, done = await ask(client, staff, f"/receipts/{receipt_id}/reverse", reversal(today))
    assert (status, done["receipt"]["amount"], done["days_past_due"]) == (200, f"-{amount}", 2)
    assert await money(database) == before | {"client_bank": before["client_bank"] + 111, "suspense": -111}
    assert await world.problems(database) == []
    status, again = await ask(client, staff, f"/receipts/{receipt_id}/reverse", reversal(today))
    assert (status, again["code"]) == (409, "receipt_reversed")
    listed = (await client.get("/api/v1/receipts/expected", headers=staff.headers)).json()["items"]
    assert (await shown(client, staff, UUID(receipt_id)))["status"] == "reversed" and listed == []
    # Where it comes after all, it is a credit like any other.
    line_id = await stated(database, int(amount.replace(".", "")), today - timedelta(days=1))
    assert (await ask(client, staff, f"/receipts/{line_id}/match", {"loan_id": str(made.loan.id)}))[0] == 200
    assert await world.problems(database) == []


@pytest.mark.parametrize("named", ["receipt", "line"])
@pytest.mark.parametrize("joined", [False, True])
async def test_a_receipt_posted_ahead_is_reversed_after_its_line_has_come(
    client: Client, database: Database, made: world.Drawn, named: str, joined: bool
) -> None:
    """The line found it by itself, or somebody said that a line of another time is it."""
    staff = await make_somebody(database, Role.TREASURER)
    day = await first_due(database, made)
    if joined:
        line_id = await stated(database, DUE, day - timedelta(days=29))
        receipt_id = await posted_ahead(client, database, made, "85.42")
        assert (await ask(client, staff, f"/receipts/{receipt_id}/line", {"line_id": str(line_id)}))[0] == 200
    else:
        receipt_id = await posted_ahead(client, database, made, "85.42")
        async with database.unit_of_work() as connection:
            await pay_in_from_outside(connection, DUE, day)
        await funding.reconcile_due(database)
        line_id = UUID((await shown(client, staff, UUID(receipt_id)))["line"]["id"])
    assert await credits_in_suspense(database) == {}
    name = receipt_id if named == "receipt" else str(line_id)
    status, done = await ask(client, staff, f"/receipts/{name}/reverse", reversal(day + timedelta(days=1)))
    assert (status, done["receipt"]["amount"]) == (200, "-85.42"), done
    assert await credits_in_suspense(database) == {line_id: DUE}
    assert await world.problems(database) == []
    # It was right after all: matched again, it counts once, from the day of its credit.
    status, done = await ask(client, staff, f"/receipts/{line_id}/match", {"loan_id": str(made.loan.id)})
    assert (status, done["receipt"]["amount"]) == (200, "85.42"), done
    assert await credits_in_suspense(database) == {}
    assert await world.problems(database) == []
    status, again = await ask(client, staff, f"/receipts/{line_id}/reverse", reversal(day + timedelta(days=2)))
    assert (status, again["receipt"]["amount"]) == (200, "-85.42")
    assert (await ask(client, staff, f"/receipts/{line_id}/return"))[0] == 200
    assert await world.problems(database) == []


@pytest.mark.parametrize("amount", [DUE, 20_000, 1])
async def test_matched_reversed_and_matched_again_counts_once(
    client: Client, database: Database, made: world.Drawn, amount: int
) -> None:
    staff = await make_somebody(database, Role.TREASURER)
    day = await first_due(database, made)
    line_id = await stated(database, amount, day)
    body = {"loan_id": str(made.loan.id)} | ({"apply": "prepay"} if amount > 2 * DUE else {})
    first = await ask(client, staff, f"/receipts/{line_id}/match", body)
    await servicing.pay_distributions(database)
    for _ in range(2):
        status, back = await ask(client, staff, f"/receipts/{line_id}/reverse", reversal(day + timedelta(days=2)))
        assert (status, back["days_past_due"]) == (200, 2)
        again = await ask(client, staff, f"/receipts/{line_id}/match", body)
        assert (again[0], again[1]["receipt"]["amount"]) == (200, first[1]["receipt"]["amount"]), again
        assert again[1]["principal_outstanding"] == first[1]["principal_outstanding"]
        assert await world.problems(database) == []


async def test_a_line_is_taken_back_wholly_or_partly(client: Client, database: Database, made: world.Drawn) -> None:
    staff = await make_somebody(database, Role.TREASURER)
    other = await world.drawn(database, [1_000_000])
    await world.go_to(database, await first_due(database, other) + timedelta(days=3))
    await servicing.close_days(database)
    day = await first_due(database, other)
    line_id = await stated(database, 12_000, day)
    path = f"/receipts/{line_id}"
    loans = [str(made.loan.id), str(other.loan.id)]
    parts = [{"loan_id": loans[0], "amount": "70.00"}, {"loan_id": loans[1], "amount": "50.00"}]
    assert (await ask(client, staff, f"{path}/match", {"parts": parts}))[0] == 200
    why = {"reason": "The payer meant the other loan."}
    for changes, status, code in (
        ({"amount": "10.00"}, 409, "line_split"),
        ({"amount": "0.00"}, 422, "amount_not_positive"),
        ({"reason": ""}, 422, "malformed"),
    ):
        answer = await ask(client, staff, f"{path}/unmatch", why | changes)
        assert (answer[0], answer[1]["code"]) == (status, code)
    assert (await ask(client, staff, f"/receipts/{uuid4()}/unmatch", why))[1]["code"] == "unknown_receipt"
    allocations = (await shown(client, staff, line_id))["allocations"]
    one = next(each["id"] for each in allocations if each["loan_id"] == loans[0])
    too_much = await ask(client, staff, f"/receipts/{one}/unmatch", why | {"amount": "70.00"})
    assert (too_much[0], too_much[1]["code"]) == (409, "amount_taken_back")
    assert await credits_in_suspense(database) == {}
    status, done = await ask(client, staff, f"/receipts/{one}/unmatch", why | {"amount": "20.01"})
    assert (status, done["receipt"]["amount"]) == (200, "49.99")
    assert await credits_in_suspense(database) == {line_id: 2_001}
    assert await world.problems(database) == []
    assert (await ask(client, staff, f"{path}/match", {"loan_id": loans[1]}))[0] == 200
    assert await credits_in_suspense(database) == {}
    status, done = await ask(client, staff, f"{path}/unmatch", why)
    assert (status, sorted(part["receipt"]["amount"] for part in done["parts"])) == (
        200,
        ["-20.01", "-49.99", "-50.00"],
    )
    assert await credits_in_suspense(database) == {line_id: 12_000}
    assert (await ask(client, staff, f"{path}/unmatch", why))[1]["code"] == "receipt_reversed"
    assert await world.problems(database) == []


@pytest.mark.parametrize("amount", ["4000.00", "250.01"])
async def test_what_is_beyond_the_due_is_asked_of_whoever_proposes(
    client: Client, database: Database, made: world.Drawn, amount: str
) -> None:
    staff, other = await make_somebody(database, Role.TREASURER), await make_somebody(database, Role.ADMINISTRATOR)
    day = await first_due(database, made)
    body = {
        "amount": amount,
        "currency": "EUR",
        "received_on": day.isoformat(),
        "payer": "Okonkwo & Daughters Ltd",
        "reference": "RF44 first instalment",
        "loan_id": str(made.loan.id),
    }
    status, refusal = await ask(client, staff, "/receipts", body)
    assert (status, refusal["code"]) == (409, "apply_needed")
    assert (await client.get("/api/v1/receipts/expected", headers=staff.headers)).json()["items"] == []
    status, proposed = await ask(client, staff, "/receipts", body | {"apply": "prepay"})
    assert status == 202
    status, done = await ask(client, other, f"/approvals/{proposed['approval']['id']}/approve")
    assert (status, done["result"]["receipt"]["amount"]) == (200, amount)
    assert await world.problems(database) == []


@pytest.mark.parametrize("through", ["match", "receipts"])
async def test_a_refused_match_leaves_the_question_with_both_outcomes_on_the_line(
    client: Client, database: Database, made: world.Drawn, through: str
) -> None:
    staff = await make_somebody(database, Role.TREASURER)
    day = await first_due(database, made)
    line_id = await stated(database, 33_333, day)
    if through == "match":
        path, body = f"/receipts/{line_id}/match", {"loan_id": str(made.loan.id)}
    else:
        path = "/receipts"
        body = {
            "amount": "333.33",
            "currency": "EUR",
            "received_on": day.isoformat(),
            "payer": "Okonkwo & Daughters Ltd",
            "reference": "no words",
            "loan_id": str(made.loan.id),
        }
    status, refusal = await ask(client, staff, path, body)
    assert (status, refusal["code"]) == (409, "apply_needed")
    [listed] = (await client.get("/api/v1/receipts/unmatched", headers=staff.headers)).json()["items"]
    for found in (listed, await shown(client, staff, line_id)):
        assert (found["question"], found["question_data"]) == ("apply_needed", refusal["data"])
    assert set(refusal["data"]) == {"due", "prepay"}
    status, _ = await ask(client, staff, f"/receipts/{line_id}/match", {"loan_id": str(made.loan.id), "apply": "due"})
    assert status == 200
    assert (await shown(client, staff, line_id))["question"] is None
    assert await world.problems(database) == []


def minor(amount: str) -> int:
    return parse_minor(amount.removeprefix("-")) * (-1 if amount.startswith("-") else 1)


@pytest.mark.parametrize(("amount", "apply"), [(DUE, None), (20_003, "prepay"), (5_000, None)])
async def test_a_proof_begins_at_the_receipt_and_ends_at_the_cents(
    client: Client, database: Database, made: world.Drawn, amount: int, apply: str | None
) -> None:
    staff = await make_somebody(database, Role.TREASURER)
    day = await first_due(database, made)
    line_id = await stated(database, amount, day)
    body = {"loan_id": str(made.loan.id)} | ({"apply": apply} if apply else {})
    assert (await ask(client, staff, f"/receipts/{line_id}/match", body))[0] == 200
    await servicing.pay_distributions(database)
    # What is known later changes nothing of what the distribution was.
    later = await stated(database, 4_321, day + timedelta(days=1))
    assert (await ask(client, staff, f"/receipts/{later}/match", {"loan_id": str(made.loan.id)}))[0] == 200
    administrator = await make_somebody(database, Role.ADMINISTRATOR)
    investor = await sign_in(database, next(iter(made.stakes)), Role.INVESTOR)
    listed = (await client.get(f"/api/v1/loans/{made.loan.id}/distributions", headers=administrator.headers)).json()
    path = f"/api/v1/distributions/{listed['items'][0]['id']}/proof"
    for reader, payer in ((administrator, PAYER), (investor, "O*** & D*** L***")):
        proof = (await client.get(path, headers=reader.headers)).json()
        [receipt] = proof["receipts"]
        assert (receipt["payer"], receipt["source"], minor(receipt["amount"])) == (payer, "receipt", amount)
        assert receipt["statement_line"] == {
            "id": str(line_id),
            "booked_on": day.isoformat(),
            "amount": receipt["amount"],
        }
        gone = ("kept_by_platform", "recovery_costs_repaid", "to_investors", "waits_as_advance_payment", "returned")
        assert sum(minor(receipt[name]) for name in gone) == amount
        assert receipt["to_investors"] == proof["money_in"]["total"]
    shares = (await client.get(path, headers=administrator.headers)).json()["money_out"]
    parts = ("principal", "interest", "default_interest", "recovered")
    assert sum(minor(share[part]) for share in shares for part in parts) == minor(proof["money_in"]["total"])


async def test_a_proof_goes_by_the_order_of_the_loans_events_and_by_no_clock(
    client: Client, database: Database, made: world.Drawn
) -> None:
    """A receipt is recorded after the distribution, in a transaction that began before it."""
    day = await first_due(database, made)
    administrator = await make_somebody(database, Role.ADMINISTRATOR)
    async with database.unit_of_work() as connection:
        await world.deposit(connection, made.borrower, 7_000)

    async def receive(connection: Connection, minor: int) -> None:
        wallet = Account(AccountKind.WALLET, made.borrower, world.EUR)
        await servicing.receive_from_bank(
            connection, made.loan.id, Money(minor, world.EUR), day, made.staff, source=wallet
        )

    async with database.unit_of_work() as slow:
        await slow.fetchval("SELECT now()")
        async with database.unit_of_work() as quick:
            await receive(quick, 5_000)
        await receive(slow, 2_000)
    listed = await client.get(f"/api/v1/loans/{made.loan.id}/distributions", headers=administrator.headers)
    amounts = []
    for one in listed.json()["items"]:
        proof = (await client.get(f"/api/v1/distributions/{one['id']}/proof", headers=administrator.headers)).json()
        amounts.append(sorted(receipt["amount"] for receipt in proof["receipts"]))
    assert amounts == [["50.00"], ["20.00", "50.00"]]


async def test_unmatching_and_reversing_are_audited_apart_each_with_its_reason(
    client: Client, database: Database, made: world.Drawn
) -> None:
    staff = await make_somebody(database, Role.TREASURER)
    day = await first_due(database, made)
    line_id = await stated(database, 8_000, day)
    path, body = f"/receipts/{line_id}", {"loan_id": str(made.loan.id)}
    for act, wanted in (
        ("unmatch", {"amount": "10.01", "reason": "A part was for another loan."}),
        ("unmatch", {"reason": "All of it was."}),
        ("reverse", reversal(day + timedelta(days=1))),
    ):
        await ask(client, staff, f"{path}/match", body)
        status, answer = await ask(client, staff, f"{path}/{act}", wanted)
        assert status == 200, answer
        async with database.reading() as connection:
            [entry, *_] = await connection.fetch(
                "SELECT actor_id, action, subject_id, data FROM audit_entry WHERE action IN ('receipt.unmatch', "
                "'receipt.reverse') ORDER BY id DESC LIMIT 1"
            )
        assert (entry["actor_id"], entry["action"], entry["subject_id"]) == (
            staff.user_id,
            f"receipt.{act}",
            made.loan.id,
        )
        assert entry["data"]["reason"] == wanted["reason"]
        assert entry["data"]["amount"] == wanted.get("amount", "80.00")
        if "amount" in wanted:
            assert (await ask(client, staff, f"{path}/unmatch", {"reason": "The rest."}))[0] == 200
