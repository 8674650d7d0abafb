"""What the launchers share: a free port, an unprivileged user, a patient wait and a clear failure."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from halfpenny.platform.child import ends_with_this_process
from halfpenny.primitives.errors import OperatorError

# Linux hands out the ports from 32768 up to outgoing connections, so a server that picks one there can lose it.
_PORTS = range(20000, 32768)
# Where root keeps what an unprivileged server must be able to read when the project lies in a private folder.
_SHARED_FOLDER = Path("/var/lib/halfpenny")


class ServerFailed(OperatorError):
    """A server did not start or stop; the message is one line that names what to do or which log to read."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now. Another process may still take it: callers try again."""
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerFailed("no free port found between 20000 and 32767 on 127.0.0.1")


def unprivileged_user() -> pwd.struct_passwd | None:
    """The user that servers run as when we are root, or None where we already are an ordinary user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerFailed("running as root needs a user named postgres or nobody to run PostgreSQL as; create one")


def may(user: pwd.struct_passwd | None, permission: str, path: Path) -> bool:
    """Whether the user may read (``-r``) or enter (``-x``) the path, every parent folder included."""
    return run_as(user, ["test", permission, str(path)]).returncode == 0


def ids_of(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """The arguments that make subprocess start a program as the user; none where we already are the user."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def run_as(user: pwd.struct_passwd | None, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as the user (or as ourselves), from a folder that everyone may enter."""
    return subprocess.run(
        command,
        cwd="/",
        env=plain_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=ends_with_this_process(),
        **ids_of(user),
    )


def plain_environment() -> dict[str, str]:
    """Only what a server needs: none of our settings, and messages in English, which the launchers read."""
    # Under plain C, Python 3.11 and 3.12 fail over the first .pth file with other than ASCII letters in it.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C"}


def readable_folder(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """Make the folder, where the user can reach it, and return where it really is.

    A project under root's private home cannot hold the data of an unprivileged server. The data then lies in
    /var/lib/halfpenny and the folder is a link to it, so that deleting or moving the project keeps them apart.
    """
    if folder.is_symlink() or user is None:
        folder.resolve().mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    if may(user, "-x", folder.parent):
        folder.mkdir(exist_ok=True, mode=0o700)
    else:
        _SHARED_FOLDER.mkdir(parents=True, exist_ok=True, mode=0o755)
        folder.symlink_to(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=_SHARED_FOLDER))
    os.chown(folder, user.pw_uid, user.pw_gid)
    return folder.resolve()


def remove_folder(folder: Path) -> None:
    """Delete the folder and what its link points at."""
    shutil.rmtree(folder.resolve(), ignore_errors=True)
    if folder.is_symlink():
        folder.unlink()


def shared_copy(source: Path, names: list[str], label: str) -> Path:
    """Copy the named folders of ``source`` side by side to where every user can read them; done once per label."""
    target = _SHARED_FOLDER / label
    if not target.exists():
        _SHARED_FOLDER.mkdir(parents=True, exist_ok=True, mode=0o755)
        half_done = Path(tempfile.mkdtemp(dir=_SHARED_FOLDER))
        for name in names:
            shutil.copytree(source / name, half_done / name)
        half_done.chmod(0o755)
        try:
            half_done.rename(target)
        except OSError:  # another start was faster; its copy is the same
            shutil.rmtree(half_done)
    return target


def wait_until(
    ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes], log: Path, timeout_s: float = 180
) -> None:
    """Poll until ``ready``; raise ServerFailed with the log's last line when the process ends or time is up."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if process.poll() is not None:
            raise ServerFailed(f"{what} ended with status {process.returncode}: {last_line(log)} (log: {log})")
        if time.monotonic() > deadline:
            raise ServerFailed(f"{what} was not ready after {timeout_s:g} seconds: {last_line(log)} (log: {log})")
        time.sleep(0.02)


def stop_process(
    process: subprocess.Popen[bytes],
    how: signal.Signals,
    timeout_s: float = 30,
    after_signal: Callable[[], object] | None = None,
) -> None:
    """Signal the process, call ``after_signal`` once, wait for the end, and kill it when that does not come in time."""
    if process.poll() is not None:
        return
    process.send_signal(how)
    if after_signal is not None:
        time.sleep(0.03)
        after_signal()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_line(log: Path, begins: int = 0) -> str:
    """The last line that is not blank, or that there is none; ``begins`` is the byte from which to look."""
    lines = log.read_bytes()[begins:].decode(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "its log is empty")


def answers(port: int) -> bool:
    """Whether something accepts connections on the port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
