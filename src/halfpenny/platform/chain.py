"""Sealed chains of segments: each hash covers the rows of finished transactions and the hash before it.

The ledger's transfers and the history of rows are sealed alike, by functions of the database. Verifying computes
every segment again. The newest place and hash stand once more in ``chain_head``, and can be kept elsewhere. Each seal
hashes the heads of the other chains as well: no chain can be deleted or cut off without contradicting the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from halfpenny.platform.consistency import LIMIT, ROW, TIMEOUT_S, Finding, Progress
from halfpenny.platform.database import Connection

GENESIS = bytes(32)


async def verify_segments(
    connection: Connection, chain: str, table: str, rows: str, progress: Progress
) -> AsyncIterator[Finding]:
    """Compute every segment in ``table`` again. ``rows`` is the column that counts what a segment covers."""
    segments = await connection.fetch(
        f"SELECT place, from_xid, to_xid, {rows}, heads::text AS heads, hash FROM {table} ORDER BY place"
    )
    head, next_xid, place = GENESIS, 0, 0
    for segment in segments:
        place += 1
        if segment["place"] != place:
            yield Finding(table, str(place), "row", "missing", "present", "the chain's places have no gaps")
            place = segment["place"]
        if segment["from_xid"] != next_xid:
            yield Finding(
                table, str(place), "from_xid", str(segment["from_xid"]), str(next_xid), "the end of the one before"
            )
        found = await connection.fetchrow(
            f"SELECT * FROM {_HASH_FUNCTION[table]}($1, $2, $3, $4::text::jsonb)",
            head,
            segment["from_xid"],
            segment["to_xid"],
            segment["heads"],
            timeout=TIMEOUT_S,
        )
        again = (found[rows], found["hash"]) if found else (0, b"")
        if again[0] != segment[rows]:
            yield Finding(table, str(place), rows, str(segment[rows]), str(again[0]), _covered(segment))
        if again[1] != segment["hash"]:
            yield Finding(table, str(place), "hash", segment["hash"].hex(), again[1].hex(), _covered(segment))
        head, next_xid = segment["hash"], segment["to_xid"]
        progress(f"seals of {chain}", place, len(segments))
    async for finding in verify_head(connection, chain, table, place, head):
        yield finding


_HASH_FUNCTION = {"ledger_segment": "segment_hash", "row_history_segment": "row_history_segment_hash"}


def _covered(segment: object) -> str:
    row: dict[str, int] = dict(segment)  # type: ignore[call-overload]
    return f"computed again over transactions {row['from_xid']} to {row['to_xid'] - 1}"


async def verify_head(
    connection: Connection, chain: str, table: str, place: int, head: bytes
) -> AsyncIterator[Finding]:
    """The last seal is the one that the head names: nothing was cut off, nothing added."""
    row = await connection.fetchrow("SELECT place, hash FROM chain_head WHERE chain = $1", chain)
    kept = (row["place"], row["hash"]) if row else (0, GENESIS)
    if kept[0] > place:
        yield Finding(table, str(place + 1), "row", "missing", "present", "the head of the chain comes after it")
    if kept[0] != place:
        yield Finding("chain_head", chain, "place", str(kept[0]), str(place), "the last seal of the chain")
    if kept[1] != head:
        yield Finding("chain_head", chain, "hash", kept[1].hex(), head.hex(), "the last seal of the chain")


# Of each chain: (the table of its seals, the rows that none of them covers).
_CHAINS = {
    "ledger": (
        "ledger_segment",
        "(SELECT xid, recorded_at FROM transfer WHERE xid >= (SELECT coalesce(max(to_xid), 0) FROM ledger_segment))",
    ),
    "row_history": (
        "row_history_segment",
        "(SELECT xid, recorded_at FROM row_history"
        " WHERE xid >= (SELECT coalesce(max(to_xid), 0) FROM row_history_segment))",
    ),
    "audit": (
        "audit_seal",
        "(SELECT 0 AS xid, recorded_at FROM audit_entry e"
        " WHERE NOT EXISTS (SELECT FROM audit_seal s WHERE s.entry_id = e.id))",
    ),
}
_RECORDED = f"""
WITH seals AS MATERIALIZED (
  {" UNION ALL ".join(f"SELECT '{c}' AS chain, place::text, hash, heads FROM {t}" for c, (t, _) in _CHAINS.items())}
), recorded AS (
  SELECT head.key AS chain, head.value->>0 AS place, head.value->>1 AS hash, string_agg(DISTINCT s.chain, ', ') AS by
  FROM seals s CROSS JOIN LATERAL jsonb_each(CASE jsonb_typeof(s.heads) WHEN 'object' THEN s.heads ELSE '{{}}' END) head
  WHERE s.heads <> '{{}}' GROUP BY 1, 2, 3
)
SELECT r.chain, r.place, r.hash AS expected, encode(s.hash, 'hex') AS found, r.by
FROM recorded r LEFT JOIN seals s USING (chain, place)
WHERE r.hash IS DISTINCT FROM encode(s.hash, 'hex') ORDER BY r.chain, length(r.place) DESC, r.place DESC LIMIT {LIMIT}
"""
# Sealing takes seconds. Rows count as left out when another chain was sealed beyond them and went on being sealed for
# this long without them. Its very newest seals do not count: a worker that has just started seals one after another.
SEALED_WITHIN = timedelta(minutes=10)
_JUST_STARTED = timedelta(minutes=1)
_LEFT_OUT = """
SELECT count(*) AS rows, min(r.recorded_at) AS since
FROM {rows} r CROSS JOIN (
  SELECT to_xid, sealed_at FROM ({others}) s WHERE sealed_at < clock_timestamp() - $2::interval
  ORDER BY sealed_at DESC LIMIT 1
) other
WHERE r.xid < other.to_xid AND other.sealed_at > $1::interval + greatest(
  r.recorded_at, (SELECT coalesce(max(sealed_at), '-infinity') FROM {table}))
"""


async def verify_recorded_heads(connection: Connection) -> AsyncIterator[Finding]:
    """Every head that a seal of another chain has recorded is still a seal of its chain."""
    for row in await connection.fetch(_RECORDED, timeout=TIMEOUT_S):
        table = _CHAINS[row["chain"]][0] if row["chain"] in _CHAINS else "chain_head"
        basis = f"recorded in the seals of {row['by']}"
        if row["found"] is None:
            yield Finding(table, str(row["place"]), ROW, "missing", "present", basis)
        else:
            yield Finding(table, str(row["place"]), "hash", row["found"], row["expected"], basis)


async def verify_nothing_left_out(connection: Connection) -> AsyncIterator[Finding]:
    """Rows that a chain should have sealed: those of a worker that stopped, or never ran, are not among them."""
    for chain, (table, rows) in _CHAINS.items():
        others = " UNION ALL ".join(
            f"SELECT to_xid, sealed_at FROM {_CHAINS[other][0]}"
            for other in ("ledger", "row_history")
            if other != chain
        )
        sql = _LEFT_OUT.format(rows=rows, table=table, others=others)
        row = await connection.fetchrow(sql, SEALED_WITHIN, _JUST_STARTED, timeout=TIMEOUT_S)
        if row and row["rows"]:
            yield Finding(
                table,
                f"(since {row['since']})",
                ROW,
                f"{row['rows']} unsealed",
                "sealed",
                "other chains were sealed beyond them, long after",
            )


# The first row of each chain behind its last seal, by the index that sealing reads.
_OLDEST_UNSEALED = {chain: f"SELECT min(recorded_at) FROM {rows} r" for chain, (_, rows) in _CHAINS.items()} | {
    "audit": "SELECT recorded_at FROM audit_entry WHERE id > "
    "(SELECT coalesce(max(entry_id), 0) FROM audit_seal) ORDER BY id LIMIT 1"
}


async def oldest_unsealed_s(connection: Connection) -> dict[str, float]:
    """Of each chain: the age in seconds of the first row behind its last seal, 0 where there is none."""
    ages = {}
    for chain, oldest in _OLDEST_UNSEALED.items():
        sql = f"SELECT coalesce(extract(epoch FROM clock_timestamp() - ({oldest})), 0)::float8"
        ages[chain] = float(await connection.fetchval(sql))
    return ages


async def unsealed(connection: Connection) -> dict[str, tuple[int, datetime]]:
    """Of each chain that waits for longer than sealing takes: (rows that no seal covers, since when)."""
    waiting = {}
    for chain, (_, rows) in _CHAINS.items():
        sql = f"SELECT count(*) AS rows, min(recorded_at) AS since FROM {rows} r"
        row = await connection.fetchrow(f"{sql} WHERE recorded_at < clock_timestamp() - $1::interval", SEALED_WITHIN)
        if row and row["rows"]:
            waiting[chain] = (row["rows"], row["since"])
    return waiting
