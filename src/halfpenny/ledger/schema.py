"""The ledger's tables, for comparison with the migrations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from halfpenny.platform.schema import metadata

_now = text("now()")
_clock = text("clock_timestamp()")

account = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("owner_id", Uuid),
    Column("currency", Text, nullable=False),
    Column("debits", BigInteger, nullable=False, server_default="0"),
    Column("credits", BigInteger, nullable=False, server_default="0"),
    Column("pending_debits", BigInteger, nullable=False, server_default="0"),
    Column("pending_credits", BigInteger, nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False, server_default="0"),
    Column("opened_at", DateTime(timezone=True), nullable=False, server_default=_now),
    UniqueConstraint(
        "kind",
        "owner_id",
        "currency",
        name="uq_account_kind_owner_id_currency",
        postgresql_nulls_not_distinct=True,
    ),
    Index("ix_account_owner_id", "owner_id", "kind", "currency"),
)

transfer = Table(
    "transfer",
    metadata,
    Column("journal_id", Uuid, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("event", Text, nullable=False),
    Column("reference", Uuid),
    Column("reverses", Uuid),
    Column("effective_date", Date, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=_clock),
    Column("debit_account_id", Uuid, nullable=False),
    Column("credit_account_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("debit_version", BigInteger, nullable=False),
    Column("credit_version", BigInteger, nullable=False),
    Column("debit_balance", BigInteger, nullable=False),
    Column("credit_balance", BigInteger, nullable=False),
    Column("xid", BigInteger, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    PrimaryKeyConstraint("journal_id", "ordinal"),
    Index("uq_transfer_debit_account_id_debit_version", "debit_account_id", "debit_version", unique=True),
    Index("uq_transfer_credit_account_id_credit_version", "credit_account_id", "credit_version", unique=True),
    Index("ix_transfer_xid", "xid", postgresql_using="brin", postgresql_with={"pages_per_range": 32}),
    Index(
        "uq_transfer_reverses_ordinal",
        "reverses",
        "ordinal",
        unique=True,
        postgresql_where=text("reverses IS NOT NULL"),
    ),
    Index(
        "ix_transfer_reference",
        "reference",
        "recorded_at",
        postgresql_where=text("reference IS NOT NULL"),
    ),
)

hold = Table(
    "hold",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("event", Text, nullable=False),
    Column("reference", Uuid),
    Column("debit_account_id", Uuid, nullable=False),
    Column("credit_account_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=_clock),
)

hold_outcome = Table(
    "hold_outcome",
    metadata,
    Column("hold_id", Uuid, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("journal_id", Uuid),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=_clock),
)

balance_snapshot = Table(
    "balance_snapshot",
    metadata,
    Column("account_id", Uuid, nullable=False),
    Column("as_of", Date, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("debits", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    PrimaryKeyConstraint("account_id", "as_of"),
)

ledger_segment = Table(
    "ledger_segment",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("from_xid", BigInteger, nullable=False),
    Column("to_xid", BigInteger, nullable=False),
    Column("transfers", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False, server_default=_clock),
)
