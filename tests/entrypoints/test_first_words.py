"""A start that fails says in one line which setting is to blame: for each command, with real servers or none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from halfpenny.platform.servers import DocumentServer, PostgresServer, free_port
from halfpenny.primitives.ids import uuid7
from support.server import api_process

HALFPENNY = ("halfpenny.entrypoints.cli",)
RISK = ("halfpenny_risk.cli", "serve")


def refusal(*arguments: str, **variables: str) -> str:
    """The one line of a command that ends with a status of failure."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("HALFPENNY_")}
    for name in ("DATABASE_URL", "MONGO_URL", "AMQP_URL"):
        bare.pop(name, None)
    ended = subprocess.run(
        [sys.executable, "-P", "-m", *arguments],
        env=bare | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode in (1, 2), ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr.removeprefix("halfpenny: ").removeprefix("bad_settings: ")


def nobody_there(scheme: str) -> str:
    return f"{scheme}://halfpenny:hunter2@127.0.0.1:{free_port()}/halfpenny"


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{password}@{parts.hostname}:{parts.port}"))


@pytest.mark.parametrize(
    "arguments",
    [
        (*HALFPENNY, "serve"),
        (*HALFPENNY, "worker"),
        (*HALFPENNY, "migrate"),
        (*HALFPENNY, "check", "books"),
        RISK,
    ],
    ids=" ".join,
)
def test_a_database_that_is_not_there(arguments: tuple[str, ...], tmp_path: Path) -> None:
    output = refusal(*arguments, DATABASE_URL=nobody_there("postgresql"), HALFPENNY_DATA=str(tmp_path))
    assert output.startswith("DATABASE_URL: ")
    assert "hunter2" not in output


@pytest.fixture
def empty_database_url(postgres: PostgresServer) -> Iterator[str]:
    """A database that was never migrated."""
    name = f"empty_{uuid7().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres.database_url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


NEEDS_SCHEMA = [
    ("serve",), ("worker",), ("check", "books"), ("deadletters", "list"), ("reassess",), ("close", "run"),
    ("documents", "rebuild"), ("sandbox", "advance", "1d"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", NEEDS_SCHEMA, ids=" ".join)
def test_a_database_without_a_schema(arguments: tuple[str, ...], empty_database_url: str, tmp_path: Path) -> None:
    output = refusal(
        *HALFPENNY,
        *arguments,
        DATABASE_URL=empty_database_url,
        MONGO_URL=nobody_there("mongodb"),
        HALFPENNY_DATA=str(tmp_path),
    )
    assert output == "DATABASE_URL: this database has no schema yet: run halfpenny migrate\n"


@pytest.mark.parametrize("arguments", [("check", "books"), ("deadletters", "list")], ids=" ".join)
def test_no_database_at_all(arguments: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    output = refusal(*HALFPENNY, *arguments, HALFPENNY_DATA=str(folder))
    assert output.startswith(f"DATABASE_URL is not set, and there is no database in {folder}: run halfpenny migrate")
    assert not (folder / "postgres").exists()


@pytest.mark.parametrize("arguments", [(*HALFPENNY, "worker"), RISK], ids=" ".join)
def test_a_password_that_is_refused(arguments: tuple[str, ...], database_url: str, tmp_path: Path) -> None:
    url = with_password(database_url, "hunter2")
    output = refusal(*arguments, DATABASE_URL=url, HALFPENNY_DATA=str(tmp_path))
    assert output.startswith("DATABASE_URL: ")
    assert "password authentication failed" in output
    assert "hunter2" not in output


@pytest.mark.parametrize("arguments", [(*HALFPENNY, "worker"), RISK], ids=" ".join)
def test_a_broker_that_is_not_there(arguments: tuple[str, ...], database_url: str, tmp_path: Path) -> None:
    output = refusal(
        *arguments,
        DATABASE_URL=database_url,
        AMQP_URL=nobody_there("amqp"),
        HALFPENNY_DATA=str(tmp_path),
        HALFPENNY_RISK_INBOX=str(tmp_path / "inbox.sqlite"),
    )
    assert output.startswith("AMQP_URL: ")
    assert "hunter2" not in output


def test_the_api_starts_without_its_broker_and_says_so_in_one_line(
    database_url: str, document_server: DocumentServer, tmp_path: Path
) -> None:
    """Money moves without RabbitMQ; an address that is wrong would otherwise never be noticed."""
    address = nobody_there("amqp")
    with api_process(database_url, document_server.url, tmp_path / "log", AMQP_URL=address):
        lines = (tmp_path / "log").read_text().splitlines()
    printed = [json.loads(line) for line in lines if "AMQP_URL" in line]
    assert [(line["level"], line["event"]) for line in printed] == [("warning", "broker_unavailable")]
    assert printed[0]["reason"].startswith("AMQP_URL: no RabbitMQ at 127.0.0.1")
    assert not any("hunter2" in line for line in lines)


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_start_without_its_document_store_says_so_in_one_line(
    command: str, database_url: str, tmp_path: Path
) -> None:
    """Money moves without listings, so neither refuses; a wrong address would otherwise never be noticed."""
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HALFPENNY_")} | {
        "DATABASE_URL": database_url,
        "MONGO_URL": nobody_there("mongodb"),
        "HALFPENNY_DATA": str(tmp_path / "data"),
        "HALFPENNY_PORT": str(free_port()),
        "HALFPENNY_DOCUMENTS_TIMEOUT_S": "0.5",
    }
    environment.pop("AMQP_URL", None)
    with log.open("wb") as output:
        started = subprocess.Popen(
            [sys.executable, "-P", "-m", *HALFPENNY, command], env=environment, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while "documents_unavailable" not in log.read_text():
            assert started.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        assert started.poll() is None
    finally:
        started.terminate()
        started.wait(30)
    printed = [json.loads(line) for line in log.read_text().splitlines() if '"documents_unavailable"' in line]
    assert printed[0]["level"] == "warning"
    assert printed[0]["reason"].startswith("MONGO_URL: no document store answers there (127.0.0.1")
    assert "hunter2" not in log.read_text()


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize(
    "address", ["localhost:5672", "http://broker:5672/", "amqp://halfpenny:hunter2@broker:many/", "amqp://"]
)
def test_an_address_that_is_no_brokers_is_named(command: str, address: str, tmp_path: Path) -> None:
    reported = refusal(
        *HALFPENNY, command, DATABASE_URL=nobody_there("postgresql"), AMQP_URL=address, HALFPENNY_DATA=str(tmp_path)
    )
    assert reported.startswith("AMQP_URL") and "hunter2" not in reported


def test_the_demo_names_a_broker_that_is_not_there(server_folder: Path, database_url: str) -> None:
    """Of the servers that are given to it, each is asked before the first program starts."""
    output = refusal(
        *HALFPENNY,
        "demo",
        "--empty",
        DATABASE_URL=database_url,
        MONGO_URL="mongodb://127.0.0.1:1/",
        AMQP_URL=nobody_there("amqp"),
        HALFPENNY_DATA=str(server_folder / "demo_without_broker"),
        HALFPENNY_PORT=str(free_port()),
    )
    assert output.startswith("AMQP_URL: ")


def test_the_demo_names_a_document_store_that_is_not_there(server_folder: Path, database_url: str) -> None:
    output = refusal(
        *HALFPENNY,
        "demo",
        "--empty",
        DATABASE_URL=database_url,
        MONGO_URL=nobody_there("mongodb"),
        HALFPENNY_DOCUMENTS_TIMEOUT_S="0.5",
        HALFPENNY_DATA=str(server_folder / "demo_without_documents"),
        HALFPENNY_PORT=str(free_port()),
    )
    assert output.startswith("MONGO_URL: no document store answers there (127.0.0.1")
    assert "hunter2" not in output


@pytest.mark.parametrize("setting", ["HALFPENNY_SIGNING_KEY_FILE", "HALFPENNY_PROMOTION_KEY_FILE"])
@pytest.mark.parametrize("content", [None, "", "no key", "{}"])
def test_the_demo_names_a_key_file_that_cannot_be_used_before_anything_starts(
    setting: str, content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_text(content)
    folder = tmp_path / "data"
    output = refusal(
        *HALFPENNY,
        "demo",
        "--reset",
        HALFPENNY_DATA=str(folder),
        HALFPENNY_PORT=str(free_port()),
        **{setting: str(file)},
    )
    assert output.startswith(f"{setting}: {file}")
    assert not (folder / "postgres").exists()


@pytest.mark.parametrize(
    ("arguments", "setting", "under"),
    [
        ((*HALFPENNY, "demo"), "HALFPENNY_DATA", "a-file/data"),
        ((*HALFPENNY, "migrate"), "HALFPENNY_DATA", "a-file/data"),
        ((*HALFPENNY, "serve"), "HALFPENNY_DATA", "a-file/data"),
        (RISK, "HALFPENNY_RISK_INBOX", "a-file/inbox.sqlite"),
        (RISK, "HALFPENNY_RISK_INBOX", "."),
    ],
    ids=str,
)
def test_a_folder_that_cannot_be_written(
    arguments: tuple[str, ...], setting: str, under: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Nobody can make a folder in a file: not even root, as whom these tests may run."""
    (tmp_path / "a-file").touch()
    variables = {setting: str(tmp_path / under), "HALFPENNY_PORT": str(free_port())}
    if "serve" in arguments:
        variables["DATABASE_URL"] = request.getfixturevalue("database_url")
    if arguments == RISK:
        variables["AMQP_URL"] = nobody_there("amqp")
    assert refusal(*arguments, **variables).startswith(f"{setting}: ")


def test_a_key_file_that_was_mistyped_is_not_made(database_url: str, tmp_path: Path) -> None:
    mistyped = tmp_path / "singing-key.json"
    output = refusal(
        *HALFPENNY,
        "serve",
        DATABASE_URL=database_url,
        HALFPENNY_DATA=str(tmp_path),
        HALFPENNY_PORT=str(free_port()),
        HALFPENNY_SIGNING_KEY_FILE=str(mistyped),
    )
    assert output.startswith(f"HALFPENNY_SIGNING_KEY_FILE: {mistyped} does not exist")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("HALFPENNY_RISK_PROT", "8081"),
        ("HALFPENNY_RISK_PORT", "0"),
        ("HALFPENNY_RISK_HOST", "192.0.2.33"),
        ("HALFPENNY_RISK_HOST", "no-such-host.invalid"),
        ("HALFPENNY_RISK_MONGO_DATABASE", "half.penny"),
        ("HALFPENNY_RISK_POLICY", "/"),
        ("HALFPENNY_RISK_ARTEFACTS", "/nowhere"),
        ("MONGO_URL", "mongodb://halfpenny:hunter2@documents:many/"),
        ("AMQP_URL", "amqp://halfpenny:hunter2@broker:many/"),
        ("DATABASE_URL", "postgresql://halfpenny:hunter2@db:many/halfpenny"),
        ("HALFPENNY_RISK_NARRATIVE_URL", "https://halfpenny:hunter2@models:many/v1"),
    ],
)
def test_the_risk_service_names_a_wrong_setting(setting: str, value: str) -> None:
    output = refusal(
        *RISK, **{"HALFPENNY_RISK_MODEL": "scorecard", "HALFPENNY_RISK_NARRATIVE_MODEL": "small", setting: value}
    )
    assert output.startswith(setting)
    assert "hunter2" not in output
