"""The servers behind a demo or a command: those that the settings name, and our own for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.platform.data_folder import Addresses, DataFolder
from halfpenny.platform.servers import DocumentServer, PostgresServer, RabbitServer


class EmbeddedServer(Protocol):
    """What the launchers have in common."""

    @property
    def url(self) -> str: ...
    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


class ProgressStep(Protocol):
    """A step that is being shown to somebody."""

    def done(self, outcome: str) -> None: ...


class SilentStep:
    """A step that shows nothing."""

    def done(self, outcome: str) -> None:
        """Show nothing."""


class Servers:
    """Starts what is not given in the settings, watches it, and stops it in the opposite order."""

    def __init__(
        self, settings: Settings, folder: DataFolder, *, rabbitmq: bool, announce: Callable[[str], ProgressStep]
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._rabbitmq = rabbitmq
        self._announce = announce
        self._own: list[tuple[str, EmbeddedServer]] = []

    def start(self) -> Addresses:
        given = self._settings
        addresses = Addresses(
            database_url=given.database.url
            or self._start("PostgreSQL 18", PostgresServer(self._folder.path / "postgres")),
            mongo_url=given.documents.url
            or self._start("document store", DocumentServer(self._folder.path / "documents")),
            amqp_url=given.queue.amqp_url
            or (self._start("RabbitMQ", RabbitServer(self._folder.path / "rabbitmq")) if self._rabbitmq else ""),
        )
        self._folder.publish(addresses)
        return addresses

    def stop(self) -> None:
        for _, server in reversed(self._own):
            server.stop()
        self._own.clear()

    def restart_exited(self) -> list[str]:
        """Start again, at their old addresses, whichever have died; returns their names."""
        died = [(name, server) for name, server in self._own if not server.running]
        for _, server in died:
            server.start()
        return [name for name, _ in died]

    def _start(self, name: str, server: EmbeddedServer) -> str:
        step = self._announce(name)
        server.start()
        self._own.append((name, server))
        step.done(server.url.rpartition("@")[2].rpartition("//")[2].partition("/")[0])
        return server.url


def with_addresses(settings: Settings, addresses: Addresses) -> Settings:
    """The settings of the processes that use these servers."""
    return settings.model_copy(
        update={
            "database": settings.database.model_copy(update={"url": addresses.database_url}),
            "documents": settings.documents.model_copy(update={"url": addresses.mongo_url}),
            "queue": settings.queue.model_copy(update={"amqp_url": addresses.amqp_url}),
        }
    )


@contextmanager
def running_servers(settings: Settings, *, make: bool) -> Iterator[Settings]:
    """Settings whose servers answer, for one command.

    Those of DATABASE_URL, else those of the demo that runs on the data folder, else our own servers on that
    folder, started for as long as the command runs. Where there is no database in the folder, one is made only for
    a command that may ``make`` it; else raises WrongSettings, and leaves nothing behind.
    """
    if settings.database.url:
        yield settings
        return
    folder = DataFolder(settings.data)
    running = folder.running_addresses()
    if running is not None:
        yield with_addresses(settings, running)
        return
    if not make and not (folder.path / "postgres").exists():
        raise WrongSettings(
            f"DATABASE_URL is not set, and there is no database in {folder.path}: run halfpenny migrate, or "
            "halfpenny demo"
        )
    with ExitStack() as stack:
        stack.enter_context(folder.locked())
        servers = Servers(settings, folder, rabbitmq=False, announce=lambda name: SilentStep())
        stack.callback(servers.stop)
        yield with_addresses(settings, servers.start())
