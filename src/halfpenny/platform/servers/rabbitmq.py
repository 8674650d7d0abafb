"""A private RabbitMQ node from Debian's package: own ports, own cookie, own data, and nothing left behind."""

from __future__ import annotations

import secrets
import signal
import subprocess
from pathlib import Path

from halfpenny.platform.child import ends_with_this_process
from halfpenny.platform.servers.process import (
    ServerFailed,
    answers,
    free_port,
    ids_of,
    plain_environment,
    readable_folder,
    stop_process,
    unprivileged_user,
    wait_until,
)

# Not /usr/sbin/rabbitmq-server: that wrapper serves the one node of the machine, and only as its own user.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_PORT_MAPPER = "epmd"
_USER = "halfpenny"


class RabbitServer:
    """One private broker in ``folder``. Its epmd (Erlang's port mapper) is its own too, and ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "server.log"
        self.port = 0
        self._epmd_port = 0
        self._user = unprivileged_user()
        self._password = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._port_mapper: subprocess.Popen[bytes] | None = None

    @staticmethod
    def installed() -> bool:
        return _SERVER.exists()

    @property
    def url(self) -> str:
        return f"amqp://{_USER}:{self._password}@127.0.0.1:{self.port}/"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The leader of the node's process group."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        if not self.installed():
            raise ServerFailed("rabbitmq-server is not installed: apt-get install rabbitmq-server")
        self.stop()  # one that was killed behind our back is still to be taken leave of
        home = readable_folder(self.folder, self._user)
        self.log = home / "server.log"
        self.log.unlink(missing_ok=True)
        password_file = home / "password"
        if not password_file.exists():
            password_file.touch(mode=0o600)
            password_file.write_text(secrets.token_urlsafe(24))
        self._password = password_file.read_text()
        # A node that is started again keeps its address, so that whoever was connected finds it.
        self.port, self._epmd_port = self.port or free_port(), self._epmd_port or free_port()
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"default_user = {_USER}\n"
            f"default_pass = {self._password}\n"
            # A laptop with a full disk should still run a demo; production has its own settings.
            "disk_free_limit.absolute = 50MB\n"
            "log.console = true\n"
            "log.console.level = warning\n"
            "log.file = false\n"
        )
        (home / "enabled_plugins").write_text("[].\n")
        self._port_mapper = self._start([_PORT_MAPPER, "-port", str(self._epmd_port)], home)
        self._process = self._start([_SERVER], home)
        try:
            wait_until(lambda: answers(self.port), "RabbitMQ", self._process, self.log)
        except ServerFailed:
            self.stop()
            raise

    def stop(self) -> None:
        if self._process is not None:
            stop_process(self._process, signal.SIGTERM)
            self._process = None
        if self._port_mapper is not None:
            stop_process(self._port_mapper, signal.SIGTERM)
            self._port_mapper = None

    def _start(self, command: list[str | Path], home: Path) -> subprocess.Popen[bytes]:
        """Start one of the node's two programs as our own child, so that neither outlives us."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
                env=self._environment(home),
                start_new_session=True,
                preexec_fn=ends_with_this_process(),
                **ids_of(self._user),
            )

    def _environment(self, home: Path) -> dict[str, str]:
        return plain_environment() | {
            "HOME": str(home),
            # Alone behind its own port mapper, the node may keep one name, and with it its data.
            "RABBITMQ_NODENAME": "halfpenny@localhost",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The node would start its port mapper as a daemon; and its script would stay as a parent between us.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false",
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        }
