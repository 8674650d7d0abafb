"""The tables of loans, described for ``alembic check``; queries are SQL text in store.py."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from halfpenny.platform.schema import metadata

_MOMENT = TIMESTAMP(timezone=True)
_RATE = Numeric(9, 6)

property_table = Table(
    "property",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("lat", Double, nullable=False),
    Column("lon", Double, nullable=False),
    Column("description", Text, nullable=False),
    Column("year_built", Integer),
    Column("area_m2", Numeric(12, 2), nullable=False),
    Column("beds", Integer),
    Column("condition", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("purchase_price_minor", BigInteger, nullable=False),
    Column("valuation_minor", BigInteger, nullable=False),
    Column("valued_on", Date, nullable=False),
    Column("valuer", Text),
    Column("renovation_cost_minor", BigInteger, nullable=False),
    Column("gdv_minor", BigInteger),
)

loan = Table(
    "loan",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("borrower_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("entered_by", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("property_id", Uuid, ForeignKey("property.id"), nullable=False),
    Column("status", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("terms_version", BigInteger, nullable=False),
    Column("company", Text, nullable=False),
    Column("income_minor", BigInteger, nullable=False),
    Column("assets_minor", BigInteger, nullable=False),
    Column("debts_minor", BigInteger, nullable=False),
    Column("adverse_records", Integer, nullable=False),
    Column("charge_rank", Integer, nullable=False),
    Column("prior_debt_minor", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("term_months", Integer, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("exit_strategy", Text, nullable=False),
    Column("interest_mode", Text, nullable=False),
    Column("risk", JSONB),
    Column("annual_rate", _RATE),
    Column("arrangement_fee_percent", _RATE),
    Column("funding_deadline", _MOMENT),
    Column("decided_by", Uuid, ForeignKey("app_user.id")),
    Column("decided_at", _MOMENT),
    Column("decision_reason", Text),
    Column("submitted_at", _MOMENT),
    Column("drawn_down_on", Date),
    Column("matures_on", Date),
    Column("conditions", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("created_at", _MOMENT, nullable=False),
    Column("changed_at", _MOMENT, nullable=False),
    Index("ix_loan_borrower_id_id", "borrower_id", "id"),
    Index("ix_loan_awaiting_decision", "id", postgresql_where=text("status IN ('submitted', 'assessed')")),
    Index("ix_loan_maturing", "matures_on", "id", postgresql_where=text("status = 'active'")),
)

loan_funding = Table(
    "loan_funding",
    metadata,
    Column("loan_id", Uuid, ForeignKey("loan.id"), primary_key=True),
    Column("borrower_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False),
    Column("target_minor", BigInteger, nullable=False),
    Column("funded_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("investors", Integer, nullable=False, server_default=text("0")),
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("status", Text, nullable=False),
    Column("deadline", _MOMENT, nullable=False),
    Column("minimum_minor", BigInteger, nullable=False),
    Column("step_minor", BigInteger, nullable=False),
    Column("maximum_minor", BigInteger),
    Index(
        "ix_loan_funding_deadline",
        "deadline",
        "loan_id",
        postgresql_where=text("status IN ('pending', 'open')"),
    ),
)

loan_decision = Table(
    "loan_decision",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("loan_id", Uuid, ForeignKey("loan.id"), nullable=False),
    Column("loan_version", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("annual_rate", _RATE),
    Column("funding_deadline", _MOMENT),
    Column("reason", Text, nullable=False),
    Column("made_by", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("made_at", _MOMENT, nullable=False),
    Index("ix_loan_decision_loan_id_loan_version", "loan_id", "loan_version"),
)

loan_edit = Table(
    "loan_edit",
    metadata,
    Column("loan_id", Uuid, ForeignKey("loan.id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("editor_id", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("edited_at", _MOMENT, nullable=False),
)

loan_condition = Table(
    "loan_condition",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("loan_id", Uuid, ForeignKey("loan.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("charge_rank", Integer),
    Column("registered_on", Date),
    Column("valuer", Text),
    Column("valued_on", Date),
    Column("insurer", Text),
    Column("policy", Text),
    Column("expires_on", Date),
    Column("amount_minor", BigInteger),
    Column("recorded_by", Uuid, ForeignKey("app_user.id"), nullable=False),
    Column("recorded_at", _MOMENT, nullable=False),
    Index("ix_loan_condition_loan_id_id", "loan_id", "id"),
)
