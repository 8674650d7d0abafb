"""`halfpenny demo` as its users run it: a process that starts everything."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx2

from halfpenny.platform.servers import free_port

# The whole machine may be busy with other tests.
PATIENCE_S = 280
FROM_CHECKOUT = (sys.executable, "-P", "-m", "halfpenny.entrypoints.cli")


class RunningDemo:
    """One `halfpenny demo` on a folder and a port of its own."""

    def __init__(self, folder: Path, command: Sequence[str | Path] = FROM_CHECKOUT, cwd: Path | None = None) -> None:
        self.folder = folder
        self.command = command
        self.cwd = cwd
        self.port = free_port()
        self.output = folder.with_suffix(".txt")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, port: int | None = None, **variables: str) -> RunningDemo:
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
        environment |= {
            "HALFPENNY_DATA": str(self.folder),
            "HALFPENNY_PORT": str(port or self.port),
            **variables,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*self.command, "demo", *arguments],
                env=environment,
                cwd=self.cwd,
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
        self.wait_for(lambda: "Ctrl-C stops everything" in self.printed)
        return self

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Poll: there is no event to wait for in another program's output."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert self.process is not None and self.process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)

    def until_nothing_runs(self) -> None:
        """After a kill: what was sent a signal may take a moment to end."""
        deadline = time.monotonic() + PATIENCE_S
        while left := self.processes():
            assert time.monotonic() < deadline, f"still there: {left}"
            time.sleep(0.05)

    @property
    def printed(self) -> str:
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
