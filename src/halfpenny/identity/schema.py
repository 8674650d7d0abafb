"""The tables of identity, described for ``alembic check``; what they mean is said in migration 0003."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from halfpenny.platform.schema import metadata

_now = text("now()")

app_user = Table(
    "app_user",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("full_name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("kyc_status", Text, nullable=False, server_default=text("'pending'")),
    Column("country", Text),
    Column("sophisticated", Boolean, nullable=False, server_default=text("false")),
    Column("email_verified_at", DateTime(timezone=True)),
    Column("disabled_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    CheckConstraint("role IN ('investor', 'borrower', 'administrator')", name="role"),
    CheckConstraint("kyc_status IN ('pending', 'verified', 'rejected')", name="kyc_status"),
    CheckConstraint("email = lower(email)", name="email_is_folded"),
    CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
)

related_party = Table(
    "related_party",
    metadata,
    Column("user_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("related_user_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=_now),
    PrimaryKeyConstraint("user_id", "related_user_id"),
    CheckConstraint("user_id <> related_user_id", name="two_people"),
    Index("ix_related_party_related_user_id", "related_user_id"),
)

session = Table(
    "session",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("address", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_because", Text),
    CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="ended_because"),
    Index("ix_session_user_id", "user_id"),
    Index("ix_session_expires_at", "expires_at"),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("session_id", Uuid, ForeignKey("session.id", ondelete="CASCADE"), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False, server_default=_now),
    Column("used_at", DateTime(timezone=True)),
    Index("ix_refresh_token_session_id", "session_id"),
)

mailed_token = Table(
    "mailed_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    CheckConstraint("purpose IN ('verify_email', 'reset_password')", name="purpose"),
    Index("ix_mailed_token_user_id", "user_id"),
)

outgoing_mail = Table(
    "outgoing_mail",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("recipient", Text, nullable=False),
    Column("occasion", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=_now),
    CheckConstraint("occasion IN ('registration', 'forgotten_password')", name="occasion"),
    Index("ix_outgoing_mail_due_at", "due_at"),
)

rate_window = Table(
    "rate_window",
    metadata,
    Column("key", Text, primary_key=True),
    Column("hits", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("ix_rate_window_expires_at", "expires_at"),
    prefixes=["UNLOGGED"],
)
