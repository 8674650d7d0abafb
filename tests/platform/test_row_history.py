"""The history of rows: written with every change of the application, by nobody else, and sealed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from halfpenny.platform import clock, row_history
from halfpenny.platform.consistency import Finding, collect
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import uuid7
from support import lending


async def found(connection: Connection) -> list[Finding]:
    return await collect(connection, row_history.check)


async def test_an_update_keeps_what_changed_and_a_new_row_all_of_it(database: Database) -> None:
    async with database.unit_of_work() as connection:
        person = await lending.person(connection, "investor")
        await connection.execute("UPDATE app_user SET kyc_status = 'rejected', country = 'PT' WHERE id = $1", person)
        # Nothing changes here, so nothing is kept.
        await connection.execute("UPDATE app_user SET country = 'PT' WHERE id = $1", person)
        entries = await connection.fetch(
            "SELECT change, data FROM row_history WHERE table_name = 'app_user' AND row_key = $1 ORDER BY seq",
            str(person),
        )
    assert [entry["change"] for entry in entries] == ["inserted", "updated"]
    assert entries[0]["data"]["role"] == "investor"
    assert entries[1]["data"] == {"kyc_status": "rejected", "country": "PT"}
    # Who somebody is, and every password, stays out of a history that nobody may erase.
    assert not {"email", "full_name", "password_hash"} & set(entries[0]["data"])


async def test_rows_that_only_the_application_wrote_agree_with_their_history(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        await lending.offered(connection, borrower, administrator)
        await clock.advance(connection, timedelta(days=3))
    await row_history.seal(database)
    async with database.reading() as connection:
        assert await found(connection) == []


TAMPERED = (
    ("UPDATE app_user SET role = 'administrator' WHERE role = 'investor'", "role", "administrator", "investor"),
    ("DELETE FROM related_party", "row", "missing", "present"),
    (
        "INSERT INTO related_party SELECT related_user_id, user_id FROM related_party",
        "row",
        "present",
        "missing",
    ),
)


@pytest.mark.parametrize("triggers", ["origin", "replica"], ids=["triggers on", "triggers off"])
@pytest.mark.parametrize(("statement", "column", "now", "before"), TAMPERED)
async def test_what_anybody_else_changes_is_found(
    database: Database, superuser: Database, statement: str, column: str, now: str, before: str, triggers: str
) -> None:
    async with database.unit_of_work() as connection:
        one, other = await lending.person(connection, "investor"), await lending.person(connection, "borrower")
        await connection.execute("INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", one, other)
    async with superuser.unit_of_work() as connection:
        await connection.execute(f"SET LOCAL session_replication_role = {triggers}")
        await connection.execute(statement)
        [finding] = await found(connection)
    assert (finding.column, finding.found, finding.expected) == (column, now, before)
    assert str(one) in finding.row


async def test_a_deletion_by_the_application_is_part_of_the_history(database: Database) -> None:
    async with database.unit_of_work() as connection:
        one, other = await lending.person(connection, "investor"), await lending.person(connection, "borrower")
        await connection.execute("INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", one, other)
        await connection.execute("DELETE FROM related_party")
        assert await found(connection) == []


async def test_a_rewritten_history_does_not_match_its_seals(database: Database, superuser: Database) -> None:
    async with database.unit_of_work() as connection:
        person = await lending.person(connection, "investor")
    assert await row_history.seal(database) >= 1
    async with superuser.unit_of_work() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        # The row and its history together, so that only the seal knows better.
        await connection.execute("UPDATE app_user SET role = 'administrator' WHERE id = $1", person)
        await connection.execute(
            'UPDATE row_history SET data = data || \'{"role": "administrator"}\' WHERE row_key = $1', str(person)
        )
        findings = await found(connection)
    assert {(finding.table, finding.column) for finding in findings} == {("row_history_segment", "hash")}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM row_history_segment WHERE place = (SELECT max(place) FROM row_history_segment)",
        "DELETE FROM row_history_segment WHERE place = 1",
        "UPDATE row_history_segment SET entries = entries + 1 WHERE place = 1",
        "UPDATE chain_head SET place = place - 1",
        "DELETE FROM chain_head",
        "DELETE FROM row_history WHERE seq = (SELECT max(seq) FROM row_history WHERE row_key = 't')",
        "ALTER TABLE app_user DISABLE TRIGGER keep_history_of_update",
        "DROP TRIGGER keep_history_of_insert ON business_day",
    ],
)
async def test_a_chain_or_a_trigger_that_was_taken_away_is_found(
    database: Database, superuser: Database, statement: str
) -> None:
    for _ in range(2):
        async with database.unit_of_work() as connection:
            await connection.execute("UPDATE business_clock SET sandbox = true, \"offset\" = '0'")
            await connection.execute(
                "INSERT INTO business_day (business_date) VALUES (business_date()) ON CONFLICT DO NOTHING"
            )
            await lending.person(connection, "investor", str(uuid7()))
        await row_history.seal(database)
    async with superuser.unit_of_work() as connection:
        assert await found(connection) == []
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement)
        assert await found(connection) != []
