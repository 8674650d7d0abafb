"""Production starts on real time alone, and states what to do about a database whose clock a sandbox has moved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from halfpenny.entrypoints.connectivity import require_real_time, require_schema
from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.platform import clock
from halfpenny.platform.database import Database

PRODUCTION = {
    "HALFPENNY_ENVIRONMENT": "production",
    "HALFPENNY_SIGNING_KEY_FILE": "/etc/halfpenny/signing-key.json",
    "HALFPENNY_SANDBOX": "false",
    "HALFPENNY_PUBLIC_URL": "https://halfpenny.example",
}


def settings(monkeypatch: pytest.MonkeyPatch, database_url: str, **environment: str) -> Settings:
    for name, value in ({"DATABASE_URL": database_url} | environment).items():
        monkeypatch.setenv(name, value)
    return Settings.load()


async def test_production_does_not_start_on_a_clock_that_was_moved(
    monkeypatch: pytest.MonkeyPatch, database: Database, database_url: str
) -> None:
    async with database.unit_of_work() as connection:
        await clock.advance(connection, timedelta(days=417))
        before = await clock.offset_of(connection)
    with pytest.raises(WrongSettings, match=r"DATABASE_URL: the business clock .* runs 41[67] days") as answer:
        await require_real_time(settings(monkeypatch, database_url, **PRODUCTION))
    assert "halfpenny migrate" in str(answer.value)
    async with database.unit_of_work() as connection:
        assert await clock.offset_of(connection) == before
        # Nothing was fixed either: it is still a sandbox.
        await clock.advance(connection, timedelta(days=1))


async def test_production_fixes_a_clock_that_was_never_moved(
    monkeypatch: pytest.MonkeyPatch, database: Database, database_url: str
) -> None:
    await require_real_time(settings(monkeypatch, database_url, **PRODUCTION))
    async with database.unit_of_work() as connection:
        with pytest.raises(clock.ClockIsFixed):
            await clock.advance(connection, timedelta(days=1))
        assert await clock.offset_of(connection) == timedelta(0)


async def test_development_runs_on_a_moved_clock(
    monkeypatch: pytest.MonkeyPatch, database: Database, database_url: str
) -> None:
    async with database.unit_of_work() as connection:
        await clock.simulate_time(connection, None)
        await clock.advance(connection, timedelta(days=3))
    await require_real_time(settings(monkeypatch, database_url))
    async with database.reading() as connection:
        assert await clock.offset_of(connection) >= timedelta(days=2, hours=23)


async def test_a_database_without_a_schema_is_named(
    monkeypatch: pytest.MonkeyPatch, superuser: Database, database_url: str
) -> None:
    async with superuser.unit_of_work() as connection:
        await connection.execute("DROP TABLE alembic_version")
    with pytest.raises(WrongSettings, match="run halfpenny migrate"):
        await require_schema(settings(monkeypatch, database_url, **PRODUCTION))
