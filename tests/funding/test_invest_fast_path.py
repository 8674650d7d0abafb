"""The fast path alone: callers who hang up behind a crowd, and what is handed on untouched."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from funding.edge import invest_path, somebody_with_money
from funding.world import check_books, make_world
from halfpenny.funding import DeskSettings, FundingDesk
from halfpenny.funding.invest_fast_path import InvestRoute
from halfpenny.platform.database import Database
from halfpenny.platform.http.asgi import ClientDisconnected
from support.people import make_somebody, tokens_for

BODY = b'{"amount":"50.00","currency":"EUR"}'


class State:
    """What the application's lifespan would have opened."""

    def __init__(self, desk: FundingDesk, tokens: Any) -> None:
        self.desk, self.tokens = desk, tokens


def scope(path: str, token: str, key: str, **headers: str) -> dict[str, Any]:
    sent = {
        "host": "localhost",
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "authorization": f"Bearer {token}",
        "idempotency-key": key,
        **headers,
    }
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }


async def never(*_: Any) -> None:
    raise AssertionError("the ordinary application was asked")


async def test_who_hangs_up_behind_a_crowd_has_no_ticket(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    world, person = await make_world(database), await somebody_with_money(database)
    desk = FundingDesk(database, DeskSettings(batch_tickets=1))
    tokens = tokens_for(database)
    # A token that is cached lets the four arrive in their order.
    await tokens.verify(person.token)
    route = InvestRoute(never, State(desk, tokens))
    # Not started yet: everybody waits, and three are more than one batch takes.
    monkeypatch.setattr(desk, "_closed", False)
    sent: list[Any] = []

    async def call(key: str, *, hangs_up: bool) -> None:
        messages = iter([{"type": "http.request", "body": BODY, "more_body": False}])

        async def receive() -> Any:
            for message in messages:
                return message
            if hangs_up:
                return {"type": "http.disconnect"}
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append((key, message))

        with contextlib.suppress(ClientDisconnected):
            await route(scope(invest_path(world), person.token, key), receive, send)

    calls = [asyncio.create_task(call(f"key {key}".replace(" ", "-"), hangs_up=key == 2)) for key in range(4)]
    await asyncio.wait_for(calls[2], 5)
    assert len(desk) == 4 and sent == []
    desk.start()
    await asyncio.wait_for(asyncio.gather(*calls), 10)
    await desk.stop()
    assert sorted({key for key, message in sent if message.get("status") == 201}) == ["key-0", "key-1", "key-3"]
    async with database.reading() as connection:
        keys = {row[0] for row in await connection.fetch("SELECT idempotency_key FROM investment")}
    assert keys == {"key-0", "key-1", "key-3"}
    await check_books(database)


async def test_what_is_not_plain_goes_on_with_its_body(database: Database) -> None:
    world, person = await make_world(database), await make_somebody(database)
    seen: list[bytes] = []

    async def ordinary(_scope: Any, receive: Any, _send: Any) -> None:
        seen.append((await receive())["body"])

    desk = FundingDesk(database)
    route = InvestRoute(ordinary, State(desk, tokens_for(database)))

    async def receive() -> Any:
        return {"type": "http.request", "body": BODY, "more_body": False}

    path = invest_path(world)
    for odd in (
        scope(path, "nonsense", "k"),
        scope(path, person.token, "a b"),
        scope(path, person.token, "k", **{"content-type": "text/plain"}),
        {**scope(path, person.token, "k"), "headers": [*scope(path, person.token, "k")["headers"], (b"x-a", b"1")] * 2},
        {**scope(path, person.token, "k"), "query_string": b"a=b"},
        {**scope(path, person.token, "k"), "path": path.upper()},
        {**scope(path, person.token, "k"), "method": "PUT"},
    ):
        await route(odd, receive, never)
    assert seen == [BODY] * 7
