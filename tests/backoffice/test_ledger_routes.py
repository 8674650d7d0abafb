"""The ledger as staff read it over REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from halfpenny import ledger
from halfpenny.backoffice.rest import router
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency
from support.edge import Client
from support.lending_app import lending_client
from support.people import make_somebody

BOOKS = "/api/v1/backoffice/ledger"


@pytest.fixture
async def client(database: Database) -> AsyncIterator[Client]:
    async with lending_client(database, router) as client:
        yield client


async def test_staff_read_the_trial_balance_a_statement_and_the_chain(client: Client, database: Database) -> None:
    anna = await make_somebody(database, "administrator")
    owner = uuid7()
    bank, wallet = (
        Account(AccountKind.CLIENT_BANK, None, Currency.EUR),
        Account(AccountKind.WALLET, owner, Currency.EUR),
    )
    async with database.unit_of_work() as connection:
        today = await business_date(connection)
        await ledger.post(connection, Journal(JournalId(uuid7()), "deposit", (Transfer(bank, wallet, 12_345),), today))
    async with database.unit_of_work() as connection:
        await ledger.seal(connection)

    trial = (await client.get(f"{BOOKS}/trial-balance", headers=anna.headers)).json()
    assert trial["totals"] == [{"currency": "EUR", "debits": "123.45", "credits": "123.45"}]
    days = f"first={today - timedelta(days=1)}&last={today}"
    outcome = await client.get(f"{BOOKS}/accounts/wallet/EUR/statement?{days}&owner_id={owner}", headers=anna.headers)
    found = outcome.json()
    assert (found["opening"], found["closing"], found["entries"][0]["amount"]) == ("0.00", "123.45", "123.45")
    head = (await client.get(f"{BOOKS}/chain-head", headers=anna.headers)).json()
    assert head["segments"] == 1
    assert len(head["sha256"]) == 64


async def test_a_statement_backwards_is_malformed(client: Client, database: Database) -> None:
    anna = await make_somebody(database, "administrator")
    path = f"{BOOKS}/accounts/fee_income/EUR/statement?first=2026-02-01&last=2026-01-01"
    answer = await client.get(path, headers=anna.headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "statement_backwards")


@pytest.mark.parametrize(
    "path", ["/trial-balance", "/chain-head", "/general-ledger.csv?first=2026-01-01&last=2026-01-31"]
)
async def test_only_staff_may_read_the_books(client: Client, database: Database, path: str) -> None:
    investor = await make_somebody(database, "investor")
    assert (await client.get(f"{BOOKS}{path}", headers=investor.headers)).json()["code"] == "wrong_role"
    assert (await client.get(f"{BOOKS}{path}")).status_code == 401
