"""A statement's line against announced receipts: it is one of them, or nobody's, and never counts beside it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from halfpenny import funding
from halfpenny.funding.errors import StatementLineExists
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money
from servicing import world
from servicing.receipts import (
    DUE,
    announced,
    approve,
    ask,
    book_arrived,
    first_due,
    overdue,
    pay,
    pay_under,
    standing,
    treasurers,
)
from support.bank import credits_in_suspense

Client = httpx2.AsyncClient


@pytest.fixture
async def made(database: Database) -> world.Drawn:
    return await overdue(database)


async def test_a_receipt_is_not_posted_beside_the_line_that_surely_is_it(client: Client, database: Database) -> None:
    """Two loans wait for the same words, so the line is neither's by itself; then one of the two approvals is given."""
    one, other = await treasurers(database)
    elsewhere, made = await world.drawn(database, [300_000]), await overdue(database)
    day = await first_due(database, made)
    _, waiting = await ask(client, one, "/receipts", announced(made, day))
    _, second = await ask(client, one, "/receipts", announced(elsewhere, day, apply="prepay"))
    await pay(database, day, reference="RF44 first instalment")
    await funding.reconcile_due(database)
    [line_id] = await credits_in_suspense(database)
    before = await standing(database, made)
    for proposal in (waiting, second):
        status, refusal = await approve(client, other, proposal)
        assert (status, refusal["code"]) == (409, "statement_line_exists")
        assert [line["id"] for line in refusal["data"]["lines"]] == [str(line_id)]
    async with database.unit_of_work() as connection:
        receipt = await funding.lock_receipt(connection, UUID(waiting["receipt_id"]))
        with pytest.raises(StatementLineExists):
            await funding.post_ahead(connection, receipt, other.user_id)
    assert await standing(database, made) == before
    listed = (await client.get("/api/v1/receipts/expected", headers=one.headers)).json()["items"]
    assert [each["status"] for each in listed] == ["expected", "expected"]
    status, _ = await ask(client, one, f"/receipts/{waiting['receipt_id']}/line", {"line_id": str(line_id)})
    assert status == 200
    assert await standing(database, made) == before | {"suspense": 0, "received": DUE}
    assert (await approve(client, other, waiting))[1]["code"] == "approval_stale"
    assert await world.problems(database) == []


@pytest.mark.parametrize(
    "end_to_end_id",
    [UUID(int=7).hex, "5fc6fb70-c57b-49ba-9fca-68648ba8db33", "5BC5F0B282C347BE9426DF945C2641EC"],
)
@pytest.mark.parametrize("ahead", [True, False])
async def test_a_payers_reference_that_only_looks_like_ours_does_not_keep_a_line_from_its_receipt(
    client: Client, database: Database, made: world.Drawn, end_to_end_id: str, ahead: bool
) -> None:
    one, other = await treasurers(database)
    day = await first_due(database, made)
    _, answer = await ask(client, one, "/receipts", announced(made, day, reference=end_to_end_id))
    if ahead:
        assert (await approve(client, other, answer))[0] == 200
    await pay_under(database, day, end_to_end_id)
    await funding.reconcile_due(database)
    assert await book_arrived(database) == ([] if ahead else [None])
    assert await standing(database, made) == {"bank": DUE, "suspense": 0, "own": 0, "received": DUE}
    assert await world.problems(database) == []


@pytest.mark.parametrize("state", ["settled", "pending"])
async def test_a_payment_of_a_wallet_is_nobodys_receipt(
    client: Client, database: Database, made: world.Drawn, state: str
) -> None:
    """Of the same amount on the same day: also where the bank is quicker than its answer to us."""
    one, other = await treasurers(database)
    async with database.reading() as connection:
        today = await connection.fetchval("SELECT business_date()")
    _, answer = await ask(client, one, "/receipts", announced(made, today))
    assert (await approve(client, other, answer))[0] == 200
    async with database.unit_of_work() as connection:
        payment = await funding.request_deposit(connection, made.borrower, Money(DUE, Currency.EUR))
    if state == "settled":
        await funding.settle_payments(database)
    else:
        await pay_under(database, today, payment.id.hex)
    await world.go_to(database, today + timedelta(days=1))
    await funding.reconcile_due(database)
    shown = (await client.get(f"/api/v1/receipts/{answer['receipt_id']}", headers=one.headers)).json()
    assert (shown["status"], shown["line"]) == ("posted_ahead", None)
    async with database.reading() as connection:
        findings = [(one.kind.value, one.reference) for one in await funding.open_findings(connection, None, 10)]
    missing = ("missing", UUID(answer["receipt_id"]).hex)
    assert findings == ([] if state == "settled" else [("unknown", payment.id.hex)]) + [missing]


async def test_a_line_is_shown_with_the_receipt_that_it_is(
    client: Client, database: Database, made: world.Drawn
) -> None:
    """Under its own id as under the receipt's: posted ahead of it, matched by itself, or joined by hand."""
    people = await treasurers(database)
    one, other = people
    day = await first_due(database, made)
    _, ahead = await ask(client, one, "/receipts", announced(made, day))
    assert (await approve(client, other, ahead))[0] == 200
    _, expected = await ask(client, one, "/receipts", announced(made, day, amount="12.30", reference="RF7"))
    await pay(database, day)
    await pay(database, day, 1_230, reference="RF7")
    await funding.reconcile_due(database)
    assert await book_arrived(database) == [None]
    for answer, amount, parts in ((ahead, "85.42", 0), (expected, "12.30", 1)):
        by_receipt = (await client.get(f"/api/v1/receipts/{answer['receipt_id']}", headers=one.headers)).json()
        line_id = by_receipt["line"]["id"]
        by_line = await client.get(f"/api/v1/receipts/{line_id}", headers=one.headers)
        assert (by_line.status_code, by_line.json()) == (200, by_receipt)
        assert (by_receipt["line"]["amount"], by_receipt["status"]) == (amount, "matched")
        assert len(by_receipt["allocations"]) == parts
    missing = await client.get(f"/api/v1/receipts/{uuid4()}", headers=one.headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_receipt")


async def test_a_wallets_payment_that_came_twice_waits_for_no_loan(
    client: Client, database: Database, made: world.Drawn
) -> None:
    """The second one names a wallet: it is offered to no loan, and keeps no receipt of its amount from being posted."""
    one, other = await treasurers(database)
    async with database.unit_of_work() as connection:
        payment = await funding.request_deposit(connection, made.borrower, Money(DUE, Currency.EUR))
    await funding.settle_payments(database)
    async with database.reading() as connection:
        today = await connection.fetchval("SELECT business_date()")
    await pay_under(database, today, payment.id.hex)
    await world.go_to(database, today + timedelta(days=1))
    assert await funding.reconcile_due(database) == 1
    async with database.reading() as connection:
        [finding] = await funding.open_findings(connection, None, 10)
    assert (finding.kind.value, finding.account) == ("duplicate", f"wallet:{made.borrower}")
    assert await credits_in_suspense(database) == {}
    status, refusal = await ask(client, one, f"/receipts/{finding.line_id}/match", {"loan_id": str(made.loan.id)})
    assert (status, refusal["code"]) == (404, "statement_line_not_found")
    _, answer = await ask(client, one, "/receipts", announced(made, today))
    assert (await approve(client, other, answer))[0] == 200
    assert await world.problems(database) == []
