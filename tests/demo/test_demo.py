"""`halfpenny demo` as its users run it: a process that starts everything, survives losses and stops without a trace."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from halfpenny.identity import INVITED_ROLES, Role
from halfpenny.platform.servers import remove_folder
from support.demo import PATIENCE_S, RunningDemo

SOURCE = Path(__file__).parents[2] / "src"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def demo(server_folder: Path, request: pytest.FixtureRequest) -> Iterator[RunningDemo]:
    running = RunningDemo(server_folder / f"demo_{request.node.name}")
    yield running
    if running.process is not None:
        running.end(signal.SIGKILL)
    remove_folder(running.folder)


def keep(demo: RunningDemo) -> None:
    """Leave a mark in the database."""
    with psycopg.connect(demo.addresses["database_url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def has_kept(demo: RunningDemo) -> bool:
    with psycopg.connect(demo.addresses["database_url"]) as connection:
        return connection.execute("SELECT to_regclass('kept') IS NOT NULL").fetchone() == (True,)


def test_from_nothing_to_a_marketplace_and_back(demo: RunningDemo, installed: Path) -> None:
    """The installed wheel, run from a folder whose packages would be in the way if they were imported."""
    demo.command, demo.cwd = (installed,), SOURCE / "halfpenny"
    demo.start().until_open()
    logins_file = demo.folder / "demo-logins.json"
    logins = json.loads(logins_file.read_bytes())
    assert stat.S_IMODE(logins_file.stat().st_mode) == 0o600
    assert logins["address"] == f"http://127.0.0.1:{demo.port}"
    assert set(logins) == {"address", "investor", "borrower", "administrators", "others"}
    assert len(logins["administrators"]) == 2
    assert set(logins["others"]) == INVITED_ROLES - {Role.ADMINISTRATOR}
    customers, staff = (logins["investor"], logins["borrower"]), (*logins["administrators"], *logins["others"].values())
    for login in (*customers, *staff):
        answer = httpx2.post(f"{logins['address']}/api/v1/auth/login", json=login, timeout=30)
        assert answer.status_code == 200, answer.text
        assert login["email"] in demo.printed
        assert login["password"] in demo.printed
    assert demo.get("/readyz").json()["status"] == "ready"
    assert demo.get("/livez").status_code == 200
    assert demo.get("/metrics").status_code == 200
    assert demo.get("/").status_code == 200
    assert demo.end(signal.SIGINT) == 0
    assert demo.processes() == []
    assert not (demo.folder / "addresses.json").exists()


def test_data_and_logins_are_kept_until_a_reset(demo: RunningDemo) -> None:
    demo.start("--empty").until_open()
    logins = (demo.folder / "demo-logins.json").read_bytes()
    keep(demo)
    demo.reopen()
    assert has_kept(demo)
    assert (demo.folder / "demo-logins.json").read_bytes() == logins
    demo.reopen("--reset", "--empty")
    assert not has_kept(demo)
    assert (demo.folder / "demo-logins.json").read_bytes() != logins
    assert demo.end() == 0


def test_a_first_start_that_was_cut_short_begins_anew(demo: RunningDemo) -> None:
    demo.start("--empty").until_open()
    keep(demo)
    assert demo.end() == 0
    (demo.folder / "seeding").touch()
    demo.start("--empty").until_open()
    assert "An earlier first start was cut short" in demo.printed
    assert not has_kept(demo)
    assert not (demo.folder / "seeding").exists()
    assert demo.end() == 0


def test_losses_are_made_good_and_a_killed_run_leaves_nothing_in_the_way(demo: RunningDemo) -> None:
    demo.start("--empty").until_open()
    keep(demo)
    postmaster = int((demo.folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(postmaster, signal.SIGKILL)
    demo.wait_for(lambda: "PostgreSQL 18 had ended and was started again" in demo.printed)
    demo.wait_for(lambda: demo.get("/readyz").status_code == 200)

    second = RunningDemo(demo.folder)
    second.output = demo.folder.with_suffix(".second.txt")
    second.start()
    assert second.process is not None
    assert second.process.wait(PATIENCE_S) == 1
    assert f"a demo already runs on {demo.folder} (process " in second.printed

    assert demo.process is not None
    demo.process.kill()
    demo.process.wait()
    demo.start().until_open()  # everything of the killed run is gone or ended now
    assert has_kept(demo)
    demo.process.kill()
    demo.process.wait()
    demo.until_nothing_runs()


def test_a_taken_port_is_named_before_anything_starts(demo: RunningDemo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo.start(port=port)
        assert demo.process is not None
        assert demo.process.wait(PATIENCE_S) == 1
    assert demo.printed.startswith(
        f"halfpenny: HALFPENNY_PORT: cannot listen on 127.0.0.1:{port}: process {os.getpid()} ("
    )
    assert demo.printed.count("\n") == 1
    assert not (demo.folder / "postgres").exists()


def test_a_wrong_setting_is_named_in_one_line(demo: RunningDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFPENNY_DATABASE_TIMEOUT_S", "soon")
    demo.start()
    assert demo.process is not None
    assert demo.process.wait(PATIENCE_S) == 1
    assert demo.printed.startswith("halfpenny: HALFPENNY_DATABASE_TIMEOUT_S: ")
    assert demo.printed.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "value", "status"),
    [("HALFPENNY_RISK_POLICY", "/nope", 2), ("HALFPENNY_WORKER_METRICS_PORT", "taken", 1)],
)
def test_a_setting_that_only_a_program_of_its_own_reads_ends_the_demo_with_its_line(
    server_folder: Path, setting: str, value: str, status: int
) -> None:
    demo = RunningDemo(server_folder / f"demo_refused_{status}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = str(taken.getsockname()[1]) if value == "taken" else value
        demo.start("--empty", **{setting: given})
        assert demo.process is not None
        assert demo.process.wait(PATIENCE_S) == status
    lines = [line for line in demo.printed.split("\n") if f" {setting}" in line]
    assert len(lines) == 1 and "was started again" not in demo.printed
    assert lines[0].startswith("halfpenny: " if status == 1 else "bad_settings: ")
    assert demo.processes() == []
    remove_folder(demo.folder)
