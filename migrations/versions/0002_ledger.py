"""The ledger: accounts, transfers, holds, snapshots and the sealed chain. Only its functions write."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
-- Which side of an account may not fall below zero. The platform's own bank and income may stand on either: what a bank
-- takes back is booked whatever has become of the income that it had brought.
CREATE FUNCTION account_is_covered(
  kind text, debits bigint, credits bigint, pending_debits bigint, pending_credits bigint
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN kind IN ('client_bank', 'loan_receivable', 'recovery_advance', 'overpaid_distribution')
      THEN debits - credits - pending_credits >= 0
    WHEN kind IN ('own_bank', 'fee_income', 'default_income') THEN true
    ELSE credits - debits - pending_debits >= 0
  END $$;

CREATE FUNCTION is_currency(code text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT code IN ('EUR', 'PLN', 'GBP', 'USD', 'ILS') $$;

CREATE TABLE account (
  id uuid CONSTRAINT pk_account PRIMARY KEY,
  kind text NOT NULL,
  owner_id uuid,
  currency text NOT NULL,
  debits bigint NOT NULL DEFAULT 0,
  credits bigint NOT NULL DEFAULT 0,
  pending_debits bigint NOT NULL DEFAULT 0,
  pending_credits bigint NOT NULL DEFAULT 0,
  version bigint NOT NULL DEFAULT 0,
  opened_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_account_kind_owner_id_currency UNIQUE NULLS NOT DISTINCT (kind, owner_id, currency),
  CONSTRAINT ck_account_kind CHECK (kind IN (
    'client_bank', 'own_bank', 'wallet', 'escrow', 'fee_income', 'interest_reserve', 'loan_receivable',
    'investor_claims', 'collections', 'distribution_payable', 'tax_payable', 'default_income',
    'recovery_advance', 'advance_payments', 'overpaid_distribution', 'suspense', 'payouts_in_transit')),
  CONSTRAINT ck_account_currency CHECK (is_currency(currency)),
  CONSTRAINT ck_account_sums CHECK (
    debits >= 0 AND credits >= 0 AND pending_debits >= 0 AND pending_credits >= 0),
  CONSTRAINT ck_account_no_overdraft CHECK (
    account_is_covered(kind, debits, credits, pending_debits, pending_credits))
) WITH (fillfactor = 50);
CREATE INDEX ix_account_owner_id ON account (owner_id, kind, currency);

-- Balances in a transfer are credits less debits of the account right after it; versions count its legs.
CREATE TABLE transfer (
  journal_id uuid NOT NULL,
  ordinal integer NOT NULL,
  event text NOT NULL,
  reference uuid,
  reverses uuid,
  effective_date date NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  debit_account_id uuid NOT NULL,
  credit_account_id uuid NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  debit_version bigint NOT NULL,
  credit_version bigint NOT NULL,
  debit_balance bigint NOT NULL,
  credit_balance bigint NOT NULL,
  -- The writing transaction: everything below the oldest running one is complete and can be sealed.
  xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text)::bigint,
  CONSTRAINT pk_transfer PRIMARY KEY (journal_id, ordinal),
  CONSTRAINT ck_transfer_amount CHECK (amount > 0),
  CONSTRAINT ck_transfer_two_accounts CHECK (debit_account_id <> credit_account_id)
);
CREATE UNIQUE INDEX uq_transfer_debit_account_id_debit_version ON transfer (debit_account_id, debit_version);
CREATE UNIQUE INDEX uq_transfer_credit_account_id_credit_version ON transfer (credit_account_id, credit_version);
CREATE INDEX ix_transfer_effective_date ON transfer USING brin (effective_date) WITH (pages_per_range = 32);
CREATE INDEX ix_transfer_xid ON transfer USING brin (xid) WITH (pages_per_range = 32);
-- A journal is taken back once, or in parts: those together are no more than it brought (ledger_check_chart).
CREATE UNIQUE INDEX uq_transfer_reverses_ordinal
  ON transfer (reverses, ordinal, (CASE WHEN event = 'reconciliation_resolved' THEN journal_id END))
  NULLS NOT DISTINCT WHERE reverses IS NOT NULL;
CREATE INDEX ix_transfer_reference ON transfer (reference, recorded_at) WHERE reference IS NOT NULL;

-- Money promised but not moved yet: a withdrawal in flight. The outcome is a row of its own.
CREATE TABLE hold (
  id uuid CONSTRAINT pk_hold PRIMARY KEY,
  event text NOT NULL,
  reference uuid,
  debit_account_id uuid NOT NULL,
  credit_account_id uuid NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT ck_hold_amount CHECK (amount > 0)
);
CREATE TABLE hold_outcome (
  hold_id uuid CONSTRAINT pk_hold_outcome PRIMARY KEY,
  outcome text NOT NULL,
  journal_id uuid,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT ck_hold_outcome_outcome CHECK (
    (outcome = 'posted' AND journal_id IS NOT NULL) OR (outcome = 'voided' AND journal_id IS NULL))
);

-- An account as it stood on a business date, so that a balance in the past does not read all history.
CREATE TABLE balance_snapshot (
  account_id uuid NOT NULL,
  as_of date NOT NULL,
  version bigint NOT NULL,
  debits bigint NOT NULL,
  credits bigint NOT NULL,
  CONSTRAINT pk_balance_snapshot PRIMARY KEY (account_id, as_of)
);

-- The sealed chain: a segment covers the transfers of transactions from_xid <= xid < to_xid.
CREATE TABLE ledger_segment (
  place bigint CONSTRAINT pk_ledger_segment PRIMARY KEY,
  from_xid bigint NOT NULL,
  to_xid bigint NOT NULL,
  transfers bigint NOT NULL,
  heads jsonb NOT NULL,
  hash bytea NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT ON account, transfer, hold, hold_outcome, balance_snapshot, ledger_segment TO halfpenny_app;
"""

CHART_TABLE = """
-- Between which kinds of accounts an event may move money; what is not here is refused (ledger_check_chart).
-- `one_owner`: both accounts belong to the same person or loan. `wallet_of`: whose the wallet has to be, asked of the
-- feature that knows (ledger_wallet_is_of). `gives_back`: `whole` transfers name the journal that they take back, and
-- mirror it; of `part` they name the journal that brought the money, and all of them together take no more than it, but
-- for those that were taken back themselves; `received` ones take no more than one receipt brought. Only migrations
-- add to it, and no role of the application may.
CREATE TABLE chart (
  event text NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  one_owner boolean NOT NULL,
  wallet_of text CONSTRAINT ck_chart_wallet_of CHECK (wallet_of IN ('drawing', 'borrower', 'holder', 'finding')),
  gives_back text CONSTRAINT ck_chart_gives_back CHECK (gives_back IN ('whole', 'part', 'received')),
  CONSTRAINT pk_chart PRIMARY KEY (event, debit, credit),
  CONSTRAINT ck_chart_two_kinds CHECK (debit <> credit),
  CONSTRAINT ck_chart_no_money_from_the_bank_to_a_wallet CHECK (
    NOT (debit = 'client_bank' AND credit = 'wallet' AND event <> 'deposit'))
);
GRANT SELECT ON chart TO halfpenny_app;
"""

# What only gives back goes to the account that it came from, and never without the journal that it came by.
GIVING_BACK = {
    **{(event, "escrow", "wallet"): "whole" for event in ("revoke", "cancel", "expire")},
    **{("reconciliation_resolved", "suspense", target): "part" for target in ("client_bank", "own_bank", "wallet")},
    # Only a resolution that a receipt at the bank had made, when the receipt goes back.
    ("reconciliation_reopened", "client_bank", "suspense"): "whole",
    ("receipt_reversed", "collections", "suspense"): "received",
}


def wallet_of(event: str, debit: str, credit: str) -> str | None:
    """Whose wallet an event may move: what many put in goes to the borrower, what a loan brings to its holders."""
    if "wallet" not in (debit, credit):
        return None
    if event in ("distribution", "overpaid_settled"):
        return "holder"
    if event == "reconciliation_resolved":
        return "finding"
    if event == "drawdown":
        return "drawing"
    return "borrower" if event in REPLAYS else None


# Whatever happens to a drawn loan is a replay that posts differences under one of these.
REPLAYS = ("servicing", "receipt", "receipt_reversed", "cost_advanced")
# (event, debit, credit, both of one owner). A new pair is one line. No line leads from a wallet to a wallet: the table's
# CHECK refuses two of one kind.
CHART = [
    ("deposit", "client_bank", "wallet", False),
    ("invest", "wallet", "escrow", False),
    ("revoke", "escrow", "wallet", False),
    ("cancel", "escrow", "wallet", False),
    ("expire", "escrow", "wallet", False),
    ("withdraw", "wallet", "payouts_in_transit", False),
    ("payout", "payouts_in_transit", "client_bank", False),
    ("drawdown", "escrow", "wallet", False),
    ("drawdown", "escrow", "fee_income", False),
    ("drawdown", "escrow", "interest_reserve", True),
    ("drawdown", "loan_receivable", "investor_claims", True),
    ("retained_interest_due", "interest_reserve", "collections", True),
    ("retained_interest_due", "collections", "distribution_payable", True),
    ("retained_interest_due", "collections", "fee_income", False),
    ("principal_repaid", "investor_claims", "loan_receivable", True),
    ("distribution", "distribution_payable", "wallet", False),
    ("distribution", "distribution_payable", "tax_payable", False),
    # What a holder had too much is owed by them to the loan, and netted from what it brings them next.
    ("distribution", "distribution_payable", "overpaid_distribution", True),
    ("distribution_corrected", "overpaid_distribution", "distribution_payable", True),
    ("distribution_corrected", "tax_payable", "distribution_payable", False),
    ("distribution_corrected", "loan_receivable", "investor_claims", True),
    ("distribution_corrected", "investor_claims", "loan_receivable", True),
    # A closed loan brings nothing to net it from: two people decide who bears it.
    ("overpaid_settled", "fee_income", "overpaid_distribution", False),
    ("overpaid_settled", "wallet", "overpaid_distribution", False),
    ("loss", "investor_claims", "loan_receivable", True),
    ("loss", "loan_receivable", "investor_claims", True),
    ("receipt", "client_bank", "collections", False),
    ("receipt", "suspense", "collections", False),
    ("receipt_reversed", "collections", "suspense", False),
    # One that was posted ahead of its line came straight from the bank.
    ("receipt_reversed", "collections", "client_bank", False),
    ("cost_advanced", "recovery_advance", "own_bank", False),
    *(("waiver", *way, False) for way in (("fee_income", "recovery_advance"), ("recovery_advance", "fee_income"))),
    ("sweep", "own_bank", "client_bank", False),
    ("reconciliation_resolved", "suspense", "client_bank", False),
    ("reconciliation_resolved", "suspense", "own_bank", False),
    ("reconciliation_resolved", "suspense", "wallet", False),
    ("reconciliation_reopened", "client_bank", "suspense", False),
]
# Findings of a bank statement: too much waits in suspense, too little is the platform's to cover.
for finding in ("missing", "duplicate", "wrong_amount", "late", "unknown"):
    CHART += [
        (f"reconciliation_{finding}", "client_bank", "suspense", False),
        (f"reconciliation_{finding}", "own_bank", "suspense", False),
    ]
# A replay posts differences, so each of these flows may also go back.
for event in REPLAYS:
    for debit, credit, one_owner in [
        ("interest_reserve", "collections", True),
        ("interest_reserve", "wallet", False),
        ("collections", "fee_income", False),
        ("collections", "default_income", False),
        ("collections", "recovery_advance", True),
        ("collections", "wallet", False),
        # What waits for the next due date, and what of it is used then.
        ("collections", "advance_payments", True),
        ("collections", "distribution_payable", True),
    ]:
        CHART += [(event, debit, credit, one_owner), (event, credit, debit, one_owner)]

APPEND_ONLY = """
CREATE TRIGGER {table}_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
"""

# A temporary table hides one of the same name unless pg_temp is named last in the search path, and the application may
# make temporary tables: without it, its own "chart" or "account" would be what these functions read.
#
# The writers find every row by its key. They keep their plans for as long as a connection lives, and a plan made
# while the tables were small would go on reading all of a table that has grown since: so none may scan.
LOCK = """
-- What an account is, and the id that follows from it.
CREATE TYPE account_name AS (id uuid, kind text, owner_id uuid, currency text);
-- The same as `account_id` of ledger/model.py: a UUIDv8 of the SHA-256 of kind, owner and currency.
CREATE FUNCTION account_id_of(kind text, owner_id uuid, currency text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT overlay(overlay(left(encode(sha256(convert_to(kind || ':' || coalesce(owner_id::text, '-') || ':' || currency,
    'UTF8')), 'hex'), 32) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid $$;
-- One transfer as it is posted: both accounts are named in full, so that they open with their first transfer.
CREATE TYPE posting AS (
  journal_id uuid, ordinal integer, event text, reference uuid, reverses uuid, effective_date date,
  debit account_name, credit account_name, amount bigint);

-- Opens the accounts that are missing and locks all of them, both in the order of their ids: the one
-- place where accounts are locked, so that no two writers can wait for each other in a circle.
CREATE FUNCTION ledger_lock(accounts account_name[])
RETURNS SETOF account LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  ids uuid[] := ARRAY(SELECT DISTINCT wanted.id FROM unnest(accounts) AS wanted);
BEGIN
  -- Nearly always all of them are open: counting is cheaper than trying to insert what is there.
  IF (SELECT count(*) FROM account a WHERE a.id = ANY (ids)) < cardinality(ids) THEN
    -- The platform's own kinds have no owner and all others have one: nobody opens a bank of their own.
    IF EXISTS (SELECT FROM unnest(accounts) AS wanted WHERE (wanted.owner_id IS NULL) <> (wanted.kind IN (
        'client_bank', 'own_bank', 'fee_income', 'tax_payable', 'default_income', 'suspense', 'payouts_in_transit')))
    THEN
      RAISE EXCEPTION 'an account of this kind cannot have this owner' USING ERRCODE = 'HP005';
    END IF;
    IF EXISTS (SELECT FROM unnest(accounts) AS wanted
        WHERE wanted.id IS DISTINCT FROM account_id_of(wanted.kind, wanted.owner_id, wanted.currency)
          AND NOT EXISTS (SELECT FROM account a WHERE a.id = wanted.id)) THEN
      RAISE EXCEPTION 'an account has the id that follows from what it is' USING ERRCODE = 'HP005';
    END IF;
    INSERT INTO account (id, kind, owner_id, currency)
      SELECT DISTINCT ON (wanted.id) wanted.* FROM unnest(accounts) AS wanted
      WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = wanted.id)
      ORDER BY wanted.id
      -- Two that open one account at once may meet at either of its unique keys.
      ON CONFLICT DO NOTHING;
  END IF;
  RETURN QUERY SELECT a.* FROM account a WHERE a.id = ANY (ids) ORDER BY a.id FOR NO KEY UPDATE;
END $$;
"""

CHART_RULE = """
-- Whether a wallet's owner is who `wallet_of` wants: each answer is a function of the feature that knows it. `thing` is
-- the loan on the other side, or the journal that brought the money.
CREATE FUNCTION ledger_wallet_is_of(wallet_of text, thing uuid, person uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE wallet_of
    WHEN 'drawing' THEN loan_is_drawn_by(thing, person)
    WHEN 'borrower' THEN loan_has_borrower(thing, person)
    WHEN 'holder' THEN loan_has_holder(thing, person)
    WHEN 'finding' THEN finding_names_wallet_of(thing, person) END;
END $$;

-- What has been given back of a journal out of an account that it paid into, and with these postings will have been.
CREATE FUNCTION ledger_parts_given_back(brought_by uuid, p_account_id uuid, postings posting[]) RETURNS bigint
LANGUAGE sql STABLE SET search_path = public, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
  SELECT ((SELECT coalesce(sum(t.amount), 0) FROM transfer t
      WHERE t.reverses = brought_by AND t.debit_account_id = p_account_id
        AND NOT EXISTS (SELECT FROM transfer b WHERE b.reverses = t.journal_id AND b.ordinal = t.ordinal)
        AND t.journal_id <> ALL (ARRAY(SELECT q.journal_id FROM unnest(postings) q)))
    + (SELECT coalesce(sum(q.amount), 0) FROM unnest(postings) q
      WHERE q.reverses = brought_by AND (q.debit).id = p_account_id))::bigint $$;

-- Raises HP003 for accounts of different currencies and HP005 for what the chart does not allow. Asked after the
-- accounts are locked, and of the accounts as they are, not as they were named.
CREATE FUNCTION ledger_check_chart(postings posting[]) RETURNS void LANGUAGE plpgsql
  SET search_path = public, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  wrong record;
BEGIN
  SELECT p.event, p.reverses, d.kind AS debit, c.kind AS credit,
         d.currency = (p.debit).currency AND c.currency = (p.debit).currency AS one_currency INTO wrong
    FROM unnest(postings) p JOIN account d ON d.id = (p.debit).id JOIN account c ON c.id = (p.credit).id
    WHERE d.currency <> (p.debit).currency OR c.currency <> (p.debit).currency
       OR CASE WHEN p.reverses IS NULL THEN NOT EXISTS (
            SELECT FROM chart WHERE chart.event = p.event AND chart.debit = d.kind AND chart.credit = c.kind
              AND (NOT chart.one_owner OR d.owner_id = c.owner_id)
              AND (chart.wallet_of IS NULL OR CASE d.kind
                WHEN 'wallet' THEN ledger_wallet_is_of(chart.wallet_of, c.owner_id, d.owner_id)
                ELSE ledger_wallet_is_of(chart.wallet_of, d.owner_id, c.owner_id) END)
              AND CASE chart.gives_back WHEN 'received' THEN EXISTS (
                SELECT FROM transfer t WHERE t.credit_account_id = d.id AND t.event = 'receipt' AND t.amount >= p.amount)
                ELSE chart.gives_back IS NULL END)
          ELSE NOT EXISTS (
            SELECT FROM transfer t WHERE t.journal_id = p.reverses AND t.ordinal = p.ordinal AND t.amount = p.amount
              AND t.debit_account_id = c.id AND t.credit_account_id = d.id
              -- What goes back goes back whole: as a correction, or as an event of its own that takes one back.
              AND (p.event = t.event || '_reversed' OR EXISTS (
                SELECT FROM chart WHERE chart.event = p.event AND chart.debit = d.kind AND chart.credit = c.kind
                  AND (NOT chart.one_owner OR d.owner_id = c.owner_id))))
            AND NOT EXISTS (
              SELECT FROM chart JOIN transfer t ON t.journal_id = p.reverses
              WHERE chart.event = p.event AND chart.debit = d.kind AND chart.credit = c.kind
                AND chart.gives_back = 'part' AND t.credit_account_id = d.id
                AND t.amount >= ledger_parts_given_back(p.reverses, d.id, postings)
                AND (chart.wallet_of IS NULL OR ledger_wallet_is_of(chart.wallet_of, p.reverses, c.owner_id))) END
    LIMIT 1;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF NOT wrong.one_currency THEN
    RAISE EXCEPTION 'a transfer and its accounts must be in one currency' USING ERRCODE = 'HP003';
  END IF;
  RAISE EXCEPTION '% may not move money from % to % between these accounts', wrong.event, wrong.debit, wrong.credit
    USING ERRCODE = 'HP005';
END $$;
"""

POST = """
-- Posts journals, one array element a transfer, grouped by journal. Returns the journals that are new;
-- a journal that is there already with the same contents is left out, with other contents it raises HP001.
-- All or nothing; an overdraft is judged at the end of the call by the CHECK on account.
CREATE FUNCTION ledger_post(postings posting[])
RETURNS SETOF uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  present uuid[];
  different uuid;
BEGIN
  PERFORM ledger_lock(ARRAY(SELECT p.debit FROM unnest(postings) p UNION ALL SELECT p.credit FROM unnest(postings) p));
  -- Looked up after the locks: whoever posted the same journal a moment ago has committed by now.
  SELECT array_agg(DISTINCT t.journal_id) INTO present FROM transfer t
    WHERE t.journal_id = ANY (ARRAY(SELECT p.journal_id FROM unnest(postings) p));
  IF present IS NOT NULL THEN
    SELECT coalesce(t.journal_id, i.journal_id) INTO different
      FROM (SELECT * FROM transfer WHERE journal_id = ANY (present)) t
      FULL JOIN (SELECT * FROM unnest(postings) p WHERE p.journal_id = ANY (present)) i
      ON i.journal_id = t.journal_id AND i.ordinal = t.ordinal
      WHERE (t.event, t.debit_account_id, t.credit_account_id, t.amount, t.currency)
              IS DISTINCT FROM (i.event, (i.debit).id, (i.credit).id, i.amount, (i.debit).currency)
         OR t.reference IS DISTINCT FROM i.reference OR t.reverses IS DISTINCT FROM i.reverses
      LIMIT 1;
    IF different IS NOT NULL THEN
      RAISE EXCEPTION 'journal % exists with other contents', different USING ERRCODE = 'HP001';
    END IF;
  END IF;
  IF (SELECT max(p.effective_date) FROM unnest(postings) p) > business_date() THEN
    RAISE EXCEPTION 'a transfer cannot take effect in the future' USING ERRCODE = 'HP002';
  END IF;
  PERFORM ledger_check_chart(postings);

  -- Each leg carries its whole transfer, so that nothing has to be joined back: the planner cannot know how
  -- many transfers come in, and a nested loop over them would make a large batch quadratic.
  WITH input AS (
    SELECT x.journal_id, x.ordinal, x.event, x.reference, x.reverses, x.effective_date, (x.debit).id AS debit_id,
           (x.credit).id AS credit_id, x.amount, (x.debit).currency AS currency, x.n
    FROM unnest(postings) WITH ORDINALITY
      AS x(journal_id, ordinal, event, reference, reverses, effective_date, debit, credit, amount, n)
    WHERE present IS NULL OR NOT x.journal_id = ANY (present)
  ), legs AS (
    SELECT input.*, side, CASE side WHEN 0 THEN debit_id ELSE credit_id END AS account_id,
           CASE side WHEN 0 THEN -amount ELSE amount END AS change
    FROM input CROSS JOIN (VALUES (0), (1)) AS sides(side)
  ), running AS (
    SELECT legs.*, a.version + row_number() OVER w AS version, a.credits - a.debits + sum(change) OVER w AS balance
    FROM legs JOIN account a ON a.id = legs.account_id
    WINDOW w AS (PARTITION BY legs.account_id ORDER BY legs.n, legs.side ROWS UNBOUNDED PRECEDING)
  ), paired AS (
    SELECT running.*, lead(version) OVER w AS other_version, lead(balance) OVER w AS other_balance
    FROM running WINDOW w AS (ORDER BY n, side)
  ), written AS (
    INSERT INTO transfer (journal_id, ordinal, event, reference, reverses, effective_date, debit_account_id,
        credit_account_id, amount, currency, debit_version, credit_version, debit_balance, credit_balance)
    SELECT journal_id, ordinal, event, reference, reverses, effective_date, debit_id, credit_id, amount, currency,
           version, other_version, balance, other_balance
    FROM paired WHERE side = 0
  ), totals AS (
    SELECT account_id, coalesce(sum(-change) FILTER (WHERE side = 0), 0) AS debits,
           coalesce(sum(change) FILTER (WHERE side = 1), 0) AS credits, count(*) AS legs
    FROM legs GROUP BY account_id
  )
  UPDATE account SET debits = account.debits + totals.debits, credits = account.credits + totals.credits,
                     version = account.version + totals.legs
    FROM totals WHERE account.id = totals.account_id;
  -- Judged with the transfers written, so that what one call declares it may also pay. Investing names none of these.
  IF EXISTS (SELECT FROM unnest(postings) p WHERE p.event IN ('distribution', 'overpaid_settled')) THEN
    PERFORM ledger_pay_holders(ARRAY(
      SELECT p FROM unnest(postings) p WHERE present IS NULL OR NOT p.journal_id = ANY (present)));
  END IF;
  RETURN QUERY SELECT DISTINCT p.journal_id FROM unnest(postings) p
    WHERE present IS NULL OR NOT p.journal_id = ANY (present);
END $$;
"""

# They run with the rights of the schema's owner: only the application may call them.
RIGHTS = """
REVOKE EXECUTE ON FUNCTION ledger_lock(account_name[]), ledger_post(posting[]),
  ledger_hold(uuid, text, uuid, account_name, account_name, bigint), ledger_end_hold(uuid, uuid, date),
  ledger_seal(integer), ledger_snapshot() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_lock(account_name[]), ledger_post(posting[]),
  ledger_hold(uuid, text, uuid, account_name, account_name, bigint), ledger_end_hold(uuid, uuid, date),
  ledger_seal(integer), ledger_snapshot() TO halfpenny_app;
"""

HOLDS = Path(__file__).with_name("0002_holds.sql").read_text(encoding="utf-8")
HOLDERS = Path(__file__).with_name("0002_holders.sql").read_text(encoding="utf-8")
CHAIN = Path(__file__).with_name("0002_chain.sql").read_text(encoding="utf-8")


def chart_lines() -> list[tuple[str, str, str, bool, str | None, str | None]]:
    """The rows of `chart`; `halfpenny check books` compares the table with them."""
    return [(*line, wallet_of(*line[:3]), GIVING_BACK.get(line[:3])) for line in CHART]


def _literal(value: str | bool | None) -> str:
    return f"'{value}'" if isinstance(value, str) else "NULL" if value is None else str(value)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(TABLES)
    op.execute(CHART_TABLE)
    op.execute("INSERT INTO chart VALUES " + ", ".join(f"({', '.join(map(_literal, line))})" for line in chart_lines()))
    op.execute("SELECT keep_row_history('chart', 'event,debit,credit')")
    for table in ("transfer", "hold", "hold_outcome", "balance_snapshot", "ledger_segment"):
        op.execute(APPEND_ONLY.format(table=table))
    for part in (LOCK, CHART_RULE, HOLDERS, POST, HOLDS, CHAIN, RIGHTS):
        op.execute(part)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
