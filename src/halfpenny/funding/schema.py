"""The tables of funding, described for ``alembic check``; what they mean is said in migration 0006."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP

from halfpenny.platform.schema import metadata

_MOMENT = TIMESTAMP(timezone=True)

investment = Table(
    "investment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("loan_id", Uuid, nullable=False),
    Column("investor_id", Uuid, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'committed'")),
    Column("revocable_until", _MOMENT),
    Column("made_at", _MOMENT, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("answer_target_minor", BigInteger, nullable=False),
    Column("answer_funded_minor", BigInteger, nullable=False),
    Column("answer_investors", Integer, nullable=False),
    Column("answer_version", BigInteger, nullable=False),
    Column("ended_at", _MOMENT),
    UniqueConstraint("investor_id", "idempotency_key", name="uq_investment_investor_id_idempotency_key"),
    Index("ix_investment_loan_id_investor_id", "loan_id", "investor_id", "id"),
)

position = Table(
    "position",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("investor_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("invested_minor", BigInteger, nullable=False),
    Column("outstanding_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("loan_id", "investor_id"),
    Index("ix_position_investor_id", "investor_id", "loan_id"),
)

waiting_ticket = Table(
    "waiting_ticket",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("place", BigInteger, Identity(always=True), nullable=False),
    Column("loan_id", Uuid, ForeignKey("loan.id"), nullable=False),
    Column("investor_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("served_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'waiting'")),
    Column("refusal", Text),
    Column("joined_at", _MOMENT, nullable=False),
    Column("ended_at", _MOMENT),
    Index("ix_waiting_ticket_loan_id_place", "loan_id", "place", postgresql_where=text("status = 'waiting'")),
    Index("ix_waiting_ticket_investor_id", "investor_id", "id"),
)

funding_milestone = Table(
    "funding_milestone",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("percent", SmallInteger, nullable=False),
    Column("reached_at", _MOMENT, nullable=False),
    PrimaryKeyConstraint("loan_id", "percent"),
)

wallet_payment = Table(
    "wallet_payment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'pending'")),
    Column("requested_at", _MOMENT, nullable=False),
    Column("ended_at", _MOMENT),
    Index("ix_wallet_payment_pending", "id", postgresql_where=text("status = 'pending'")),
    Index("ix_wallet_payment_user_id", "user_id", "id"),
)

sandbox_bank_entry = Table(
    "sandbox_bank_entry",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("sequence", BigInteger, Identity(always=True), nullable=False),
    Column("direction", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("value_on", Date, nullable=False),
    Column("booked_at", _MOMENT, nullable=False),
    Index("ix_sandbox_bank_entry_booked_on", "currency", "booked_on", "sequence"),
)

bank_statement = Table(
    "bank_statement",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("statement_date", Date, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("received_at", _MOMENT, nullable=False),
    UniqueConstraint("message_id", name="uq_bank_statement_message_id"),
)

bank_statement_line = Table(
    "bank_statement_line",
    metadata,
    Column("bank_reference", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("statement_id", Uuid, ForeignKey("bank_statement.id"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("end_to_end_id", Text, nullable=False),
    Column("booked_on", Date, nullable=False),
    Column("value_on", Date, nullable=False),
    PrimaryKeyConstraint("currency", "bank_reference"),
    Index("ix_bank_statement_line_end_to_end_id", "end_to_end_id"),
    Index("ix_bank_statement_line_statement_id", "statement_id"),
)

reconciliation_item = Table(
    "reconciliation_item",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("statement_id", Uuid, ForeignKey("bank_statement.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("expected_minor", BigInteger, nullable=False),
    Column("found_minor", BigInteger, nullable=False),
    Column("suspense_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("status", Text, nullable=False, server_default=text("'open'")),
    Column("found_at", _MOMENT, nullable=False),
    Column("resolved_at", _MOMENT),
    Column("resolved_by", Uuid),
    Index("ix_reconciliation_item_open", "id", postgresql_where=text("status = 'open'")),
    Index("ix_reconciliation_item_reference", "reference"),
)
