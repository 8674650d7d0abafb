"""The described tables are the migrated ones, and every list of funding is served by an index."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from halfpenny.funding import schema
from halfpenny.funding.store import payments, reconciliation, tickets
from halfpenny.platform.database import Database
from halfpenny.platform.migrations import sqlalchemy_url

OURS = {name for name, table in vars(schema).items() if isinstance(table, sqlalchemy.Table)}


def test_the_tables_are_described_as_they_are(database_url: str) -> None:
    engine = sqlalchemy.create_engine(sqlalchemy_url(database_url), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_ours})
        differences = compare_metadata(context, schema.metadata)
    engine.dispose()
    assert len(OURS) == 9
    assert differences == []


def _is_ours(item: Any, name: str | None, kind: str, *_: Any) -> bool:
    return (name if kind == "table" else item.table.name) in OURS


NOBODY = UUID(int=0)


@pytest.mark.parametrize(
    ("query", "arguments", "index"),
    [
        (tickets.PORTFOLIO_PAGE, (NOBODY, None, 50), "ix_position_investor_id"),
        (tickets.WAITING_PAGE, (NOBODY, None, 50), "ix_waiting_ticket_investor_id"),
        (payments.PAYMENT_PAGE, (NOBODY, None, 50), "ix_wallet_payment_user_id"),
        (reconciliation.OPEN_PAGE, (None, 50), "ix_reconciliation_item_open"),
    ],
)
async def test_lists_are_served_by_an_index(
    database: Database, query: str, arguments: tuple[object, ...], index: str
) -> None:
    async with database.unit_of_work() as connection:
        # On empty tables a sequential scan is always cheaper; the question is whether the index can serve.
        await connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}", *arguments))
    assert index in plan and "Sort" not in plan, plan
