"""People, their sessions and refresh tokens, related parties, outgoing mail and the counters of rate limits."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PEOPLE = """
CREATE TABLE app_user (
  id uuid CONSTRAINT pk_app_user PRIMARY KEY,
  email text NOT NULL CONSTRAINT uq_app_user_email UNIQUE,
  full_name text NOT NULL,
  role text NOT NULL,
  password_hash text NOT NULL,
  kyc_status text NOT NULL DEFAULT 'pending',
  country text,
  sophisticated boolean NOT NULL DEFAULT false,
  email_verified_at timestamptz,
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_app_user_role CHECK (role IN ('investor', 'borrower', 'underwriter', 'servicer', 'treasurer',
    'administrator', 'auditor', 'service')),
  CONSTRAINT ck_app_user_kyc_status CHECK (kyc_status IN ('pending', 'verified', 'rejected')),
  CONSTRAINT ck_app_user_email_is_folded CHECK (email = lower(email)),
  CONSTRAINT ck_app_user_country CHECK (country ~ '^[A-Z]{2}$')
);
GRANT SELECT, INSERT ON app_user TO halfpenny_app;
GRANT UPDATE (password_hash, role, kyc_status, sophisticated, country, email_verified_at, disabled_at) ON app_user
  TO halfpenny_app;
-- History is never erased, so who somebody is stays out of it, and every password does.
SELECT keep_row_history('app_user', 'id', 'email,full_name,password_hash');

-- Read in both directions: a relation binds whichever side it was entered from.
CREATE TABLE related_party (
  user_id uuid NOT NULL CONSTRAINT fk_related_party_user_id REFERENCES app_user,
  related_user_id uuid NOT NULL CONSTRAINT fk_related_party_related_user_id REFERENCES app_user,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_related_party PRIMARY KEY (user_id, related_user_id),
  CONSTRAINT ck_related_party_two_people CHECK (user_id <> related_user_id)
);
CREATE INDEX ix_related_party_related_user_id ON related_party (related_user_id);
GRANT SELECT, INSERT, DELETE ON related_party TO halfpenny_app;
SELECT keep_row_history('related_party', 'user_id,related_user_id');
"""

SESSIONS = """
-- One row for each sign-in: the family of its refresh tokens.
CREATE TABLE session (
  id uuid CONSTRAINT pk_session PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT fk_session_user_id REFERENCES app_user,
  address text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  ended_because text,
  -- A session of pages: the hash of its cookie's secret, and when the cookie was last seen. Others have tokens.
  page_secret_hash bytea CONSTRAINT uq_session_page_secret_hash UNIQUE,
  seen_at timestamptz,
  CONSTRAINT ck_session_ended_because CHECK ((ended_at IS NULL) = (ended_because IS NULL)),
  CONSTRAINT ck_session_seen_at CHECK ((page_secret_hash IS NULL) = (seen_at IS NULL))
);
CREATE INDEX ix_session_user_id ON session (user_id);
CREATE INDEX ix_session_expires_at ON session (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON session TO halfpenny_app;

-- Only hashes: whoever reads this table cannot refresh anything.
CREATE TABLE refresh_token (
  token_hash bytea CONSTRAINT pk_refresh_token PRIMARY KEY,
  session_id uuid NOT NULL CONSTRAINT fk_refresh_token_session_id REFERENCES session ON DELETE CASCADE,
  issued_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz,
  -- What the token was swapped for, for a minute and readable only with the token itself and its request's key.
  answer text
);
CREATE INDEX ix_refresh_token_session_id ON refresh_token (session_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_token TO halfpenny_app;

-- Every process caches verified tokens for a while; it is notified of each end at the moment of its commit,
-- whoever ended the session.
CREATE FUNCTION notify_session_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('session_revoked', 'session:' || NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER session_ended AFTER UPDATE OF ended_at ON session
  FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL)
  EXECUTE FUNCTION notify_session_ended();

CREATE FUNCTION notify_user_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('session_revoked', 'user:' || NEW.id);
  RETURN NULL;
END $$;
CREATE TRIGGER user_changed AFTER UPDATE OF role, disabled_at, email_verified_at, kyc_status ON app_user
  FOR EACH ROW WHEN (OLD.role <> NEW.role OR OLD.kyc_status <> NEW.kyc_status
    OR OLD.disabled_at IS DISTINCT FROM NEW.disabled_at
    OR OLD.email_verified_at IS DISTINCT FROM NEW.email_verified_at)
  EXECUTE FUNCTION notify_user_changed();
"""

MAIL_AND_LIMITS = """
-- What a mailed link proves: that its reader has the mailbox.
CREATE TABLE mailed_token (
  token_hash bytea CONSTRAINT pk_mailed_token PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT fk_mailed_token_user_id REFERENCES app_user,
  purpose text NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT ck_mailed_token_purpose CHECK (purpose IN ('verify_email', 'reset_password', 'accept_invitation'))
);
CREATE INDEX ix_mailed_token_user_id ON mailed_token (user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON mailed_token TO halfpenny_app;

-- Letters leave through the worker, so that no request waits for a mail server or discloses by its time
-- whether an address is known: each asks for a letter, and the worker finds out what to write, if anything.
CREATE TABLE outgoing_mail (
  id uuid CONSTRAINT pk_outgoing_mail PRIMARY KEY,
  recipient text NOT NULL,
  occasion text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_outgoing_mail_occasion CHECK (occasion IN ('registration', 'forgotten_password', 'invitation'))
);
CREATE INDEX ix_outgoing_mail_due_at ON outgoing_mail (due_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON outgoing_mail TO halfpenny_app;

-- Counters of rate limits, shared by all processes. Unlogged: a crash forgives everybody.
CREATE UNLOGGED TABLE rate_window (
  key text CONSTRAINT pk_rate_window PRIMARY KEY,
  hits integer NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX ix_rate_window_expires_at ON rate_window (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_window TO halfpenny_app;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for part in (PEOPLE, SESSIONS, MAIL_AND_LIMITS):
        op.execute(part)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
