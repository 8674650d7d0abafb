"""Sockets that send nothing, or half of something, stop nobody: the server as it is served, under attack."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from funding.edge import somebody_with_money
from funding.world import check_books, make_world
from halfpenny.platform.database import Database
from halfpenny.platform.servers import DocumentServer
from halfpenny.primitives.ids import uuid7
from support.server import api_process

SOCKETS = 1_300  # more than the 1,024 that the server let in at once
BODY_TIMEOUT_S = 4.0
# What is attacked with: a head without its body on the fast path, on others, and heads that never end.
HEADS = [
    b"POST /api/v1/loans/%s/invest HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" % str(uuid7()).encode(),
    b"POST /api/v1/loans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
    b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upg",
    b"POST /api/v1/loans/1/inv",
    b"",
]


@pytest.fixture(autouse=True)
def _open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def attack(port: int, head: bytes, address: str) -> Stream:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    writer.write(head)
    await writer.drain()
    return reader, writer


async def test_thirteen_hundred_silent_sockets_stop_nobody(
    database: Database, database_url: str, document_server: DocumentServer, tmp_path: Path
) -> None:
    world, person = await make_world(database), await somebody_with_money(database)
    limits = {"HALFPENNY_BODY_TIMEOUT_S": str(BODY_TIMEOUT_S), "HALFPENNY_HEADER_TIMEOUT_S": str(BODY_TIMEOUT_S)}
    with api_process(database_url, document_server.url, tmp_path / "api.log", **limits) as url:
        port = int(url.rpartition(":")[2])
        started = time.monotonic()
        sockets: list[Stream] = []
        for first in range(0, SOCKETS, 100):
            sockets += await asyncio.gather(
                *(
                    attack(port, HEADS[number % len(HEADS)], f"127.0.0.{2 + number % 253}")
                    for number in range(first, first + 100)
                )
            )
        async with httpx2.AsyncClient(base_url=url, timeout=BODY_TIMEOUT_S / 2) as client:
            alive = await client.get("/livez")
            path = f"/api/v1/loans/{world.loan.id}/invest"
            invested = await client.post(path, json={"amount": "50.00", "currency": "EUR"}, headers=person.paying())
        assert (alive.status_code, invested.status_code) == (200, 201)
        assert time.monotonic() - started < BODY_TIMEOUT_S * 3, "the attack was over before it was looked at"
        # Each is answered or cut off in its time, whatever it had begun.
        try:
            reads = (reader.read() for reader, _ in sockets)
            ends = await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), BODY_TIMEOUT_S * 10)
        finally:
            for _, writer in sockets:
                writer.close()
        answer = [end for end in ends if isinstance(end, bytes) and end.startswith(b"HTTP/1.1 408")]
        assert len(answer) >= SOCKETS // len(HEADS) * 3
    await check_books(database)


async def test_one_address_has_only_so_many_unfinished_requests(
    database_url: str, document_server: DocumentServer, tmp_path: Path
) -> None:
    limits = {"HALFPENNY_UNFINISHED_PER_ADDRESS": "20"}
    with api_process(database_url, document_server.url, tmp_path / "api.log", **limits) as url:
        port = int(url.rpartition(":")[2])
        sockets = [await attack(port, HEADS[0], "127.0.0.9") for _ in range(20)]
        await asyncio.sleep(0.3)
        reader, writer = await attack(port, HEADS[0], "127.0.0.9")
        refused = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 3)
        other_reader, other = await attack(port, HEADS[0] + b" " * 100, "127.0.0.10")
        answered = await asyncio.wait_for(other_reader.readuntil(b"\r\n\r\n"), 3)
        for _, one in [*sockets, (reader, writer), (other_reader, other)]:
            one.close()
    assert refused.startswith(b"HTTP/1.1 429") and b"retry-after: 1" in refused.lower()
    assert answered.startswith(b"HTTP/1.1 4") and not answered.startswith(b"HTTP/1.1 429")
