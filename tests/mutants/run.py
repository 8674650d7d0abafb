"""Change one rule at a time and see a test fail: ``make mutants``.

``mutants.toml`` names small changes of rules that must never change unnoticed, each with the tests that have to
notice. Every one is made in a scratch copy of the tree, its tests run there, and the copy is put back. A mutant that
no test kills, one whose text the file no longer holds, and one that cannot even be loaded all fail the run.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from halfpenny.platform.child import ends_with_this_process

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("mutants.toml")
TIMEOUT_S = 300
_TESTS_FAILED, _PASSED = 1, 0


class Fate(StrEnum):
    """What became of a mutant. Only the first is good."""

    KILLED = "killed"
    HUNG = "hung, so killed"
    SURVIVED = "SURVIVED: no test notices"
    STALE = "STALE: the file does not hold its text exactly once"
    BROKEN = "BROKEN: its tests could not run"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: ``original`` stands once in ``file`` and becomes ``mutant``; ``tests`` are what pytest is given,
    ``select`` its -k. ``quick`` ones need no server and are run by a test of the suite too."""

    name: str
    rule: str
    file: str
    original: str
    mutant: str
    tests: tuple[str, ...]
    select: str = ""
    quick: bool = False


def read_list(path: Path = LIST) -> list[Mutant]:
    found = tomllib.loads(path.read_text())["mutants"]
    return [Mutant(**{**each, "tests": tuple(each["tests"])}) for each in found]


class Scratch:
    """A copy of the tree as git knows it, committed or not, that mutants are made in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        for name in names:
            if name and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        self._writes = 0

    def try_out(self, mutant: Mutant) -> Fate:
        path = self.folder / mutant.file
        kept = path.read_text() if path.is_file() else ""
        if kept.count(mutant.original) != 1:
            return Fate.STALE
        self._write(path, kept.replace(mutant.original, mutant.mutant))
        try:
            return self._judge(mutant)
        finally:
            self._write(path, kept)

    def passes(self, mutants: Iterable[Mutant]) -> bool:
        """Whether the tests pass while nothing is changed: else their failing would prove nothing."""
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        return self._pytest(tests, "", len(tests) * TIMEOUT_S) == _PASSED

    def _judge(self, mutant: Mutant) -> Fate:
        try:
            status = self._pytest(mutant.tests, mutant.select, TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return Fate.HUNG
        return {_TESTS_FAILED: Fate.KILLED, _PASSED: Fate.SURVIVED}.get(status, Fate.BROKEN)

    def _pytest(self, tests: Sequence[str], select: str, timeout_s: float) -> int:
        # Programs that a test starts come from the copy as well.
        paths = os.pathsep.join(str(self.folder / name) for name in ("src", "tests"))
        # What loads slowly and no mutant needs.
        without = [f"-pno:{plugin}" for plugin in ("cacheprovider", "playwright", "schemathesis")]
        command = [sys.executable, "-m", "pytest", "-x", "-q", *without, *tests]
        with (self.folder / "pytest.log").open("w") as log:
            return subprocess.run(
                [*command, *(["-k", select] if select else [])],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": paths},
                stdout=log,
                stderr=log,
                timeout=timeout_s,
                check=False,
                preexec_fn=ends_with_this_process(),
            ).returncode

    def _write(self, path: Path, text: str) -> None:
        """Python shows by time and size whether compiled code is old: each write gets a second of its own."""
        path.write_text(text)
        self._writes += 1
        moment = time.time() + 10 * self._writes
        os.utime(path, (moment, moment))


def run(mutants: Sequence[Mutant], jobs: int) -> dict[str, Fate]:
    """Try all of them, ``jobs`` at a time, reporting each as it is done."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    fates: dict[str, Fate] = {}
    speaking = threading.Lock()

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="halfpenny-mutants-") as name:
            # The servers of the tests run as an ordinary user.
            Path(name).chmod(0o755)
            scratch = Scratch(Path(name))
            while True:
                try:
                    mutant = waiting.get_nowait()
                except queue.Empty:
                    return
                started = time.monotonic()
                fate = scratch.try_out(mutant)
                with speaking:
                    fates[mutant.name] = fate
                    took_s = time.monotonic() - started
                    print(
                        f"{len(fates):3}/{len(mutants)} {took_s:6.1f} s  {mutant.rule}: {mutant.name}: {fate}",
                        flush=True,
                    )

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return fates


def main() -> int:
    options = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    options.add_argument("--only", default="", help="those whose rule or name holds this text")
    options.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="how many at a time")
    options.add_argument("--trust-tests", action="store_true", help="do not run the unchanged tests first")
    asked = options.parse_args()
    mutants = [mutant for mutant in read_list() if asked.only in f"{mutant.rule}: {mutant.name}"]
    if not mutants:
        print(f"no mutant holds {asked.only!r}")
        return 2
    if not asked.trust_tests:
        with tempfile.TemporaryDirectory(prefix="halfpenny-mutants-") as name:
            Path(name).chmod(0o755)
            print(f"{len(mutants)} mutants; their tests first, unchanged", flush=True)
            scratch = Scratch(Path(name))
            if not scratch.passes(mutants):
                print((scratch.folder / "pytest.log").read_text()[-3_000:])
                print("the tests fail before anything is changed")
                return 2
    fates = run(mutants, asked.jobs)
    bad = {name: fate for name, fate in fates.items() if fate not in (Fate.KILLED, Fate.HUNG)}
    for name, fate in bad.items():
        print(f"{name}: {fate}")
    print(f"{len(fates) - len(bad)} of {len(fates)} killed")
    return 1 if bad or len(fates) < len(mutants) else 0


if __name__ == "__main__":
    sys.exit(main())
