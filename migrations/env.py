"""How Alembic reaches the database."""

from __future__ import annotations

import os

import sqlalchemy
from alembic import context

from halfpenny.platform.migrations import sqlalchemy_url

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
