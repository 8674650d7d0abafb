"""All SQL of realtime. Callers own the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import SessionId, UserId


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification to one person. ``seq`` counts that person's notifications without a gap."""

    id: UUID
    seq: int
    kind: str
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


_NOTIFICATION = "id, seq, kind, data, created_at, read_at"
# Named so that the test of query plans can ask for it.
NOTIFICATIONS_PAGE = (
    f"SELECT {_NOTIFICATION} FROM notification WHERE user_id = $1 AND seq < coalesce($2::bigint, 9223372036854775807) "
    "ORDER BY seq DESC LIMIT $3"
)


async def insert_notifications(connection: Connection, notices: Sequence[dict[str, Any]]) -> int:
    inserted: int = await connection.fetchval("SELECT notify_many($1)", list(notices))
    return inserted


async def notifications_page(
    connection: Connection, user_id: UUID, before: int | None, limit: int
) -> list[Notification]:
    """Newest first."""
    return [_notification(row) for row in await connection.fetch(NOTIFICATIONS_PAGE, user_id, before, limit)]


async def notifications_after(connection: Connection, user_id: UUID, after: int, limit: int) -> list[Notification]:
    """Oldest first: what a socket has not been sent yet."""
    rows = await connection.fetch(
        f"SELECT {_NOTIFICATION} FROM notification WHERE user_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        user_id,
        after,
        limit,
    )
    return [_notification(row) for row in rows]


async def notification_state(connection: Connection, user_id: UUID) -> tuple[int, int]:
    """The last number given, and how many are unread."""
    row = await connection.fetchrow(
        "SELECT coalesce((SELECT seq FROM notification_counter WHERE user_id = $1), 0) AS seq, "
        "(SELECT count(*) FROM notification WHERE user_id = $1 AND read_at IS NULL) AS unread",
        user_id,
    )
    return (row["seq"], row["unread"]) if row else (0, 0)


async def mark_read(connection: Connection, user_id: UUID, notification_id: UUID) -> Notification | None:
    row = await connection.fetchrow(
        "UPDATE notification SET read_at = coalesce(read_at, now()) WHERE id = $2 AND user_id = $1 "
        f"RETURNING {_NOTIFICATION}",
        user_id,
        notification_id,
    )
    return _notification(row) if row else None


async def insert_connection_token(
    connection: Connection, token_hash: bytes, user_id: UserId, session_id: SessionId, lifetime: timedelta
) -> None:
    await connection.execute("DELETE FROM connection_token WHERE expires_at < now() - interval '1 minute'")
    await connection.execute(
        "INSERT INTO connection_token (token_hash, user_id, session_id, expires_at) VALUES ($1, $2, $3, now() + $4)",
        token_hash,
        user_id,
        session_id,
        lifetime,
    )


async def redeem_connection_token(connection: Connection, token_hash: bytes) -> tuple[UserId, SessionId] | None:
    """Whose it was; it is gone afterwards, whoever else asks at the same moment."""
    row = await connection.fetchrow(
        "DELETE FROM connection_token WHERE token_hash = $1 RETURNING user_id, session_id, expires_at > now() AS valid",
        token_hash,
    )
    return (UserId(row["user_id"]), SessionId(row["session_id"])) if row and row["valid"] else None


async def lock_topic(connection: Connection, topic: str) -> None:
    """One writer at a time, from reading a frame's content to its commit: frames appear in their order."""
    await connection.execute("INSERT INTO topic_counter (topic, seq) VALUES ($1, 0) ON CONFLICT DO NOTHING", topic)
    await connection.execute("SELECT FROM topic_counter WHERE topic = $1 FOR NO KEY UPDATE", topic)


async def append_frame(connection: Connection, topic: str, data: dict[str, Any]) -> int:
    """Number and keep a frame of a topic that the caller has locked."""
    seq: int = await connection.fetchval("UPDATE topic_counter SET seq = seq + 1 WHERE topic = $1 RETURNING seq", topic)
    await connection.execute("INSERT INTO topic_frame (topic, seq, data) VALUES ($1, $2, $3)", topic, seq, data)
    await connection.execute("SELECT pg_notify('topic_moved', $1)", topic)
    return seq


async def topic_seq(connection: Connection, topic: str) -> int:
    seq: int | None = await connection.fetchval("SELECT seq FROM topic_counter WHERE topic = $1", topic)
    return seq or 0


async def frames_after(connection: Connection, topic: str, after: int, limit: int) -> list[tuple[int, dict[str, Any]]]:
    rows = await connection.fetch(
        "SELECT seq, data FROM topic_frame WHERE topic = $1 AND seq > $2 ORDER BY seq LIMIT $3", topic, after, limit
    )
    return [(row["seq"], row["data"]) for row in rows]


async def delete_frames(connection: Connection, older_than: timedelta) -> int:
    """Delete old frames; whoever resumes from before them gets a snapshot."""
    status = await connection.execute("DELETE FROM topic_frame WHERE recorded_at < now() - $1::interval", older_than)
    return int(status.rpartition(" ")[2])


async def insert_watcher(connection: Connection, topic: str, user_id: UserId) -> None:
    await connection.execute(
        "INSERT INTO topic_watcher (topic, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", topic, user_id
    )


async def delete_watcher(connection: Connection, topic: str, user_id: UserId) -> None:
    await connection.execute("DELETE FROM topic_watcher WHERE topic = $1 AND user_id = $2", topic, user_id)


async def watchers(connection: Connection, topic: str) -> list[UserId]:
    rows = await connection.fetch("SELECT user_id FROM topic_watcher WHERE topic = $1 ORDER BY user_id", topic)
    return [UserId(row["user_id"]) for row in rows]


def _notification(row: Record) -> Notification:
    return Notification(row["id"], row["seq"], row["kind"], row["data"], row["created_at"], row["read_at"])
