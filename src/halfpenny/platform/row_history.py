"""Row history: what the application wrote, kept beside the rows in the same transaction and sealed into a chain.

Migration 0001_history.sql documents how a table comes to be kept. ``check`` folds the entries of every row and compares
the rows with them: a row changed, added or removed by anybody but the application differs from its history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from halfpenny.platform.chain import verify_nothing_left_out, verify_recorded_heads, verify_segments
from halfpenny.platform.consistency import LIMIT, ROW, TIMEOUT_S, Finding, Progress, more
from halfpenny.platform.database import Connection, Database, Record

_BASIS = "its history"
UNCHECKED: Mapping[str, str] = {
    "alembic_version.*": "which migrations ran: `halfpenny check schema` compares what they made",
    "row_history_segment.sealed_at": "when a seal was made, not what it covers",
}
_SEAL_BATCH_SIZE = 2_000

# The arguments of the triggers name which columns make the key and which are left out.
_KEPT = """
SELECT c.relname AS table_name, encode(t.tgargs, 'escape') AS arguments, t.tgenabled <> 'D' AS enabled,
       CASE WHEN t.tgtype & 4 > 0 THEN 'insert' WHEN t.tgtype & 8 > 0 THEN 'delete' ELSE 'update' END AS statement
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'record_row_history' ORDER BY 1, 4
"""
_DIFFERENT = """
WITH kept AS (
  SELECT row_key, jsonb_merge(data ORDER BY seq) AS data,
         (array_agg(change ORDER BY seq DESC))[1] <> 'deleted' AS present,
         -- A row is inserted, updated and deleted in this order; only then may it be inserted again.
         (array_agg(change ORDER BY seq))[1] = 'inserted' AND count(*) FILTER (WHERE change = 'inserted')
           - count(*) FILTER (WHERE change = 'deleted') IN (0, 1) AS in_order
  FROM row_history WHERE table_name = '{table}' GROUP BY row_key
), now AS (
  SELECT concat_ws('/', {key}) AS row_key, to_jsonb(r) - '{{{left_out}}}'::text[] AS data FROM {table} r
), different AS MATERIALIZED (
  SELECT row_key, now.data AS found, CASE WHEN kept.present THEN kept.data END AS expected
  FROM now FULL JOIN kept USING (row_key)
  WHERE now.data IS DISTINCT FROM CASE WHEN kept.present THEN kept.data END
), disordered AS MATERIALIZED (SELECT row_key FROM kept WHERE NOT in_order)
SELECT row_key, 'history' AS name, 'a row inserted twice, or changed before it was there' AS found,
       'inserted once, then changed' AS expected FROM disordered
UNION ALL
SELECT d.row_key, coalesce(f.key, 'row') AS name,
       CASE WHEN d.found IS NULL THEN 'missing' WHEN d.expected IS NULL THEN 'present' ELSE f.found END AS found,
       CASE WHEN d.expected IS NULL THEN 'missing' WHEN d.found IS NULL THEN 'present' ELSE f.expected END AS expected
FROM different d LEFT JOIN LATERAL (
  -- Numbers without the zeros that their scale adds.
  SELECT key, CASE jsonb_typeof(a.value) WHEN 'number' THEN trim_scale(a.value::numeric)::text
                ELSE a.value #>> '{{}}' END AS found,
         CASE jsonb_typeof(b.value) WHEN 'number' THEN trim_scale(b.value::numeric)::text
                ELSE b.value #>> '{{}}' END AS expected
  FROM jsonb_each(d.found) a FULL JOIN jsonb_each(d.expected) b USING (key)
  WHERE a.value IS DISTINCT FROM b.value AND d.found IS NOT NULL AND d.expected IS NOT NULL
) f ON true LIMIT {limit}
"""


# Entries are written for the application's role alone: what it may not do to a column or a row, no true entry reports.
_FORBIDDEN = """
WITH kept(table_name, forbidden, may_delete, may_insert) AS MATERIALIZED (
  SELECT c.relname::text, array_agg(a.attname::text) FILTER (
           WHERE NOT has_column_privilege('halfpenny_app', c.oid, a.attnum, 'UPDATE')),
         has_table_privilege('halfpenny_app', c.oid, 'DELETE'),
         has_any_column_privilege('halfpenny_app', c.oid, 'INSERT')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1) GROUP BY c.oid, c.relname
), began AS MATERIALIZED (
  -- What stood there when the migration began to keep the table is its first entries, all of one transaction.
  SELECT table_name, (SELECT f.xid FROM row_history f WHERE f.table_name = k.table_name ORDER BY f.seq LIMIT 1) AS xid
  FROM kept k WHERE NOT may_insert
), forged AS MATERIALIZED (
  SELECT h.seq, h.table_name, h.row_key, h.change, h.data, k.forbidden
  FROM row_history h JOIN kept k USING (table_name) LEFT JOIN began b USING (table_name)
  WHERE (h.change = 'updated' AND h.data ?| k.forbidden) OR (h.change = 'deleted' AND NOT k.may_delete)
    OR (h.change = 'inserted' AND h.xid <> b.xid)
)
SELECT seq, table_name || ' ' || row_key || ' ' || change AS entry,
       (SELECT string_agg(key, ', ') FROM jsonb_object_keys(data) AS key WHERE key = ANY (forbidden)) AS columns
FROM forged LIMIT $2
"""


async def seal(database: Database) -> int:
    """Seal the history that finished transactions wrote; returns how many entries. A job of the worker."""
    total = 0
    while True:
        async with database.unit_of_work() as connection:
            sealed: int = await connection.fetchval("SELECT row_history_seal($1)", _SEAL_BATCH_SIZE)
        total += sealed
        if not sealed:
            return total


async def kept_tables(connection: Connection) -> dict[str, tuple[str, str]]:
    """The tables whose rows have a history: (columns of the key, columns left out), separated by commas."""
    return {row["table_name"]: _arguments(row)[:2] for row in await connection.fetch(_KEPT)}


def _arguments(row: Record) -> tuple[str, str, str]:
    # The catalogue ends each argument with a zero byte.
    key, left_out, statements, *_ = str(row["arguments"]).split("\\000")
    return key, left_out, statements


async def _triggers(connection: Connection) -> AsyncIterator[Finding]:
    """Without its triggers later changes to a table have no history."""
    wanted, found = set(), set()
    for row in await connection.fetch(_KEPT):
        wanted |= {(row["table_name"], statement) for statement in _arguments(row)[2].split(",")}
        if row["enabled"]:
            found.add((row["table_name"], row["statement"]))
    kept = sorted({table for table, _ in wanted})
    rows = await connection.fetch("SELECT DISTINCT table_name FROM row_history WHERE table_name <> ALL ($1)", kept)
    wanted |= {(row["table_name"], "insert") for row in rows}
    for table, statement in sorted(wanted - found):
        yield Finding(table, f"trigger keep_history_of_{statement}", ROW, "missing", "present", "it keeps the history")


async def compare_table(connection: Connection, table: str, key: str, left_out: str) -> AsyncIterator[Finding]:
    """The rows of one kept table against their history, column by column."""
    sql = _DIFFERENT.format(table=table, key=key, left_out=left_out, limit=LIMIT + 1)
    rows = await connection.fetch(sql, timeout=TIMEOUT_S)
    for row in rows[:LIMIT]:
        yield Finding(table, row["row_key"], row["name"], row["found"], row["expected"], _BASIS)
    if len(rows) > LIMIT:
        yield more(table, _BASIS)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Every kept row equals its history, and the history equals its seals."""
    tables = await kept_tables(connection)
    async for finding in _triggers(connection):
        yield finding
    strange = await connection.fetch(
        "SELECT chain FROM chain_head WHERE chain NOT IN ('audit', 'ledger', 'row_history')"
    )
    for row in strange:
        yield Finding("chain_head", row["chain"], ROW, "present", "missing", "the chains that there are")
    for row in await connection.fetch(_FORBIDDEN, list(tables), LIMIT, timeout=TIMEOUT_S):
        forged = f"{row['entry']} {row['columns'] or ''}".strip()
        yield Finding("row_history", str(row["seq"]), "data", forged, "missing", "the application may not do so")
    for number, (table, (key, left_out)) in enumerate(tables.items(), start=1):
        async for finding in compare_table(connection, table, key, left_out):
            yield finding
        progress("histories of rows", number, len(tables))
    async for finding in verify_segments(connection, "row_history", "row_history_segment", "entries", progress):
        yield finding
    for verify in (verify_recorded_heads, verify_nothing_left_out):
        async for finding in verify(connection):
            yield finding
