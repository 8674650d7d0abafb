"""The launcher of PostgreSQL: first start, second start, killed runs, foreign locks, other releases."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from halfpenny.platform.servers import PostgresServer, ServerFailed


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def folder(server_folder: Path, request: pytest.FixtureRequest) -> Path:
    return server_folder / request.node.name


def test_data_survives_a_restart(folder: Path) -> None:
    server = PostgresServer(folder, durable=False)
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.stop()
        assert not server.running
        server.start()
        assert one(server.url, "SELECT answer FROM kept") == 42
    finally:
        server.stop()


def test_it_is_private_and_exact_about_text(postgres: PostgresServer) -> None:
    assert one(postgres.url, "SELECT split_part(current_setting('server_version'), '.', 1)") == "18"
    assert one(postgres.url, "SHOW listen_addresses") == "127.0.0.1"
    assert one(postgres.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert one(postgres.url, "SELECT datlocprovider FROM pg_database WHERE datname = 'halfpenny'") == "b"
    assert stat.S_IMODE(postgres.folder.resolve().stat().st_mode) == 0o700
    assert postgres.port < 32768


def test_a_wrong_password_is_refused(postgres: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://halfpenny:wrong@127.0.0.1:{postgres.port}/halfpenny")


def test_a_killed_server_recovers_what_was_committed(folder: Path) -> None:
    server = PostgresServer(folder)
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert server._process is not None
        server._process.kill()  # and nobody waits for its end but the next start
        assert (folder.resolve() / "data" / "postmaster.pid").exists()
        server.start()
        assert one(server.url, "SELECT answer FROM kept") == 42
    finally:
        server.stop()


def test_a_server_left_over_by_a_killed_run_is_ended_and_its_data_kept(folder: Path) -> None:
    left_over = PostgresServer(folder, durable=False)
    left_over.start()
    server = PostgresServer(folder, durable=False)
    try:
        with psycopg.connect(left_over.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        server.start()
        assert one(server.url, "SELECT answer FROM kept") == 42
        assert not left_over.running
    finally:
        server.stop()
        left_over.stop()


def test_a_lock_whose_process_number_now_belongs_to_another_is_dropped(folder: Path) -> None:
    server = PostgresServer(folder, durable=False)
    server.start()
    server.stop()
    (folder.resolve() / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")
    server.start()
    assert one(server.url, "SELECT 1") == 1
    server.stop()


def test_data_of_another_release_is_named_and_left_alone(folder: Path) -> None:
    server = PostgresServer(folder, durable=False)
    server.start()
    server.stop()
    version_file = folder.resolve() / "data" / "PG_VERSION"
    version_file.write_text("17\n")
    with pytest.raises(ServerFailed, match=r"data of PostgreSQL 17 and this is 18.*--reset"):
        server.start()
    assert version_file.read_text() == "17\n"


def test_a_start_that_was_killed_while_initialising_begins_again(folder: Path) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "half").touch()
    server = PostgresServer(folder, durable=False)
    server.start()
    assert one(server.url, "SELECT 1") == 1
    server.stop()


def test_a_failing_server_is_reported_in_one_line_with_its_log(folder: Path) -> None:
    server = PostgresServer(folder, settings={"shared_buffers": "nonsense"})
    with pytest.raises(ServerFailed, match=r"PostgreSQL ended with status 1.*server\.log") as failed:
        server.start()
    assert "\n" not in str(failed.value)
    assert not server.running


def test_stopping_is_complete(folder: Path) -> None:
    server = PostgresServer(folder, durable=False)
    server.start()
    assert server._process is not None
    pid = server._process.pid
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIG_DFL)
    assert not (folder.resolve() / "data" / "postmaster.pid").exists()
