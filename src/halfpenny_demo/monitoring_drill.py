"""The monitoring drill: a demo with Prometheus beside it; what can break is broken, and the right alert fires and ends.

Seconds in the limits and durations of the rules are divided by ``FASTER``, so that the drill takes minutes; the rules
themselves are those of ops/prometheus/rules.yml. Everything listens on 127.0.0.1 and is ended at the end.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import msgspec
from rich.console import Console
from rich.table import Table

from halfpenny.entrypoints.alert_rules import as_yaml
from halfpenny.platform.child import ends_with_this_process
from halfpenny.platform.servers import free_port, remove_folder
from halfpenny.primitives.errors import OperatorError
from halfpenny_demo.journey import opening
from halfpenny_demo.journey.session import JourneySession
from halfpenny_demo.logins import LoginsFile

FASTER = 15
START_S, ALERT_S = 180.0, 150.0
_DEAD_LETTER = """
INSERT INTO dead_letter (queue, event_id, name, version, payload, recorded_at, attempts, reason, error)
SELECT i.queue, o.event_id, o.name, o.version, o.payload, o.recorded_at, 5, 'attempts_exhausted', 'the drill'
FROM inbox i JOIN outbox o ON o.event_id = i.event_id ORDER BY o.seq LIMIT 1 RETURNING queue
"""


class DrillFailed(OperatorError):
    """What did not happen in time."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One row of the result: seconds until the alert fired, and from the mend until it ended."""

    broken: str
    alert: str
    fired_s: float
    ended_s: float


class Monitored:
    """A demo, and a Prometheus that scrapes its programs every second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.worker_port, self.risk_port, self.prometheus_port = (free_port() for _ in range(4))
        self.environment = {name: value for name, value in os.environ.items() if not name.endswith("_URL")} | {
            "HALFPENNY_DATA": str(folder / "data"),
            "HALFPENNY_PORT": str(self.port),
            "HALFPENNY_WORKER_METRICS_PORT": str(self.worker_port),
            "HALFPENNY_RISK_PORT": str(self.risk_port),
        }

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def addresses(self) -> dict[str, str]:
        return msgspec.json.decode((self.folder / "data" / "addresses.json").read_bytes(), type=dict[str, Any])

    def processes(self, mentions: str) -> list[int]:
        """The processes of this demo whose command line has ``mentions``."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdecimal() and mentions.encode() in (entry / "cmdline").read_bytes():
                    environment = (entry / "environ").read_bytes()
                    if str(self.folder).encode() in environment + (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
        return found

    @contextmanager
    def stopped(self, mentions: str) -> Iterator[None]:
        """Its processes stand still meanwhile, as a hanging program does."""
        found = self.processes(mentions)
        if not found:
            raise DrillFailed(f"no process of the demo mentions {mentions}")
        for each in found:
            os.kill(each, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in found:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGCONT)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Both started, and ended afterwards."""
        command = (sys.executable, "-P", "-m", "halfpenny.entrypoints.cli", "demo", "--empty")
        children = []
        try:
            with (self.folder / "demo.log").open("wb") as log:
                children.append(self._start(command, log, self.environment))
            self._wait_for("the demo is open", lambda: self._answers(f"{self.address}/readyz"))
            children.append(self._start_prometheus())
            yield
        finally:
            for child in reversed(children):
                child.terminate()
            for child in reversed(children):
                child.wait(60)

    def alerts(self) -> set[tuple[str, str]]:
        """The firing alerts of Prometheus: (name, the value of its own label)."""
        answer = httpx2.get(f"http://127.0.0.1:{self.prometheus_port}/api/v1/alerts", timeout=10).json()
        return {
            (
                each["labels"]["alertname"],
                next((each["labels"][key] for key in ("queue", "periodic_job", "job") if key in each["labels"]), ""),
            )
            for each in answer["data"]["alerts"]
            if each["state"] == "firing"
        }

    def targets_up(self) -> bool:
        answer = httpx2.get(f"http://127.0.0.1:{self.prometheus_port}/api/v1/targets", timeout=10).json()
        health = [each["health"] for each in answer["data"]["activeTargets"]]
        return len(health) == 3 and set(health) == {"up"}

    def _start_prometheus(self) -> subprocess.Popen[bytes]:
        program = shutil.which("prometheus")
        if program is None:
            raise DrillFailed("prometheus is not installed: apt-get install prometheus")
        jobs = {
            "halfpenny-api": f"127.0.0.1:{self.port}",
            "halfpenny-worker": f"127.0.0.1:{self.worker_port}",
            "halfpenny-risk": f"127.0.0.1:{self.risk_port}",
        }
        lines = [
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}",
            "rule_files: [rules.yml]",
        ]
        lines += ["scrape_configs:"]
        for name, target in jobs.items():
            lines += [f"  - job_name: {name}", f"    static_configs: [{{targets: ['{target}']}}]"]
        (self.folder / "rules.yml").write_text(as_yaml(faster=FASTER))
        (self.folder / "prometheus.yml").write_text("\n".join(lines) + "\n")
        command = (
            program,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.prometheus_port}",
        )
        with (self.folder / "prometheus.log").open("wb") as log:
            child = self._start(command, log, dict(os.environ))
        self._wait_for("Prometheus answers", lambda: self._answers(f"http://127.0.0.1:{self.prometheus_port}/-/ready"))
        self._wait_for("every target is up", self.targets_up)
        return child

    def _start(self, command: tuple[str, ...], log: Any, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            preexec_fn=ends_with_this_process(),
        )

    def _answers(self, address: str) -> bool:
        try:
            return httpx2.get(address, timeout=5).status_code == 200
        except httpx2.HTTPError:
            return False

    def _wait_for(self, what: str, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while not true():
            if time.monotonic() > deadline:
                raise DrillFailed(f"waited {START_S:.0f} s until {what}; see {self.folder}")
            time.sleep(0.5)


async def _until(monitored: Monitored, alert: tuple[str, str], firing: bool, within_s: float = ALERT_S) -> float:
    began = time.monotonic()
    while (alert in await asyncio.to_thread(monitored.alerts)) is not firing:
        if time.monotonic() - began > within_s:
            raise DrillFailed(f"{alert} {'did not fire' if firing else 'did not end'} within {within_s:.0f} s")
        await asyncio.sleep(0.5)
    return time.monotonic() - began


async def _risk_service_stands_still(monitored: Monitored) -> list[Seen]:
    logins = LoginsFile(monitored.folder / "data").read()
    if logins is None:
        raise DrillFailed("the demo has no logins")
    async with httpx2.AsyncClient(base_url=monitored.address, timeout=30) as client:
        session = JourneySession(client, Console(quiet=True))
        participants = await opening.register_participants(session, logins)
        with monitored.stopped("halfpenny_risk"):
            applying = asyncio.create_task(opening.apply(session, participants, "retained"))
            down = await _until(monitored, ("TargetDown", "halfpenny-risk"), True)
            fired = await _until(monitored, ("AssessmentWaitingSeconds", ""), True)
        up = await _until(monitored, ("TargetDown", "halfpenny-risk"), False)
        ended = await _until(monitored, ("AssessmentWaitingSeconds", ""), False)
        with suppress(Exception):  # the journey's own patience may have ended before
            await applying
    return [
        Seen("the risk service stands still", "TargetDown halfpenny-risk", down, up),
        Seen("the risk service stands still", "AssessmentWaitingSeconds", down + fired, up + ended),
    ]


async def _document_store_hangs(monitored: Monitored) -> list[Seen]:
    alert = ("JobLateSeconds", "catch_up_listings")
    with monitored.stopped("secantus"):
        fired = await _until(monitored, alert, True)
    ended = await _until(monitored, alert, False)
    return [Seen("the document store hangs", "JobLateSeconds catch_up_listings", fired, ended)]


async def _an_event_is_given_up(monitored: Monitored) -> list[Seen]:
    connection = await asyncpg.connect(monitored.addresses()["database_url"])
    try:
        # One that had its effect: replaying it is harmless, as its runbook says.
        queue = await connection.fetchval(_DEAD_LETTER)
    finally:
        await connection.close()
    if queue is None:
        raise DrillFailed("no event has had its effect yet")
    fired = await _until(monitored, ("DeadLetters", queue), True)
    replay = (sys.executable, "-P", "-m", "halfpenny.entrypoints.cli", "deadletters", "replay", queue)
    await asyncio.to_thread(subprocess.run, replay, env=monitored.environment, check=True, stdout=subprocess.DEVNULL)
    ended = await _until(monitored, ("DeadLetters", queue), False)
    return [Seen("an event is in the dead letters", f"DeadLetters {queue}", fired, ended)]


async def _worker_stands_still(monitored: Monitored) -> list[Seen]:
    alert = ("TargetDown", "halfpenny-worker")
    with monitored.stopped("entrypoints.cli\0worker"):
        fired = await _until(monitored, alert, True)
    ended = await _until(monitored, alert, False)
    return [Seen("the worker stands still", "TargetDown halfpenny-worker", fired, ended)]


DRILLS: tuple[Callable[[Monitored], Coroutine[Any, Any, list[Seen]]], ...] = (
    _risk_service_stands_still,
    _document_store_hangs,
    _an_event_is_given_up,
    _worker_stands_still,
)


def run(console: Console) -> list[Seen]:
    """Play every drill and print the table. Raises DrillFailed, which names what did not happen."""
    folder = Path(tempfile.mkdtemp(prefix="halfpenny-monitor-"))
    folder.chmod(0o755)
    monitored = Monitored(folder)
    seen: list[Seen] = []
    with console.status("starting a demo and Prometheus ...") as status, monitored.running():
        console.print("every target is up")
        for drill in DRILLS:
            status.update(f"{drill.__name__.strip('_').replace('_', ' ')} ...")
            seen += asyncio.run(drill(monitored))
        if left := monitored.alerts():
            raise DrillFailed(f"still firing: {sorted(left)}")
    table = Table("broken", "alert", "fired after", "ended after", title=f"Limits and durations divided by {FASTER}")
    for each in seen:
        table.add_row(each.broken, each.alert, f"{each.fired_s:.0f} s", f"{each.ended_s:.0f} s")
    console.print(table)
    remove_folder(folder)
    return seen
