"""Real servers for every test: each xdist worker has its own, started when the first test asks for one."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx2
    from fastapi import FastAPI
    from xdist.scheduler import LoadFileScheduling

    from halfpenny.entrypoints.settings import Settings
    from halfpenny.platform.database import Database
    from halfpenny.platform.documents import DocumentStore
    from halfpenny.platform.servers import DocumentServer, PostgresServer, RabbitServer

# Each fixture imports what it needs when it is asked for: a pure test pays for neither servers nor the application.

# What is imported is compiled once and kept, also for the programs that tests start: a start takes half the time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

TEMPLATE = "halfpenny_template"
# Tests share the machine with each other: what is slow there is not broken. Tests of hanging servers bring their own.
PATIENT_S = 60.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail when any test was skipped, as .ci/run does")


def pytest_configure() -> None:
    """Properties are about what holds, not about how soon: two workers and their servers share two cores."""
    from hypothesis import HealthCheck, settings

    settings.register_profile("shared machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("shared machine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> LoadFileScheduling | None:
    """``--dist loadfile``, the longest files first."""
    if config.getoption("dist") != "loadfile":
        return None
    from support.scheduling import LongestFirst

    config.option.loadscopereorder = False  # the file with the most tests is not the longest
    return LongestFirst(config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each worker collects in the order in which work is handed out."""
    if hasattr(config, "workerinput"):
        from support.scheduling import rank

        items.sort(key=lambda item: rank(item.nodeid))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With --no-skips, a test that could not run is a failure: nothing may go unproven silently."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A folder that the unprivileged servers can enter: pytest's own is closed to everyone but us.

    In memory where there is room: cloning a database for each test is ten times as fast there as on a busy disk.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder made in it has a name of its own
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30
    folder = Path(tempfile.mkdtemp(prefix="halfpenny-tests-", dir=memory if roomy else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[PostgresServer]:
    """PostgreSQL 18, the same launcher as in the demo, without waiting for the disk."""
    from halfpenny.platform.servers import PostgresServer

    # Autovacuum runs as the superuser, and a database that it is busy in cannot be dropped by its owner.
    server = PostgresServer(server_folder / "postgres", durable=False, settings={"autovacuum": "off"})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _template(postgres: PostgresServer) -> str:
    """A database with the newest schema that each test's own is cloned from."""
    import psycopg

    from halfpenny.platform.migrations import migrate

    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(postgres.database_url(TEMPLATE))
    return TEMPLATE


def _cloned(postgres: PostgresServer, template: str) -> Iterator[str]:
    import psycopg

    from halfpenny.primitives.ids import uuid7

    name = f"test_{uuid7().hex}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield postgres.database_url(name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(postgres: PostgresServer, _template: str) -> Iterator[str]:
    """The address of a fresh, migrated, empty database of this test's own, as its owner."""
    yield from _cloned(postgres, _template)


@pytest.fixture(scope="module")
def shared_database_url(postgres: PostgresServer, _template: str) -> Iterator[str]:
    """The same for all tests of a module: where programs that take seconds to start are read from."""
    yield from _cloned(postgres, _template)


@pytest.fixture
async def superuser(postgres: PostgresServer, database_url: str) -> AsyncIterator[Database]:
    """The same database as the superuser: whatever they change, the books must show it."""
    from halfpenny.platform.database import Database

    name = database_url.rpartition("/")[2]
    database = await Database.connect(postgres.superuser_url(name), role=None, timeout_s=PATIENT_S)
    yield database
    await database.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on this test's own database, in the role of the application."""
    from halfpenny.platform.database import Database

    database = await Database.connect(database_url, timeout_s=PATIENT_S)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def document_server(server_folder: Path) -> Iterator[DocumentServer]:
    """The document store, a process of its own."""
    from halfpenny.platform.servers import DocumentServer

    server = DocumentServer(server_folder / "documents")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def documents(document_server: DocumentServer) -> AsyncIterator[DocumentStore]:
    """An empty document database of this test's own."""
    from halfpenny.platform.documents import DocumentStore
    from halfpenny.primitives.ids import uuid7

    store = await DocumentStore.connect(document_server.url, f"test_{uuid7().hex}", timeout_s=PATIENT_S)
    yield store
    await store.drop()
    await store.close()


@pytest.fixture(scope="session")
def broker(server_folder: Path) -> Iterator[RabbitServer]:
    """A private RabbitMQ node; where Debian's package is missing its tests are skipped, and `.ci/run` fails."""
    from halfpenny.platform.servers import RabbitServer

    if not RabbitServer.installed():
        pytest.skip("rabbitmq-server is not installed: apt-get install rabbitmq-server")
    server = RabbitServer(server_folder / "rabbitmq")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def broker_url(broker: RabbitServer) -> str:
    """The address of the private broker, with its credentials."""
    return broker.url


@pytest.fixture
def settings(database_url: str, documents: DocumentStore, document_server: DocumentServer, tmp_path: Path) -> Settings:
    """The settings of a whole application on this test's own database and documents."""
    from halfpenny.entrypoints.settings import DatabaseSettings, DocumentSettings, Settings, SignInSettings
    from support.people import signing_key_file

    return Settings(
        data=tmp_path,
        database=DatabaseSettings(DATABASE_URL=database_url, timeout_s=PATIENT_S),
        documents=DocumentSettings(MONGO_URL=document_server.url, name=documents.database.name, timeout_s=PATIENT_S),
        # The key that support.people signs with, and passwords that cost nothing.
        identity=SignInSettings(
            signing_key_file=signing_key_file(), argon2_time_cost=1, argon2_memory_kib=64, argon2_lanes=1
        ),
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application, started: ``app.state`` holds the database and all else."""
    from halfpenny.entrypoints.api import create_app

    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI, settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application behind its guard, without a network between them."""
    import httpx2

    from halfpenny.entrypoints.api import guarded

    transport = httpx2.ASGITransport(guarded(app, settings))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client
