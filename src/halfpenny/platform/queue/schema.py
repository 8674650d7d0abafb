"""The tables of the queue, described for ``alembic check``; migration 0001_queue.sql says what they mean."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from halfpenny.platform.schema import metadata

_MOMENT = TIMESTAMP(timezone=True)

outbox = Table(
    "outbox",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("recorded_at", _MOMENT, nullable=False),
    Column("published_at", _MOMENT),
    Index("ix_outbox_unpublished", "seq", postgresql_where=text("published_at IS NULL")),
    Index("ix_outbox_published_at", "published_at", postgresql_where=text("published_at IS NOT NULL")),
)

subscription = Table(
    "subscription",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("event_name", Text, primary_key=True),
)

delivery = Table(
    "delivery",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("event_id", Uuid, ForeignKey("outbox.event_id"), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("available_at", _MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("ix_delivery_queue_seq", "queue", "seq"),
    Index("ix_delivery_event_id", "event_id"),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("payload", JSONB, nullable=False),
    Column("recorded_at", _MOMENT, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("died_at", _MOMENT, nullable=False),
    Index("ix_dead_letter_event_id", "event_id"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("handled_at", _MOMENT, nullable=False),
    Index("ix_inbox_handled_at", "handled_at"),
)

failure_note = Table(
    "failure_note",
    metadata,
    Column("queue", Text, primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("noted_at", _MOMENT, nullable=False),
)
