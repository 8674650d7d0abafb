"""The one SQLAlchemy metadata: it describes the tables so that ``alembic check`` can compare. Queries are SQL text."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_now = text("now()")

business_clock = Table(
    "business_clock",
    metadata,
    Column("id", Boolean, primary_key=True, server_default=text("true")),
    Column("sandbox", Boolean, nullable=False, server_default=text("true")),
    Column("offset", Interval, nullable=False, server_default=text("'0'")),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("user_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", Integer),
    Column("body", JSONB),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=_now),
    PrimaryKeyConstraint("user_id", "key"),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("actor_id", Uuid),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Index("ix_audit_entry_subject_id_id", "subject_id", "id"),
)

audit_seal = Table(
    "audit_seal",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", BigInteger, nullable=False, unique=True),
    Column("hash", LargeBinary, nullable=False),
)
