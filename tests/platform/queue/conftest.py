"""Both transports, on real servers: every test of the queue's behaviour runs over each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from halfpenny.platform.database import Database
from halfpenny.platform.queue import PostgresTransport, Transport
from halfpenny.primitives.ids import uuid7
from support.queueing import Bench


@pytest.fixture(params=["postgresql", "rabbitmq"])
async def bench(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Bench]:
    opened: list[Transport] = []

    def another() -> Transport:
        transport: Transport
        if request.param == "postgresql":
            transport = PostgresTransport(database)
        else:
            from halfpenny.platform.queue import RabbitTransport

            transport = RabbitTransport(database, request.getfixturevalue("broker_url"))
        opened.append(transport)
        return transport

    if request.param == "rabbitmq":
        request.getfixturevalue("broker_url")
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid7().hex[20:])
    await _effect_table(request.getfixturevalue("database_url"))
    yield Bench(database, another(), another, f"t{letters}")
    for transport in opened:
        await transport.close()


async def _effect_table(owner_url: str) -> None:
    owner = await Database.connect(owner_url, max_size=1, role=None)
    async with owner.unit_of_work() as connection:
        await connection.execute("CREATE TABLE effect (event_id uuid, number integer)")
        await connection.execute("GRANT SELECT, INSERT ON effect TO halfpenny_app")
    await owner.close()
