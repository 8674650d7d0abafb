"""The table of answers from the risk service, described for ``alembic check``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from halfpenny.platform.schema import metadata

assessment = Table(
    "assessment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("loan_id", Uuid, ForeignKey("loan.id"), nullable=False),
    Column("loan_version", BigInteger, nullable=False),
    Column("model_version", Text, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("answer", JSONB, nullable=False),
    Column("received_at", TIMESTAMP(timezone=True), nullable=False),
    UniqueConstraint(
        "loan_id",
        "loan_version",
        "model_version",
        name="uq_assessment_loan_id_loan_version_model_version",
    ),
    Index("ix_assessment_loan_id_id", "loan_id", "id"),
)
