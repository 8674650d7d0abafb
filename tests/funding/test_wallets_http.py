"""Wallets: deposits that arrive, withdrawals that reserve, and their entries."""

from __future__ import annotations

import asyncio

import pytest

from funding.edge import invest_path, serving, somebody_with_money
from funding.world import check_books, make_world
from halfpenny import funding
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency
from support.people import make_somebody


async def test_a_new_wallet_is_empty_in_every_currency(database: Database) -> None:
    person = await make_somebody(database)
    async with serving(database) as client:
        wallets = (await client.get("/api/v1/wallets", headers=person.headers)).json()
    assert {one["currency"] for one in wallets} == set(Currency)
    assert all((one["balance"], one["available"]) == ("0.00", "0.00") for one in wallets)


async def wallet(client: object, headers: dict[str, str], currency: str = "EUR") -> tuple[str, str]:
    answer = await client.get("/api/v1/wallets", headers=headers)  # type: ignore[attr-defined]
    found = next(one for one in answer.json() if one["currency"] == currency)
    return found["balance"], found["available"]


async def test_a_deposit_is_accepted_then_settled_once(database: Database) -> None:
    person = await make_somebody(database)
    async with serving(database) as client:
        headers = person.paying("deposit")
        first = await client.post("/api/v1/wallets/EUR/deposits", json={"amount": "1000.00"}, headers=headers)
        again = await client.post("/api/v1/wallets/EUR/deposits", json={"amount": "1000.00"}, headers=headers)
        assert (first.status_code, first.json()["status"]) == (202, "pending")
        assert again.json() == first.json()
        reused = await client.post("/api/v1/wallets/EUR/deposits", json={"amount": "2000.00"}, headers=headers)
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
        assert await wallet(client, person.headers) == ("0.00", "0.00")
        assert await asyncio.gather(funding.settle_payments(database), funding.settle_payments(database)) in (
            [0, 1],
            [1, 0],
        )
        assert await wallet(client, person.headers) == ("1000.00", "1000.00")
        [payment] = (await client.get("/api/v1/payments", headers=person.headers)).json()["items"]
        assert (payment["id"], payment["status"]) == (first.json()["id"], "settled")
    await check_books(database)


async def test_a_withdrawal_reserves_at_once_and_is_settled_or_returned(database: Database) -> None:
    person = await somebody_with_money(database, 100_000)
    async with serving(database) as client:
        ask = "/api/v1/wallets/EUR/withdrawals"
        paid = await client.post(ask, json={"amount": "400.00"}, headers=person.paying())
        assert paid.status_code == 202
        assert await wallet(client, person.headers) == ("1000.00", "600.00")
        # The sandbox bank returns amounts with 13 cents.
        refused = await client.post(ask, json={"amount": "100.13"}, headers=person.paying())
        assert refused.status_code == 202
        too_much = await client.post(ask, json={"amount": "499.88"}, headers=person.paying())
        assert (too_much.status_code, too_much.json()["code"]) == (409, "insufficient_available")
        assert await wallet(client, person.headers) == ("1000.00", "499.87")
        assert await funding.settle_payments(database) == 2
        assert await wallet(client, person.headers) == ("600.00", "600.00")
        items = (await client.get("/api/v1/payments", headers=person.headers)).json()["items"]
        assert {item["amount"]: item["status"] for item in items if item["direction"] == "withdrawal"} == {
            "400.00": "settled",
            "100.13": "returned",
        }
        entries = (await client.get("/api/v1/wallets/EUR/entries", headers=person.headers)).json()["items"]
        assert [entry["amount"] for entry in entries] == ["-400.00", "1000.00"]
    async with database.reading() as connection:
        left = await connection.fetchval(
            "SELECT sum(credits - debits + pending_credits + pending_debits) FROM account "
            "WHERE kind = 'payouts_in_transit'"
        )
        names = {row["name"] for row in await connection.fetch("SELECT name FROM outbox")}
    assert left == 0
    assert {"withdrawal.settled", "withdrawal.returned"} <= names
    await check_books(database)


async def test_withdraw_and_invest_at_once_one_of_them_wins(database: Database) -> None:
    world = await make_world(database)
    person = await somebody_with_money(database, 10_000)
    async with serving(database) as client:
        answers = await asyncio.gather(
            client.post("/api/v1/wallets/EUR/withdrawals", json={"amount": "100.00"}, headers=person.paying()),
            client.post(invest_path(world), json={"amount": "100.00", "currency": "EUR"}, headers=person.paying()),
        )
    assert sorted(answer.status_code for answer in answers)[1] == 409
    assert sorted(answer.status_code for answer in answers)[0] in (201, 202)
    await check_books(database)


@pytest.mark.parametrize("amount", ["0.00", "-1.00", "1e3", "NaN", "1.001", "9223372036854775808"])
async def test_malformed_payments_change_nothing(database: Database, amount: str) -> None:
    person = await somebody_with_money(database, 10_000)
    async with serving(database) as client:
        for kind in ("deposits", "withdrawals"):
            path = f"/api/v1/wallets/EUR/{kind}"
            answer = await client.post(path, json={"amount": amount}, headers=person.paying())
            assert answer.status_code == 422
            missing = await client.post(path, json={"amount": "10.00"}, headers=person.headers)
            assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")
            unknown = await client.post(
                f"/api/v1/wallets/CHF/{kind}", json={"amount": "10.00"}, headers=person.paying()
            )
            assert unknown.status_code == 422
        assert await wallet(client, person.headers) == ("100.00", "100.00")
    async with database.reading() as connection:
        # The one that brought the money.
        assert await connection.fetchval("SELECT count(*) FROM wallet_payment") == 1


async def test_who_is_not_verified_moves_no_money(database: Database) -> None:
    person = await make_somebody(database, email_verified=False)
    async with serving(database) as client:
        answer = await client.post("/api/v1/wallets/EUR/deposits", json={"amount": "10.00"}, headers=person.paying())
    assert (answer.status_code, answer.json()["code"]) == (403, "email_unverified")


async def test_entries_are_paged_and_ones_own(database: Database) -> None:
    world = await make_world(database)
    person, other = await somebody_with_money(database), await somebody_with_money(database)
    body = {"amount": "50.00", "currency": "EUR"}
    async with serving(database) as client:
        for _ in range(3):
            assert (await client.post(invest_path(world), json=body, headers=person.paying())).status_code == 201
        first = (await client.get("/api/v1/wallets/EUR/entries?limit=3", headers=person.headers)).json()
        assert [entry["amount"] for entry in first["items"]] == ["-50.00"] * 3
        rest = await client.get(
            f"/api/v1/wallets/EUR/entries?limit=3&after={first['next_cursor']}", headers=person.headers
        )
        assert [entry["amount"] for entry in rest.json()["items"]] == ["10000.00"]
        assert rest.json()["next_cursor"] is None
        [own] = (await client.get("/api/v1/wallets/EUR/entries", headers=other.headers)).json()["items"]
        assert own["amount"] == "10000.00"
