"""Four eyes: what was proposed on which version of what, and who decided on it."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

APPROVALS = """
CREATE TABLE approval (
  id uuid CONSTRAINT pk_approval PRIMARY KEY,
  act text NOT NULL,
  subject text NOT NULL,
  object_id uuid NOT NULL,
  object_version text NOT NULL,
  facts jsonb NOT NULL,
  payload jsonb NOT NULL,
  worth_eur_minor bigint,
  reason text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  proposed_by uuid NOT NULL CONSTRAINT fk_approval_proposed_by REFERENCES app_user,
  proposed_at timestamptz NOT NULL,
  earliest_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_by uuid CONSTRAINT fk_approval_decided_by REFERENCES app_user,
  decided_at timestamptz,
  decision_reason text,
  result jsonb,
  CONSTRAINT ck_approval_status CHECK (status IN ('pending', 'approved', 'refused', 'withdrawn', 'expired')),
  CONSTRAINT ck_approval_times CHECK (proposed_at <= earliest_at AND earliest_at < expires_at),
  CONSTRAINT ck_approval_decided CHECK ((status = 'pending') = (decided_at IS NULL)),
  -- The heart of it: not even a fault of ours lets one person be both.
  CONSTRAINT ck_approval_two_people CHECK (status NOT IN ('approved', 'refused') OR decided_by <> proposed_by),
  CONSTRAINT ck_approval_decided_by CHECK ((decided_by IS NULL) = (status IN ('pending', 'expired'))),
  CONSTRAINT ck_approval_withdrawn CHECK (status <> 'withdrawn' OR decided_by = proposed_by),
  CONSTRAINT ck_approval_result CHECK ((result IS NOT NULL) = (status = 'approved'))
);
CREATE INDEX ix_approval_status_id ON approval (status, id);
CREATE INDEX ix_approval_object_id_id ON approval (object_id, id);
CREATE INDEX ix_approval_expires_at ON approval (expires_at, id) WHERE status = 'pending';
-- What was proposed never changes; the application may only write how it ended.
GRANT SELECT, INSERT, UPDATE (status, decided_by, decided_at, decision_reason, result) ON approval TO halfpenny_app;

CREATE FUNCTION approval_ends_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'pending' THEN
      RAISE EXCEPTION 'an approval begins as pending' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.status <> 'pending' OR NEW.status = 'pending' THEN
    RAISE EXCEPTION 'an approval is decided once' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF (NEW.id, NEW.act, NEW.subject, NEW.object_id, NEW.object_version, NEW.facts, NEW.payload, NEW.reason,
      NEW.proposed_by, NEW.proposed_at, NEW.earliest_at, NEW.expires_at)
     IS DISTINCT FROM
     (OLD.id, OLD.act, OLD.subject, OLD.object_id, OLD.object_version, OLD.facts, OLD.payload, OLD.reason,
      OLD.proposed_by, OLD.proposed_at, OLD.earliest_at, OLD.expires_at)
     OR NEW.worth_eur_minor IS DISTINCT FROM OLD.worth_eur_minor THEN
    RAISE EXCEPTION 'what was proposed never changes' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approval_ends_once BEFORE INSERT OR UPDATE ON approval
  FOR EACH ROW EXECUTE FUNCTION approval_ends_once();
CREATE TRIGGER approval_is_kept BEFORE DELETE OR TRUNCATE ON approval
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
SELECT keep_row_history('approval', 'id');
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(APPROVALS)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
