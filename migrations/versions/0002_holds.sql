-- Money promised but not moved yet: reserved, and then posted or voided.

-- Reserves an amount; the account's available balance falls, its balance does not. True when new.
CREATE FUNCTION ledger_hold(
  hold_id uuid, hold_event text, hold_reference uuid, debit account_name, credit account_name, hold_amount bigint
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  stored hold;
BEGIN
  PERFORM ledger_lock(ARRAY[debit, credit]);
  SELECT * INTO stored FROM hold WHERE id = hold_id;
  IF FOUND THEN
    IF (stored.event, stored.debit_account_id, stored.credit_account_id, stored.amount, stored.currency)
        IS DISTINCT FROM (hold_event, debit.id, credit.id, hold_amount, debit.currency) THEN
      RAISE EXCEPTION 'hold % exists with other contents', hold_id USING ERRCODE = 'HP001';
    END IF;
    RETURN false;
  END IF;
  PERFORM ledger_check_chart(ARRAY[
    (NULL, 0, hold_event, hold_reference, NULL, NULL, debit, credit, hold_amount)::posting]);
  INSERT INTO hold (id, event, reference, debit_account_id, credit_account_id, amount, currency)
    VALUES (hold_id, hold_event, hold_reference, debit.id, credit.id, hold_amount, debit.currency);
  UPDATE account SET pending_debits = pending_debits + hold_amount WHERE id = debit.id;
  UPDATE account SET pending_credits = pending_credits + hold_amount WHERE id = credit.id;
  RETURN true;
END $$;

-- Ends a hold: with a journal id its amount is posted, without one it is voided. True when it ended now.
CREATE FUNCTION ledger_end_hold(ended_id uuid, journal_id uuid, effective_date date)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  stored hold;
  ended hold_outcome;
BEGIN
  SELECT * INTO stored FROM hold WHERE id = ended_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'hold % does not exist', ended_id USING ERRCODE = 'HP004';
  END IF;
  PERFORM FROM account WHERE id IN (stored.debit_account_id, stored.credit_account_id) ORDER BY id FOR NO KEY UPDATE;
  SELECT * INTO ended FROM hold_outcome o WHERE o.hold_id = ended_id;
  IF FOUND THEN
    IF ended.journal_id IS DISTINCT FROM ledger_end_hold.journal_id THEN
      RAISE EXCEPTION 'hold % has ended otherwise', ended_id USING ERRCODE = 'HP001';
    END IF;
    RETURN false;
  END IF;
  INSERT INTO hold_outcome (hold_id, outcome, journal_id)
    VALUES (ended_id, CASE WHEN journal_id IS NULL THEN 'voided' ELSE 'posted' END, journal_id);
  UPDATE account SET pending_debits = pending_debits - stored.amount WHERE id = stored.debit_account_id;
  UPDATE account SET pending_credits = pending_credits - stored.amount WHERE id = stored.credit_account_id;
  IF journal_id IS NOT NULL THEN
    PERFORM ledger_post(ARRAY(
      SELECT (journal_id, 0, stored.event, stored.reference, NULL, effective_date,
              (d.id, d.kind, d.owner_id, d.currency)::account_name, (c.id, c.kind, c.owner_id, c.currency)::account_name,
              stored.amount)::posting
      FROM account d, account c WHERE d.id = stored.debit_account_id AND c.id = stored.credit_account_id));
  END IF;
  RETURN true;
END $$;
