"""What an event reads on its way is a fixed number, on any connection, however many events there have been."""

from __future__ import annotations

import json

import asyncpg
import pytest

from halfpenny.primitives.ids import uuid7
from support.tuples import per_item, report_reads, tuples_read

EVENTS = 6_000
BATCH = 200
MOST = 20.0


def written(count: int) -> str:
    event = {"name": "loan.submitted", "version": 1, "aggregate_id": str(uuid7()), "payload": {"id": "x"}}
    return json.dumps([{**event, "event_id": str(uuid7())} for _ in range(count)])


async def carry(connection: asyncpg.Connection[asyncpg.Record], events: int) -> None:
    """Append, fan out, claim and finish, one batch after the other; one event of each batch fails first."""
    for _ in range(events // BATCH):
        await connection.fetchval("SELECT outbox_append($1::jsonb)", written(BATCH))
        assert await connection.fetchval("SELECT outbox_fan_out(500)") == BATCH
        claimed = await connection.fetch("SELECT * FROM queue_claim('risk', $1, 30)", BATCH)
        assert len(claimed) == BATCH
        await connection.fetchval("SELECT queue_release('risk', $1, 0)", claimed[0]["event_id"])
        await connection.fetchval("SELECT queue_fail('risk', $1, 'later')", claimed[1]["event_id"])
        await connection.execute("UPDATE delivery SET available_at = now() WHERE event_id = $1", claimed[1]["event_id"])
        again = await connection.fetch("SELECT * FROM queue_claim('risk', $1, 30)", BATCH)
        assert {row["event_id"] for row in again} <= {claimed[0]["event_id"], claimed[1]["event_id"]}
        for row in claimed:
            await connection.execute("SELECT queue_done('risk', $1)", row["event_id"])


@pytest.mark.parametrize("statistics", ["never_analysed", "analysed_while_empty"])
async def test_an_event_reads_as_much_at_the_end_as_at_the_start(database_url: str, statistics: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        if statistics == "analysed_while_empty":
            await connection.execute("ANALYZE")
        # As the risk service does it: one plain connection for ever, which keeps whatever plans it makes.
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        await connection.execute("SELECT queue_subscribe('risk', '{loan.submitted}')")
        await carry(connection, BATCH)
        await carry(connection, BATCH)
        await report_reads(connection)
        before = await tuples_read(database_url)
        quarters = []
        for _ in range(4):
            await carry(connection, EVENTS // 4)
            await carry(connection, BATCH)
            await report_reads(connection)
            after = await tuples_read(database_url)
            quarters.append(per_item(before, after, EVENTS // 4 + BATCH))
            before = after
    finally:
        await connection.close()
    for quarter in quarters:
        assert {name: read for name, read in quarter.items() if read > MOST} == {}
    first, last = quarters[0], quarters[-1]
    assert {name: read for name, read in last.items() if read > first.get(name, 0) * 1.2 + 1} == {}
