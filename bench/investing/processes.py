"""What the benchmark starts: a durable PostgreSQL, the API, the peer; and what it asks the system about them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEER = ROOT / "bench" / "peer"


class Started:
    """A process with a log of its own; ``stop`` ends it and everything that it started."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path, cwd: Path) -> None:
        self.name = name
        self.log = log
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            cwd=cwd,
            stdout=log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, url: str, timeout_s: float = 60) -> None:
        """Until the URL answers with anything at all."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended: {self.log.read_text()[-2000:]}")
            try:
                urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - loopback
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(f"{self.name} does not answer: {self.log.read_text()[-2000:]}")

    def resident_mb(self) -> float:
        """Resident memory of the process that serves: the largest of the tree."""
        return max(_resident_mb(pid) for pid in [self.pid, *_children(self.pid)])

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def _children(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [grandchild for child in found for grandchild in _children(child)]


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def free_port() -> int:
    """A port below the range that the system gives to outgoing connections."""
    for port in range(21_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


def start_api(database_url: str, folder: Path, *, processes: int) -> tuple[Started, int]:
    """The API as `halfpenny serve` runs it, with its ordinary settings."""
    port = free_port()
    environment = {
        "DATABASE_URL": database_url,
        "HALFPENNY_PORT": str(port),
        "HALFPENNY_DATA": str(folder),
        "HALFPENNY_API_PROCESSES": str(processes),
        "PYTHONPATH": str(ROOT / "src"),
    }
    api = Started(
        "the API", [sys.executable, "-m", "halfpenny.entrypoints.cli", "serve"], environment, folder / "api.log", ROOT
    )
    api.wait_for(f"http://127.0.0.1:{port}/livez")
    return api, port


def start_peer(database_url: str, folder: Path, *, processes: int) -> tuple[Started, int]:
    """The Express peer, with as many processes as the API."""
    if not (PEER / "node_modules").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=PEER, check=True)
    port = free_port()
    environment = {
        "DATABASE_URL": database_url,
        "PORT": str(port),
        "WORKERS": str(processes),
        "NODE_ENV": "production",
    }
    peer = Started("the peer", ["node", "server.js"], environment, folder / "peer.log", PEER)
    peer.wait_for(f"http://127.0.0.1:{port}/")
    return peer, port


def version_of(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "not found"
    return (done.stdout or done.stderr).strip().split("\n", maxsplit=1)[0]
