"""Row 17: an extension leaves arrears and default interest owed, only a waiver takes them, and easing the terms of a
borrower in difficulty marks the borrower unlikely to pay unless two people say why not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from halfpenny import loans, servicing
from halfpenny.identity import Role
from halfpenny.loans import Status
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money, format_minor
from halfpenny.servicing.service import arrears
from servicing import world
from support.people import Somebody, make_somebody
from support.worked_tables import worked_table

EUR = Currency.EUR
REASON = {"reason": "The buyer's bank needs six more weeks; its letter is on file."}
Client = httpx2.AsyncClient

# The service.


async def staff(database: Database) -> tuple[Somebody, Somebody]:
    return await make_somebody(database, Role.SERVICER), await make_somebody(database, Role.ADMINISTRATOR)


async def matured(database: Database, stakes: list[int]) -> world.Drawn:
    """A loan of three months that nothing was paid of, 32 days after its maturity."""
    made = await world.drawn(database, stakes, term_months=3)
    async with database.reading() as connection:
        matures_on = (await loans.get(connection, made.loan.id)).matures_on
    assert matures_on is not None
    await world.go_to(database, matures_on + timedelta(days=32))
    await servicing.close_days(database)
    return made


async def standing(database: Database, made: world.Drawn) -> tuple[str, int, bool]:
    async with database.reading() as connection:
        row = await connection.fetchrow("SELECT * FROM serviced_loan WHERE loan_id = $1", made.loan.id)
        loan = await loans.get(connection, made.loan.id)
        due = await servicing.amount_due(connection, made.loan.id)
    assert row is not None
    return loan.status.value, due, row["unlikely_to_pay"]


async def approve(client: Client, answer: httpx2.Response, by: Somebody) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    done = await client.post(f"/api/v1/approvals/{answer.json()['approval']['id']}/approve", headers=by.headers)
    assert done.status_code == 200, done.text
    result: dict[str, Any] = done.json()["result"]
    return result


async def test_an_extension_of_a_borrower_who_is_past_due_is_a_default(client: Client, database: Database) -> None:
    made = await matured(database, [123_457, 876_543])
    one, _ = await staff(database)
    _, due, _ = await standing(database, made)
    answer = await client.post(
        f"/api/v1/loans/{made.loan.id}/extension", json=REASON | {"months": 4}, headers=one.paying()
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["due"]["principal"] == "0.00"
    assert answer.json()["total_due"] == format_minor(due - 1_000_000)
    assert float(answer.json()["due"]["default_interest"]) > 0
    assert (await standing(database, made))[::2] == ("defaulted", True)
    async with database.reading() as connection:
        kinds = await connection.fetch("SELECT kind FROM servicing_event WHERE loan_id = $1", made.loan.id)
    assert [row["kind"] for row in kinds] == ["extension", "default"]
    assert await world.problems(database) == []
    # It goes on: paid off on a later day, to the cent and with nothing left.
    await world.advance(database, timedelta(days=40))
    await servicing.close_days(database)
    async with database.reading() as connection:
        figure = (await servicing.redemption_on(connection, made.loan.id, None)).payable
    await world.repay(database, made, figure)
    assert (await standing(database, made))[:2] == ("repaid", 0)
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []


async def test_two_people_may_say_why_the_borrower_will_pay(client: Client, database: Database) -> None:
    made = await matured(database, [100_000])
    one, other = await staff(database)
    before = await standing(database, made)
    body = REASON | {"months": 4, "unlikely_to_pay": False}
    answer = await client.post(f"/api/v1/loans/{made.loan.id}/extension", json=body, headers=one.paying())
    assert answer.status_code == 202, answer.text
    assert await standing(database, made) == before
    own = await client.post(f"/api/v1/approvals/{answer.json()['approval']['id']}/approve", headers=one.headers)
    assert (own.status_code, own.json()["code"]) == (403, "four_eyes")
    assert await standing(database, made) == before
    result = await approve(client, answer, other)
    assert result["status"] == "active"
    assert (await standing(database, made))[::2] == ("active", False)
    assert await world.problems(database) == []


@pytest.mark.parametrize("way", ["pause", "waivers"])
async def test_every_kind_of_forbearance_marks_a_borrower_who_is_past_due(
    client: Client, database: Database, way: str
) -> None:
    made = await matured(database, [250_000])
    one, _ = await staff(database)
    body: dict[str, Any] = {"component": "interest", "amount": "1.23", "currency": "EUR"}
    if way == "pause":
        body = {name: (made.drawn_on + timedelta(days=n)).isoformat() for name, n in (("first", 3), ("last", 9))}
    answer = await client.post(f"/api/v1/loans/{made.loan.id}/{way}", json=REASON | body, headers=one.paying())
    assert answer.status_code == 200, answer.text
    assert (await standing(database, made))[::2] == ("defaulted", True)
    assert await world.problems(database) == []


async def test_a_borrower_who_owes_nothing_overdue_is_not_marked(client: Client, database: Database) -> None:
    made = await world.drawn(database, [100_000])
    one, _ = await staff(database)
    answer = await client.post(
        f"/api/v1/loans/{made.loan.id}/extension", json=REASON | {"months": 2}, headers=one.paying()
    )
    assert answer.status_code == 200, answer.text
    assert (await standing(database, made))[::2] == ("active", False)
    # Unless whoever decides says so.
    body = REASON | {"months": 1, "unlikely_to_pay": True}
    answer = await client.post(f"/api/v1/loans/{made.loan.id}/extension", json=body, headers=one.paying())
    assert answer.status_code == 200, answer.text
    assert (await standing(database, made))[::2] == ("defaulted", True)
    assert await world.problems(database) == []


def waiver(amount: str, component: str = "default_interest", **more: Any) -> dict[str, Any]:
    return REASON | {"component": component, "amount": amount, "currency": "EUR"} | more


async def test_waivers_of_a_loan_count_together_towards_the_second_person(client: Client, database: Database) -> None:
    """60.00 by one person, and 40.01 more, which makes it 100.01, by two."""
    made = await matured(database, [4_000_000, 3_000_000])
    one, other = await staff(database)
    path = f"/api/v1/loans/{made.loan.id}/waivers"
    _, due, _ = await standing(database, made)
    first = await client.post(path, json=waiver("60.00"), headers=one.paying())
    assert first.status_code == 200, first.text
    assert (first.json()["total_due"], first.json()["waived"]) == (format_minor(due - 6_000), "60.00")
    second = await client.post(path, json=waiver("40.01", "interest"), headers=one.paying())
    assert second.status_code == 202
    assert (await standing(database, made))[1] == due - 6_000
    result = await approve(client, second, other)
    assert (result["total_due"], result["waived"]) == (format_minor(due - 10_001), "100.01")
    async with database.reading() as connection:
        entries = await connection.fetch(
            "SELECT data FROM audit_entry WHERE action = 'loan.waive' AND subject_id = $1 ORDER BY id", made.loan.id
        )
        journals = await connection.fetchval("SELECT count(*) FROM transfer WHERE event = 'waiver'")
    assert [(row["data"]["component"], row["data"]["amount"]) for row in entries] == [
        ("default_interest", "60.00"),
        ("interest", "40.01"),
    ]
    # What was never received stands nowhere in the ledger: nothing is posted.
    assert journals == 0
    assert await world.problems(database) == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (waiver("9999999.00"), 409, "waiver_exceeds_due"),
        (waiver("1.00", "penalty"), 409, "waiver_exceeds_due"),
        (waiver("0.00"), 422, None),
        (waiver("1.00", "principal"), 422, None),
        (waiver("1.00", currency="PLN"), 422, "currency_mismatch"),
    ],
)
async def test_what_cannot_be_waived_changes_nothing(
    client: Client, database: Database, body: dict[str, Any], status: int, code: str | None
) -> None:
    made = await matured(database, [100_000])
    one, other = await staff(database)

    async def rows() -> list[Any]:
        async with database.reading() as connection:
            return [
                await connection.fetch("SELECT * FROM serviced_loan"),
                await connection.fetchval("SELECT count(*) FROM servicing_event"),
                await connection.fetchval("SELECT count(*) FROM audit_entry WHERE action = 'loan.waive'"),
                await connection.fetchval("SELECT count(*) FROM transfer"),
            ]

    before = await rows()
    answer = await client.post(f"/api/v1/loans/{made.loan.id}/waivers", json=body, headers=one.paying())
    if answer.status_code == 202:
        approval = answer.json()["approval"]["id"]
        answer = await client.post(f"/api/v1/approvals/{approval}/approve", headers=other.headers)
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json()["code"] == code
    assert await rows() == before


async def test_a_waived_recovery_cost_is_borne_by_the_fees_as_the_ledger_says(
    client: Client, database: Database
) -> None:
    """The worked example of docs/algorithms/ledger.md, journal by journal."""
    rows = worked_table("ledger.md", "A waiver")
    made = await world.drawn(database, [100_000])
    one, _ = await staff(database)
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvency proceedings opened.")
        await arrears.advance_cost(connection, made.loan.id, Money(12_000, EUR), "court", made.staff, "Costs.")
    answer = await client.post(
        f"/api/v1/loans/{made.loan.id}/waivers", json=waiver("15.00", "recovery_cost"), headers=one.paying()
    )
    assert answer.status_code == 200, answer.text
    await world.repay(database, made, 10_500)
    async with database.reading() as connection:
        found = await connection.fetch(
            "SELECT t.event, d.kind AS debit, c.kind AS credit, t.amount FROM transfer t "
            "JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id "
            "WHERE t.reference = $1 AND t.event IN ('cost_advanced', 'waiver', 'receipt') "
            "ORDER BY t.recorded_at, t.journal_id, t.ordinal",
            made.loan.id,
        )
        assert (await loans.get(connection, made.loan.id)).status is Status.DEFAULTED
    expected = [(row["event"], row["debit"].split()[0], row["credit"].split()[0], row["amount"]) for row in rows]
    assert [(row["event"], row["debit"], row["credit"], format_minor(row["amount"])) for row in found] == expected
    assert await world.problems(database) == []
