"""Receipts at the bank as tests make them: announced, approved, paid from outside, and where the money is then."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx2

from halfpenny import servicing
from halfpenny.identity import Role
from halfpenny.platform.database import Database
from halfpenny.servicing.service import bank_receipts
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support.bank import pay_in_from_outside
from support.people import Somebody, make_somebody

Client = httpx2.AsyncClient
STAKES = [412_345, 587_655]
# What a loan of 10,000.00 at 10.25 % owes at its first instalment.
DUE = 8_542


async def overdue(database: Database) -> world.Drawn:
    """A loan whose first instalment fell due two days ago."""
    loan = await world.drawn(database, STAKES)
    await world.go_to(database, await first_due(database, loan) + timedelta(days=2))
    await servicing.close_days(database)
    return loan


async def first_due(database: Database, made: world.Drawn) -> date:
    async with database.reading() as connection:
        due: date = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"]
        return due


async def treasurers(database: Database) -> tuple[Somebody, Somebody]:
    return await make_somebody(database, Role.TREASURER), await make_somebody(database, Role.ADMINISTRATOR)


def announced(made: world.Drawn, day: date, **changes: Any) -> dict[str, Any]:
    output = {
        "amount": "85.42",
        "currency": "EUR",
        "received_on": day.isoformat(),
        "payer": "Okonkwo & Daughters Ltd",
        "reference": "RF44 first instalment",
        "loan_id": str(made.loan.id),
    }
    return output | changes


async def ask(client: Client, who: Somebody, path: str, body: Any = None, key: str | None = None) -> tuple[int, Any]:
    answer = await client.post(f"/api/v1{path}", json=body or {}, headers=who.paying(key) if key else who.paying())
    return answer.status_code, answer.json()


async def approve(client: Client, who: Somebody, answer: Any) -> tuple[int, Any]:
    return await ask(client, who, f"/approvals/{answer['approval']['id']}/approve")


async def pay(database: Database, day: date, amount_minor: int = DUE, **changes: Any) -> None:
    async with database.unit_of_work() as connection:
        await pay_in_from_outside(connection, amount_minor, day, **changes)


async def pay_under(database: Database, day: date, end_to_end_id: str) -> None:
    """A credit of ``DUE`` on the statement of ``day``, under the payer's own end-to-end id."""
    async with database.unit_of_work() as connection:
        await connection.execute(
            "INSERT INTO sandbox_bank_entry (id, direction, amount_minor, currency, end_to_end_id, booked_on, "
            "value_on, booked_at) VALUES (gen_random_uuid(), 'CRDT', $1, 'EUR', $2, $3, $3, business_now())",
            DUE,
            end_to_end_id,
            day,
        )


async def book_arrived(database: Database, limit_minor: int = 10_000) -> list[str | None]:
    """What the consumer of ``receipt.arrived`` does with every event, also with one that comes twice."""
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT payload FROM outbox WHERE name = 'receipt.arrived' ORDER BY seq")
    codes = []
    for row in rows:
        if row["payload"]["loan_id"]:
            async with database.unit_of_work() as connection:
                codes.append(
                    await bank_receipts.allocate_arrived(
                        connection,
                        UUID(row["payload"]["line_id"]),
                        UUID(row["payload"]["loan_id"]),
                        lambda excess, _: excess > limit_minor,
                    )
                )
    return codes


async def standing(database: Database, made: world.Drawn) -> dict[str, int]:
    """The money that the bank brought, by where it is now; minor units. ``due`` is what the loan should have paid."""
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT kind, debits - credits AS minor FROM account WHERE kind IN ('client_bank', 'own_bank', 'suspense')"
        )
        received = await connection.fetchval(
            "SELECT coalesce(sum((data->'amount'->>'minor')::bigint), 0)::bigint FROM servicing_event "
            "WHERE kind = 'receipt' AND loan_id = $1",
            made.loan.id,
        )
    found = {row["kind"]: row["minor"] for row in rows}
    deposits = sum(made.stakes.values())
    return {
        "bank": found.get("client_bank", 0) - deposits,
        "suspense": -found.get("suspense", 0),
        "own": found.get("own_bank", 0),
        "received": received,
    }
