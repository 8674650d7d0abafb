"""Halfpenny's own programs as processes, on servers that the tests run: nobody supervises them but the test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from halfpenny.platform.servers import free_port
from support.people import signing_key_file

SOURCE = Path(__file__).parents[2] / "src"
PATIENCE_S = 120


@dataclass
class Programs:
    """Starts programs with the same settings and ends them all. ``folder`` takes their logs and keys."""

    folder: Path
    database_url: str
    mongo_url: str
    mongo_name: str
    amqp_url: str = ""
    models: Path | None = None
    _risk_ports: dict[str, int] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("HALFPENNY_")}
        ours |= {
            "PYTHONPATH": str(SOURCE),
            "DATABASE_URL": self.database_url,
            "MONGO_URL": self.mongo_url,
            "HALFPENNY_DOCUMENTS_NAME": self.mongo_name,
            "HALFPENNY_DATA": str(self.folder),
            # The key that support.people signs with.
            "HALFPENNY_SIGNING_KEY_FILE": str(signing_key_file()),
            # One sign-in costs little here; how much it costs elsewhere is not what these tests are about.
            "HALFPENNY_ARGON2_TIME_COST": "1",
            "HALFPENNY_ARGON2_MEMORY_KIB": "64",
        }
        ours.pop("AMQP_URL", None)
        return ours | ({"AMQP_URL": self.amqp_url} if self.amqp_url else {})

    def api(self, name: str = "api") -> str:
        """Start an API process of its own port and wait until it is ready; returns its address."""
        port = free_port()
        self._start(name, "halfpenny.entrypoints.cli", "serve", HALFPENNY_PORT=str(port))
        address = f"http://127.0.0.1:{port}"

        def ready() -> bool:
            try:
                return httpx2.get(f"{address}/readyz", timeout=5).status_code == 200
            except httpx2.HTTPError:
                return False

        self._wait(name, ready)
        return address

    def worker(self, name: str = "worker") -> None:
        self._start(name, "halfpenny.entrypoints.cli", "worker")

    def risk(self, name: str = "risk") -> None:
        port = self._risk_ports.setdefault(name, free_port())
        self._start(name, "halfpenny_risk.cli", "serve", HALFPENNY_RISK_PORT=str(port), **self.risk_environment(name))

    def risk_environment(self, name: str = "risk") -> dict[str, str]:
        """What one risk service keeps is its own; promotions are taken where there is a public key."""
        given = {"HALFPENNY_RISK_INBOX": str(self.folder / f"{name}-inbox.sqlite")}
        if self.models is not None:
            given["HALFPENNY_RISK_ARTEFACTS"] = str(self.models)
        if self.promotion_key.exists():
            given["HALFPENNY_RISK_PROMOTION_KEY"] = str(self.promotion_key)
            given["HALFPENNY_RISK_PROMOTION_FILE"] = str(self.promotion_file(name))
        return given

    def risk_address(self, name: str = "risk") -> str:
        return f"http://127.0.0.1:{self._risk_ports[name]}"

    @property
    def promotion_key(self) -> Path:
        return self.folder / "promotion-key.pub.json"

    def promotion_file(self, name: str = "risk") -> Path:
        return self.folder / f"{name}-promotion.json"

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end."""
        return subprocess.run(
            [sys.executable, "-m", "halfpenny.entrypoints.cli", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def kill(self, name: str) -> None:
        """As a power cut would."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)

    def end(self) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def output(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _start(self, name: str, module: str, *arguments: str, **variables: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait(self, name: str, true: Callable[[], bool]) -> None:
        """Poll: there is no event to wait for in another program."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert self._running[name].poll() is None, self.output(name)
            assert time.monotonic() < deadline, self.output(name)
            time.sleep(0.05)
