"""A business clock that stands still: the only way to ask what is true at one exact moment."""

from __future__ import annotations

from datetime import datetime

import psycopg
from psycopg import sql


def freeze(database_url: str, moment: datetime) -> None:
    """From now on ``business_now()`` of this database is ``moment``; call again to set it to another."""
    with psycopg.connect(database_url) as connection:
        connection.execute(
            sql.SQL(
                "CREATE OR REPLACE FUNCTION business_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE "
                "AS $$ SELECT {}::timestamptz $$"
            ).format(sql.Literal(moment.isoformat()))
        )
