"""Two API processes on one database, with real sockets: what a watcher of either is notified is the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from halfpenny.platform.database import Database
from halfpenny.platform.servers import DocumentServer
from halfpenny.realtime import Notice, notify_many
from support.people import make_somebody
from support.server import api_process

Move = Callable[..., Awaitable[int]]


Serve = Callable[[int], list[str]]


@pytest.fixture
def serve(database_url: str, document_server: DocumentServer, tmp_path: Path) -> Iterator[Serve]:
    """Start that many API processes, side by side; returns their addresses."""
    with ExitStack() as stack, ThreadPoolExecutor() as threads:

        def start(number: int) -> str:
            folder = tmp_path / str(number)
            folder.mkdir()
            return stack.enter_context(api_process(database_url, document_server.url, folder / "log"))

        yield lambda count: list(threads.map(start, range(count)))


def socket(address: str, **options: Any) -> Any:
    return connect(address.replace("http", "ws", 1) + "/ws", **options)


async def ask(client: ClientConnection, **request: Any) -> None:
    await client.send(json.dumps(request))


async def frame(client: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        answer: dict[str, Any] = json.loads(await client.recv())
    return answer


async def until_seq(client: ClientConnection, seq: int) -> dict[str, Any]:
    while (answer := await frame(client))["seq"] != seq:
        assert answer["seq"] < seq
    return answer


async def test_watchers_of_either_process_receive_the_same(
    serve: Serve, database: Database, loan_id: UUID, move: Move
) -> None:
    one, two = serve(2)
    person = await make_somebody(database)
    async with socket(one) as first, socket(two) as second:
        for client in (first, second):
            await ask(client, op="subscribe", topic=f"loan:{loan_id}")
        assert await frame(first) == await frame(second)
        for _ in range(5):
            version = await move(loan_id)
        assert (await until_seq(first, version))["data"] == (await until_seq(second, version))["data"]

        # A connection token of one process is good at the other; each notification comes once, with its number.
        async with httpx2.AsyncClient(base_url=one) as http:
            token = await http.post("/api/v1/realtime/connection-token", headers=person.headers)
        assert token.status_code == 201
        await ask(second, op="subscribe", topic="me", connection_token=token.json()["connection_token"])
        snapshot = await frame(second)
        assert (snapshot["topic"], snapshot["type"], snapshot["seq"]) == ("me", "snapshot", 0)
        async with database.unit_of_work() as connection:
            await notify_many(connection, [Notice(person.user_id, "milestone", {"percent": 25}, "a")])
        answer = await frame(second)
        assert (answer["type"], answer["seq"], answer["data"]["data"]) == ("notification", 1, {"percent": 25})

        # Signing out at one process closes the socket at the other.
        async with httpx2.AsyncClient(base_url=one) as http:
            assert (await http.post("/api/v1/auth/logout", headers=person.headers)).status_code == 204
        with pytest.raises(ConnectionClosed):
            await frame(second)
        assert second.close_code == 4401


async def test_another_sites_page_gets_no_socket_and_noise_ends_one(serve: Serve) -> None:
    (address,) = serve(1)
    with pytest.raises(InvalidStatus) as refused:
        async with socket(address, origin="https://evil.test"):
            pass
    assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus):
        async with socket(address, additional_headers={"Host": "evil.test"}):
            pass
    async with socket(address, origin=address) as client:
        await client.send(b"\x00\x01")
        assert (await frame(client))["data"]["code"] == "malformed_frame"
        await client.send("x" * 5_000)
        with pytest.raises(ConnectionClosed):
            await frame(client)
        assert client.close_code == 1009
