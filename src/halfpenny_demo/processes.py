"""The demo's own processes: started with the same settings, watched, restarted, stopped in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from halfpenny.platform.child import ends_with_this_process
from halfpenny.platform.servers import ServerFailed
from halfpenny.platform.servers.process import last_line, stop_process

# A process that dies this often in this time will not come right by itself.
_RESTARTS = 5
_RESTART_WINDOW_S = 60.0


# How the programs end a start that their settings do not allow: status and last line (halfpenny.entrypoints.cli,
# halfpenny_risk.cli). A traceback has the first of these statuses and another line, a wrong command line the second.
_REFUSALS = {1: re.compile(r"halfpenny: \S"), 2: re.compile(r"[a-z]+(_[a-z]+)*: \S")}
# For so long after its first start a program's refusal is one of its settings; later it may be a server that went away.
_FIRST_START_S = 60.0


@dataclass
class StartRefused(Exception):
    """A program refused its first start: ``line`` says why, ``status`` is how it ended."""

    line: str
    status: int


class ProcessFailed(ServerFailed):
    """A process keeps dying; the message is one line that names it, its log and its last word."""


@dataclass
class Child:
    """One process: ``module`` is run with ``arguments``; its output is kept in ``log``."""

    name: str
    module: str
    arguments: tuple[str, ...]
    log: Path
    environment: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = None
    _exits: list[float] = field(default_factory=list)
    _began: float = 0.0
    _log_begins: int = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._began, self._log_begins = time.monotonic(), log.tell()
            self._process = subprocess.Popen(
                # -P: a folder that happens to hold a package of ours, or a "platform", is not imported from.
                [sys.executable, "-P", "-m", self.module, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                # Ctrl-C in the terminal goes to the supervisor, which stops the processes in their order.
                start_new_session=True,
                preexec_fn=ends_with_this_process(),
            )

    def terminate(self) -> None:
        """Ask it to end, without waiting: those that end side by side end sooner."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        if self._process is not None:
            stop_process(self._process, signal.SIGTERM, timeout_s=15)
            self._process = None

    @property
    def has_exited(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def restart(self) -> str:
        """Start again after an exit and return a line that reports it.

        Raises StartRefused where it ended its first start itself, and ProcessFailed after too many exits.
        """
        self.raise_refusal()
        status = self._status
        now = time.monotonic()
        self._exits = [*(death for death in self._exits if now - death < _RESTART_WINDOW_S), now]
        if len(self._exits) > _RESTARTS:
            raise ProcessFailed(f"the {self.name} keeps ending (status {status}): {last_line(self.log)} ({self.log})")
        self.start()
        return f"the {self.name} ended with status {status} and was started again ({self.log})"

    @property
    def _status(self) -> int:
        return self._process.returncode if self._process is not None else 0

    def raise_refusal(self) -> None:
        """Raises StartRefused after an exit that settings are to blame for: they do not change by a restart."""
        status = self._status
        if self._exits or status not in _REFUSALS or time.monotonic() - self._began > _FIRST_START_S:
            return
        line = last_line(self.log, self._log_begins)
        if _REFUSALS[status].match(line):
            raise StartRefused(line, status)


def environment(values: Mapping[str, str]) -> dict[str, str]:
    """Our own environment with the demo's servers in it."""
    return {**os.environ, **{name: value for name, value in values.items() if value}}
