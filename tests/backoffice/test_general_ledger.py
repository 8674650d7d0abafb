"""The general ledger as a file: balanced by day, without a gap between periods, and equal to the transfers it sums."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from halfpenny import servicing
from halfpenny.backoffice.rest import router
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency
from servicing import world
from support.edge import Client
from support.lending_app import lending_client
from support.people import Somebody, make_somebody

PATH = "/api/v1/backoffice/ledger/general-ledger.csv"
Key = tuple[str, str]


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router) as client:
        yield client


async def export(client: Client, who: Somebody, first: date, last: date) -> list[dict[str, str]]:
    answer = await client.get(f"{PATH}?first={first}&last={last}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="general-ledger-{first}-{last}.csv"'
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def amounts(rows: list[dict[str, str]], kind: str) -> dict[Key, Decimal]:
    return {(row["account"], row["currency"]): Decimal(row["balance"]) for row in rows if row["row"] == kind}


async def a_life(database: Database) -> tuple[date, date]:
    """Two currencies, two loans, four receipts on different days, two of them shared out."""
    made = await world.drawn(database, [100_000, 234_567])
    await world.drawn(database, [777_700], currency=Currency.PLN)
    for days, minor in ((35, 9_000), (3, 123), (40, 2_857), (1, 50_001)):
        await world.advance(database, timedelta(days=days))
        await world.repay(database, made, minor)
        await servicing.pay_distributions(database)
    async with database.reading() as connection:
        today: date = await connection.fetchval("SELECT business_date()")
    return made.drawn_on, today


async def test_every_row_is_the_sum_of_its_transfers_and_every_day_balances(client: Client, database: Database) -> None:
    anna = await make_somebody(database, "auditor")
    since, today = await a_life(database)
    first, last = since + timedelta(days=1), today - timedelta(days=1)
    rows = await export(client, anna, first, last)
    async with database.reading() as connection:
        transfers: list[Any] = await connection.fetch(
            "SELECT t.*, d.kind AS debit, c.kind AS credit FROM transfer t JOIN account d ON d.id = debit_account_id "
            "JOIN account c ON c.id = credit_account_id"
        )
    sums: Counter[tuple[Key, str, str, str]] = Counter()
    opening: Counter[Key] = Counter()
    for one in transfers:
        for side, sign in (("debit", 1), ("credit", -1)):
            key = (one[side], one["currency"])
            if one["effective_date"] < first:
                opening[key] += sign * one["amount"]
            elif one["effective_date"] <= last:
                sums[key, one["effective_date"].isoformat(), one["event"], side] += one["amount"]
    movements = [row for row in rows if row["row"] == "movement"]
    found: Counter[tuple[Key, str, str, str]] = Counter()
    for row in movements:
        for side in ("debit", "credit"):
            if minor := int(Decimal(row[side]) * 100):
                found[(row["account"], row["currency"]), row["day"], row["event"], side] += minor
    assert found == sums and len(movements) > 8
    assert {key: int(100 * balance) for key, balance in amounts(rows, "opening").items() if balance} == {
        key: minor for key, minor in opening.items() if minor
    }
    assert {row["currency"] for row in rows} == {"EUR", "PLN"}
    for currency in ("EUR", "PLN"):
        for day in {row["day"] for row in movements if row["currency"] == currency}:
            of_day = [row for row in movements if (row["currency"], row["day"]) == (currency, day)]
            assert sum(Decimal(row["debit"]) for row in of_day) == sum(Decimal(row["credit"]) for row in of_day)
        for kind in ("opening", "closing"):
            assert sum(value for key, value in amounts(rows, kind).items() if key[1] == currency) == 0


async def test_periods_meet_and_the_last_one_ends_with_the_trial_balance(client: Client, database: Database) -> None:
    anna = await make_somebody(database, "treasurer")
    since, today = await a_life(database)
    middle = since + timedelta(days=36)
    before = await export(client, anna, since - timedelta(days=30), middle)
    after = await export(client, anna, middle + timedelta(days=1), today)
    assert {key: value for key, value in amounts(before, "closing").items() if value} == {
        key: value for key, value in amounts(after, "opening").items() if value
    }
    trial = (await client.get("/api/v1/backoffice/ledger/trial-balance", headers=anna.headers)).json()
    assert {key: value for key, value in amounts(after, "closing").items() if value} == {
        (line["kind"], line["currency"]): balance
        for line in trial["lines"]
        if (balance := Decimal(line["debits"]) - Decimal(line["credits"]))
    }


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        ("2026-02-01", "2026-01-31", "statement_backwards"),
        ("2025-01-01", "2026-01-02", "period_too_long"),
        ("2026-02-30", "2026-03-01", "malformed"),
    ],
)
async def test_what_cannot_be_exported_is_named(
    client: Client, database: Database, first: str, last: str, code: str
) -> None:
    anna = await make_somebody(database, "auditor")
    answer = await client.get(f"{PATH}?first={first}&last={last}", headers=anna.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    whole_year = await client.get(f"{PATH}?first=2025-01-01&last=2026-01-01", headers=anna.headers)
    assert whole_year.status_code == 200
