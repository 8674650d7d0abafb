"""Migrating: an empty database, a current one, one of a newer release, one that cannot be reached."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from halfpenny.platform import migrations
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


def copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations in a folder where they can be edited; returns that of the versions."""
    shutil.copytree(migrations.FOLDER, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrations, "FOLDER", folder / "migrations")
    return folder / "migrations" / "versions"


@pytest.mark.parametrize("file", ["0001_queue.sql", "0005_loans.py"])
def test_a_database_of_migrations_that_were_edited_since_is_refused(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    edited = copied(tmp_path, monkeypatch) / file
    edited.write_text(edited.read_text().replace("NOT NULL", "NOT  NULL").replace("\n", "\n\n"))
    migrate(database_url)  # the same words on other lines are the same migration
    edited.write_text(edited.read_text() + "\n# a column more\n")
    with pytest.raises(MigrationFailed, match=r"edited since.*make demo ARGS=--reset$") as failed:
        migrate(database_url)
    assert "\n" not in str(failed.value)


def test_a_database_that_noted_no_digest_is_refused(database_url: str) -> None:
    """Those were made before digests were noted, by migrations that nobody knows any more."""
    with psycopg.connect(database_url) as connection:
        connection.execute("COMMENT ON TABLE alembic_version IS NULL")
    with pytest.raises(MigrationFailed, match="edited since"):
        migrate(database_url)


def test_a_later_migration_is_no_edit(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = copied(tmp_path, monkeypatch)
    newest, _ = migrate(database_url)
    (versions / "9998_next.py").write_text(
        f'revision, down_revision = "9998", "{newest}"\n\n\ndef upgrade() -> None:\n    pass\n'
    )
    assert migrate(database_url) == (newest, "9998")
    assert migrate(database_url) == ("9998", "9998")


def test_a_missing_server_is_named_without_its_password() -> None:
    with pytest.raises(MigrationFailed, match=r"cannot migrate the database at 127\.0\.0\.1") as failed:
        migrate(f"postgresql://halfpenny:tell-nobody@127.0.0.1:{free_port()}/halfpenny")
    assert "tell-nobody" not in str(failed.value)
    assert "\n" not in str(failed.value)


async def test_the_application_acts_in_its_own_role(database: Database) -> None:
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT current_user") == "halfpenny_app"
