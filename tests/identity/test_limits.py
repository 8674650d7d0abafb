"""Guessing is slowed by address and by account, in every process alike, and never locks the owner out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from fastapi import FastAPI

from halfpenny.identity import Role
from halfpenny.identity.limits import PostgresCounters
from halfpenny.platform.database import Database
from halfpenny.platform.http import EdgeSettings
from support.edge import Client, client_for
from support.people import PASSWORD, make_somebody

MakeApp = Callable[..., Awaitable[FastAPI]]
WRONG = "not the right password"


async def login(client: Client, email: str, password: str = WRONG, **headers: str) -> int:
    answer = await client.post("/api/v1/auth/login", json={"email": email, "password": password}, headers=headers)
    if answer.status_code == 429:
        assert answer.json()["code"] == "too_many_attempts"
        assert 1 <= int(answer.headers["retry-after"]) <= 3_600
        assert answer.json()["data"]["retry_after_s"] == int(answer.headers["retry-after"])
    return answer.status_code


async def test_stuffing_many_accounts_from_one_address_is_slowed(make_app: MakeApp) -> None:
    app = await make_app(failures_per_address="5/hour")
    async with client_for(app, "203.0.113.9") as attacker, client_for(app, "198.51.100.1") as bystander:
        tries = [await login(attacker, f"victim{n}@example.com") for n in range(8)]
        assert tries == [401] * 5 + [429] * 3
        assert await login(bystander, "victim1@example.com") == 401


async def test_the_owner_is_not_locked_out_by_others(make_app: MakeApp, database: Database) -> None:
    victim = await make_somebody(database)
    app = await make_app(failures_per_account="6/hour", failures_per_account_and_address="3/hour")
    async with client_for(app, "198.51.100.1") as home:
        assert await login(home, victim.email, PASSWORD) == 200
        for n in range(10):
            async with client_for(app, f"203.0.113.{n}") as attacker:
                assert await login(attacker, victim.email) == (401 if n < 6 else 429)
        # Even the right password no longer opens it from a strange address: guessing is over.
        async with client_for(app, "203.0.113.77") as lucky:
            assert await login(lucky, victim.email, PASSWORD) == 429
        assert await login(home, victim.email, PASSWORD) == 200


async def test_an_unknown_account_is_limited_like_a_known_one(make_app: MakeApp, database: Database) -> None:
    victim = await make_somebody(database)
    app = await make_app(failures_per_account="3/hour")
    seen = {}
    for email in (victim.email, "nobody@example.com"):
        seen[email] = []
        for n in range(5):
            async with client_for(app, f"203.0.113.{n}") as attacker:
                seen[email].append(await login(attacker, email))
    assert seen[victim.email] == seen["nobody@example.com"] == [401] * 3 + [429] * 2


async def test_right_passwords_cost_nothing(make_app: MakeApp, database: Database) -> None:
    owner = await make_somebody(database)
    limits = dict.fromkeys(
        ("failures_per_address", "failures_per_account", "failures_per_account_and_address"), "2/hour"
    )
    app = await make_app(**limits)
    async with client_for(app) as home:
        assert [await login(home, owner.email, PASSWORD) for _ in range(6)] == [200] * 6


async def test_parallel_guesses_do_not_outrun_the_counter(make_app: MakeApp, database: Database) -> None:
    victim = await make_somebody(database)
    app = await make_app(failures_per_account_and_address="4/hour")
    async with client_for(app) as attacker:
        answers = await asyncio.gather(*(login(attacker, victim.email) for _ in range(20)))
    assert sorted(answers) == [401] * 4 + [429] * 16


async def test_processes_count_together(make_app: MakeApp) -> None:
    apps = [await make_app(failures_per_address="3/hour") for _ in range(2)]
    tries = []
    for n in range(4):
        async with client_for(apps[n % 2]) as attacker:
            tries.append(await login(attacker, f"victim{n}@example.com"))
    assert tries == [401, 401, 401, 429]


async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(make_app: MakeApp) -> None:
    direct = await make_app(failures_per_address="2/hour")
    async with client_for(direct, "203.0.113.9") as attacker:
        tries = [await login(attacker, f"v{n}@example.com", **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(4)]
    assert tries == [401, 401, 429, 429]
    proxied = await make_app(EdgeSettings(trusted_proxies=("192.0.2.0/24",)), failures_per_address="2/hour")
    async with client_for(proxied, "192.0.2.1") as proxy:
        for caller in ("198.51.100.50", "198.51.100.51"):
            # What the caller wrote themselves stands further left than what the proxy appended.
            headers = {"X-Forwarded-For": f"10.0.0.1, {caller}, 192.0.2.7"}
            tries = [await login(proxy, f"v{n}@example.com", **headers) for n in range(3)]
            assert tries == [401, 401, 429]


async def test_registering_in_bulk_is_slowed_and_opens_nothing(make_app: MakeApp, database: Database) -> None:
    app = await make_app(register_per_address="2/hour")
    async with client_for(app) as client:
        for n, expected in enumerate([202, 202, 429, 429]):
            body = {
                "email": f"n{n}@example.com",
                "password": PASSWORD,
                "full_name": "Ada Winterbourne",
                "role": "investor",
            }
            assert (await client.post("/api/v1/auth/register", json=body)).status_code == expected
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM app_user") == 2


async def test_a_stolen_session_cannot_guess_the_password(make_app: MakeApp, database: Database) -> None:
    victim = await make_somebody(database, Role.BORROWER)
    app = await make_app(failures_per_account_and_address="3/hour")
    async with client_for(app) as thief:
        answers = [
            await thief.post(
                "/api/v1/auth/password",
                headers=victim.headers,
                json={"current_password": f"{WRONG} {n}", "new_password": "heron stapler violet dusk"},
            )
            for n in range(5)
        ]
    assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 2


async def test_a_full_queue_of_hashes_answers_sign_in_busy(make_app: MakeApp, database: Database) -> None:
    somebody = await make_somebody(database)
    app = await make_app(hashing_threads=1, hashing_queue=0, failures_per_account_and_address="1/hour")
    release, busy = threading.Event(), app.state.identity.passwords
    blocked = asyncio.ensure_future(busy._run(release.wait))
    await asyncio.sleep(0)
    async with client_for(app) as client:
        # Twice, with a limit of one: what was never looked at does not count as a guess.
        assert [await login(client, somebody.email, PASSWORD) for _ in range(2)] == [503, 503]
        release.set()
        await blocked
        assert await login(client, somebody.email, PASSWORD) == 200


async def test_counters_start_again_after_their_window(database: Database) -> None:
    counters = PostgresCounters(database)
    assert [await counters.incr("k", 60) for _ in range(3)] == [1, 2, 3]
    assert await counters.incr("k", 60, -2) == 1
    assert await counters.incr("k", 60, -9) == 0
    async with database.unit_of_work() as connection:
        await connection.execute("UPDATE rate_window SET hits = 7, expires_at = now() - interval '1 second'")
    assert await counters.get("k") == 0
    assert await counters.incr("k", 60) == 1
    assert await counters.get("k") == 1
    await counters.clear("k")
    assert await counters.get("k") == 0
