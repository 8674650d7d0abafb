"""`make demo` in a checkout whose path has other than ASCII letters, under a locale that knows none of them."""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from halfpenny.platform.servers import remove_folder
from support.demo import RunningDemo

ROOT = Path(__file__).parents[2]
NEEDED = ("Makefile", "docs/schema.sql", "migrations", "requirements", "scripts", "src")

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def checkout(server_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout that is set up with the packages of the tests' environment: nothing is downloaded."""
    folder = server_folder / "gęś, łąka i żółw"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *NEEDED],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    environment = folder / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    monkeypatch.setattr(sys, "argv", ["setup.py", "runtime"])
    setup = runpy.run_path(str(folder / "scripts" / "setup.py"))
    setup["make_importable"]()
    setup["STAMP"].write_text(setup["fingerprint"]("runtime"))
    paths = {"base": str(environment), "platbase": str(environment)}
    site_packages = Path(sysconfig.get_path("purelib", "venv", paths))
    (site_packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    document_store = Path(sysconfig.get_path("scripts"), "secantusd-py")
    (environment / "bin" / document_store.name).symlink_to(document_store)
    yield folder
    shutil.rmtree(folder)


def test_it_opens_and_a_kill_of_make_leaves_nothing_running(checkout: Path, server_folder: Path) -> None:
    demo = RunningDemo(checkout / ".data", ("make", f"PYTHON={sys.executable}"), checkout)
    demo.output = server_folder / "make-demo.txt"
    try:
        demo.start("ARGS=--empty --rabbitmq", LC_ALL="C", LANG="C").until_open()
        assert "setup:" not in demo.printed
        assert demo.get("/readyz").json()["status"] == "ready"
        assert len(demo.processes()) >= 7  # supervisor, three servers, API, worker, risk service
        demo.end(signal.SIGKILL)
        demo.until_nothing_runs()
    finally:
        demo.end(signal.SIGKILL)
        for server in ("postgres", "documents", "rabbitmq"):
            remove_folder(demo.folder / server)
