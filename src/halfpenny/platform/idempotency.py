"""Exactly once for whoever retries: the answer is stored in the transaction that earned it.

A key belongs to its owner, whatever the route. There are two stores, this table and the investments of the funding
desk; the lock of a key (migration 0001) lets each see what the other has stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from halfpenny.platform.database import Connection
from halfpenny.primitives.errors import Malformed, Unavailable


class IdempotencyKeyReused(Malformed):
    code = "idempotency_key_reused"
    message = "This Idempotency-Key was used before with another request."


class IdempotencyKeyInUse(Unavailable):
    code = "idempotency_key_in_use"
    message = "Another request with this Idempotency-Key is being answered: retry."


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Who asks, under which key, and a hash of method, path and body. Keys of two users never meet."""

    user_id: UUID
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    status: int
    body: Any


_LOCK = "SELECT pg_advisory_xact_lock(idempotency_lock_id($1, $2))"


async def claim(connection: Connection, request: RequestKey) -> StoredAnswer | None:
    """Take the key, or return the answer stored under it. Comes first in its transaction, before any other lock.

    A second request with the same key waits here until the first one's transaction ends. Raises IdempotencyKeyReused
    when the key was used for another request, or for a ticket of the funding desk.
    """
    await connection.execute(_LOCK, request.user_id, request.key)
    taken = await connection.fetchval(
        "INSERT INTO idempotency (user_id, key, fingerprint) "
        "SELECT $1, $2, $3 WHERE NOT idempotency_key_is_used_elsewhere($1, $2) "
        "ON CONFLICT (user_id, key) DO NOTHING RETURNING true",
        request.user_id,
        request.key,
        request.fingerprint,
    )
    if taken:
        return None
    row = await connection.fetchrow(
        "SELECT fingerprint, status, body::text AS body FROM idempotency WHERE user_id = $1 AND key = $2",
        request.user_id,
        request.key,
    )
    if row is None or row["fingerprint"] != request.fingerprint:
        raise IdempotencyKeyReused()
    # A bulk that was cut short has claimed its key and stored no answer yet.
    return StoredAnswer(row["status"], None if row["body"] is None else msgspec.json.decode(row["body"]))


async def remember(connection: Connection, request: RequestKey, status: int, body: Any) -> None:
    """Store the answer to a claimed key; must run in the transaction that claimed it."""
    # The column is json and not jsonb, which would sort the members: the same request gets the same bytes again.
    await connection.execute(
        "UPDATE idempotency SET status = $3, body = $4::text::json WHERE user_id = $1 AND key = $2",
        request.user_id,
        request.key,
        status,
        msgspec.json.encode(body).decode(),
    )
