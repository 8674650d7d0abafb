"""A loan that takes investments, and hubs as two API processes would have them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest

from halfpenny import loans
from halfpenny.entrypoints import realtime_topics
from halfpenny.platform.database import Database
from halfpenny.realtime import Hub
from support import lending


@pytest.fixture
async def loan_id(database: Database) -> UUID:
    """Open for funding."""
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator", "Ada Novak")
        loan = await lending.funding(connection, borrower, administrator)
    return loan.id


@pytest.fixture
def move(database: Database) -> Callable[[UUID, int], Awaitable[int]]:
    """Add cents to a loan's funding; returns its new version."""

    async def add(loan_id: UUID, cents: int = 5_000) -> int:
        async with database.unit_of_work() as connection:
            state = await loans.add_funded(connection, [(loan_id, cents, 1, 1)])
        return next(iter(state.values())).version

    return add


@pytest.fixture
async def open_hub(database: Database) -> AsyncIterator[Callable[[], Awaitable[Hub]]]:
    """Start a hub that receives the database. It ticks faster than in production, to save the tests' time."""
    opened: list[Hub] = []

    async def start() -> Hub:
        hub = realtime_topics.hub(database, tick_s=0.02)
        hub.start()
        opened.append(hub)
        await hub.listener.listening.wait()
        return hub

    yield start
    for hub in opened:
        await hub.close()


@pytest.fixture
async def hub(open_hub: Callable[[], Awaitable[Hub]]) -> Hub:
    return await open_hub()
