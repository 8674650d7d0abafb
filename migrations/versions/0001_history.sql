-- The second copy of every fact that has no other: what the application wrote, row by row, in the transaction that
-- wrote it. `halfpenny check books` folds the entries of each row and holds the row against them.
--
-- A table is kept with keep_row_history(table, key, left_out) in the migration that makes it. From then on each
-- statement of the application's role leaves one entry a row: all columns of a new row, the changed ones of an
-- update. A change made in any other role leaves none, so it is found, with triggers off or on. Entries are only
-- added to, by this trigger alone, and sealed into a chain as the ledger's transfers are.
-- What is hot (investments, positions, shares, transfers) is not kept here: the ledger is its second copy.

CREATE TABLE row_history (
    seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_row_history PRIMARY KEY,
    table_name text NOT NULL,
    row_key text NOT NULL,
    change text NOT NULL CONSTRAINT ck_row_history_change CHECK (change IN ('inserted', 'updated', 'deleted')),
    data jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The writing transaction: everything below the oldest running one is complete and can be sealed.
    xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint
);
CREATE INDEX ix_row_history_table_name_row_key_seq ON row_history (table_name, row_key, seq);
CREATE INDEX ix_row_history_xid ON row_history USING brin (xid) WITH (pages_per_range = 32);

CREATE TABLE row_history_segment (
    place bigint CONSTRAINT pk_row_history_segment PRIMARY KEY,
    from_xid bigint NOT NULL,
    to_xid bigint NOT NULL,
    entries bigint NOT NULL,
    heads jsonb NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON row_history, row_history_segment TO halfpenny_app;

-- The newest seal of each chain once more: a chain that was cut off at its end is seen.
CREATE TABLE chain_head (
    chain text CONSTRAINT pk_chain_head PRIMARY KEY,
    place bigint NOT NULL,
    hash bytea NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON chain_head TO halfpenny_app;

-- The heads of the other chains, as a new seal of `p_chain` records them in what it hashes: {chain: [place, hash]}. A
-- chain that is deleted, or cut off at its end, then contradicts the others.
CREATE FUNCTION other_chain_heads(p_chain text) RETURNS jsonb LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(chain, jsonb_build_array(place, encode(hash, 'hex'))), '{}')
    FROM chain_head WHERE chain <> p_chain
$$;

-- Whether another chain has sealed rows that the heads of the newest segment of `p_chain` do not name yet. Segments
-- without rows do not count, or the chains would answer each other for ever.
CREATE FUNCTION other_chains_moved(p_chain text, p_heads jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
    RETURN EXISTS (SELECT FROM audit_seal WHERE place > coalesce((p_heads->'audit'->>0)::bigint, 0))
        OR (p_chain <> 'ledger' AND EXISTS (SELECT FROM ledger_segment
            WHERE place > coalesce((p_heads->'ledger'->>0)::bigint, 0) AND transfers > 0))
        OR (p_chain <> 'row_history' AND EXISTS (SELECT FROM row_history_segment
            WHERE place > coalesce((p_heads->'row_history'->>0)::bigint, 0) AND entries > 0));
END $$;

-- Statement triggers. TG_ARGV holds the columns of the key, those that are left out, and the statements that have
-- such a trigger, each separated by commas.
-- Moments are written in UTC, so that an entry reads the same in every session.
CREATE FUNCTION record_row_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    key_columns text[] := (SELECT array_agg(quote_ident(c)) FROM unnest(string_to_array(TG_ARGV[0], ',')) c);
    row_key text := 'concat_ws(''/'', r.' || array_to_string(key_columns, ', r.') || ')';
    left_out text[] := string_to_array(TG_ARGV[1], ',');
BEGIN
    -- Here current_user is the schema's owner: what somebody else has made, and may call as ours, has no history.
    IF TG_TABLE_SCHEMA <> 'public' OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_class WHERE oid = TG_RELID AND relowner = current_user::regrole) THEN
        RAISE EXCEPTION 'no history is kept of %.%', TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF TG_OP = 'INSERT' THEN
        EXECUTE format(
            'INSERT INTO row_history (table_name, row_key, change, data) '
            'SELECT %L, %s, ''inserted'', to_jsonb(r) - $1 FROM new_rows r ORDER BY 2', TG_TABLE_NAME, row_key)
            USING left_out;
    ELSIF TG_OP = 'DELETE' THEN
        EXECUTE format(
            'INSERT INTO row_history (table_name, row_key, change, data) '
            'SELECT %L, %s, ''deleted'', ''{}'' FROM old_rows r ORDER BY 2', TG_TABLE_NAME, row_key);
    ELSE
        EXECUTE format(
            'INSERT INTO row_history (table_name, row_key, change, data) '
            'SELECT %L, %s, ''updated'', changed.data FROM new_rows r JOIN old_rows o USING (%s) '
            -- OFFSET 0: each row is converted once, not once a column.
            'CROSS JOIN LATERAL (SELECT to_jsonb(r) - $1 AS after, to_jsonb(o) AS before OFFSET 0) pair '
            'CROSS JOIN LATERAL (SELECT jsonb_object_agg(n.key, n.value) AS data '
            '  FROM jsonb_each(pair.after) n WHERE n.value IS DISTINCT FROM pair.before -> n.key) changed '
            'WHERE changed.data IS NOT NULL ORDER BY 2', TG_TABLE_NAME, row_key,
            array_to_string(key_columns, ', '))
            USING left_out;
    END IF;
    RETURN NULL;
END $$;

-- Only the schema's owner makes triggers of it: it writes with the owner's rights.
REVOKE EXECUTE ON FUNCTION record_row_history() FROM PUBLIC;

-- Begins to keep a table's history: its present rows, and from now on what the application's role changes.
-- A table whose hot columns are left out names the statements that may touch the others in `statements`.
CREATE FUNCTION keep_row_history(
    p_table text, p_key text, p_left_out text DEFAULT '', p_statements text DEFAULT 'insert,update,delete'
) RETURNS void LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    statement text;
BEGIN
    EXECUTE format(
        'INSERT INTO row_history (table_name, row_key, change, data) '
        'SELECT %L, concat_ws(''/'', %s), ''inserted'', to_jsonb(r) - $1 FROM %I r',
        p_table, p_key, p_table) USING string_to_array(p_left_out, ',');
    FOREACH statement IN ARRAY string_to_array(p_statements, ',') LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT '
            'WHEN (current_user = ''halfpenny_app'') EXECUTE FUNCTION record_row_history(%L, %L, %L)',
            'keep_history_of_' || statement, statement, p_table,
            CASE statement WHEN 'insert' THEN 'NEW TABLE AS new_rows' WHEN 'delete' THEN 'OLD TABLE AS old_rows'
                ELSE 'OLD TABLE AS old_rows NEW TABLE AS new_rows' END, p_key, p_left_out, p_statements);
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION keep_row_history(text, text, text, text) FROM PUBLIC;

-- The entries of one row, in their order, as the row they leave.
CREATE AGGREGATE jsonb_merge(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');

CREATE FUNCTION row_history_segment_hash(previous bytea, p_from_xid bigint, p_to_xid bigint, p_heads jsonb)
RETURNS TABLE (entries bigint, hash bytea) LANGUAGE sql STABLE SET timezone = 'UTC' SET enable_bitmapscan = on AS $$
    SELECT count(*), sha256(previous || convert_to(concat_ws(E'\n', p_from_xid, p_to_xid, p_heads, string_agg(concat_ws('|',
        h.seq, h.table_name, h.row_key, h.change, h.data,
        (extract(epoch FROM h.recorded_at) * 1000000)::bigint, h.xid), E'\n' ORDER BY h.xid, h.seq)), 'UTF8'))
    FROM row_history h WHERE h.xid >= p_from_xid AND h.xid < p_to_xid
$$;

-- Seals what finished transactions wrote since the last segment, about p_max entries of them; returns how many. When
-- nothing was written but another chain went on, a segment without entries records the heads.
CREATE FUNCTION row_history_seal(p_max integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_bitmapscan = on AS $$
DECLARE
    last row_history_segment;
    heads jsonb;
    horizon bigint := (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint;
    upper_xid bigint;
    sealed record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(7202604) THEN
        RETURN 0;
    END IF;
    SELECT * INTO last FROM row_history_segment ORDER BY place DESC LIMIT 1;
    SELECT max(x.xid) + 1 INTO upper_xid FROM (
        SELECT h.xid FROM row_history h WHERE h.xid >= coalesce(last.to_xid, 0) AND h.xid < horizon
        ORDER BY h.xid LIMIT p_max) x;
    IF upper_xid IS NULL THEN
        IF NOT other_chains_moved('row_history', last.heads) THEN
            RETURN 0;
        END IF;
        upper_xid := coalesce(last.to_xid, 0);
    END IF;
    heads := other_chain_heads('row_history');
    SELECT * INTO sealed FROM row_history_segment_hash(
        coalesce(last.hash, decode(repeat('00', 32), 'hex')), coalesce(last.to_xid, 0), upper_xid, heads);
    INSERT INTO row_history_segment (place, from_xid, to_xid, entries, heads, hash)
        VALUES (coalesce(last.place, 0) + 1, coalesce(last.to_xid, 0), upper_xid, sealed.entries, heads, sealed.hash);
    INSERT INTO chain_head (chain, place, hash) VALUES ('row_history', coalesce(last.place, 0) + 1, sealed.hash)
        ON CONFLICT (chain) DO UPDATE SET place = EXCLUDED.place, hash = EXCLUDED.hash;
    RETURN sealed.entries;
END $$;

REVOKE EXECUTE ON FUNCTION row_history_seal(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION row_history_seal(integer) TO halfpenny_app;

CREATE TRIGGER row_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON row_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER row_history_segment_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON row_history_segment
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

-- Only a sandbox moves its clock; what moved it, and when, is part of the books.
SELECT keep_row_history('business_clock', 'id');
-- Who receives which events, and which were given up: few rows, and each is somebody's decision.
SELECT keep_row_history('subscription', 'queue,event_name');
SELECT keep_row_history('dead_letter', 'queue,event_id', 'payload,error');
