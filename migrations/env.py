"""How Alembic reaches the database, and which tables it compares with it."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import sqlalchemy
from alembic import context

import halfpenny
from halfpenny.platform.migrations import sqlalchemy_url
from halfpenny.platform.schema import metadata

# Every feature describes its tables in its own schema.py; importing them fills the one metadata.
source = Path(halfpenny.__file__).parent
for schema in sorted(source.rglob("schema.py")):
    importlib.import_module(".".join(("halfpenny", *schema.relative_to(source).with_suffix("").parts)))

# Two programs that start together must not migrate together. The number is only ever used here.
MIGRATION_LOCK = 4_801_507_112


def run() -> None:
    """Migrate over the connection that `halfpenny migrate` passes, or over one to DATABASE_URL."""
    given = context.config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    engine = sqlalchemy.create_engine(sqlalchemy_url(os.environ["DATABASE_URL"]), poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        migrate(connection)
    engine.dispose()


def migrate(connection: sqlalchemy.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=False,
        # One transaction for each migration: a later one that fails keeps the earlier ones.
        transaction_per_migration=True,
    )
    connection.execute(sqlalchemy.text(f"SELECT pg_advisory_lock({MIGRATION_LOCK})"))
    connection.commit()
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(sqlalchemy.text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
        connection.commit()


run()
