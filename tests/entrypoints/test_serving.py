"""`halfpenny serve` on a port that is held, and after its main process was killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from halfpenny.platform.listening import holder_of
from halfpenny.platform.servers import free_port
from support.people import signing_key_file

COMMAND = (sys.executable, "-P", "-m", "halfpenny.entrypoints.cli")


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HALFPENNY_")}
    return ours | {
        "DATABASE_URL": database_url,
        "HALFPENNY_DATA": str(tmp_path),
        "HALFPENNY_SIGNING_KEY_FILE": str(signing_key_file()),
        "HALFPENNY_PORT": str(free_port()),
    }


def refused(environment: dict[str, str], command: str = "serve") -> str:
    """What a start that must fail prints."""
    ended = subprocess.run(
        [*COMMAND, command], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    return ended.stderr


@pytest.mark.parametrize("processes", ["1", "3"])
def test_killing_the_main_process_frees_the_port(environment: dict[str, str], processes: str, tmp_path: Path) -> None:
    port = int(environment["HALFPENNY_PORT"])
    with (tmp_path / "api.log").open("wb") as log:
        api = subprocess.Popen(
            [*COMMAND, "serve"],
            env=environment | {"HALFPENNY_API_PROCESSES": processes},
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + 120
    while not answers(port):
        assert api.poll() is None and time.monotonic() < deadline, (tmp_path / "api.log").read_text()
        time.sleep(0.1)
    # Somebody is connected, as browsers are: that keeps no worker alive either.
    with socket.create_connection(("127.0.0.1", port)):
        api.send_signal(signal.SIGKILL)
        api.wait()
        while holder_of(port) is not None:
            assert time.monotonic() < deadline, f"{holder_of(port)} still listens on {port}"
            time.sleep(0.05)


def answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 200
    except httpx2.TransportError:
        return False


@pytest.mark.parametrize(
    ("command", "setting"), [("serve", "HALFPENNY_PORT"), ("worker", "HALFPENNY_WORKER_METRICS_PORT")]
)
def test_a_port_that_is_held_is_reported_with_its_holder(
    environment: dict[str, str], command: str, setting: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = refused(environment | {setting: str(port)}, command)
    assert output.startswith(f"halfpenny: {setting}: cannot listen on 127.0.0.1:{port}: process {os.getpid()} (")
    assert output.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_an_address_of_another_machine_is_reported_as_the_cause(environment: dict[str, str], command: str) -> None:
    metrics = {"HALFPENNY_WORKER_METRICS_PORT": str(free_port())}
    output = refused(environment | metrics | {"HALFPENNY_HOST": "198.51.100.9"}, command)
    assert output == "halfpenny: HALFPENNY_HOST: cannot listen on 198.51.100.9: this machine has no such address\n"
