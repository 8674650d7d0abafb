-- The sealed chain of transfers and the snapshots of balances.

-- Each transfer as one line that holds every column. The line is written here and not in a function of its own, which
-- would be called for every row: that takes nine times as long.
CREATE FUNCTION segment_hash(previous bytea, from_xid bigint, to_xid bigint, heads jsonb)
RETURNS TABLE (transfers bigint, hash bytea) LANGUAGE sql STABLE SET enable_bitmapscan = on AS $$
  SELECT count(*), sha256(previous || convert_to(concat_ws(E'\n', from_xid, to_xid, heads, string_agg(
    concat_ws('|', t.journal_id, t.ordinal, t.event, coalesce(t.reference::text, '-'),
      coalesce(t.reverses::text, '-'), (t.effective_date - date '1970-01-01'),
      (extract(epoch FROM t.recorded_at) * 1000000)::bigint, t.debit_account_id, t.credit_account_id, t.amount,
      t.currency, t.debit_version, t.credit_version, t.debit_balance, t.credit_balance, t.xid),
    E'\n' ORDER BY t.xid, t.journal_id, t.ordinal)), 'UTF8'))
  FROM transfer t WHERE t.xid >= segment_hash.from_xid AND t.xid < segment_hash.to_xid $$;

-- Seals what finished transactions wrote since the last segment, about max_transfers of them; returns how many.
-- When there are none but another chain went on, a segment without transfers records the heads.
CREATE FUNCTION ledger_seal(max_transfers int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET enable_bitmapscan = on AS $$
DECLARE
  last ledger_segment;
  heads jsonb;
  horizon bigint := (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint;
  upper_xid bigint;
  sealed record;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7202602) THEN
    RETURN 0;
  END IF;
  SELECT * INTO last FROM ledger_segment ORDER BY place DESC LIMIT 1;
  SELECT max(x.xid) + 1 INTO upper_xid FROM (
    SELECT t.xid FROM transfer t WHERE t.xid >= coalesce(last.to_xid, 0) AND t.xid < horizon
    ORDER BY t.xid LIMIT max_transfers) x;
  IF upper_xid IS NULL THEN
    IF NOT other_chains_moved('ledger', last.heads) THEN
      RETURN 0;
    END IF;
    upper_xid := coalesce(last.to_xid, 0);
  END IF;
  heads := other_chain_heads('ledger');
  SELECT * INTO sealed FROM segment_hash(
    coalesce(last.hash, decode(repeat('00', 32), 'hex')), coalesce(last.to_xid, 0), upper_xid, heads);
  INSERT INTO ledger_segment (place, from_xid, to_xid, transfers, heads, hash)
    VALUES (coalesce(last.place, 0) + 1, coalesce(last.to_xid, 0), upper_xid, sealed.transfers, heads, sealed.hash);
  INSERT INTO chain_head (chain, place, hash) VALUES ('ledger', coalesce(last.place, 0) + 1, sealed.hash)
    ON CONFLICT (chain) DO UPDATE SET place = EXCLUDED.place, hash = EXCLUDED.hash;
  RETURN sealed.transfers;
END $$;

-- Keeps today's state of every account that moved since its last snapshot; returns how many.
CREATE FUNCTION ledger_snapshot() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  today date := business_date();
  kept bigint;
BEGIN
  INSERT INTO balance_snapshot (account_id, as_of, version, debits, credits)
    SELECT a.id, today, a.version, a.debits, a.credits FROM account a
    -- Of an account's snapshots only the newest is read: the cost of a day does not grow with the days before it.
    WHERE a.version > coalesce((SELECT s.version FROM balance_snapshot s WHERE s.account_id = a.id
                                ORDER BY s.as_of DESC LIMIT 1), 0)
    ON CONFLICT (account_id, as_of) DO NOTHING;
  GET DIAGNOSTICS kept = ROW_COUNT;
  RETURN kept;
END $$;
