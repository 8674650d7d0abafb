"""Notifications, what people watch, connection tokens for sockets, and the numbered frames of shared topics."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NOTIFICATIONS = """
-- The last number given to a person's notifications. Its row is locked until the writer commits, so the numbers
-- are as dense as the notifications and become visible in their order: whoever saw 7 has missed nothing before it.
CREATE TABLE notification_counter (
  user_id uuid CONSTRAINT pk_notification_counter PRIMARY KEY,
  seq bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE notification (
  id uuid CONSTRAINT pk_notification PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT fk_notification_user_id REFERENCES app_user,
  seq bigint NOT NULL,
  kind text NOT NULL,
  data jsonb NOT NULL,
  dedupe_key text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  read_at timestamptz,
  CONSTRAINT uq_notification_user_id_seq UNIQUE (user_id, seq),
  CONSTRAINT uq_notification_user_id_dedupe_key UNIQUE (user_id, dedupe_key)
);
CREATE INDEX ix_notification_user_id_unread ON notification (user_id) WHERE read_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON notification, notification_counter TO halfpenny_app;

-- notices is a JSON array of {"id", "user_id", "kind", "data", "dedupe_key"}. What a person has been inserted under the
-- same key is left out. Counters are locked in the order of user ids. Returns the number of new notifications.
CREATE FUNCTION notify_many(notices jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  inserted integer;
  people uuid[];
BEGIN
  people := ARRAY(SELECT DISTINCT (n->>'user_id')::uuid FROM jsonb_array_elements(notices) n ORDER BY 1);
  INSERT INTO notification_counter (user_id) SELECT unnest(people) ON CONFLICT DO NOTHING;
  PERFORM 1 FROM notification_counter WHERE user_id = ANY (people) ORDER BY user_id FOR NO KEY UPDATE;
  WITH asked AS (
    SELECT DISTINCT ON (n->>'user_id', n->>'dedupe_key')
      (n->>'id')::uuid AS id, (n->>'user_id')::uuid AS user_id, n->>'kind' AS kind, n->'data' AS data,
      n->>'dedupe_key' AS dedupe_key, place
    FROM jsonb_array_elements(notices) WITH ORDINALITY AS list(n, place)
    ORDER BY n->>'user_id', n->>'dedupe_key', place
  ), new AS (
    SELECT a.*, row_number() OVER (PARTITION BY a.user_id ORDER BY a.place) AS step FROM asked a
    WHERE NOT EXISTS (SELECT FROM notification k WHERE k.user_id = a.user_id AND k.dedupe_key = a.dedupe_key)
  )
  INSERT INTO notification (id, user_id, seq, kind, data, dedupe_key)
  SELECT n.id, n.user_id, c.seq + n.step, n.kind, n.data, n.dedupe_key
  FROM new n JOIN notification_counter c ON c.user_id = n.user_id ORDER BY n.user_id, n.step;
  GET DIAGNOSTICS inserted = ROW_COUNT;
  IF inserted > 0 THEN
    UPDATE notification_counter c SET seq = last.seq
    FROM (SELECT user_id, max(seq) AS seq FROM notification WHERE user_id = ANY (people) GROUP BY user_id) last
    WHERE c.user_id = last.user_id AND c.seq < last.seq;
    -- A notification holds 8000 bytes: two hundred ids fit.
    PERFORM pg_notify('notification', string_agg(person::text, ','))
    FROM unnest(people) WITH ORDINALITY AS list(person, place) GROUP BY place / 200;
  END IF;
  RETURN inserted;
END $$;
"""

TOPICS = """
-- Topics that many listen to and that have no row of their own to count with, such as the marketplace.
CREATE TABLE topic_counter (
  topic text CONSTRAINT pk_topic_counter PRIMARY KEY,
  seq bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE topic_frame (
  topic text NOT NULL,
  seq bigint NOT NULL,
  data jsonb NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT pk_topic_frame PRIMARY KEY (topic, seq)
);
CREATE INDEX ix_topic_frame_recorded_at ON topic_frame (recorded_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON topic_counter, topic_frame TO halfpenny_app;

-- Who is notified of a topic also while not subscribed to it.
CREATE TABLE topic_watcher (
  topic text NOT NULL,
  user_id uuid NOT NULL CONSTRAINT fk_topic_watcher_user_id REFERENCES app_user,
  since timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_topic_watcher PRIMARY KEY (topic, user_id)
);
CREATE INDEX ix_topic_watcher_user_id ON topic_watcher (user_id);
GRANT SELECT, INSERT, DELETE ON topic_watcher TO halfpenny_app;

-- One use, half a minute, and only its hash is kept.
CREATE TABLE connection_token (
  token_hash bytea CONSTRAINT pk_connection_token PRIMARY KEY,
  user_id uuid NOT NULL CONSTRAINT fk_connection_token_user_id REFERENCES app_user,
  session_id uuid NOT NULL CONSTRAINT fk_connection_token_session_id REFERENCES session ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX ix_connection_token_session_id ON connection_token (session_id);
CREATE INDEX ix_connection_token_expires_at ON connection_token (expires_at);
GRANT SELECT, INSERT, DELETE ON connection_token TO halfpenny_app;

-- Fires once a statement, for the triggers of tables whose rows are topics: notifies the API's processes of which rows
-- moved, or only that many did. The text of a notification is short, and equal ones of a transaction become one.
CREATE FUNCTION notify_rows_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved text;
BEGIN
  EXECUTE format('SELECT CASE WHEN count(*) <= 50 THEN string_agg(%I::text, '','') ELSE '''' END FROM moved_rows',
                 TG_ARGV[0]) INTO moved;
  IF moved IS NOT NULL THEN
    PERFORM pg_notify(TG_TABLE_NAME || '_moved', moved);
  END IF;
  RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(NOTIFICATIONS)
    op.execute(TOPICS)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
