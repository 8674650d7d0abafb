"""Notifications: reported once, numbered without a gap, one's own and nobody else's."""

from __future__ import annotations

import asyncio
from uuid import UUID

import httpx2
import pytest

from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from halfpenny.realtime import Notice, notify_many
from support.people import make_somebody


def notice(user_id: UUID, key: str, kind: str = "milestone") -> Notice:
    return Notice(user_id, kind, {"percent": 50, "key": key}, key)


async def numbers(database: Database, user_id: UUID) -> list[tuple[int, str]]:
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT seq, dedupe_key FROM notification WHERE user_id = $1 ORDER BY seq", user_id
        )
    return [(row["seq"], row["dedupe_key"]) for row in rows]


async def test_nobody_is_notified_twice_under_one_key(database: Database) -> None:
    one, two = (await make_somebody(database)).user_id, (await make_somebody(database)).user_id
    async with database.unit_of_work() as connection:
        outcome = await notify_many(
            connection, [notice(one, "half"), notice(two, "half"), notice(one, "half"), notice(one, "full")]
        )
    assert outcome == 3
    async with database.unit_of_work() as connection:
        assert await notify_many(connection, [notice(one, "full"), notice(one, "late"), notice(two, "half")]) == 1
        assert await notify_many(connection, []) == 0
    assert await numbers(database, one) == [(1, "half"), (2, "full"), (3, "late")]
    assert await numbers(database, two) == [(1, "half")]


async def test_a_transaction_that_rolls_back_notifies_nobody_and_uses_no_number(database: Database) -> None:
    person = (await make_somebody(database)).user_id
    with pytest.raises(ZeroDivisionError):
        async with database.unit_of_work() as connection:
            await notify_many(connection, [notice(person, "half")])
            raise ZeroDivisionError
    async with database.unit_of_work() as connection:
        await notify_many(connection, [notice(person, "full")])
    assert await numbers(database, person) == [(1, "full")]


async def test_writers_at_the_same_time_leave_no_gap_and_no_double(database: Database) -> None:
    people = [(await make_somebody(database)).user_id for _ in range(3)]

    async def write(turn: int) -> None:
        order = people if turn % 2 else people[::-1]
        async with database.unit_of_work() as connection:
            await notify_many(connection, [notice(person, f"key {turn // 2}") for person in order])

    await asyncio.gather(*(write(turn) for turn in range(12)))
    for person in people:
        outcome = await numbers(database, person)
        assert [seq for seq, _ in outcome] == [1, 2, 3, 4, 5, 6]
        assert len({key for _, key in outcome}) == 6


async def test_one_reads_ones_own_page_by_page_and_marks_them(client: httpx2.AsyncClient, database: Database) -> None:
    somebody, other = await make_somebody(database), await make_somebody(database)
    async with database.unit_of_work() as connection:
        await notify_many(connection, [notice(somebody.user_id, f"key {n}") for n in range(5)])
        await notify_many(connection, [notice(other.user_id, "theirs")])
    seen, after = [], ""
    while True:
        answer = await client.get(f"/api/v1/notifications?limit=2{after}", headers=somebody.headers)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            break
        after = f"&after={answer.json()['next_cursor']}"
    assert [one["seq"] for one in seen] == [5, 4, 3, 2, 1]
    assert seen[0]["data"] == {"percent": 50, "key": "key 4"}
    assert all(one["read_at"] is None for one in seen)

    first = await client.post(f"/api/v1/notifications/{seen[0]['id']}/read", headers=somebody.headers)
    again = await client.post(f"/api/v1/notifications/{seen[0]['id']}/read", headers=somebody.headers)
    assert first.status_code == 200
    assert first.json()["read_at"] == again.json()["read_at"] is not None


async def test_another_persons_notification_is_not_found_and_stays_unread(
    client: httpx2.AsyncClient, database: Database
) -> None:
    somebody, other = await make_somebody(database), await make_somebody(database)
    async with database.unit_of_work() as connection:
        await notify_many(connection, [notice(other.user_id, "theirs")])
        theirs = await connection.fetchval("SELECT id FROM notification")
    for id in (theirs, uuid7()):
        answer = await client.post(f"/api/v1/notifications/{id}/read", headers=somebody.headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT read_at FROM notification") is None
    assert (await client.get("/api/v1/notifications")).status_code == 401
    assert (await client.post("/api/v1/realtime/connection-token")).status_code == 401
