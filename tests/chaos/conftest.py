"""A durable PostgreSQL of each fault's own: it is going to be killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import PostgresServer


@pytest.fixture
def doomed() -> Iterator[PostgresServer]:
    """Its default database is migrated."""
    folder = Path(tempfile.mkdtemp(prefix="halfpenny-chaos-"))
    folder.chmod(0o755)
    server = PostgresServer(folder / "postgres", durable=True)
    server.start()
    migrate(server.url)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    yield server
    server.stop()
    shutil.rmtree(folder)
