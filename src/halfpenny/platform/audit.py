"""The audit trail: who did what to which thing. Append-only, and sealed into a hash chain in the background.

Writers only insert; a sealing job (one at a time, by advisory lock) gives each row its place and hash in
the order of their ids, so no writer ever waits for another. ``check`` recomputes the whole chain.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from halfpenny.platform import rows
from halfpenny.platform.chain import verify_head
from halfpenny.platform.consistency import Finding, Progress
from halfpenny.platform.database import Connection, Record

SEAL_LOCK = 7_202_601
GENESIS = bytes(32)
_NO_HEADS = "{}"
UNCHECKED: Mapping[str, str] = {"audit_seal.sealed_at": "when a seal was made, not what it covers"}


async def record(
    connection: Connection,
    actor_id: UUID | None,
    action: str,
    subject: str,
    subject_id: UUID,
    data: dict[str, Any] | None = None,
) -> None:
    """Append one entry in the caller's transaction. ``actor_id`` None means the system itself."""
    entry = {"actor_id": actor_id, "action": action, "subject": subject, "subject_id": subject_id, "data": data or {}}
    await rows.insert(connection, "audit_entry", entry)


def text_digest(row_id: UUID, text: str) -> str:
    """What the trail keeps of words that may be about a person: SHA-256 of the row's id and the text, in hexadecimal.

    The words themselves stay in their own row, where they can be erased; ``text_digest_sql`` computes the same.
    """
    return hashlib.sha256(f"{row_id}{text}".encode()).hexdigest()


def text_digest_sql(row_id: str, text: str) -> str:
    """``text_digest`` of two columns as an SQL expression; NULL where the text is."""
    return f"encode(sha256(convert_to({row_id}::text || {text}, 'UTF8')), 'hex')"


def _digest(previous: bytes, row: Record, heads: str) -> bytes:
    body = msgspec.json.encode(
        [
            row["id"],
            str(row["actor_id"]),
            row["action"],
            row["subject"],
            str(row["subject_id"]),
            row["data"],
            row["recorded_at"].isoformat(),
            heads,
        ],
        order="sorted",
    )
    return hashlib.sha256(previous + body).digest()


_COLUMNS = "id, actor_id, action, subject, subject_id, data, recorded_at"


async def seal(connection: Connection, limit: int = 5_000) -> int:
    """Seal the next entries; returns how many. Runs inside a transaction of its own."""
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", SEAL_LOCK):
        return 0
    last = await connection.fetchrow("SELECT place, hash FROM audit_seal ORDER BY place DESC LIMIT 1")
    place, head = (last["place"], last["hash"]) if last else (0, GENESIS)
    found = await connection.fetch(
        # Ids are taken before their rows commit, so late ones are searched for a little behind the newest seal.
        f"SELECT {_COLUMNS} FROM audit_entry e "
        "WHERE e.id > coalesce((SELECT max(entry_id) FROM audit_seal), 0) - 10000 "
        "AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.entry_id = e.id) ORDER BY id LIMIT $1",
        limit,
    )
    heads = await connection.fetchval("SELECT other_chain_heads('audit')::text")
    sealed = []
    for row in found:
        place += 1
        recorded = heads if row is found[-1] else _NO_HEADS
        head = _digest(head, row, recorded)
        sealed.append((place, row["id"], recorded, head))
    await connection.executemany(
        "INSERT INTO audit_seal (place, entry_id, heads, hash) VALUES ($1, $2, $3::text::jsonb, $4)", sealed
    )
    if sealed:
        await connection.execute(
            "INSERT INTO chain_head (chain, place, hash) VALUES ('audit', $1, $2) "
            "ON CONFLICT (chain) DO UPDATE SET place = EXCLUDED.place, hash = EXCLUDED.hash",
            place,
            head,
        )
    return len(sealed)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Recompute the chain: no sealed entry was changed, removed or put in another order."""
    head, place = GENESIS, 0
    cursor = connection.cursor(
        "SELECT s.place, s.hash, s.heads::text AS heads, s.entry_id, "
        f"{', '.join('e.' + c for c in _COLUMNS.split(', '))} "
        "FROM audit_seal s LEFT JOIN audit_entry e ON e.id = s.entry_id ORDER BY s.place",
        prefetch=1_000,
    )
    async for row in cursor:
        place += 1
        if row["place"] != place:
            yield Finding("audit_seal", str(place), "row", "missing", "present", "the chain's places have no gaps")
            place = row["place"]
        if row["id"] is None:
            yield Finding("audit_entry", str(row["entry_id"]), "row", "missing", "present", "its seal")
        elif (digest := _digest(head, row, row["heads"])) != row["hash"]:
            yield Finding("audit_entry", str(row["id"]), "hash", digest.hex(), row["hash"].hex(), "its seal")
        head = row["hash"]
        if not place % 1_000:
            progress("audit entries", place, place)
    async for finding in verify_head(connection, "audit", "audit_seal", place, head):
        yield finding
