"""Migrating: an empty database, a current one, one of a newer release, one that cannot be reached."""

from __future__ import annotations

import psycopg
import pytest

from halfpenny.platform.database import Database
from halfpenny.platform.migrations import MigrationFailed, migrate
from halfpenny.platform.servers.process import free_port


def test_a_current_database_is_left_as_it_is(database_url: str) -> None:
    before, after = migrate(database_url)
    assert before == after != ""


def test_a_database_of_a_newer_release_is_named(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(MigrationFailed, match=r"schema 9999.*--reset"):
        migrate(database_url)


def test_a_missing_server_is_named_without_its_password() -> None:
    with pytest.raises(MigrationFailed, match=r"cannot migrate the database at 127\.0\.0\.1") as failed:
        migrate(f"postgresql://halfpenny:tell-nobody@127.0.0.1:{free_port()}/halfpenny")
    assert "tell-nobody" not in str(failed.value)
    assert "\n" not in str(failed.value)


async def test_the_application_acts_in_its_own_role(database: Database) -> None:
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT current_user") == "halfpenny_app"
