"""Risk reporting: the stored reports on what became of assessed loans and on the book, and the published method."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REPORTS = """
-- Written once and never changed: the next report's journal starts from the last one's allowances.
CREATE TABLE risk_report (
  id uuid CONSTRAINT pk_risk_report PRIMARY KEY,
  kind text NOT NULL CONSTRAINT ck_risk_report_kind CHECK (kind IN ('monitoring', 'portfolio')),
  as_of date NOT NULL,
  content jsonb NOT NULL,
  made_at timestamptz NOT NULL
);
CREATE INDEX ix_risk_report_kind_id ON risk_report (kind, id);
GRANT SELECT, INSERT ON risk_report TO halfpenny_app;
SELECT keep_row_history('risk_report', 'id');

-- The newest is what the public method page shows; the earlier ones say what held when.
CREATE TABLE risk_method (
  id uuid CONSTRAINT pk_risk_method PRIMARY KEY,
  policy_version text NOT NULL,
  model_version text NOT NULL,
  content jsonb NOT NULL,
  published_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON risk_method TO halfpenny_app;
SELECT keep_row_history('risk_method', 'id');
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(REPORTS)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
