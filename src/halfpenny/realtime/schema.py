"""The tables of realtime, described for ``alembic check``; what they mean is said in migration 0004."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from halfpenny.platform.schema import metadata

_MOMENT = TIMESTAMP(timezone=True)

notification_counter = Table(
    "notification_counter",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

notification = Table(
    "notification",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("dedupe_key", Text, nullable=False),
    Column("created_at", _MOMENT, nullable=False),
    Column("read_at", _MOMENT),
    UniqueConstraint("user_id", "seq"),
    UniqueConstraint("user_id", "dedupe_key"),
    Index("ix_notification_user_id_unread", "user_id", postgresql_where=text("read_at IS NULL")),
)

topic_counter = Table(
    "topic_counter",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

topic_frame = Table(
    "topic_frame",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("data", JSONB, nullable=False),
    Column("recorded_at", _MOMENT, nullable=False),
    Index(None, "recorded_at"),
)

topic_watcher = Table(
    "topic_watcher",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("user_id", Uuid, ForeignKey("app_user.id"), primary_key=True),
    Column("since", _MOMENT, nullable=False),
    Index(None, "user_id"),
)

connection_token = Table(
    "connection_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("session_id", Uuid, ForeignKey("session.id", ondelete="CASCADE"), nullable=False),
    Column("expires_at", _MOMENT, nullable=False),
    Index(None, "session_id"),
    Index(None, "expires_at"),
)
