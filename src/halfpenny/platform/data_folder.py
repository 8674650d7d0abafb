"""The data folder: one program at a time runs servers on it, and publishes their addresses in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import msgspec

from halfpenny.platform.servers import remove_folder
from halfpenny.primitives.errors import OperatorError


class AlreadyRunning(OperatorError):
    """Another demo holds the data folder; the message is one line."""


class FolderUnusable(OperatorError):
    """The data folder cannot be written; the message is one line that names the setting."""


@dataclass(frozen=True)
class Addresses:
    """Where the servers of a running demo listen, credentials included: the file is readable by its owner alone."""

    database_url: str
    mongo_url: str
    amqp_url: str


class DataFolder:
    """The paths under HALFPENNY_DATA and the lock that goes with them."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "log"
        self._lock_file = self.path / "demo.lock"
        self._addresses_file = self.path / "addresses.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder. The lock goes with the process, however it ends, so none is ever stale."""
        with self._opened_lock() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise AlreadyRunning(
                    f"a demo already runs on {self.path} (process {lock.read().strip() or 'unknown'}): "
                    "stop it, or give this one another folder with HALFPENNY_DATA"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                self._addresses_file.unlink(missing_ok=True)

    def _opened_lock(self) -> TextIO:
        try:
            # Others may pass through, because root's PostgreSQL runs as another user; what is inside is closed to them.
            self.path.mkdir(parents=True, exist_ok=True, mode=0o711)
            self.logs.mkdir(exist_ok=True, mode=0o700)
            return self._lock_file.open("a+")
        except OSError as error:
            raise FolderUnusable(
                f"HALFPENNY_DATA: cannot write in {self.path} ({error.strerror}); name a folder of yours"
            ) from error

    def empty(self) -> None:
        """Delete everything but the lock that we hold."""
        for entry in self.path.iterdir():
            if entry == self._lock_file:
                continue
            if entry.is_dir() or entry.is_symlink():
                remove_folder(entry)
            else:
                entry.unlink()
        self.logs.mkdir(exist_ok=True, mode=0o700)

    def publish(self, addresses: Addresses) -> None:
        """Publish the servers' addresses to the other commands of this machine."""
        write_private(self._addresses_file, msgspec.json.encode(asdict(addresses)))

    def running_addresses(self) -> Addresses | None:
        """The addresses of the demo that runs on this folder now, or None when none does."""
        try:
            with self._lock_file.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if self._addresses_file.exists():
                return msgspec.json.decode(self._addresses_file.read_bytes(), type=Addresses)
        except OSError:
            pass  # there is none, or it is not ours to read: whoever needs the folder itself gets the error
        return None


def write_private(path: Path, content: bytes) -> None:
    """Replace the file in one step, readable by its owner alone."""
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)
