"""The application's role, the business clock, idempotency, the audit trail, the queue, the history of rows."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROLE_AND_CLOCK = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'halfpenny_app') THEN
    CREATE ROLE halfpenny_app NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- Another database of the same server made the role at the same moment.
END $$;
DO $$ BEGIN
  -- A superuser is a member of every role; anybody else is granted the role so that SET ROLE works.
  IF NOT pg_has_role(current_user, 'halfpenny_app', 'SET') THEN
    EXECUTE format('GRANT halfpenny_app TO %I', current_user);
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO halfpenny_app;

-- One row. The offset is only ever set in a sandbox; production does not start on one other than zero.
CREATE TABLE business_clock (
  id boolean CONSTRAINT pk_business_clock PRIMARY KEY DEFAULT true,
  sandbox boolean NOT NULL DEFAULT true,
  "offset" interval NOT NULL DEFAULT '0',
  CONSTRAINT ck_business_clock_one_row CHECK (id),
  CONSTRAINT ck_business_clock_production_is_real CHECK (sandbox OR "offset" = interval '0')
);
INSERT INTO business_clock DEFAULT VALUES;
GRANT SELECT, UPDATE (sandbox, "offset") ON business_clock TO halfpenny_app;

CREATE FUNCTION business_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT statement_timestamp() + "offset" FROM business_clock $$;
CREATE FUNCTION business_date() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS
  $$ SELECT (business_now() AT TIME ZONE 'Europe/Warsaw')::date $$;
"""

IDEMPOTENCY_AND_AUDIT = """
CREATE TABLE idempotency (
  user_id uuid NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  status integer,
  body json,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_idempotency PRIMARY KEY (user_id, key)
);
GRANT SELECT, INSERT, UPDATE (status, body) ON idempotency TO halfpenny_app;

-- A key belongs to its owner, whatever it was used for. Whoever uses one takes this lock first and reads afterwards, in
-- a statement of its own: exclusively to claim it in the table above, shared where the keys are stored with something
-- else, under a unique index (funding's desk, which can then answer many requests in one transaction and waits for none).
CREATE FUNCTION idempotency_lock_id(owner_id uuid, key text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT hashtextextended(owner_id::text || ' ' || key, 7202601) $$;
-- Whether a key was used outside of that table. A feature that stores keys of its own replaces it.
CREATE FUNCTION idempotency_key_is_used_elsewhere(owner_id uuid, key text) RETURNS boolean LANGUAGE sql STABLE AS
  $$ SELECT false $$;

CREATE TABLE audit_entry (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_audit_entry PRIMARY KEY,
  actor_id uuid,
  action text NOT NULL,
  subject text NOT NULL,
  subject_id uuid NOT NULL,
  data jsonb NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ix_audit_entry_subject_id_id ON audit_entry (subject_id, id);
CREATE TABLE audit_seal (
  place bigint CONSTRAINT pk_audit_seal PRIMARY KEY,
  entry_id bigint NOT NULL CONSTRAINT uq_audit_seal_entry_id UNIQUE,
  -- The heads of the other chains stand in the last seal of each batch.
  heads jsonb NOT NULL DEFAULT '{}',
  hash bytea NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON audit_entry, audit_seal TO halfpenny_app;

-- History is never rewritten, whoever asks: not even the owner of the table.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: history is only ever added to', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER audit_seal_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
"""

OPERATION = """
-- The work that recurs, and when each last succeeded: whichever worker did it. Operating state, no facts.
CREATE TABLE periodic_job (
  name text CONSTRAINT pk_periodic_job PRIMARY KEY,
  every_s double precision NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT now(),
  succeeded_at timestamptz,
  -- Until then one worker alone runs it.
  claimed_until timestamptz
);
GRANT SELECT, INSERT, UPDATE (every_s, succeeded_at, claimed_until), DELETE ON periodic_job TO halfpenny_app;

-- The indicators that are above their limits, since when, and when somebody was notified.
CREATE TABLE operating_alert (
  indicator text NOT NULL,
  label_value text NOT NULL,
  above_since timestamptz NOT NULL DEFAULT now(),
  notified_at timestamptz,
  CONSTRAINT pk_operating_alert PRIMARY KEY (indicator, label_value)
);
GRANT SELECT, INSERT, UPDATE (notified_at), DELETE ON operating_alert TO halfpenny_app;

-- What each whole run of the books check found.
CREATE TABLE books_check (
  id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_books_check PRIMARY KEY,
  checked_at timestamptz NOT NULL DEFAULT now(),
  transfers bigint NOT NULL,
  findings integer NOT NULL
);
GRANT SELECT, INSERT ON books_check TO halfpenny_app;
"""

# Long enough to deserve files of their own, each with its protocol explained at its head.
QUEUE = Path(__file__).with_name("0001_queue.sql").read_text(encoding="utf-8")
HISTORY = Path(__file__).with_name("0001_history.sql").read_text(encoding="utf-8")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for part in (ROLE_AND_CLOCK, IDEMPOTENCY_AND_AUDIT, OPERATION, QUEUE, HISTORY):
        op.execute(part)
    op.execute("SELECT keep_row_history('idempotency', 'user_id,key')")
    op.execute("SELECT keep_row_history('audit_entry', 'id', '', 'insert,delete')")


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
