"""SecantusDB as a small document store of our own: a process that serves MongoDB's protocol on 127.0.0.1.

It is beta, and GPL: we start it and never import it. It may lose acknowledged writes when it is killed, so what
it holds is a copy that can be rebuilt; where its folder is damaged, the launcher empties it and starts again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pymongo
from pymongo.errors import PyMongoError

from halfpenny.platform.child import ends_with_this_process
from halfpenny.platform.servers.process import (
    ServerFailed,
    answers,
    free_port,
    plain_environment,
    remove_folder,
    stop_process,
    wait_until,
)

_PROGRAM = Path(sysconfig.get_path("scripts"), "secantusd-py")


class DocumentServer:
    """One private document store in ``folder``; ``url`` is for any MongoDB client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "server.log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start with what is in the folder, or empty where that cannot be read any more."""
        self.stop()  # one that was killed behind our back is still to be taken leave of
        if not _PROGRAM.exists():
            raise ServerFailed("the package secantusdb is not installed: run make demo, or set MONGO_URL")
        data = self.folder / "data"
        used_before = data.exists()
        try:
            self._launch(data)
        except ServerFailed:
            if not used_before:
                raise
            remove_folder(data)
            self._launch(data)

    def stop(self) -> None:
        """Let it write what it holds, and end."""
        if self._process is not None:
            # It handles the signal at the next connection, or else after two seconds: so connect, once. Later
            # connections can meet it while it closes its files, and then it never ends.
            stop_process(self._process, signal.SIGTERM, timeout_s=10, after_signal=lambda: answers(self.port))
            self._process = None

    def _launch(self, data: Path) -> None:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        # An empty file of its own, so that none is picked up from the home folder or the current one.
        settings = self.folder / "secantusd.toml"
        settings.touch()
        # At its old address again, where it had one: its clients know no other.
        if not self.port or answers(self.port):
            self.port = free_port()
        command: list[str | Path] = [sys.executable, _PROGRAM, "--config", settings, "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--storage-path", data, "--cache-size", "128M"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--log-level", "WARNING"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=plain_environment(),
                start_new_session=True,
                # After its signal it may wait for a connection, and hang over one: what it holds can be made anew.
                preexec_fn=ends_with_this_process(signal.SIGKILL),
            )
        try:
            wait_until(self._ready, "The document store", self._process, self.log)
        except ServerFailed:
            self.stop()
            raise

    def _ready(self) -> bool:
        """A ping, not only an open port: it opens the port before it handles signals."""
        client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(self.url, serverSelectionTimeoutMS=500)
        try:
            client.admin.command("ping")
        except PyMongoError:
            return False
        finally:
            client.close()
        return True
