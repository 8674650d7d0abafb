"""Bring a database's schema up to this release, or say in one line why that cannot be."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

FOLDER = Path(__file__).resolve().parents[3] / "migrations"


class MigrationFailed(Exception):
    """The schema could not be brought up to date; the message is one line."""


def sqlalchemy_url(url: str) -> str:
    """A libpq URL as SQLAlchemy wants it, with the driver that speaks to PostgreSQL without an event loop."""
    _, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}"


def migrate(url: str) -> tuple[str | None, str]:
    """Apply what is missing and return the revisions before (None for an empty database) and after.

    ``url`` names the role that owns the schema. Raises MigrationFailed where the server cannot be reached or
    the database belongs to a newer release.
    """
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    newest = ScriptDirectory.from_config(config).get_current_head() or ""
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    try:
        with engine.connect() as connection:
            before = MigrationContext.configure(connection).get_current_revision()
            connection.rollback()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationFailed(
            f"the database is at schema {before}, which this release (schema {newest}) does not know: "
            "run the release that made it, or start afresh with: make demo ARGS=--reset"
        ) from error
    except sqlalchemy.exc.OperationalError as error:
        reason = str(error.orig).strip().split("\n", maxsplit=1)[0]
        raise MigrationFailed(f"cannot migrate the database at {urlsplit(url).hostname}: {reason}") from error
    finally:
        engine.dispose()
    return before, newest
