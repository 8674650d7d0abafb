"""`halfpenny demo` as its users run it: a process that starts everything, survives losses and stops without a trace."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import psycopg
import pytest

from halfpenny.platform.servers import free_port, remove_folder

SOURCE = Path(__file__).parents[2] / "src"
# The whole machine may be busy with other tests.
PATIENCE_S = 280

pytestmark = pytest.mark.timeout(900)


class RunningDemo:
    """One `halfpenny demo` on a folder and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder.with_suffix(".txt")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, port: int | None = None) -> RunningDemo:
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        environment |= {
            "PYTHONPATH": str(SOURCE),
            "HALFPENNY_DATA": str(self.folder),
            "HALFPENNY_PORT": str(port or self.port),
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "halfpenny.entrypoints.cli", "demo", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def reopen(self, *arguments: str) -> None:
        """Stop cleanly and start again."""
        assert self.end() == 0
        self.start(*arguments).until_open()

    def until_open(self) -> RunningDemo:
        self.wait_for(lambda: "Ctrl-C stops everything" in self.said)
        return self

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Poll: there is no event to wait for in another program's output."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert self.process is not None and self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def addresses(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.folder / "addresses.json").read_bytes())
        return found

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def processes(self) -> list[int]:
        """Whoever mentions our folder, in its command line or its environment: servers and programs of this demo."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
                    if str(self.folder).encode() in text:
                        found.append(int(entry.name))
        return found


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


def test_from_nothing_to_a_marketplace_and_back(demo: RunningDemo) -> None:
    demo.start().until_open()
    logins_file = demo.folder / "demo-logins.json"
    logins = json.loads(logins_file.read_bytes())
    assert stat.S_IMODE(logins_file.stat().st_mode) == 0o600
    assert logins["address"] == f"http://127.0.0.1:{demo.port}"
    assert set(logins) == {"address", "investor", "borrower", "administrators", "others"}
    assert len(logins["administrators"]) == 2
    assert set(logins["others"]) == {"underwriter", "servicer", "treasurer", "auditor", "service"}
    customers, staff = (logins["investor"], logins["borrower"]), (*logins["administrators"], *logins["others"].values())
    for login in (*customers, *staff):
        answer = httpx2.post(f"{logins['address']}/api/v1/auth/login", json=login, timeout=30)
        assert answer.status_code == 200, answer.text
        assert login["email"] in demo.said
        assert login["password"] in demo.said
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
    assert "An earlier first start was cut short" in demo.said
    assert not has_kept(demo)
    assert not (demo.folder / "seeding").exists()
    assert demo.end() == 0


def test_losses_are_made_good_and_a_killed_run_leaves_nothing_in_the_way(demo: RunningDemo) -> None:
    demo.start("--empty").until_open()
    keep(demo)
    postmaster = int((demo.folder / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(postmaster, signal.SIGKILL)
    demo.wait_for(lambda: "PostgreSQL 18 had ended and was started again" in demo.said)
    demo.wait_for(lambda: demo.get("/readyz").status_code == 200)

    second = RunningDemo(demo.folder)
    second.output = demo.folder.with_suffix(".second.txt")
    second.start()
    assert second.process is not None
    assert second.process.wait(PATIENCE_S) == 1
    assert f"a demo already runs on {demo.folder} (process " in second.said

    assert demo.process is not None
    demo.process.kill()
    demo.process.wait()
    demo.start().until_open()  # everything of the killed run is gone or ended now
    assert has_kept(demo)
    assert demo.end() == 0
    assert demo.processes() == []


def test_a_taken_port_is_named_before_anything_starts(demo: RunningDemo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo.start(port=port)
        assert demo.process is not None
        assert demo.process.wait(PATIENCE_S) == 1
    assert demo.said.startswith(f"halfpenny: HALFPENNY_PORT: cannot listen on 127.0.0.1:{port}")
    assert demo.said.count("\n") == 1
    assert not (demo.folder / "postgres").exists()


def test_a_wrong_setting_is_named_in_one_line(demo: RunningDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFPENNY_DATABASE_TIMEOUT_S", "soon")
    demo.start()
    assert demo.process is not None
    assert demo.process.wait(PATIENCE_S) == 1
    assert demo.said.startswith("halfpenny: HALFPENNY_DATABASE_TIMEOUT_S: ")
    assert demo.said.count("\n") == 1
