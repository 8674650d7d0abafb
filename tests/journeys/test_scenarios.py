"""The journey of one loan through every program, over either queue: it asserts each step and every cent itself."""

from __future__ import annotations

import os
from io import StringIO

import psycopg
import pytest
from rich.console import Console

from halfpenny_demo import journey
from halfpenny_demo.logins import Login, Logins
from support.people import PASSWORD, password_hash
from support.programs import Programs


def administrators(database_url: str) -> Logins:
    """Two administrators, as ``halfpenny admin create`` would make them; the others of a demo are not needed."""
    made = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        # What the owner writes past the application is tampering to the proof of the books.
        connection.execute("SET ROLE halfpenny_app")
        for name in ("ada", "zofia"):
            connection.execute(
                "INSERT INTO app_user (id, email, full_name, role, password_hash, kyc_status, email_verified_at) "
                "VALUES (gen_random_uuid(), %s, %s, 'administrator', %s, 'verified', now())",
                (f"{name}@example.com", name, password_hash()),
            )
            made.append(Login(f"{name}@example.com", PASSWORD))
    return Logins(made[0], made[0], (made[0], made[1]))


# The default's own steps are servicing, which no queue carries: once is enough.
@pytest.mark.parametrize(
    ("programs", "scenario"),
    [("postgresql", "journey"), ("rabbitmq", "journey"), ("postgresql", "default")],
    indirect=["programs"],
)
@pytest.mark.timeout(900)
def test_every_cent_is_where_it_belongs(
    programs: Programs, database_url: str, monkeypatch: pytest.MonkeyPatch, scenario: str
) -> None:
    logins = administrators(database_url)
    address = programs.api()
    programs.worker()
    programs.risk()
    # The journey runs our commands as anybody would: with the environment of the programs.
    for name in os.environ:
        if name.startswith("HALFPENNY_"):
            monkeypatch.delenv(name)
    for name, value in programs.environment.items():
        monkeypatch.setenv(name, value)
    screen = StringIO()
    status = journey.run(address, logins, scenario=scenario, console=Console(file=screen, width=200))
    shown = screen.getvalue()
    assert status == 0, shown
    assert "Every cent is where it belongs." in shown
    assert "The books are right" in shown
    if scenario == "journey":
        assert "✓ Ines Almeida has the whole stake back" in shown
    else:
        assert "a loss of 73018.14 EUR is shared" in shown


@pytest.mark.parametrize("programs", ["postgresql"], indirect=True)
@pytest.mark.timeout(600)
def test_a_story_that_goes_wrong_ends_badly(programs: Programs, database_url: str) -> None:
    """Nobody decides here but one administrator, so the second approval never comes: the status says so."""
    logins = administrators(database_url)
    alone = Logins(logins.investor, logins.borrower, (logins.administrators[0], logins.administrators[0]))
    address = programs.api()
    programs.worker()
    programs.risk()
    screen = StringIO()
    assert journey.run(address, alone, scenario="journey", console=Console(file=screen, width=200)) == 1
    assert "four_eyes" in screen.getvalue()
    assert "ended badly" in screen.getvalue()


def test_an_unknown_story_is_named() -> None:
    screen = StringIO()
    logins = Logins(Login("", ""), Login("", ""), (Login("", ""), Login("", "")))
    assert journey.run("http://127.0.0.1:9", logins, scenario="odyssey", console=Console(file=screen)) == 2
    assert "odyssey" in screen.getvalue()
    assert journey.run("http://127.0.0.1:9", logins, scenario="journey", console=Console(file=screen)) == 1
