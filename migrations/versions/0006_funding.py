"""Funding: investments, positions, the waiting list, milestones, wallet payments, the sandbox bank, reconciliation."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# No foreign key leads from these two to the loan or the user: each would lock the hot loan's row once more
# for every ticket. The desk reads both under its own locks, and `halfpenny check books` finds orphans.
TICKETS = """
CREATE TABLE investment (
  id uuid CONSTRAINT pk_investment PRIMARY KEY,
  loan_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  status text NOT NULL DEFAULT 'committed',
  revocable_until timestamptz,
  made_at timestamptz NOT NULL,
  idempotency_key text NOT NULL,
  fingerprint bytea NOT NULL,
  -- The answer as it was given: a repeated key gets exactly this, whatever happened since.
  answer_target_minor bigint NOT NULL,
  answer_funded_minor bigint NOT NULL,
  answer_investors integer NOT NULL,
  answer_version bigint NOT NULL,
  ended_at timestamptz,
  CONSTRAINT ck_investment_amount_is_positive CHECK (amount_minor > 0),
  CONSTRAINT ck_investment_status CHECK (status IN ('committed', 'revoked', 'returned')),
  CONSTRAINT uq_investment_investor_id_idempotency_key UNIQUE (investor_id, idempotency_key)
) WITH (fillfactor = 90);
-- The other store of idempotency keys: a ticket carries its own, so that the desk inserts no row more for it.
CREATE OR REPLACE FUNCTION idempotency_key_is_used_elsewhere(owner_id uuid, key text) RETURNS boolean LANGUAGE sql STABLE AS
  $$ SELECT EXISTS (SELECT FROM investment i WHERE i.investor_id = $1 AND i.idempotency_key = $2) $$;
CREATE INDEX ix_investment_loan_id_investor_id ON investment (loan_id, investor_id, id);
-- The ledger's question before a loan pays a holder: each of these is the id of the journal that paid for it.
CREATE FUNCTION investments_of(p_loan_id uuid, p_person uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
  SELECT id FROM public.investment WHERE loan_id = p_loan_id AND investor_id = p_person $$;
GRANT SELECT, INSERT ON investment TO halfpenny_app;
GRANT UPDATE (status, ended_at) ON investment TO halfpenny_app;

-- What each investor has put into each loan, until its drawdown opens a `holding`. The row is hot while a loan is
-- funding, so it stays on its page.
CREATE TABLE position (
  loan_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  currency text NOT NULL,
  invested_minor bigint NOT NULL,
  CONSTRAINT pk_position PRIMARY KEY (loan_id, investor_id),
  CONSTRAINT ck_position_invested_is_not_negative CHECK (invested_minor >= 0)
) WITH (fillfactor = 50);
CREATE INDEX ix_position_investor_id ON position (investor_id, loan_id);
GRANT SELECT, INSERT ON position TO halfpenny_app;
GRANT UPDATE (invested_minor) ON position TO halfpenny_app;

CREATE TABLE waiting_ticket (
  id uuid CONSTRAINT pk_waiting_ticket PRIMARY KEY,
  place bigint GENERATED ALWAYS AS IDENTITY,
  loan_id uuid NOT NULL REFERENCES loan (id),
  investor_id uuid NOT NULL REFERENCES app_user (id),
  amount_minor bigint NOT NULL,
  served_minor bigint NOT NULL DEFAULT 0,
  currency text NOT NULL,
  status text NOT NULL DEFAULT 'waiting',
  refusal text,
  joined_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT ck_waiting_ticket_amount_is_positive CHECK (amount_minor > 0),
  CONSTRAINT ck_waiting_ticket_served_is_within CHECK (served_minor BETWEEN 0 AND amount_minor),
  CONSTRAINT ck_waiting_ticket_status CHECK (status IN ('waiting', 'served', 'refused', 'left'))
);
CREATE INDEX ix_waiting_ticket_loan_id_place ON waiting_ticket (loan_id, place) WHERE status = 'waiting';
CREATE INDEX ix_waiting_ticket_investor_id ON waiting_ticket (investor_id, id);
GRANT SELECT, INSERT ON waiting_ticket TO halfpenny_app;
GRANT UPDATE (served_minor, status, refusal, ended_at) ON waiting_ticket TO halfpenny_app;
SELECT keep_row_history('waiting_ticket', 'id');

-- Each milestone of a loan is notified once, however often the total falls below it and rises again.
CREATE TABLE funding_milestone (
  loan_id uuid NOT NULL,
  percent smallint NOT NULL,
  reached_at timestamptz NOT NULL,
  CONSTRAINT pk_funding_milestone PRIMARY KEY (loan_id, percent)
);
GRANT SELECT, INSERT ON funding_milestone TO halfpenny_app;
"""

FACTS = """
-- What a batch of tickets is decided by, one row a ticket in order. Identity's row of the investor and the loan are read
-- in the same statement as our own rows: one trip for the whole batch. Keys are locked before, in a statement of their
-- own, because a statement sees only what was committed before it began; nobody is waited for, key_is_claimed is true for who
-- has to come again.
CREATE FUNCTION funding_facts(loan_ids uuid[], investor_ids uuid[], keys text[])
RETURNS TABLE (
  now timestamptz, known boolean, role text, verified boolean, kyc_status text, sophisticated boolean, enabled boolean,
  invested_minor bigint, borrower_id uuid, related boolean, key_is_claimed boolean, key_is_used boolean,
  investment_id uuid, stored_loan_id uuid, fingerprint bytea, amount_minor bigint, currency text,
  revocable_until timestamptz, answer_target_minor bigint, answer_funded_minor bigint, answer_investors integer,
  answer_version bigint
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  own_keys boolean[] := ARRAY(
    SELECT pg_try_advisory_xact_lock_shared(idempotency_lock_id(t.investor_id, t.key))
    FROM unnest(investor_ids, keys) WITH ORDINALITY AS t (investor_id, key, place) ORDER BY t.place);
BEGIN
  RETURN QUERY
  SELECT business_now(), u.id IS NOT NULL, u.role, u.email_verified_at IS NOT NULL, u.kyc_status, u.sophisticated,
         u.disabled_at IS NULL, p.invested_minor, l.borrower_id,
         EXISTS (SELECT FROM related_party r WHERE (r.user_id, r.related_user_id) = (l.borrower_id, t.investor_id)
                 OR (r.user_id, r.related_user_id) = (t.investor_id, l.borrower_id)),
         NOT t.own_key, k.key IS NOT NULL,
         i.id, i.loan_id, i.fingerprint, i.amount_minor, i.currency, i.revocable_until, i.answer_target_minor,
         i.answer_funded_minor, i.answer_investors, i.answer_version
  FROM unnest(loan_ids, investor_ids, keys, own_keys) WITH ORDINALITY AS t (loan_id, investor_id, key, own_key, place)
  LEFT JOIN loan l ON l.id = t.loan_id
  LEFT JOIN app_user u ON u.id = t.investor_id
  LEFT JOIN position p ON p.loan_id = t.loan_id AND p.investor_id = t.investor_id
  LEFT JOIN investment i ON i.investor_id = t.investor_id AND i.idempotency_key = t.key
  LEFT JOIN idempotency k ON k.user_id = t.investor_id AND k.key = t.key
  ORDER BY t.place;
END $$;
"""

PAYMENTS = """
CREATE TABLE wallet_payment (
  id uuid CONSTRAINT pk_wallet_payment PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES app_user (id),
  direction text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  requested_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT ck_wallet_payment_amount_is_positive CHECK (amount_minor > 0),
  CONSTRAINT ck_wallet_payment_direction CHECK (direction IN ('deposit', 'withdrawal')),
  CONSTRAINT ck_wallet_payment_status CHECK (status IN ('pending', 'settled', 'returned'))
);
CREATE INDEX ix_wallet_payment_pending ON wallet_payment (id) WHERE status = 'pending';
CREATE INDEX ix_wallet_payment_user_id ON wallet_payment (user_id, id);
GRANT SELECT, INSERT ON wallet_payment TO halfpenny_app;
GRANT UPDATE (status, ended_at) ON wallet_payment TO halfpenny_app;
SELECT keep_row_history('wallet_payment', 'id');

-- The sandbox bank's own entries of our client account. A real bank keeps this where we cannot see it.
CREATE TABLE sandbox_bank_entry (
  id uuid CONSTRAINT pk_sandbox_bank_entry PRIMARY KEY,
  sequence bigint GENERATED ALWAYS AS IDENTITY,
  direction text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  end_to_end_id text NOT NULL,
  booked_on date NOT NULL,
  value_on date NOT NULL,
  booked_at timestamptz NOT NULL,
  payer text NOT NULL DEFAULT '',
  remittance text NOT NULL DEFAULT '',
  CONSTRAINT ck_sandbox_bank_entry_amount_is_positive CHECK (amount_minor > 0),
  CONSTRAINT ck_sandbox_bank_entry_direction CHECK (direction IN ('CRDT', 'DBIT'))
);
CREATE INDEX ix_sandbox_bank_entry_booked_on ON sandbox_bank_entry (currency, booked_on, sequence);
GRANT SELECT, INSERT ON sandbox_bank_entry TO halfpenny_app;
SELECT keep_row_history('sandbox_bank_entry', 'id', 'payer,remittance');
"""

STATEMENTS = """
-- The client accounts whose statements are accepted: one a currency. A bank's first statement opens its account, and
-- takes two people; the sandbox bank opens its own.
CREATE TABLE bank_account (
  id uuid CONSTRAINT pk_bank_account PRIMARY KEY,
  account text NOT NULL,
  currency text NOT NULL CONSTRAINT uq_bank_account_currency UNIQUE,
  opened_at timestamptz NOT NULL,
  proposed_by uuid,
  accepted_by uuid,
  CONSTRAINT ck_bank_account_takes_two CHECK (proposed_by <> accepted_by)
);
GRANT SELECT, INSERT ON bank_account TO halfpenny_app;
SELECT keep_row_history('bank_account', 'id');

-- What somebody handed in, byte for byte.
CREATE TABLE statement_file (
  id uuid CONSTRAINT pk_statement_file PRIMARY KEY,
  sha256 bytea NOT NULL,
  document bytea NOT NULL,
  received_at timestamptz NOT NULL,
  received_by uuid NOT NULL
);
GRANT SELECT, INSERT ON statement_file TO halfpenny_app;
SELECT keep_row_history('statement_file', 'id', 'document');

-- Accepted statements of an account, in their order: each opens with the balance that the one before closed with.
CREATE TABLE bank_statement (
  id uuid CONSTRAINT pk_bank_statement PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES bank_account (id),
  number integer NOT NULL,
  message_id text NOT NULL,
  digest bytea NOT NULL,
  currency text NOT NULL,
  statement_date date NOT NULL,
  opening_minor bigint NOT NULL,
  closing_minor bigint NOT NULL,
  lines integer NOT NULL,
  remarks text[] NOT NULL,
  file_id uuid REFERENCES statement_file (id),
  received_at timestamptz NOT NULL,
  CONSTRAINT uq_bank_statement_account_id_number UNIQUE (account_id, number),
  CONSTRAINT uq_bank_statement_account_id_digest UNIQUE (account_id, digest)
);
GRANT SELECT, INSERT ON bank_statement TO halfpenny_app;
SELECT keep_row_history('bank_statement', 'id');

CREATE TABLE bank_statement_line (
  id uuid CONSTRAINT pk_bank_statement_line PRIMARY KEY,
  statement_id uuid NOT NULL REFERENCES bank_statement (id),
  currency text NOT NULL,
  bank_reference text NOT NULL,
  end_to_end_id text NOT NULL,
  direction text NOT NULL,
  amount_minor bigint NOT NULL,
  booked_on date NOT NULL,
  value_on date NOT NULL,
  payer text NOT NULL,
  payer_account text NOT NULL,
  remittance text NOT NULL,
  remark text NOT NULL,
  CONSTRAINT ck_bank_statement_line_amount_is_positive CHECK (amount_minor > 0),
  CONSTRAINT ck_bank_statement_line_direction CHECK (direction IN ('CRDT', 'DBIT'))
);
CREATE INDEX ix_bank_statement_line_end_to_end_id ON bank_statement_line (end_to_end_id) WHERE end_to_end_id <> '';
CREATE INDEX ix_bank_statement_line_bank_reference ON bank_statement_line (bank_reference) WHERE bank_reference <> '';
CREATE INDEX ix_bank_statement_line_statement_id ON bank_statement_line (statement_id);
CREATE INDEX ix_bank_statement_line_amount ON bank_statement_line (currency, amount_minor, booked_on)
  WHERE direction = 'CRDT';
GRANT SELECT, INSERT ON bank_statement_line TO halfpenny_app;
SELECT keep_row_history('bank_statement_line', 'id', 'payer,payer_account,remittance');

-- What does not agree, and what nobody has been found for yet: so much stands in suspense because of it.
CREATE TABLE reconciliation_item (
  id uuid CONSTRAINT pk_reconciliation_item PRIMARY KEY,
  statement_id uuid NOT NULL REFERENCES bank_statement (id),
  line_id uuid CONSTRAINT uq_reconciliation_item_line_id UNIQUE REFERENCES bank_statement_line (id),
  kind text NOT NULL,
  reference text NOT NULL,
  account text NOT NULL,
  action text NOT NULL,
  direction text NOT NULL,
  currency text NOT NULL,
  expected_minor bigint NOT NULL,
  found_minor bigint NOT NULL,
  suspense_minor bigint NOT NULL DEFAULT 0,
  -- What of it has left suspense by a resolution; what has gone to loans stands in `line_allocation`.
  resolved_minor bigint NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'open',
  -- Why the loan that it was meant for did not take it: a code of docs/errors.md.
  question text,
  -- What its answers would do, as the refusal had it: amounts are decimal strings.
  question_data jsonb,
  found_at timestamptz NOT NULL,
  resolved_at timestamptz,
  resolved_by uuid,
  CONSTRAINT ck_reconciliation_item_resolved CHECK (resolved_minor BETWEEN 0 AND suspense_minor),
  CONSTRAINT ck_reconciliation_item_kind CHECK (kind IN ('missing', 'duplicate', 'wrong_amount', 'late', 'unknown')),
  CONSTRAINT ck_reconciliation_item_status CHECK (status IN ('open', 'resolved'))
);
CREATE INDEX ix_reconciliation_item_open ON reconciliation_item (id) WHERE status = 'open';
CREATE INDEX ix_reconciliation_item_open_line ON reconciliation_item (line_id) WHERE status = 'open';
CREATE INDEX ix_reconciliation_item_reference ON reconciliation_item (reference);
-- The ledger's question before it credits a wallet with what a finding had put into suspense.
CREATE FUNCTION finding_names_wallet_of(p_item_id uuid, p_person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM public.reconciliation_item WHERE id = p_item_id AND account = 'wallet:' || p_person) $$;
GRANT SELECT, INSERT ON reconciliation_item TO halfpenny_app;
GRANT UPDATE (status, question, question_data, resolved_minor, resolved_at, resolved_by) ON reconciliation_item TO halfpenny_app;
SELECT keep_row_history('reconciliation_item', 'id');
"""

RECEIPTS = """
-- A credit at the bank that staff know of before its statement shows it. It waits for its line, or for a second person
-- who lets it be posted ahead; its line, when it comes, is this receipt and moves no money again.
CREATE TABLE bank_receipt (
  id uuid CONSTRAINT pk_bank_receipt PRIMARY KEY,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CONSTRAINT ck_bank_receipt_amount_is_positive CHECK (amount_minor > 0),
  received_on date NOT NULL,
  payer text NOT NULL,
  reference text NOT NULL,
  loan_id uuid,
  status text NOT NULL DEFAULT 'expected',
  line_id uuid REFERENCES bank_statement_line (id),
  announced_by uuid NOT NULL,
  announced_at timestamptz NOT NULL,
  posted_by uuid,
  posted_at timestamptz,
  CONSTRAINT ck_bank_receipt_status CHECK (
    status IN ('expected', 'posted_ahead', 'matched', 'withdrawn', 'reversed')),
  CONSTRAINT ck_bank_receipt_takes_two CHECK (posted_by <> announced_by),
  CONSTRAINT ck_bank_receipt_is_posted CHECK ((posted_by IS NULL) = (posted_at IS NULL)
    AND (status NOT IN ('posted_ahead', 'reversed') OR posted_at IS NOT NULL)
    AND (status = 'reversed' OR (status = 'matched') = (line_id IS NOT NULL)))
);
CREATE INDEX ix_bank_receipt_line_id ON bank_receipt (line_id) WHERE line_id IS NOT NULL;
-- A line that a receipt was and is not any more can be another one.
CREATE UNIQUE INDEX uq_bank_receipt_line_id ON bank_receipt (line_id) WHERE status <> 'reversed';
CREATE INDEX ix_bank_receipt_without_line ON bank_receipt (currency, amount_minor) WHERE line_id IS NULL;
CREATE INDEX ix_bank_receipt_loan_id ON bank_receipt (loan_id, id);
GRANT SELECT, INSERT ON bank_receipt TO halfpenny_app;
GRANT UPDATE (status, line_id, posted_by, posted_at) ON bank_receipt TO halfpenny_app;
SELECT keep_row_history('bank_receipt', 'id', 'payer,reference');

-- Where a line went that stood in suspense: to one loan, or split over several.
CREATE TABLE line_allocation (
  id uuid CONSTRAINT pk_line_allocation PRIMARY KEY,
  item_id uuid NOT NULL REFERENCES reconciliation_item (id),
  loan_id uuid NOT NULL,
  amount_minor bigint NOT NULL CONSTRAINT ck_line_allocation_amount_is_positive CHECK (amount_minor > 0),
  allocated_at timestamptz NOT NULL,
  allocated_by uuid,
  taken_back_at timestamptz,
  taken_back_by uuid
);
CREATE INDEX ix_line_allocation_item_id ON line_allocation (item_id);
CREATE INDEX ix_line_allocation_loan_id ON line_allocation (loan_id, id);
GRANT SELECT, INSERT ON line_allocation TO halfpenny_app;
GRANT UPDATE (taken_back_at, taken_back_by) ON line_allocation TO halfpenny_app;
SELECT keep_row_history('line_allocation', 'id');
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for part in (TICKETS, FACTS, PAYMENTS, STATEMENTS, RECEIPTS):
        op.execute(part)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
