"""Exactly once for whoever retries: the answer is stored in the transaction that earned it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from halfpenny.platform.database import Connection
from halfpenny.primitives.errors import Malformed


class IdempotencyKeyReused(Malformed):
    code = "idempotency_key_reused"
    message = "This Idempotency-Key was used before with another request."


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


async def claim(connection: Connection, request: RequestKey) -> StoredAnswer | None:
    """Take the key, or return the answer stored under it.

    A second request with the same key waits here until the first one's transaction ends, because both
    insert the same primary key. Raises IdempotencyKeyReused when the stored request was another one.
    """
    taken = await connection.fetchval(
        "INSERT INTO idempotency (user_id, key, fingerprint) VALUES ($1, $2, $3) "
        "ON CONFLICT (user_id, key) DO NOTHING RETURNING true",
        request.user_id,
        request.key,
        request.fingerprint,
    )
    if taken:
        return None
    row = await connection.fetchrow(
        "SELECT fingerprint, status, body FROM idempotency WHERE user_id = $1 AND key = $2",
        request.user_id,
        request.key,
    )
    if row is None or row["fingerprint"] != request.fingerprint:
        raise IdempotencyKeyReused()
    return StoredAnswer(row["status"], row["body"])


async def remember(connection: Connection, request: RequestKey, status: int, body: Any) -> None:
    """Store the answer to a claimed key; must run in the transaction that claimed it."""
    await connection.execute(
        "UPDATE idempotency SET status = $3, body = $4 WHERE user_id = $1 AND key = $2",
        request.user_id,
        request.key,
        status,
        body,
    )
