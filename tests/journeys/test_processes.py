"""Several processes over one database and one queue: they send the same, and what dies is missed by nobody."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx2
import psycopg
import pytest
from websockets.asyncio.client import connect

from halfpenny.loans import Loan
from halfpenny.platform.database import Database
from support import lending, market
from support.money import pay_in
from support.people import Somebody, make_somebody
from support.programs import Programs

PATIENCE_S = 60.0
TICKETS = 40


@asynccontextmanager
async def watching(address: str, topic: str) -> AsyncIterator[list[dict[str, Any]]]:
    """The frames of a topic as they come; the snapshot is there already."""
    frames: list[dict[str, Any]] = []
    async with connect(address.replace("http", "ws", 1) + "/ws") as socket:
        await socket.send(json.dumps({"op": "subscribe", "topic": topic}))
        frames.append(json.loads(await asyncio.wait_for(socket.recv(), PATIENCE_S)))

        async def read() -> None:
            async for text in socket:
                frames.append(json.loads(text))

        reading = asyncio.create_task(read())
        try:
            yield frames
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def until(what: str, true: Callable[[], Awaitable[bool]]) -> None:
    """Poll another program; there is nothing else to wait for."""
    deadline = time.monotonic() + PATIENCE_S
    while not await true():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.05)


async def a_market(database: Database) -> tuple[Loan, list[Somebody]]:
    """An open loan and two investors with 1,000.00 each in its currency."""
    investors = [await make_somebody(database) for _ in range(2)]
    async with database.unit_of_work() as connection:
        administrator = await lending.person(connection, "administrator")
        borrower = await lending.person(connection, "borrower")
        loan = await market.open_loan(connection, borrower, administrator, 0)
        for one in investors:
            await pay_in(connection, [one.user_id], 1_000_000)
    return loan, investors


@pytest.mark.timeout(600)
async def test_two_api_processes_send_watchers_the_same(programs: Programs, database: Database) -> None:
    """Tickets go to either process, by turns; watchers of either see the same states under the same numbers."""
    loan, investors = await a_market(database)
    addresses = [await asyncio.to_thread(programs.api, name) for name in ("api-1", "api-2")]
    programs.worker()
    topic = f"loan:{loan.id}"
    async with (
        watching(addresses[0], topic) as first,
        watching(addresses[1], topic) as second,
        watching(addresses[0], "marketplace") as first_market,
        watching(addresses[1], "marketplace") as second_market,
        httpx2.AsyncClient(timeout=30) as client,
    ):
        for number in range(TICKETS):
            answer = await client.post(
                f"{addresses[number % 2]}/api/v1/loans/{loan.id}/invest",
                json={"amount": "50.00", "currency": "EUR"},
                headers=investors[number // 2 % 2].paying(),
            )
            assert answer.status_code == 201, answer.text
        latest = answer.json()["funding"]
        assert latest["funded"] == f"{TICKETS * 50}.00"

        async def all_seen() -> bool:
            shown = [frames[-1]["data"] for frames in (first, second)]
            if any(one["version"] != latest["version"] for one in shown):
                return False
            return all(_entry(frames, str(loan.id), latest["version"]) for frames in (first_market, second_market))

        await until("every watcher sees the last ticket", all_seen)
        listed = [await _listed(client, address, str(loan.id), latest["version"]) for address in addresses]
    for member in ("funded", "remaining", "investors", "version", "target"):
        assert first[-1]["data"][member] == second[-1]["data"][member] == latest[member]
    for one, other in ((first, second), (first_market, second_market)):
        _same_numbers_mean_the_same(one, other)
        for frames in (one, other):
            numbers = [frame["seq"] for frame in frames]
            assert numbers == sorted(set(numbers))
    assert first[-1]["seq"] == second[-1]["seq"]
    assert listed[0] == listed[1] == {"funded": {"amount": latest["funded"]}, "version": latest["version"]}
    books = programs.command("check", "books")
    assert books.returncode == 0, books.stdout


def _entry(frames: list[dict[str, Any]], loan_id: str, version: int) -> bool:
    return any(
        entry["loan_id"] == loan_id and entry["version"] == version
        for frame in frames
        for entry in frame["data"]["loans"]
    )


def _same_numbers_mean_the_same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """Each process may leave numbers out, but what two of them state under one number is one state.

    Of the shared topic only single steps are compared: a frame that skips numbers names what changed over all of
    them, and another process may have skipped others.
    """

    def states(frames: list[dict[str, Any]]) -> dict[int, Any]:
        found = {}
        for before, frame in pairwise(frames):
            if "loans" not in frame["data"] or frame["seq"] == before["seq"] + 1:
                found[frame["seq"]] = frame["data"]
        return found

    ours, theirs = states(one), states(other)
    for seq in ours.keys() & theirs.keys():
        assert ours[seq] == theirs[seq]


async def _listed(client: httpx2.AsyncClient, address: str, loan_id: str, version: int) -> dict[str, Any]:
    """What the process lists, once its listing has caught up."""
    found: dict[str, Any] = {}

    async def shown() -> bool:
        question = {"query": f'{{ loan(id: "{loan_id}") {{ funding {{ funded {{ amount }} version }} }} }}'}
        answer = (await client.post(f"{address}/graphql", json=question)).json()
        found.update((answer["data"]["loan"] or {"funding": {}})["funding"])
        return found.get("version") == version

    await until("the listing shows the last ticket", shown)
    return found


@pytest.mark.timeout(600)
async def test_applications_outlive_the_risk_service(programs: Programs, database: Database, database_url: str) -> None:
    """Without the risk service applications are taken; once it is back each is assessed, once."""
    borrower = await make_somebody(database, "borrower")
    address = await asyncio.to_thread(programs.api)
    programs.worker()
    async with httpx2.AsyncClient(base_url=f"{address}/api/v1", headers=borrower.headers, timeout=30) as client:

        async def apply() -> str:
            answer = await client.post("/loans", json=lending.body())
            assert (answer.status_code, answer.json()["status"]) == (201, "submitted"), answer.text
            return str(answer.json()["id"])

        async def assessed(loan_id: str) -> bool:
            return bool((await client.get(f"/loans/{loan_id}")).json()["status"] == "assessed")

        before = await apply()
        programs.risk()
        await until("the waiting application is assessed", lambda: assessed(before))
        programs.kill("risk")
        during = [await apply() for _ in range(3)]
        for loan_id in during:
            assert (await client.get(f"/loans/{loan_id}")).json()["status"] == "submitted"
        programs.risk()
        for loan_id in during:
            await until("the applications of the outage are assessed", lambda one=loan_id: assessed(one))  # type: ignore[misc]
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT loan_id, count(*) FROM assessment GROUP BY loan_id").fetchall()
    assert sorted((str(loan_id), count) for loan_id, count in rows) == sorted((one, 1) for one in [before, *during])


@pytest.mark.timeout(600)
async def test_investing_does_not_notice_a_lost_document_store(
    programs: Programs, database: Database, database_url: str
) -> None:
    """The listings are dropped while tickets are taken: no ticket fails, and the market comes back by itself."""
    loan, investors = await a_market(database)
    address = await asyncio.to_thread(programs.api)
    programs.worker()
    async with httpx2.AsyncClient(timeout=30) as client:
        await _listed(client, address, str(loan.id), 1)
        for number in range(12):
            if number == 4:
                await asyncio.to_thread(_drop, programs)
            answer = await client.post(
                f"{address}/api/v1/loans/{loan.id}/invest",
                json={"amount": "50.00", "currency": "EUR"},
                headers=investors[number % 2].paying(),
            )
            assert answer.status_code == 201, answer.text
        version = answer.json()["funding"]["version"]
        listed = await _listed(client, address, str(loan.id), version)
    assert listed["funded"]["amount"] == "600.00"


def _drop(programs: Programs) -> None:
    import pymongo

    with pymongo.MongoClient[dict[str, Any]](programs.mongo_url) as client:
        client.drop_database(programs.mongo_name)
