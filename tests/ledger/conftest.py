"""What the ledger's tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from halfpenny.platform.database import Connection, Database


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    """As the application connects, in one transaction that is taken back."""
    async with database.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()
