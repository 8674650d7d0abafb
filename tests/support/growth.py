"""A market that has grown: every table that holds anything is filled with rows like those that are there."""

from __future__ import annotations

import asyncpg

_TABLES = """
SELECT c.oid, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relname NOT IN ('alembic_version', 'business_clock') ORDER BY 2
"""
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnum = ANY (
         SELECT unnest(i.indkey) FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique) AS is_unique
FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND a.attidentity = ''  -- numbered by the database, so that the next row finds its number free
ORDER BY a.attnum
"""
_FOREIGN_KEYS = """
SELECT conname AS name, conrelid::regclass::text AS table FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace
"""
# Work that waits is not history: copies of these would be done by the jobs under test.
_DONE = {
    "outbox": {"published_at": "now()"},
    "distribution": {"status": "'paid'"},
    "wallet_payment": {"status": "'settled'"},
    "serviced_loan": {"closed_on": "advanced_on", "standing": "'closed'"},
    "instalment": {"unpaid_minor": "0"},
}
_CLOSED_LISTS = frozenset({"kind", "currency", "status", "direction", "queue"})
_SKIPPED = frozenset(
    {"subscription", "delivery", "ledger_segment", "audit_seal", "close_range", "business_day", "reserve_release"}
    # One row each time that a law changes its maximum: it does not grow with the market.
    # And the few loans that a close could not post.
    | {"legal_maximum_applied", "loan_set_aside"}
)


async def grow(owner_url: str, rows: int) -> dict[str, int]:
    """Copy one row of each table ``rows`` times under new ids; returns how many rows each table has got."""
    connection = await asyncpg.connect(owner_url)
    grown = {}
    try:
        # The copies belong to nobody: what they refer to does not exist.
        for row in await connection.fetch(_FOREIGN_KEYS):
            await connection.execute(f"ALTER TABLE {row['table']} DROP CONSTRAINT {row['name']}")
        for table in await connection.fetch(_TABLES):
            if table["name"] in _SKIPPED:
                continue
            columns = await connection.fetch(_COLUMNS, table["oid"])
            values = [_value(table["name"], column) for column in columns]
            names = ", ".join(f'"{column["name"]}"' for column in columns)
            status = await connection.execute(
                f'INSERT INTO "{table["name"]}" ({names}) OVERRIDING SYSTEM VALUE '
                f"SELECT {', '.join(values)} "
                f'FROM (SELECT * FROM "{table["name"]}" ORDER BY {_nulls(columns)} LIMIT 1) s '
                f"CROSS JOIN generate_series(1, $1::int) n ON CONFLICT DO NOTHING",
                rows,
            )
            grown[table["name"]] = int(status.rpartition(" ")[2])
    finally:
        await connection.close()
    return {name: count for name, count in grown.items() if count}


def _nulls(columns: list[asyncpg.Record]) -> str:
    """The row that is filled in most makes the best example: a wallet rather than the platform's bank."""
    names = ", ".join(f'"{column["name"]}"' for column in columns)
    return f"num_nulls({names})"


def _value(table: str, column: asyncpg.Record) -> str:
    name, kind = column["name"], column["type"]
    if name in _DONE.get(table, {}):
        return _DONE[table][name]
    if kind == "uuid":
        return f'CASE WHEN s."{name}" IS NOT NULL THEN gen_random_uuid() END'
    if column["is_unique"] and kind in ("bigint", "integer"):
        return f's."{name}" + n'
    if column["is_unique"] and kind == "text" and name not in _CLOSED_LISTS:
        return f's."{name}" || n'
    return f's."{name}"'
