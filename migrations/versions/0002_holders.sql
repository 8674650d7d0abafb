-- What a loan pays each of its holders. Its accounts belong to all of them together, so between kinds of accounts alone
-- what one holder gives back could go out to another: each is kept within what the ledger itself knows of them, whatever
-- rows of servicing the caller has written.

-- What a loan has paid a holder so far, less what the holder has given back, in minor units. The stake is what of the
-- holder's wallet stood in the escrow when the loan was drawn down. Only `ledger_pay_holders` writes here.
CREATE TABLE paid_to_holder (
  payable_account_id uuid NOT NULL,
  wallet_account_id uuid NOT NULL,
  stake bigint NOT NULL,
  paid bigint NOT NULL,
  CONSTRAINT pk_paid_to_holder PRIMARY KEY (payable_account_id, wallet_account_id)
) WITH (fillfactor = 70);
GRANT SELECT ON paid_to_holder TO halfpenny_app;

-- Adds up what these postings pay to holders and take from them. Raises HP005 where a holder has then had more than their
-- part, by stakes, of what the loan has declared, or gives back more than they have had. Declared money is split by whole
-- minor units, so each declaration may bring a holder one more of principal, of interest and of default interest. What
-- the platform's fees have borne of an overpayment, its holder keeps.
CREATE FUNCTION ledger_pay_holders(postings posting[]) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  loan record;
  drawn record;
  payable uuid;
  collections uuid;
  overpaid uuid;
  escrow uuid;
  declared bigint;
  allowance bigint;
  wrong uuid;
BEGIN
  FOR loan IN
    SELECT DISTINCT a.owner_id AS id, a.currency FROM unnest(postings) p
    JOIN account a ON a.id = CASE p.event WHEN 'distribution' THEN (p.debit).id ELSE (p.credit).id END
    WHERE p.event IN ('distribution', 'overpaid_settled')
  LOOP
    payable := account_id_of('distribution_payable', loan.id, loan.currency);
    collections := account_id_of('collections', loan.id, loan.currency);
    escrow := account_id_of('escrow', loan.id, loan.currency);
    overpaid := account_id_of('overpaid_distribution', loan.id, loan.currency);
    -- The first leg of what a loan owes is its drawdown.
    SELECT t.amount, t.recorded_at INTO drawn FROM transfer t
      WHERE t.debit_account_id = account_id_of('loan_receivable', loan.id, loan.currency) AND t.debit_version = 1;
    -- By the few legs of the collections: the payable account has one for each holder and payment.
    SELECT coalesce(sum(x.minor), 0), 3 * count(*) INTO declared, allowance FROM (
      SELECT t.amount AS minor FROM transfer t
        WHERE t.debit_account_id = collections AND (t.credit_account_id = payable) IS TRUE
      UNION ALL
      SELECT -t.amount FROM transfer t
        WHERE t.credit_account_id = collections AND (t.debit_account_id = payable) IS TRUE) x;
    allowance := allowance + (SELECT coalesce(sum(t.amount), 0) FROM transfer t WHERE t.credit_account_id = overpaid
      AND (t.debit_account_id = account_id_of('fee_income', NULL, loan.currency)) IS TRUE);
    WITH moved AS (
      SELECT w.id, w.owner_id, sum(CASE p.event WHEN 'distribution' THEN p.amount ELSE -p.amount END)::bigint AS minor
      FROM unnest(postings) p
      JOIN account w ON w.id = CASE p.event WHEN 'distribution' THEN (p.credit).id ELSE (p.debit).id END
      WHERE w.kind = 'wallet' AND (p.event = 'distribution' AND (p.debit).id = payable
        OR p.event = 'overpaid_settled' AND (p.credit).id = overpaid)
      GROUP BY w.id, w.owner_id
    ), counted AS (
      INSERT INTO paid_to_holder (payable_account_id, wallet_account_id, stake, paid)
      SELECT payable, m.id, coalesce(
          (SELECT h.stake FROM paid_to_holder h WHERE h.payable_account_id = payable AND h.wallet_account_id = m.id),
          -- Each found by the whole primary key: an index of an account's legs may have to read all of them.
          (SELECT sum((SELECT t.amount FROM transfer t
              WHERE t.journal_id = i.id AND t.ordinal = 0 AND t.event = 'invest'
                AND (t.debit_account_id = m.id AND t.credit_account_id = escrow) IS TRUE
                AND t.recorded_at <= drawn.recorded_at
                AND NOT EXISTS (SELECT FROM transfer b WHERE b.reverses = i.id AND b.ordinal = 0)))
             FROM investments_of(loan.id, m.owner_id) AS i(id)),
          0)::bigint, m.minor
      FROM moved m
      ON CONFLICT ON CONSTRAINT pk_paid_to_holder DO UPDATE SET paid = paid_to_holder.paid + excluded.paid
      RETURNING new.wallet_account_id AS id, new.stake, new.paid, new.paid > coalesce(old.paid, 0) AS more
    )
    SELECT c.id INTO wrong FROM counted c
      WHERE c.stake = 0 OR c.paid < 0
         OR c.more AND ((c.paid - allowance)::numeric * drawn.amount <= c.stake::numeric * declared) IS NOT TRUE
      LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'wallet % would have more of the loan than its part, or give back more than it had', wrong
        USING ERRCODE = 'HP005';
    END IF;
  END LOOP;
END $$;
