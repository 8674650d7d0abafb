"""Risk reporting: the stored reports on what became of assessed loans and on the book, the published method, and promotions of models."""

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

PROMOTIONS = """
-- Which borrower model is the champion: the newest is in force. Each was approved by somebody else than who proposed it.
CREATE TABLE risk_promotion (
  number bigint CONSTRAINT pk_risk_promotion PRIMARY KEY,
  champion_file text NOT NULL,
  champion_sha256 text NOT NULL,
  challenger_file text NOT NULL,
  challenger_sha256 text NOT NULL,
  judgement jsonb NOT NULL,
  proposed_by uuid NOT NULL CONSTRAINT fk_risk_promotion_proposed_by REFERENCES app_user,
  approved_by uuid NOT NULL CONSTRAINT fk_risk_promotion_approved_by REFERENCES app_user,
  promoted_at timestamptz NOT NULL,
  signed text NOT NULL,
  CONSTRAINT ck_risk_promotion_number CHECK (number > 0),
  CONSTRAINT ck_risk_promotion_hashes
    CHECK (champion_sha256 ~ '^[0-9a-f]{64}$' AND challenger_sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_risk_promotion_another CHECK (champion_sha256 <> challenger_sha256),
  CONSTRAINT ck_risk_promotion_two_people CHECK (approved_by <> proposed_by)
);
GRANT SELECT, INSERT ON risk_promotion TO halfpenny_app;
CREATE TRIGGER risk_promotion_is_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON risk_promotion
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
SELECT keep_row_history('risk_promotion', 'number');
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(REPORTS)
    op.execute(PROMOTIONS)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
