-- The queue inside PostgreSQL. Any process that may connect can take part with these functions alone
-- (the risk service does). One event is one row of outbox, one event for one queue is one row of delivery.
--
-- A producer calls outbox_append(events) in the transaction that the events report.
-- The relay calls outbox_fan_out(batch) until it returns 0, then waits for NOTIFY outbox.
-- A consumer calls queue_subscribe(queue, events) once, LISTENs to the channel 'queue_' || queue, and then
-- repeats queue_claim(queue, batch, lease_s) until nothing comes back. For each claimed event it calls one of
--     queue_done     in the transaction that holds the effect, so that the effect happens once;
--     queue_fail     when handling it failed: it comes again later, or is dead-lettered after max_attempts;
--     queue_dead_letter     when trying again cannot help (poison): straight to dead_letter with a named reason;
--     queue_release  when the consumer could not try at all (its own database is away, it is stopping).
--
-- Consumers of any program keep one connection for ever, and a plan made while these tables were empty would read all
-- of them for ever after: so each call is planned for itself and finds its rows along an index.

CREATE TABLE outbox (
    event_id uuid CONSTRAINT pk_outbox PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL CONSTRAINT ck_outbox_name CHECK (name ~ '^[a-z_]+(\.[a-z_]+)+$'),
    version integer NOT NULL CONSTRAINT ck_outbox_version CHECK (version > 0),
    aggregate_id uuid NOT NULL,
    payload jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz
);
-- The relay reads only this index, which stays as short as the backlog is.
CREATE INDEX ix_outbox_unpublished ON outbox (seq) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_published_at ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE TABLE subscription (
    queue text NOT NULL CONSTRAINT ck_subscription_queue CHECK (length(queue) BETWEEN 1 AND 50),
    event_name text NOT NULL,
    -- Events that were relayed before are not delivered, and so not missed.
    subscribed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_subscription PRIMARY KEY (queue, event_name)
);

CREATE TABLE delivery (
    queue text NOT NULL,
    event_id uuid NOT NULL CONSTRAINT fk_delivery_event_id REFERENCES outbox (event_id),
    seq bigint NOT NULL,
    -- Claimed events are hidden until their lease ends, failed ones until their next attempt.
    available_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    CONSTRAINT pk_delivery PRIMARY KEY (queue, event_id)
) WITH (fillfactor = 50);
CREATE INDEX ix_delivery_queue_seq ON delivery (queue, seq);
CREATE INDEX ix_delivery_event_id ON delivery (event_id);

CREATE TABLE dead_letter (
    queue text NOT NULL,
    event_id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    payload jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    error text NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_dead_letter PRIMARY KEY (queue, event_id)
);
CREATE INDEX ix_dead_letter_event_id ON dead_letter (event_id);

-- What a consumer has already done. Written in the same transaction as the effect.
CREATE TABLE inbox (
    queue text NOT NULL,
    event_id uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_inbox PRIMARY KEY (queue, event_id)
);
CREATE INDEX ix_inbox_handled_at ON inbox (handled_at);

-- Why a broker's consumer gave a message up: RabbitMQ keeps the message itself in its dead-letter queue,
-- but cannot carry the reason with it.
CREATE TABLE failure_note (
    queue text NOT NULL,
    event_id uuid NOT NULL,
    attempts integer NOT NULL,
    reason text NOT NULL,
    error text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_failure_note PRIMARY KEY (queue, event_id)
);

-- What an event says, as the last fifteen digits of its id.
CREATE FUNCTION outbox_event_digest(name text, version integer, aggregate_id uuid, payload jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(encode(sha256(convert_to(
        name || ' ' || version::text || ' ' || aggregate_id::text || ' ' || payload::text, 'UTF8')), 'hex'), 15)
$$;

-- events is a JSON array of {"name", "version", "aggregate_id", "payload"}, with an "event_id" where the producer has
-- one: an id that is there already is left alone, so a producer with deterministic ids may repeat itself. All others get
-- a UUIDv7 of their moment and of what they say, so that neither can be changed without the id that every delivery and
-- inbox knows them by. Returns the number of new events.
CREATE FUNCTION outbox_append(events jsonb) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    appended integer;
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO outbox (event_id, name, version, aggregate_id, payload, recorded_at)
    SELECT coalesce(n.event_id, (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0')
               || '7' || lpad(to_hex((random() * 4095)::integer), 3, '0')
               || '8' || outbox_event_digest(n.name, n.version, n.aggregate_id, n.payload))::uuid),
           n.name, n.version, n.aggregate_id, n.payload, moment
    FROM (SELECT (e->>'event_id')::uuid AS event_id, e->>'name' AS name, (e->>'version')::integer AS version,
                 (e->>'aggregate_id')::uuid AS aggregate_id, e->'payload' AS payload, place
          FROM jsonb_array_elements(events) WITH ORDINALITY AS list (e, place)) n
    ORDER BY n.place
    ON CONFLICT (event_id) DO NOTHING;
    GET DIAGNOSTICS appended = ROW_COUNT;
    IF appended > 0 THEN
        PERFORM pg_notify('outbox', '');
    END IF;
    RETURN appended;
END $$;

-- Sets which events a queue receives from now on. Events that were relayed before are not delivered again.
CREATE FUNCTION queue_subscribe(p_queue text, p_events text[]) RETURNS void LANGUAGE sql AS $$
    -- One after the other, and before any row: who subscribes may publish in the same transaction.
    LOCK TABLE subscription IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM subscription WHERE queue = p_queue AND event_name <> ALL (p_events);
    INSERT INTO subscription (queue, event_name) SELECT p_queue, unnest(p_events) ON CONFLICT DO NOTHING;
$$;

-- The relay of the PostgreSQL transport: takes the oldest unpublished events, gives each to the queues that
-- subscribed to it, marks it published and notifies the consumers. Returns the number of events taken.
-- Several relays may run at once: SKIP LOCKED keeps them from waiting for each other.
CREATE FUNCTION outbox_fan_out(p_batch integer) RETURNS integer LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    taken uuid[];
    woken integer;
BEGIN
    -- No queue subscribes meanwhile: what is published later than a queue subscribed has reached it, to the microsecond.
    LOCK TABLE subscription IN SHARE MODE;
    taken := ARRAY(
        SELECT o.event_id FROM outbox o WHERE o.published_at IS NULL
        ORDER BY o.seq LIMIT p_batch FOR UPDATE SKIP LOCKED);
    WITH delivered AS (
        INSERT INTO delivery (queue, event_id, seq)
        SELECT s.queue, o.event_id, o.seq
        FROM outbox o JOIN subscription s ON s.event_name = o.name
        WHERE o.event_id = ANY (taken)
        ON CONFLICT DO NOTHING
        RETURNING delivery.queue)
    SELECT count(pg_notify('queue_' || q.queue, '')) FROM (SELECT DISTINCT d.queue FROM delivered d) q INTO woken;
    UPDATE outbox SET published_at = clock_timestamp() WHERE event_id = ANY (taken);
    RETURN cardinality(taken);
END $$;

-- Takes up to p_batch events for p_lease_s seconds. Whoever does not answer in that time (it was killed, it
-- hangs) loses them to the next claim; attempt counts from 1. Oldest first, but not strictly: an event that
-- failed comes back later than its followers, so consumers compare versions.
CREATE FUNCTION queue_claim(p_queue text, p_batch integer, p_lease_s integer)
RETURNS TABLE (event_id uuid, name text, version integer, aggregate_id uuid, payload jsonb,
               recorded_at timestamptz, attempt integer)
LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
    WITH claimed AS (
        UPDATE delivery d
        SET available_at = moment + make_interval(secs => p_lease_s), attempts = d.attempts + 1
        FROM (SELECT w.event_id FROM delivery w
              WHERE w.queue = p_queue AND w.available_at <= moment
              ORDER BY w.seq LIMIT p_batch FOR UPDATE SKIP LOCKED) next
        WHERE d.queue = p_queue AND d.event_id = next.event_id
        RETURNING d.event_id, d.attempts, d.seq)
    SELECT o.event_id, o.name, o.version, o.aggregate_id, o.payload, o.recorded_at, c.attempts
    FROM claimed c JOIN outbox o ON o.event_id = c.event_id ORDER BY c.seq;
END $$;

CREATE FUNCTION queue_done(p_queue text, p_event_id uuid) RETURNS void LANGUAGE sql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    DELETE FROM delivery WHERE queue = p_queue AND event_id = p_event_id;
$$;

CREATE FUNCTION queue_dead_letter(p_queue text, p_event_id uuid, p_reason text, p_error text)
RETURNS void LANGUAGE sql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    WITH gone AS (
        DELETE FROM delivery WHERE queue = p_queue AND event_id = p_event_id RETURNING event_id, attempts)
    INSERT INTO dead_letter (queue, event_id, name, version, payload, recorded_at, attempts, reason, error)
    SELECT p_queue, o.event_id, o.name, o.version, o.payload, o.recorded_at, g.attempts, p_reason,
           left(p_error, 2000)
    FROM gone g JOIN outbox o ON o.event_id = g.event_id
    ON CONFLICT (queue, event_id) DO UPDATE SET
        attempts = EXCLUDED.attempts, reason = EXCLUDED.reason, error = EXCLUDED.error, died_at = EXCLUDED.died_at;
$$;

-- Returns the seconds until the next attempt (0.1, 0.4, 1.6, 6.4, 25.6, at most 60), or NULL when the event
-- was dead-lettered because this was its last one.
CREATE FUNCTION queue_fail(p_queue text, p_event_id uuid, p_error text, p_max_attempts integer DEFAULT 5)
RETURNS double precision LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    tried integer;
    wait_s double precision;
BEGIN
    SELECT attempts INTO tried FROM delivery WHERE queue = p_queue AND event_id = p_event_id FOR UPDATE;
    IF tried IS NULL THEN
        RETURN NULL;
    END IF;
    IF tried >= p_max_attempts THEN
        PERFORM queue_dead_letter(p_queue, p_event_id, 'attempts_exhausted', p_error);
        RETURN NULL;
    END IF;
    wait_s := least(0.1 * 4.0 ^ least(tried - 1, 10), 60);
    UPDATE delivery SET available_at = clock_timestamp() + make_interval(secs => wait_s)
    WHERE queue = p_queue AND event_id = p_event_id;
    RETURN wait_s;
END $$;

-- Gives an event back untried: this attempt is not counted.
CREATE FUNCTION queue_release(p_queue text, p_event_id uuid, p_delay_s double precision)
RETURNS void LANGUAGE sql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    UPDATE delivery
    SET available_at = clock_timestamp() + make_interval(secs => p_delay_s), attempts = greatest(attempts - 1, 0)
    WHERE queue = p_queue AND event_id = p_event_id;
    SELECT pg_notify('queue_' || p_queue, '');
$$;

-- Puts a dead letter back at the end of its queue with all its attempts. False when there is no such letter.
CREATE FUNCTION queue_replay(p_queue text, p_event_id uuid) RETURNS boolean LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_bitmapscan = off
    SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    DELETE FROM dead_letter WHERE queue = p_queue AND event_id = p_event_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO delivery (queue, event_id, seq)
    SELECT p_queue, p_event_id, seq FROM outbox WHERE event_id = p_event_id
    ON CONFLICT DO NOTHING;
    PERFORM pg_notify('queue_' || p_queue, '');
    RETURN true;
END $$;

-- Deletes what was published and handled before the keep time. An event outlives its deliveries, dead letters and
-- inbox rows: a message lives in the broker no longer than here, so no double comes later.
CREATE FUNCTION queue_prune(p_keep interval, p_batch integer) RETURNS integer LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    pruned integer;
    more integer;
BEGIN
    DELETE FROM outbox WHERE event_id IN (
        SELECT o.event_id FROM outbox o
        WHERE o.published_at < now() - p_keep
          AND NOT EXISTS (SELECT FROM delivery d WHERE d.event_id = o.event_id)
          AND NOT EXISTS (SELECT FROM dead_letter l WHERE l.event_id = o.event_id)
          AND NOT EXISTS (SELECT FROM subscription s JOIN inbox i ON i.queue = s.queue AND i.event_id = o.event_id
                          WHERE s.event_name = o.name AND i.handled_at >= now() - p_keep)
        ORDER BY o.published_at LIMIT p_batch);
    GET DIAGNOSTICS pruned = ROW_COUNT;
    DELETE FROM inbox WHERE ctid = ANY (ARRAY(
        SELECT i.ctid FROM inbox i WHERE i.handled_at < now() - p_keep
          AND NOT EXISTS (SELECT FROM delivery d WHERE d.queue = i.queue AND d.event_id = i.event_id)
        ORDER BY i.handled_at LIMIT p_batch));
    GET DIAGNOSTICS more = ROW_COUNT;
    DELETE FROM failure_note WHERE noted_at < now() - 4 * p_keep;
    RETURN pruned + more;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, subscription, delivery, dead_letter, inbox, failure_note
    TO halfpenny_app;
