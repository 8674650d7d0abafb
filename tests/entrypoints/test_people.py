"""``halfpenny admin create``, and a signing key that stops the start."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from halfpenny.entrypoints.cli import app
from halfpenny.platform.database import Database
from support.people import signing_key_file

PASSWORD = "larch tumbler otter quay"
CHEAP = {
    "HALFPENNY_SIGNING_KEY_FILE": str(signing_key_file()),
    "HALFPENNY_ARGON2_TIME_COST": "1",
    "HALFPENNY_ARGON2_MEMORY_KIB": "64",
    "HALFPENNY_ARGON2_LANES": "1",
}


def create(database_url: str, *options: str, printed: str) -> Any:
    environment = CHEAP | {"DATABASE_URL": database_url}
    arguments = ["admin", "create", "--full-name", "Zofia Marek", *options]
    return CliRunner().invoke(app, arguments, input=printed, env=environment)


def rows(database_url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT email, role, kyc_status FROM app_user").fetchall()


def test_an_administrator_is_made_and_can_sign_in(database_url: str) -> None:
    made = create(database_url, "--email", "Zofia@Example.com", "--password-file", "-", printed=f"{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    assert rows(database_url) == [("zofia@example.com", "administrator", "verified")]
    asyncio.run(_sign_in(database_url))
    with psycopg.connect(database_url) as connection:
        [entry] = connection.execute("SELECT actor_id, action FROM audit_entry").fetchall()
    assert entry == (None, "user.administrator_created")


async def _sign_in(database_url: str) -> None:
    from halfpenny.identity.passwords import Passwords
    from support.people import identity_settings

    database = await Database.connect(database_url)
    try:
        async with database.reading() as connection:
            password_hash = await connection.fetchval("SELECT password_hash FROM app_user")
        passwords = Passwords(identity_settings())
        assert await passwords.matches(password_hash, PASSWORD)
        assert not await passwords.matches(password_hash, f"{PASSWORD} ")
        passwords.close()
    finally:
        await database.close()


def test_the_password_is_asked_for_twice(database_url: str) -> None:
    made = create(database_url, "--email", "zofia@example.com", printed=f"{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    assert len(rows(database_url)) == 1


@pytest.mark.parametrize(
    ("email", "password", "code"),
    [
        ("zofia", PASSWORD, "malformed_email"),
        ("zofia@example.com", "short", "password_too_short"),
        ("zofia@example.com", "passwordpassword", "password_too_common"),
    ],
)
def test_what_does_not_fit_makes_nobody(database_url: str, email: str, password: str, code: str) -> None:
    made = create(database_url, "--email", email, "--password-file", "-", printed=f"{password}\n")
    assert made.exit_code != 0
    assert getattr(made.exception, "code", None) == code
    assert rows(database_url) == []


def test_an_address_is_not_taken_over(database_url: str) -> None:
    for _ in range(2):
        made = create(database_url, "--email", "zofia@example.com", "--password-file", "-", printed=f"{PASSWORD}\n")
    assert getattr(made.exception, "code", None) == "email_taken"
    assert len(rows(database_url)) == 1


def test_an_unusable_signing_key_stops_the_start_in_one_line(database_url: str, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text("{}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HALFPENNY_")} | {
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "DATABASE_URL": database_url,
        "HALFPENNY_DATA": str(tmp_path),
        "HALFPENNY_SIGNING_KEY_FILE": str(key),
    }
    started = subprocess.run(
        [sys.executable, "-m", "halfpenny.entrypoints.cli", "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1
    assert started.stderr.startswith("halfpenny: HALFPENNY_SIGNING_KEY_FILE: ")
    assert started.stderr.count("\n") == 1
