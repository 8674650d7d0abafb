"""A key belongs to its owner, whatever the route: one effect. Two processes that race: test_one_key_race.py."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funding.edge import invest_path, make_world, serving, somebody_with_money, warm
from funding.one_key import WAYS, effects, routes
from funding.world import check_books
from halfpenny.platform.database import Database
from halfpenny.platform.idempotency import RequestKey, claim, remember


@pytest.mark.parametrize("fast_path", [True, False])
async def test_the_second_use_with_another_request_is_refused(database: Database, fast_path: bool) -> None:
    world = await make_world(database)
    ask = routes(world)
    async with serving(database, fast_path=fast_path) as client:
        for first, second in [(a, b) for a in WAYS for b in WAYS if a != b]:
            person = await somebody_with_money(database)
            await warm(client, person)
            headers = person.paying("the-one-key")
            answered = await ask[first](client, headers)
            assert answered.is_success, (first, second)
            refused = await ask[second](client, headers)
            assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused"), (first, second)
            again = await ask[first](client, headers)
            assert (again.status_code, again.content) == (answered.status_code, answered.content), (first, second)
            assert await effects(database, person) == 1, (first, second)
    await check_books(database)


async def test_another_persons_key_is_another_key(database: Database) -> None:
    world = await make_world(database)
    people = [await somebody_with_money(database) for _ in range(2)]
    ask = routes(world)
    async with serving(database) as client:
        for person, way in zip(people, ("invest", "deposit"), strict=True):
            assert (await ask[way](client, person.paying("shared"))).is_success
    assert [await effects(database, person) for person in people] == [1, 1]


async def test_a_ticket_waits_for_a_key_that_is_being_claimed_and_holds_nobody_up(database: Database) -> None:
    """Neither answer is known while a deposit with the same key runs; other tickets go on meanwhile."""
    world = await make_world(database)
    person, outsider = await somebody_with_money(database), await somebody_with_money(database)
    ask = routes(world)
    async with serving(database) as client:
        async with database.unit_of_work() as connection:
            request = RequestKey(person.user_id, "slow", b"deposit")
            assert await claim(connection, request) is None
            invested = asyncio.create_task(ask["invest"](client, person.paying("slow")))
            assert (await ask["invest"](client, outsider.paying("quick"))).status_code == 201
            await asyncio.sleep(0.2)
            assert not invested.done()
            await remember(connection, request, 202, {})
        assert (await invested).json()["code"] == "idempotency_key_reused"
    assert (await effects(database, person), await effects(database, outsider)) == (0, 1)


async def test_a_ticket_takes_the_key_when_its_claimer_gives_up(database: Database) -> None:
    world = await make_world(database)
    person = await somebody_with_money(database)
    async with serving(database) as client:
        async with database.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            assert await claim(connection, RequestKey(person.user_id, "slow", b"deposit")) is None
            invested = asyncio.create_task(routes(world)["invest"](client, person.paying("slow")))
            await asyncio.sleep(0.15)
            await transaction.rollback()
        assert (await invested).status_code == 201


async def test_a_claim_that_never_ends_answers_key_in_use(database: Database) -> None:
    world = await make_world(database)
    person = await somebody_with_money(database)
    async with serving(database, wait_s=0.3) as client, database.unit_of_work() as connection:
        await claim(connection, RequestKey(person.user_id, "stuck", b"deposit"))
        outcome = await routes(world)["invest"](client, person.paying("stuck"))
    assert (outcome.status_code, outcome.json()["code"]) == (503, "idempotency_key_in_use")
    assert outcome.headers["retry-after"]
    assert await effects(database, person) == 0


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("way", WAYS)
async def test_two_different_keys_on_one_request_are_refused(database: Database, fast_path: bool, way: str) -> None:
    world = await make_world(database)
    person = await somebody_with_money(database)
    path = {"bulk": "/api/v1/investments/bulk", "deposit": "/api/v1/wallets/EUR/deposits"}
    path |= {"withdraw": "/api/v1/wallets/EUR/withdrawals"}
    async with serving(database, fast_path=fast_path) as client:
        await warm(client, person)

        async def ask(*keys: str) -> httpx2.Response:
            headers = [("idempotency-key", key) for key in keys]
            headers += [(name, value) for name, value in person.headers.items()]
            body: dict[str, Any] = {"amount": "50.00", "currency": "EUR"}
            if way in ("deposit", "withdraw"):
                body = {"amount": "50.00"}
            if way == "bulk":
                body = {"investments": [{"loan_id": str(world.loan.id), "amount": "50.00", "currency": "EUR"}]}
            return await client.post(path.get(way, invest_path(world)), json=body, headers=headers)

        refused = await ask("one", "two")
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_ambiguous")
        assert await effects(database, person) == 0
        assert (await ask("one", "one")).is_success
    assert await effects(database, person) == 1


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(st.tuples(st.sampled_from(WAYS), st.sampled_from(["k1", "k2", "k3"])), max_size=12))
async def test_any_sequence_has_one_effect_a_key(database: Database, sequence: list[tuple[str, str]]) -> None:
    """Whatever came first under a key is what it stands for."""
    world = await make_world(database)
    person = await somebody_with_money(database)
    ask, meaning = routes(world), dict[str, str]()
    async with serving(database) as client:
        for way, key in sequence:
            answer = await ask[way](client, person.paying(key))
            if meaning.setdefault(key, way) == way:
                assert answer.is_success
            else:
                assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await effects(database, person) == len(meaning)
