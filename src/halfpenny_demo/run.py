"""``halfpenny demo``: from nothing to a marketplace that somebody can click through, and cleanly back."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvloop
from rich.console import Console

from halfpenny.entrypoints.connectivity import require_broker, require_database, require_documents
from halfpenny.entrypoints.risk import require_promotion_key, write_promotion_key
from halfpenny.entrypoints.servers import Servers, with_addresses
from halfpenny.entrypoints.settings import Settings
from halfpenny.identity import load_signing_keys
from halfpenny.platform.data_folder import AlreadyRunning, DataFolder
from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import free_port
from halfpenny_demo.logins import Logins, LoginsFile
from halfpenny_demo.processes import Child, ProcessFailed, StartRefused, environment

# A busy machine may take its time; a process that ends is noticed at once.
_START_TIMEOUT_S = 180.0


@dataclass(frozen=True)
class DemoOptions:
    """What the command line asked for.

    ``scenario`` names what to play through, such as journey; without one the demo stays open. ``marketplace`` is
    whether a first start makes loans with a history, or only people who can sign in.
    """

    reset: bool = False
    scenario: str = ""
    rabbitmq: bool = False
    marketplace: bool = True


class Step:
    """One step of the start, shown while it lasts and as a line when it is done."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._began = time.monotonic()
        self._status = console.status(f"{name} ...")
        self._status.start()

    def report(self, how_far: str) -> None:
        self._status.update(f"{self._name} ... {how_far}")

    def done(self, outcome: str) -> None:
        self._status.stop()
        took_s = time.monotonic() - self._began
        self._console.print(f"[green]✓[/] {self._name:<28} {outcome:<32} {took_s:5.1f} s", highlight=False)


class Demo:
    """One run of the demo on one data folder."""

    def __init__(self, settings: Settings, options: DemoOptions, console: Console) -> None:
        self._settings = settings
        self._options = options
        self._console = console
        self._folder = DataFolder(settings.data)
        self._logins_file = LoginsFile(self._folder.path)
        # There while a first start seeds; still there afterwards when that was cut short.
        self._seeding = self._folder.path / "seeding"
        self._children: list[Child] = []
        self._stopping = False
        self._is_open = False

    def run(self) -> int:
        """Returns the exit status: 0 when it was stopped while open, or when the journey ended well.

        Where a program refuses its first start, its line is printed and its status returned.
        """
        began = time.monotonic()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._on_stop_signal)
        try:
            with ExitStack() as stack:
                try:
                    stack.enter_context(self._folder.locked())
                except AlreadyRunning:
                    if self._options.reset or not self._options.scenario:
                        raise
                    return self._run_scenario()  # through the demo that runs already
                return self._open(stack, began)
        except StartRefused as refused:
            sys.stderr.write(f"{refused.line}\n")
            return refused.status
        except KeyboardInterrupt:
            return 0 if self._is_open else 130

    def _open(self, stack: ExitStack, began: float) -> int:
        """Start everything, and stay until a signal or the end of the journey. ``stack`` stops what was started."""
        self._settings.server.require_free()
        self._require_keys()
        if self._seeding.exists() and not self._settings.database.url:
            self._console.print("An earlier first start was cut short; starting afresh.")
            self._folder.empty()
        elif self._options.reset:
            self._folder.empty()
        servers = Servers(self._settings, self._folder, rabbitmq=self._options.rabbitmq, announce=self._start_step)
        stack.callback(self._print_stopped)
        stack.callback(servers.stop)
        logins = self._prepare(servers)
        stack.callback(self._stop_children)
        self._start_children()
        self._await_ready()
        self._print_logins(logins, time.monotonic() - began)
        if self._options.scenario:
            return self._run_scenario()
        self._is_open = True
        self._watch(servers)

    def _require_keys(self) -> None:
        """Raises BadSigningKey or WrongSettings, before anything starts, for a key file that is named and no key."""
        given = self._settings.identity_settings
        if not given.make_signing_key:
            load_signing_keys(given)
        if self._settings.approvals.promotion_key_file is not None:
            require_promotion_key(self._settings)

    def _prepare(self, servers: Servers) -> Logins:
        """Servers, schema and seed; everything that the processes need before they start."""
        settings = self._settings = with_addresses(self._settings, servers.start())
        uvloop.run(require_database(settings))
        uvloop.run(require_broker(settings))
        uvloop.run(require_documents(settings))
        step = self._start_step("schema")
        before, after = migrate(settings.require_database())
        step.done("up to date" if before == after else f"from {before or 'nothing'} to {after}")
        logins = self._logins_file.read() or self._seed(settings)
        self._logins_file.write(settings.base_url, logins)
        return logins

    def _seed(self, settings: Settings) -> Logins:
        from halfpenny_demo import seed

        step = self._start_step("marketplace")
        self._seeding.touch()

        def report_day(day: int, days: int) -> None:
            step.report(f"day {day} of {days}")

        logins = uvloop.run(seed.seed(settings, report_day, marketplace=self._options.marketplace))
        self._seeding.unlink()
        step.done("seeded")
        return logins

    def _start_children(self) -> None:
        settings = self._settings
        variables = environment(
            {
                "DATABASE_URL": settings.database.url,
                "MONGO_URL": settings.documents.url,
                "AMQP_URL": settings.queue.amqp_url,
                "HALFPENNY_DATA": str(self._folder.path),
                "HALFPENNY_SHOWN_LOGINS_FILE": str(self._logins_file.shown),
                # Nobody but the demo talks to this risk service: any port will do, and its inbox lies with our data.
                "HALFPENNY_RISK_PORT": os.environ.get("HALFPENNY_RISK_PORT") or str(free_port()),
                "HALFPENNY_RISK_INBOX": str(self._folder.path / "risk-inbox.sqlite"),
                "HALFPENNY_RISK_PROMOTION_KEY": str(self._promotion_key()),
                "HALFPENNY_RISK_PROMOTION_FILE": str(self._folder.path / "risk-promotion.json"),
            }
        )
        programs = (
            ("risk service", "halfpenny_risk.cli", ("serve",), "risk.log"),
            ("worker", "halfpenny.entrypoints.cli", ("worker",), "worker.log"),
            ("API", "halfpenny.entrypoints.cli", ("serve",), "api.log"),
        )
        for name, module, arguments, log in programs:
            child = Child(name, module, arguments, self._folder.logs / log, variables)
            child.start()
            self._children.append(child)

    def _promotion_key(self) -> Path:
        """The public key by which the risk service knows a promotion that was approved here."""
        path = self._folder.path / "promotion-key.pub.json"
        write_promotion_key(self._settings, path)
        return path

    def _await_ready(self) -> None:
        step = self._start_step("API, worker and risk service")
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._ready():
            self._restart_exited_children()
            if time.monotonic() > deadline:
                raise ProcessFailed(f"the API was not ready after {_START_TIMEOUT_S:g} seconds ({self._folder.logs})")
            time.sleep(0.05)
        step.done(self._local_address())

    def _watch(self, servers: Servers) -> NoReturn:
        """Until it is stopped: restart whatever dies, and report it."""
        while True:
            for name in servers.restart_exited():
                self._console.print(f"[yellow]![/] {name} had ended and was started again")
            self._restart_exited_children()
            time.sleep(0.2)

    def _restart_exited_children(self) -> None:
        for child in self._children:
            if child.has_exited:
                self._console.print(f"[yellow]![/] {child.restart()}")

    def _stop_children(self) -> None:
        for child in self._children:
            child.terminate()
        for child in self._children:
            child.stop()

    def _run_scenario(self) -> int:
        """Drive a journey through the public interfaces; its verdict is our exit status."""
        from halfpenny_demo import journey

        address = self._logins_file.address()
        logins = self._logins_file.read()
        if logins is None:
            raise ProcessFailed(f"{self._logins_file.path} is missing: start afresh with: make demo ARGS=--reset")
        return journey.run(address, logins, scenario=self._options.scenario, console=self._console)

    def _local_address(self) -> str:
        server = self._settings.server
        return f"http://{f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._local_address()}/readyz", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _print_logins(self, logins: Logins, took_s: float) -> None:
        print_line = self._console.print
        print_line(f"\n[bold]Halfpenny is open at {self._settings.base_url}[/]  (in {took_s:.1f} s)\n", highlight=False)
        for role, login in logins.by_role():
            print_line(f"  {role:<14} {login.email:<34} {login.password}", highlight=False, markup=False)
        print_line(
            f"\n  logins  {self._logins_file.path}\n  logs    {self._folder.logs}", highlight=False, markup=False
        )
        if not self._options.scenario:
            print_line("\nCtrl-C stops everything; the data stays for the next start.", highlight=False)

    def _start_step(self, name: str) -> Step:
        return Step(self._console, name)

    def _print_stopped(self) -> None:
        self._console.print("Stopped; the data is kept in " + str(self._folder.path), highlight=False)

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        """Break off once; while everything stops, asking again changes nothing."""
        if not self._stopping:
            self._stopping = True
            raise KeyboardInterrupt
