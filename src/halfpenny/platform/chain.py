"""Sealed chains of segments: each hash covers the rows of finished transactions and the hash before it.

The ledger's transfers and the history of rows are sealed alike, by functions of the database. Verifying computes
every segment again. The newest place and hash stand once more in ``chain_head``, and can be kept elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from halfpenny.platform.consistency import TIMEOUT_S, Finding, Progress
from halfpenny.platform.database import Connection

GENESIS = bytes(32)


async def verify_segments(
    connection: Connection, chain: str, table: str, rows: str, progress: Progress
) -> AsyncIterator[Finding]:
    """Compute every segment in ``table`` again. ``rows`` is the column that counts what a segment covers."""
    segments = await connection.fetch(f"SELECT place, from_xid, to_xid, {rows}, hash FROM {table} ORDER BY place")
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
            f"SELECT * FROM {_HASH_FUNCTION[table]}($1, $2, $3)",
            head,
            segment["from_xid"],
            segment["to_xid"],
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
