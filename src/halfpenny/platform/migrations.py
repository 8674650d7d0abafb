"""Bring a database's schema up to this release, or fail with one line that names why not."""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from urllib.parse import urlsplit

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from halfpenny.platform.schema import describe
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.errors import OperatorError

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]
# A wheel carries both inside the package (pyproject.toml adds them); in a checkout they lie at the root.
FOLDER = _PACKAGE / "migrations" if (_PACKAGE / "migrations").is_dir() else _CHECKOUT / "migrations"
SCHEMA_FILE = _PACKAGE / "schema.sql" if (_PACKAGE / "schema.sql").is_file() else _CHECKOUT / "docs" / "schema.sql"


class MigrationFailed(OperatorError):
    """The schema could not be brought up to date; the message is one line."""


def sqlalchemy_url(url: str) -> str:
    """A libpq URL as SQLAlchemy wants it, with the driver that connects to PostgreSQL without an event loop."""
    _, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}"


def module(revision: str) -> ModuleType:
    """The module of one migration, for what it states that is compared later: ``0002`` has the chart of accounts."""
    return ScriptDirectory.from_config(_config()).get_revision(revision).module


def migrate(url: str) -> tuple[str | None, str]:
    """Apply what is missing and return the revisions before (None for an empty database) and after.

    ``url`` names the role that owns the schema. Raises MigrationFailed where the server cannot be reached, and
    where the database belongs to a newer release or to migrations that were edited since they made it.
    """
    config = _config()
    newest = ScriptDirectory.from_config(config).get_current_head() or ""
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    try:
        with engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            _refuse_edited(connection)
            connection.rollback()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _note_digest(connection, newest)
    except CommandError as error:
        raise MigrationFailed(
            f"the database is at schema {before}, which this release (schema {newest}) does not know: "
            "run the release that made it, or start afresh with: make demo ARGS=--reset"
        ) from error
    except sqlalchemy.exc.OperationalError as error:
        reason = str(error.orig).strip().split("\n", maxsplit=1)[0]
        raise MigrationFailed(
            f"DATABASE_URL: cannot migrate the database at {urlsplit(url).hostname}: {reason}"
        ) from error
    finally:
        engine.dispose()
    return before, newest


def digest(revision: str) -> str:
    """SHA-256 over every migration up to the revision; how their lines are broken and indented does not matter."""
    found = hashlib.sha256()
    for file in sorted((FOLDER / "versions").glob("[0-9]*.*")):
        if file.name.partition("_")[0] <= revision:
            found.update(" ".join(file.read_text(encoding="utf-8").split()).encode())
    return found.hexdigest()


def _refuse_edited(connection: sqlalchemy.Connection) -> None:
    """Until the first release migrations are edited in place: what older ones made cannot be brought up to date.

    The revision that was reached and its digest are kept as the comment of Alembic's own table.
    """
    if not connection.execute(sqlalchemy.text("SELECT to_regclass('alembic_version')")).scalar():
        return
    noted = connection.execute(
        sqlalchemy.text("SELECT obj_description('alembic_version'::regclass, 'pg_class') FROM alembic_version")
    ).first()
    if noted is None:
        return
    revision, _, known = str(noted[0] or "").partition(" ")
    if known != digest(revision):
        raise MigrationFailed(
            "the database was made by migrations that were edited since, before the first release: "
            "start afresh with: make demo ARGS=--reset"
        )


def _note_digest(connection: sqlalchemy.Connection, revision: str) -> None:
    connection.execute(sqlalchemy.text(f"COMMENT ON TABLE alembic_version IS '{revision} {digest(revision)}'"))
    connection.commit()


def check(url: str) -> None:
    """Compare the database's schema with ``docs/schema.sql``, which people read and reviews compare.

    Raises MigrationFailed with the lines that differ: ``-`` stands in the file, ``+`` in the database.
    """
    described = SCHEMA_FILE.read_text(encoding="utf-8").splitlines()
    found = describe(url).splitlines()
    lines = list(difflib.unified_diff(described, found, "docs/schema.sql", "the database", lineterm="", n=1))
    if lines:
        raise MigrationFailed("\n".join(["the schema is not that of docs/schema.sql (make schema writes it):", *lines]))


def write_schema() -> Path:
    """Write ``docs/schema.sql`` anew from a database made for that alone; returns where it is.

    A server of its own is started for it: a database that somebody works with may be older than the migrations.
    """
    with TemporaryDirectory(prefix="halfpenny-schema-") as name:
        folder = Path(name)
        # The server runs as an ordinary user, who must be able to enter.
        folder.chmod(0o755)
        server = PostgresServer(folder / "postgres", durable=False)
        server.start()
        try:
            migrate(server.url)
            SCHEMA_FILE.write_text(describe(server.url), encoding="utf-8")
        finally:
            server.stop()
    return SCHEMA_FILE


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config
