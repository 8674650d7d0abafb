"""Row 4: a bank credit is booked once, whoever receives it first; nobody alone books one that no statement shows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest

from halfpenny import funding
from halfpenny.funding import bank
from halfpenny.identity import Role
from halfpenny.ledger import AccountKind
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId
from servicing import world
from servicing.receipts import DUE, announced, approve, ask, book_arrived, first_due, overdue, pay, standing, treasurers
from support.bank import credits_in_suspense
from support.people import make_somebody

Client = httpx2.AsyncClient


@pytest.fixture
async def made(database: Database) -> world.Drawn:
    return await overdue(database)


async def test_one_person_alone_books_no_receipt_whatever_the_amount(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, _ = await treasurers(database)
    day = await first_due(database, made)
    before = await standing(database, made)
    for amount in ("0.01", "85.42", "9999999.99"):
        status, answer = await ask(client, one, "/receipts", announced(made, day, amount=amount))
        assert (status, answer["approval"]["act"], answer["approval"]["status"]) == (
            202,
            "receipt.post_ahead",
            "pending",
        )
        status, refusal = await approve(client, one, answer)
        assert (status, refusal["code"]) == (403, "four_eyes")
    assert await standing(database, made) == before
    assert await world.problems(database) == []


async def test_a_second_person_posts_it_ahead_and_the_line_moves_no_money_again(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    _, answer = await ask(client, one, "/receipts", announced(made, day))
    status, approved = await approve(client, other, answer)
    assert (status, approved["result"]["receipt"]["interest"]) == (200, "85.42")
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    await pay(database, day, payer="OKONKWO+DAUGHTERS", reference="no words")
    assert await funding.reconcile_due(database) == 0
    assert await funding.reconcile_due(database) == 0
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    shown = (await client.get(f"/api/v1/receipts/{answer['receipt_id']}", headers=one.headers)).json()
    assert (shown["status"], shown["line"]["payer"]) == ("matched", "OKONKWO+DAUGHTERS")
    assert await world.problems(database) == []


async def test_posted_ahead_and_never_stated_is_found_and_released_when_it_comes(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    _, answer = await ask(client, one, "/receipts", announced(made, day))
    await approve(client, other, answer)
    await pay(database, day, 111)
    assert await funding.reconcile_due(database) == 2
    async with database.reading() as connection:
        kinds = [(one.kind.value, one.found_minor) for one in await funding.open_findings(connection, None, 10)]
    assert kinds == [("unknown", 111), ("missing", 0)]
    assert await standing(database, made) == {"bank": DUE + 111, "suspense": 111 + DUE, "own": DUE, "received": DUE}
    await pay(database, day + timedelta(days=1), reference="RF44 first instalment")
    await funding.reconcile_due(database)
    assert await standing(database, made) == {"bank": DUE + 111, "suspense": 111, "own": 0, "received": DUE}
    assert await world.problems(database) == []


@pytest.mark.parametrize(
    "reference", ["RF44 first instalment", "rf44/FIRST-instalment", "Inv 7, RF44 first instalment."]
)
async def test_announced_first_it_is_booked_when_its_line_comes_and_the_approval_lapses(
    client: Client, database: Database, made: world.Drawn, reference: str
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    _, answer = await ask(client, one, "/receipts", announced(made, day))
    # The bank calls the payer otherwise, and books it a day later.
    await pay(database, day + timedelta(days=1), payer="K. O.", reference=reference)
    await funding.reconcile_due(database)
    # Delivered twice, it is booked once.
    assert await book_arrived(database) == [None]
    assert await book_arrived(database) == [None]
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    status, refusal = await approve(client, other, answer)
    assert (status, refusal["code"]) == (409, "approval_stale")
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    assert await world.problems(database) == []


async def test_stated_first_one_person_books_it_and_only_once(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    await pay(database, day, reference="RF44 first instalment")
    await funding.reconcile_due(database)
    assert await standing(database, made) == {"bank": DUE, "suspense": DUE, "own": 0, "received": 0}
    status, answer = await ask(client, one, "/receipts", announced(made, day), "one-key")
    assert status == 201, answer
    assert (answer["receipt"]["interest"], answer["days_past_due"]) == ("85.42", 0)
    assert await ask(client, one, "/receipts", announced(made, day), "one-key") == (status, answer)
    # Announced again under other words, it waits for a line and a person of its own, and moves nothing.
    status, refusal = await ask(client, other, "/receipts", announced(made, day, reference="by phone"))
    assert (status, refusal["approval"]["status"]) == (202, "pending")
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    assert await world.problems(database) == []


async def test_a_line_that_may_be_the_receipt_is_shown_instead_of_posting_beside_it(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    _, waiting = await ask(client, one, "/receipts", announced(made, day))
    await pay(database, day, payer="Somebody else", reference="rent")
    await funding.reconcile_due(database)
    [line_id] = await credits_in_suspense(database)
    status, refusal = await ask(client, other, "/receipts", announced(made, day, reference="by phone"))
    assert (status, refusal["code"]) == (409, "statement_line_exists")
    assert [line["id"] for line in refusal["data"]["lines"]] == [str(line_id)]
    status, refusal = await approve(client, other, waiting)
    assert (status, refusal["code"]) == (409, "statement_line_exists")
    assert await standing(database, made) == {"bank": DUE, "suspense": DUE, "own": 0, "received": 0}
    status, joined = await ask(client, one, f"/receipts/{waiting['receipt_id']}/line", {"line_id": str(line_id)})
    assert (status, joined["status"]) == (200, "matched")
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    assert await world.problems(database) == []


async def test_receipt_and_statement_in_a_race_count_once(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, _ = await treasurers(database)
    day = await first_due(database, made)
    await pay(database, day, reference="RF44 first instalment")
    (status, answer), *_ = await asyncio.gather(
        ask(client, one, "/receipts", announced(made, day)),
        funding.reconcile_due(database),
        funding.reconcile_due(database),
    )
    await book_arrived(database)
    assert status in (201, 202), answer
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    assert await world.problems(database) == []


async def test_approval_and_statement_in_a_race_count_once(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    _, waiting = await ask(client, one, "/receipts", announced(made, day))
    await pay(database, day, reference="RF44 first instalment")
    (status, _), *_ = await asyncio.gather(approve(client, other, waiting), funding.reconcile_due(database))
    await book_arrived(database)
    assert status in (200, 409)
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    assert await world.problems(database) == []


async def test_a_line_is_split_over_several_loans_and_the_rest_returned(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, _ = await treasurers(database)
    other = await world.drawn(database, [300_000])
    async with database.reading() as connection:
        day = await connection.fetchval("SELECT business_date()")
    await pay(database, day, 20_000)
    await world.advance(database, timedelta(days=1))
    await funding.reconcile_due(database)
    [line_id] = set(await credits_in_suspense(database))
    path = f"/receipts/{line_id}/match"
    parts = [
        {"loan_id": str(made.loan.id), "amount": "85.42"},
        {"loan_id": str(other.loan.id), "amount": "114.59", "apply": "prepay"},
    ]
    status, refusal = await ask(client, one, path, {"parts": parts})
    assert (status, refusal["code"], refusal["data"]["remaining"]) == (409, "line_spent", "200.00")
    parts[1]["amount"] = "14.58"
    status, answer = await ask(client, one, path, {"parts": parts})
    assert status == 200
    assert [part["receipt"]["amount"] for part in answer["parts"]] == ["85.42", "14.58"]
    assert await credits_in_suspense(database) == {line_id: 10_000}
    status, answer = await ask(client, one, f"/receipts/{line_id}/return")
    assert (status, answer["amount"]) == (200, "100.00")
    assert await credits_in_suspense(database) == {}
    status, refusal = await ask(client, one, path, {"loan_id": str(made.loan.id), "amount": "0.01"})
    assert (status, refusal["code"]) == (409, "line_spent")
    assert await world.balances(database, other.loan.id, AccountKind.COLLECTIONS) == [0]
    assert await world.problems(database) == []


async def test_a_match_that_is_not_one_way_or_the_other_is_malformed(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, _ = await treasurers(database)
    await pay(database, await first_due(database, made))
    await funding.reconcile_due(database)
    [line_id] = await credits_in_suspense(database)
    loan = str(made.loan.id)
    for body in (
        {},
        {"loan_id": loan, "parts": [{"loan_id": loan, "amount": "1.00"}]},
        {"parts": []},
        {"parts": [{"loan_id": loan, "amount": "1.00"}, {"loan_id": loan, "amount": "2.00"}]},
        {"loan_id": loan, "amount": "0.00"},
        {"loan_id": loan, "amount": "-1.00"},
    ):
        status, _ = await ask(client, one, f"/receipts/{line_id}/match", body)
        assert status == 422, body
    assert await credits_in_suspense(database) == {line_id: DUE}


async def test_a_receipt_far_above_the_debt_takes_two_even_with_its_line(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    await pay(database, day, 123_456_789_00, reference="RF44 first instalment")
    await funding.reconcile_due(database)
    [line_id] = await credits_in_suspense(database)
    before = await standing(database, made)
    big = announced(made, day, amount="123456789.00", line_id=str(line_id))
    status, waiting = await ask(client, one, "/receipts", big)
    assert (status, waiting["approval"]["act"]) == (202, "receipt.match")
    assert await standing(database, made) == before
    status, refusal = await approve(client, one, waiting)
    assert (status, refusal["code"]) == (403, "four_eyes")
    status, done = await approve(client, other, waiting)
    assert (status, done["result"]["status"]) == (200, "repaid")
    assert (await credits_in_suspense(database)) == {}
    assert await world.problems(database) == []


async def test_an_announced_line_far_above_the_debt_stays_in_suspense_with_the_question(
    client: Client, database: Database, made: world.Drawn
) -> None:
    one, _ = await treasurers(database)
    day = await first_due(database, made)
    await ask(client, one, "/receipts", announced(made, day, amount="20000.00"))
    await pay(database, day, 2_000_000, reference="RF44 first instalment")
    await funding.reconcile_due(database)
    assert await book_arrived(database) == ["receipt_exceeds_debt"]
    [listed] = (await client.get("/api/v1/receipts/unmatched", headers=one.headers)).json()["items"]
    assert (listed["remaining"], listed["question"]) == ("20000.00", "receipt_exceeds_debt")
    assert await world.problems(database) == []


async def test_what_was_announced_in_error_waits_no_more(client: Client, database: Database, made: world.Drawn) -> None:
    one, other = await treasurers(database)
    _, waiting = await ask(client, one, "/receipts", announced(made, await first_due(database, made)))
    [listed] = (await client.get("/api/v1/receipts/expected", headers=one.headers)).json()["items"]
    assert listed["id"] == waiting["receipt_id"]
    path = f"/receipts/{waiting['receipt_id']}/withdraw"
    assert (await ask(client, one, path))[1]["status"] == "withdrawn"
    assert (await ask(client, one, path))[1]["code"] == "receipt_resolved"
    assert (await approve(client, other, waiting))[1]["code"] == "approval_stale"
    assert (await client.get("/api/v1/receipts/expected", headers=one.headers)).json()["items"] == []
    assert await world.problems(database) == []


async def test_every_step_leaves_an_audit_entry(client: Client, database: Database, made: world.Drawn) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    _, waiting = await ask(client, one, "/receipts", announced(made, day))
    await approve(client, other, waiting)
    await pay(database, day, 700)
    await funding.reconcile_due(database)
    [line_id] = await credits_in_suspense(database)
    await ask(client, other, f"/receipts/{line_id}/match", {"loan_id": str(made.loan.id)})
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT actor_id, action, subject_id FROM audit_entry ORDER BY id")
    output = {(row["actor_id"], row["action"], row["subject_id"]) for row in rows}
    receipt_id = UUID(waiting["receipt_id"])
    assert {
        (UserId(one.user_id), "receipt.announce", receipt_id),
        (UserId(one.user_id), "approval.proposed", receipt_id),
        (UserId(other.user_id), "approval.approved", receipt_id),
        (UserId(other.user_id), "receipt.allocate", line_id),
    } <= output


async def test_stories_pay_from_outside_through_the_sandbox_bank(
    client: Client, database: Database, made: world.Drawn
) -> None:
    """As an account's IBAN or its currency; never on a day whose statement has gone, nor on one to come."""
    somebody = await make_somebody(database, Role.BORROWER)
    day = await first_due(database, made)
    accounts = (await client.get("/api/v1/sandbox/bank/accounts", headers=somebody.headers)).json()
    by_currency = {one["currency"]: one["account"] for one in accounts}
    iban = by_currency["EUR"]
    body = {"account": iban, "amount": "12.34", "payer": "Ewa Żak", "reference": "loan 7", "day": day.isoformat()}
    spaced = body | {"account": " ".join(iban[i : i + 4] for i in range(0, 28, 4)), "amount": "0.50"}
    for asked in (body, spaced, body | {"account": "EUR", "amount": "7.00"}):
        status, answer = await ask(client, somebody, "/sandbox/bank/credits", asked)
        assert (status, answer["account"], answer["booked_on"]) == (201, iban, day.isoformat())
    for changes, code in (
        ({"account": "PL00 0000"}, "unknown_bank_account"),
        ({"day": (day + timedelta(days=400)).isoformat()}, "day_of_credit_over"),
        ({"amount": "0.00"}, "amount_not_positive"),
    ):
        assert (await ask(client, somebody, "/sandbox/bank/credits", body | changes))[1]["code"] == code
    await funding.reconcile_due(database)
    assert list((await credits_in_suspense(database)).values()) == [1_234, 50, 700]
    status, refusal = await ask(client, somebody, "/sandbox/bank/credits", body)
    assert (status, refusal["code"]) == (409, "day_of_credit_over")
    async with database.reading() as connection:
        statement = await bank.print_statement(connection, "EUR", day)
    assert statement.account == iban and statement.lines[0].payer == "Ewa Żak"
