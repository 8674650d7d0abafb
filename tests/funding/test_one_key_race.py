"""Two processes are asked at once with one key: whichever takes the key first has its effect, the other has none.

The order is not left to the machine. Each process stops at a barrier just before it takes the key's lock, and the test
opens one barrier after the other; the one that went first is then held with the key in its hands while the other comes.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psycopg
import pytest

from funding.edge import Somebody, make_world, serving, somebody_with_money, warm
from funding.one_key import WAYS, effects, routes
from funding.world import World, check_books
from halfpenny.platform.database import Connection, Database
from halfpenny.platform.servers import DocumentServer
from support.server import api_process

# The lock is taken in two places: by a statement of ``claim``, and for many tickets at once in ``funding_facts``. Both
# ask this function for the lock's number just before. A setting in its address names which process it is.
_BARRIERS = """
ALTER FUNCTION idempotency_lock_id (uuid, text) RENAME TO lock_id_of_key;
CREATE FUNCTION barrier(process text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT hashtext('barrier ' || $1) $$;
CREATE FUNCTION idempotency_lock_id(owner_id uuid, key text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(0, barrier(current_setting('race.process')));
  RETURN lock_id_of_key(owner_id, key);
END $$;
"""
# Whoever waits for a lock: at the barrier of a process, or (null) for anything that lies behind it.
_WAITING = """
SELECT count(*) FILTER (WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = 0
                        AND l.objid::bigint = barrier($1)::bigint & 4294967295),
       count(*) FILTER (WHERE NOT (l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = 0))
FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.datname = current_database() AND NOT l.granted
"""
_PATIENCE_S = 30
PROCESSES = ("ours", "child")


@dataclass
class Race:
    """Two processes that serve one database, by name, and a connection of the owner that holds them up."""

    world: World
    database: Database
    owner: Database
    clients: dict[str, httpx2.AsyncClient]
    holder: Connection

    async def close(self, process: str) -> None:
        await self.holder.execute("SELECT pg_advisory_lock(0, barrier($1))", process)

    async def open(self, *processes: str) -> None:
        """All of them by one statement."""
        await self.holder.execute(
            "SELECT pg_advisory_unlock(0, barrier(process)) FROM unnest($1::text[]) process", list(processes)
        )

    async def until(self, process: str, waits: Callable[[int, int], bool]) -> None:
        """Until ``waits`` is true of how many wait at the barrier of ``process`` and how many behind the barriers."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            row = await self.holder.fetchrow(_WAITING, process)
            if row is not None and waits(row[0], row[1]):
                return
            assert asyncio.get_running_loop().time() < deadline, (process, row)
            await asyncio.sleep(0.005)

    async def somebody(self) -> Somebody:
        person = await somebody_with_money(self.database)
        await asyncio.gather(*(warm(client, person) for client in self.clients.values()))
        return person

    def send(self, process: str, way: str, person: Somebody) -> asyncio.Task[httpx2.Response]:
        async def answer() -> httpx2.Response:
            return await routes(self.world)[way](self.clients[process], person.paying("raced"))

        return asyncio.create_task(answer())


@pytest.fixture
async def race(
    database: Database, database_url: str, document_server: DocumentServer, tmp_path: Path
) -> AsyncIterator[Race]:
    world = await make_world(database, target_minor=100_000_000)
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(_BARRIERS)

    def address(process: str) -> str:
        return f"{database_url}?options=-c%20race.process%3D{process}"

    async with AsyncExitStack() as stack:
        ours = await Database.connect(address("ours"), timeout_s=60)
        stack.push_async_callback(ours.close)
        child = stack.enter_context(api_process(address("child"), document_server.url, tmp_path / "log"))
        clients = {
            "ours": await stack.enter_async_context(serving(ours, attempt_s=30, settle_s=60, wait_s=60)),
            "child": await stack.enter_async_context(httpx2.AsyncClient(base_url=child, timeout=60)),
        }
        owner = await Database.connect(database_url, role=None, timeout_s=60)
        stack.push_async_callback(owner.close)
        holder = await stack.enter_async_context(owner.pool.acquire())
        yield Race(world, database, owner, clients, holder)


async def test_whichever_takes_the_key_first_has_its_effect(race: Race) -> None:
    """Every pair of ways in either order and process; the first one is under way when the second one comes.

    The same request twice is answered twice in the same words; any other second request is refused.
    """
    for (leader, follower), first, second in itertools.product(itertools.permutations(PROCESSES), WAYS, WAYS):
        person = await race.somebody()
        won, lost = await _in_order(race, person, (leader, first), (follower, second))
        outcome = (leader, first, second, won.text, lost.text)
        assert won.is_success, outcome
        if first == second:
            assert (lost.status_code, lost.json()) == (won.status_code, won.json()), outcome
        else:
            assert (lost.status_code, lost.json()["code"]) == (422, "idempotency_key_reused"), outcome
        assert await effects(race.database, person) == 1, outcome
    await check_books(race.database)


async def _in_order(
    race: Race, person: Somebody, first: tuple[str, str], second: tuple[str, str]
) -> tuple[httpx2.Response, httpx2.Response]:
    leader, follower = first[0], second[0]
    both_lock_the_loan = first[1].startswith("invest") and second[1].startswith("invest")
    for process in PROCESSES:
        await race.close(process)
    if both_lock_the_loan:
        # A desk locks the loan before the key: the second never comes to its barrier while the first has not ended.
        leading = race.send(*first, person)
        await race.until(leader, lambda at_barrier, _: at_barrier == 1)
        following = race.send(*second, person)
        await race.until(follower, lambda _, behind: behind == 1)
    else:
        # Who was sent first does not matter: the second is at its barrier already when the first is sent.
        following = race.send(*second, person)
        await race.until(follower, lambda at_barrier, _: at_barrier == 1)
        leading = race.send(*first, person)
        await race.until(leader, lambda at_barrier, _: at_barrier == 1)
    async with race.owner.unit_of_work() as connection:
        # Every way needs the person's row or wallet once it has the key.
        await connection.execute("SELECT FROM app_user WHERE id = $1 FOR UPDATE", person.user_id)
        await connection.execute("SELECT FROM account WHERE owner_id = $1 FOR UPDATE", person.user_id)
        await race.open(leader)
        await race.until(leader, lambda at_barrier, behind: at_barrier == 0 and behind == 1 + both_lock_the_loan)
        await race.open(follower)
        if not both_lock_the_loan:
            await race.until(follower, lambda at_barrier, _: at_barrier == 0)
        await asyncio.sleep(0.03)
        assert not leading.done()
    return await leading, await following


async def test_two_processes_let_go_at_one_moment_have_one_effect_between_them(race: Race) -> None:
    """Who comes first is now the machine's choice; that only one of them has an effect is not."""
    dice = random.Random(11)
    for _ in range(30):
        person = await race.somebody()
        ways = dict(zip(PROCESSES, dice.sample(WAYS, 2), strict=True))
        for process in PROCESSES:
            await race.close(process)
        sent = {process: race.send(process, way, person) for process, way in ways.items()}
        for process in PROCESSES:
            await race.until(process, lambda at_barrier, behind: at_barrier + behind > 0)
        await race.open(*PROCESSES)
        answers = [await answer for answer in sent.values()]
        assert sorted(answer.is_success for answer in answers) == [False, True], [answer.text for answer in answers]
        assert {a.json()["code"] for a in answers if not a.is_success} == {"idempotency_key_reused"}
        assert await effects(race.database, person) == 1
    await check_books(race.database)
