"""Servicing's tables, for comparison with the migrations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from halfpenny.platform.schema import metadata

serviced_loan = Table(
    "serviced_loan",
    metadata,
    Column("loan_id", Uuid, primary_key=True),
    Column("borrower_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("terms", JSONB, nullable=False),
    Column("posted", JSONB, nullable=False),
    Column("standing", Text, nullable=False),
    Column("advanced_on", Date, nullable=False),
    Column("matures_on", Date, nullable=False),
    Column("principal_outstanding_minor", BigInteger, nullable=False),
    Column("total_due_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("oldest_unpaid_due_on", Date),
    Column("days_past_due", Integer, nullable=False, server_default=text("0")),
    Column("count_due_date", Boolean, nullable=False, server_default=text("false")),
    Column("defaulted_on", Date),
    Column("unlikely_to_pay", Boolean, nullable=False, server_default=text("false")),
    Column("closed_on", Date),
    Column("reserve_account_id", Uuid, nullable=False),
    Column("collections_account_id", Uuid, nullable=False),
    Column("payable_account_id", Uuid, nullable=False),
    Column("receivable_account_id", Uuid, nullable=False),
    Column("claims_account_id", Uuid, nullable=False),
    Index("ix_serviced_loan_maturing", "matures_on", "loan_id", postgresql_where=text("closed_on IS NULL")),
    Index("ix_serviced_loan_running", "loan_id", postgresql_where=text("closed_on IS NULL")),
    Index("ix_serviced_loan_overdue", "days_past_due", "loan_id", postgresql_where=text("days_past_due > 0")),
)

servicing_event = Table(
    "servicing_event",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("effective_date", Date, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("recorded_by", Uuid),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("loan_id", "number"),
)

instalment = Table(
    "instalment",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("principal_minor", BigInteger, nullable=False),
    Column("interest_minor", BigInteger, nullable=False),
    Column("fees_minor", BigInteger, nullable=False),
    Column("balance_minor", BigInteger, nullable=False),
    Column("reserved", Boolean, nullable=False),
    Column("unpaid_minor", BigInteger, nullable=False),
    Column("settled_on", Date),
    PrimaryKeyConstraint("loan_id", "number"),
    Index("ix_instalment_unpaid", "due_on", "loan_id", postgresql_where=text("unpaid_minor > 0")),
)

accrual_segment = Table(
    "accrual_segment",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),
    Column("accrued_before", Numeric, nullable=False),
    Column("per_day", Numeric, nullable=False),
    Column("scale", Numeric, nullable=False),
    Column("less_minor", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("loan_id", "kind", "starts_on"),
)

accrual = Table(
    "accrual",
    metadata,
    Column("business_date", Date, nullable=False),
    Column("loan_id", Uuid, nullable=False),
    Column("interest_minor", BigInteger, nullable=False),
    Column("default_interest_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("business_date", "loan_id"),
)

reserve_release = Table(
    "reserve_release",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("loan_id", "due_on"),
    Index("ix_reserve_release_due_on", "due_on", "loan_id"),
)

holding = Table(
    "holding",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("investor_id", Uuid, nullable=False),
    Column("position_id", Uuid, nullable=False),
    Column("stake_minor", BigInteger, nullable=False),
    Column("outstanding_minor", BigInteger, nullable=False),
    Column("principal_days", BigInteger, nullable=False, server_default=text("0")),
    Column("counted_to", Date, nullable=False),
    Column("interest_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("withheld_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("lost_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("recovered_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("wallet_account_id", Uuid, nullable=False),
    PrimaryKeyConstraint("loan_id", "position_id"),
    UniqueConstraint("investor_id", "loan_id", name="uq_holding_investor_id_loan_id"),
)

tax_profile = Table(
    "tax_profile",
    metadata,
    Column("investor_id", Uuid, primary_key=True),
    Column("country", Text, nullable=False),
    Column("treaty_form", Boolean, nullable=False),
    Column("withholding_millionths", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)

distribution = Table(
    "distribution",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("loan_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("currency", Text, nullable=False),
    Column("effective_date", Date, nullable=False),
    Column("principal_minor", BigInteger, nullable=False),
    Column("interest_minor", BigInteger, nullable=False),
    Column("default_interest_minor", BigInteger, nullable=False),
    Column("recovered_minor", BigInteger, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'declared'")),
    Column("declared_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("paid_at", DateTime(timezone=True)),
    UniqueConstraint("loan_id", "number", name="uq_distribution_loan_id_number"),
    Index("ix_distribution_unpaid", "loan_id", "number", postgresql_where=text("status <> 'paid'")),
)

distribution_share = Table(
    "distribution_share",
    metadata,
    Column("distribution_id", Uuid, nullable=False),
    Column("position_id", Uuid, nullable=False),
    Column("investor_id", Uuid, nullable=False),
    Column("weight_principal", BigInteger, nullable=False),
    Column("weight_interest", BigInteger, nullable=False),
    Column("principal_minor", BigInteger, nullable=False),
    Column("interest_minor", BigInteger, nullable=False),
    Column("default_interest_minor", BigInteger, nullable=False),
    Column("recovered_minor", BigInteger, nullable=False),
    Column("withheld_minor", BigInteger, nullable=False),
    Column("wallet_account_id", Uuid, nullable=False),
    Column("journal_id", Uuid, nullable=False, server_default=text("uuidv7()")),
    Column("paid", Boolean, nullable=False, server_default=text("false")),
    PrimaryKeyConstraint("distribution_id", "position_id"),
    Index("ix_distribution_share_unpaid", "distribution_id", "position_id", postgresql_where=text("NOT paid")),
    Index("ix_distribution_share_investor_id", "investor_id", "distribution_id"),
)

recovery_case = Table(
    "recovery_case",
    metadata,
    Column("loan_id", Uuid, primary_key=True),
    Column("opened_on", Date, nullable=False),
    Column("closed_on", Date),
    Column("next_update_due_on", Date, nullable=False),
)

recovery_update = Table(
    "recovery_update",
    metadata,
    Column("loan_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("told_on", Date, nullable=False),
    Column("text", Text, nullable=False),
    Column("told_by", Uuid),
    PrimaryKeyConstraint("loan_id", "number"),
)

unmatched_receipt = Table(
    "unmatched_receipt",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("received_on", Date, nullable=False),
    Column("payer", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=text("'unmatched'")),
    Column("loan_id", Uuid),
    Column("resolved_at", DateTime(timezone=True)),
    Index("ix_unmatched_receipt_open", "id", postgresql_where=text("status = 'unmatched'")),
)

close_range = Table(
    "close_range",
    metadata,
    Column("business_date", Date, nullable=False),
    Column("first_loan_id", Uuid, nullable=False),
    Column("last_loan_id", Uuid, nullable=False),
    Column("loans", Integer, nullable=False),
    Column("released", Integer, nullable=False),
    Column("late", Integer, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    PrimaryKeyConstraint("business_date", "first_loan_id"),
)

business_day = Table(
    "business_day",
    metadata,
    Column("business_date", Date, primary_key=True),
    Column("closed_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)
