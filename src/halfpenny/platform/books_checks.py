"""The runs of `halfpenny check books`: when each was, over how much, and how many findings it came to."""

from __future__ import annotations

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.indicators import Indicator, Severity, statement

_DAY_S = 86_400
JOB = "check_books"
_UNCHECKED_S = """
SELECT extract(epoch FROM now() - coalesce((SELECT max(checked_at) FROM books_check),
  (SELECT registered_at FROM periodic_job WHERE name = $1), now()))::float8
"""

INDICATORS = (
    Indicator(
        "books_findings",
        "Findings of the newest check of the books.",
        statement("SELECT '', findings FROM books_check ORDER BY id DESC LIMIT 1"),
        limit=0,
        severity=Severity.PAGE,
    ),
    Indicator(
        "books_unchecked_seconds",
        "How long ago the books were checked, or the first worker started where they never were.",
        statement(f"SELECT '', ({_UNCHECKED_S})", JOB),
        limit=2 * _DAY_S,
        severity=Severity.TICKET,
    ),
)


async def record_run(connection: Connection, transfers: int, findings: int) -> None:
    await connection.execute("INSERT INTO books_check (transfers, findings) VALUES ($1, $2)", transfers, findings)


async def seconds_unchecked(database: Database) -> float:
    """How long ago the newest check was, or the first worker started where there was none."""
    async with database.reading() as connection:
        return float(await connection.fetchval(_UNCHECKED_S, JOB))
