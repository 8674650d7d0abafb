"""Chains that record each other's heads, and rows that one of them left out."""

from __future__ import annotations

import pytest

from halfpenny import ledger
from halfpenny.platform import audit, chain, row_history
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from support import lending


async def _seal(database: Database) -> None:
    async with database.unit_of_work() as connection:
        await ledger.seal(connection)
        await audit.seal(connection)
    await row_history.seal(database)


async def test_a_chain_without_new_rows_records_the_heads_of_the_others_once(database: Database) -> None:
    counts = []
    for _ in range(2):
        async with database.unit_of_work() as connection:
            person = await lending.person(connection, "investor")
            await audit.record(connection, person, "user.seen", "user", person)
        for _ in range(4):
            await _seal(database)
        async with database.reading() as connection:
            [heads] = await connection.fetch("SELECT heads FROM ledger_segment ORDER BY place DESC LIMIT 1")
            newest = await connection.fetch(
                "SELECT chain, place, encode(hash, 'hex') AS hash FROM chain_head WHERE chain <> 'ledger'"
            )
            counts.append(await connection.fetchval("SELECT count(*) FROM ledger_segment"))
        # The newest segment with entries is recorded; those without, which follow it, need not be.
        assert heads["heads"]["audit"] == next([r["place"], r["hash"]] for r in newest if r["chain"] == "audit")
        assert heads["heads"].keys() == {"audit", "row_history"}
    assert counts[1] - counts[0] <= 2


@pytest.mark.parametrize(
    ("written", "other_sealed", "covers", "left_out"),
    [
        ("2 hours", "25 minutes", True, True),
        # The worker stopped soon after, or has just been started, or the row was not yet finished.
        ("2 hours", "115 minutes", True, False),
        ("2 hours", "20 seconds", True, False),
        ("2 hours", "25 minutes", False, False),
    ],
)
async def test_rows_are_left_out_when_another_chain_went_on_without_them(
    database: Database, superuser: Database, written: str, other_sealed: str, covers: bool, left_out: bool
) -> None:
    async with database.unit_of_work() as connection:
        await lending.person(connection, "investor", str(uuid7()))
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("DELETE FROM row_history_segment")
        await connection.execute(f"UPDATE row_history SET recorded_at = clock_timestamp() - interval '{written}'")
        await connection.execute(
            "INSERT INTO ledger_segment (place, from_xid, to_xid, transfers, heads, hash, sealed_at) SELECT 1, 0, "
            f"CASE WHEN $1 THEN max(xid) + 1 ELSE 0 END, 0, '{{}}', '', clock_timestamp() - interval '{other_sealed}' "
            "FROM row_history",
            covers,
        )
        found = [finding async for finding in chain.verify_nothing_left_out(connection)]
        assert [finding.table for finding in found] == (["row_history_segment"] if left_out else [])
        # It is said in any case, without accusing anybody.
        assert "row_history" in await chain.unsealed(connection)


async def test_a_database_that_was_never_sealed_accuses_nobody(database: Database, superuser: Database) -> None:
    # The rows of the migration are as old as the database that this one was cloned from: up to the whole run.
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE row_history SET recorded_at = clock_timestamp()")
    async with database.unit_of_work() as connection:
        person = await lending.person(connection, "investor")
        await audit.record(connection, person, "user.seen", "user", person)
        assert [finding async for finding in chain.verify_nothing_left_out(connection)] == []
        assert [finding async for finding in chain.verify_recorded_heads(connection)] == []
        assert await chain.unsealed(connection) == {}
