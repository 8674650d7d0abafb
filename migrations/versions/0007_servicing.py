"""Servicing: drawn loans, their dated events, schedules, accruals, distributions, recovery and the daily close."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BOOKED = """
CREATE TABLE serviced_loan (
  loan_id uuid CONSTRAINT pk_serviced_loan PRIMARY KEY,
  borrower_id uuid NOT NULL,
  currency text NOT NULL,
  terms jsonb NOT NULL,
  posted jsonb NOT NULL,
  standing text NOT NULL,
  advanced_on date NOT NULL,
  matures_on date NOT NULL,
  principal_outstanding_minor bigint NOT NULL,
  -- The day up to which the sums, the schedule and the segments below were last computed.
  replayed_on date NOT NULL,
  total_due_minor bigint NOT NULL DEFAULT 0,
  -- Paid before anything was due: waits for what falls due next, whose close replays the loan.
  advance_payment_minor bigint NOT NULL DEFAULT 0,
  oldest_unpaid_due_on date,
  days_past_due integer NOT NULL DEFAULT 0,
  count_due_date boolean NOT NULL DEFAULT false,
  defaulted_on date,
  unlikely_to_pay boolean NOT NULL DEFAULT false,
  closed_on date,
  reserve_account_id uuid NOT NULL,
  collections_account_id uuid NOT NULL,
  payable_account_id uuid NOT NULL,
  receivable_account_id uuid NOT NULL,
  claims_account_id uuid NOT NULL,
  CONSTRAINT ck_serviced_loan_standing
    CHECK (standing IN ('current', 'late', 'defaulted', 'written_off', 'closed')),
  CONSTRAINT ck_serviced_loan_outstanding CHECK (principal_outstanding_minor >= 0 AND advance_payment_minor >= 0)
);
-- The two documents live out of line: the close reads every row, and never these.
ALTER TABLE serviced_loan SET (toast_tuple_target = 256, fillfactor = 80);
ALTER TABLE serviced_loan ALTER terms SET STORAGE EXTERNAL, ALTER posted SET STORAGE EXTERNAL;
CREATE INDEX ix_serviced_loan_maturing ON serviced_loan (matures_on, loan_id) WHERE closed_on IS NULL;
CREATE INDEX ix_serviced_loan_running ON serviced_loan (loan_id) WHERE closed_on IS NULL;
CREATE INDEX ix_serviced_loan_paid_ahead ON serviced_loan (loan_id) WHERE advance_payment_minor > 0;
CREATE INDEX ix_serviced_loan_overdue ON serviced_loan (days_past_due, loan_id) WHERE days_past_due > 0;

-- What happened to a loan, by business date: the input of every replay. Never changed, only added to.
CREATE TABLE servicing_event (
  loan_id uuid NOT NULL,
  number integer NOT NULL,
  kind text NOT NULL,
  effective_date date NOT NULL,
  data jsonb NOT NULL,
  recorded_by uuid,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  -- Recorded before its business day had come: the close of that day replays it.
  planned boolean NOT NULL,
  CONSTRAINT pk_servicing_event PRIMARY KEY (loan_id, number)
);
CREATE INDEX ix_servicing_event_receipt ON servicing_event ((data->>'id')) WHERE kind = 'receipt';
CREATE INDEX ix_servicing_event_default ON servicing_event (loan_id, effective_date)
  WHERE kind IN ('default', 'default_disproved', 'cure', 'write_off');
CREATE INDEX ix_servicing_event_planned ON servicing_event (effective_date, loan_id) WHERE planned;

-- The schedule as the last replay left it; unpaid counts an instalment that has not fallen due as whole.
CREATE TABLE instalment (
  loan_id uuid NOT NULL,
  number integer NOT NULL,
  kind text NOT NULL,
  due_on date NOT NULL,
  principal_minor bigint NOT NULL,
  interest_minor bigint NOT NULL,
  fees_minor bigint NOT NULL,
  balance_minor bigint NOT NULL,
  reserved boolean NOT NULL,
  unpaid_minor bigint NOT NULL,
  settled_on date,
  CONSTRAINT pk_instalment PRIMARY KEY (loan_id, number)
);
CREATE INDEX ix_instalment_unpaid ON instalment (due_on, loan_id) WHERE unpaid_minor > 0;

-- Stretches of days that accrue alike, written ahead by the engine. Whole numbers of `scale`-ths of a minor unit.
CREATE TABLE accrual_segment (
  loan_id uuid NOT NULL,
  kind text NOT NULL,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  accrued_before numeric NOT NULL,
  per_day numeric NOT NULL,
  scale numeric NOT NULL,
  less_minor bigint NOT NULL DEFAULT 0,
  CONSTRAINT pk_accrual_segment PRIMARY KEY (loan_id, kind, starts_on),
  CONSTRAINT ck_accrual_segment_kind CHECK (kind IN ('contract', 'default'))
);
CREATE TABLE accrual (
  business_date date NOT NULL,
  loan_id uuid NOT NULL,
  interest_minor bigint NOT NULL,
  default_interest_minor bigint NOT NULL,
  CONSTRAINT pk_accrual PRIMARY KEY (business_date, loan_id)
);

-- Retained interest by the day it falls due, written ahead: the close releases it without a replay.
CREATE TABLE reserve_release (
  loan_id uuid NOT NULL,
  due_on date NOT NULL,
  amount_minor bigint NOT NULL CONSTRAINT ck_reserve_release_amount CHECK (amount_minor > 0),
  fee_minor bigint NOT NULL CONSTRAINT ck_reserve_release_fee CHECK (fee_minor BETWEEN 0 AND amount_minor),
  CONSTRAINT pk_reserve_release PRIMARY KEY (loan_id, due_on)
);
CREATE INDEX ix_reserve_release_due_on ON reserve_release (due_on, loan_id);

-- Changes of the law's maximum rates, in millionths of a percent a year, that every loan then running has in its log.
CREATE TABLE legal_maximum_applied (
  governing_law text NOT NULL,
  currency text NOT NULL,
  since date NOT NULL,
  contract_millionths bigint NOT NULL,
  default_millionths bigint NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_legal_maximum_applied PRIMARY KEY (governing_law, currency, since)
);
GRANT SELECT, INSERT ON legal_maximum_applied TO halfpenny_app;
SELECT keep_row_history('legal_maximum_applied', 'governing_law,currency,since');

GRANT SELECT, INSERT ON serviced_loan TO halfpenny_app;
-- The terms of a drawn loan, whose it is and its accounts never change.
GRANT UPDATE (posted, standing, matures_on, principal_outstanding_minor, replayed_on, total_due_minor,
  advance_payment_minor, oldest_unpaid_due_on, days_past_due, defaulted_on, unlikely_to_pay, closed_on)
  ON serviced_loan TO halfpenny_app;
GRANT SELECT, INSERT ON servicing_event TO halfpenny_app;
GRANT SELECT, INSERT, UPDATE ON accrual TO halfpenny_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON instalment, accrual_segment, reserve_release TO halfpenny_app;
CREATE TRIGGER servicing_event_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON servicing_event
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
SELECT keep_row_history('serviced_loan', 'loan_id');
SELECT keep_row_history('servicing_event', 'loan_id,number');
"""

DISTRIBUTIONS = """
-- One investor's holding in a drawn loan. principal_days sums principal times days up to counted_to.
CREATE TABLE holding (
  loan_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  position_id uuid NOT NULL,
  stake_minor bigint NOT NULL,
  outstanding_minor bigint NOT NULL,
  principal_days bigint NOT NULL DEFAULT 0,
  counted_to date NOT NULL,
  interest_minor bigint NOT NULL DEFAULT 0,
  withheld_minor bigint NOT NULL DEFAULT 0,
  lost_minor bigint NOT NULL DEFAULT 0,
  recovered_minor bigint NOT NULL DEFAULT 0,
  -- Had too much, and not given back yet: netted from what the loan brings next.
  overpaid_minor bigint NOT NULL DEFAULT 0,
  wallet_account_id uuid NOT NULL,
  CONSTRAINT pk_holding PRIMARY KEY (loan_id, position_id),
  CONSTRAINT uq_holding_investor_id_loan_id UNIQUE (investor_id, loan_id),
  CONSTRAINT ck_holding_outstanding CHECK (outstanding_minor >= 0 AND outstanding_minor + lost_minor <= stake_minor),
  CONSTRAINT ck_holding_overpaid CHECK (overpaid_minor >= 0),
  CONSTRAINT ck_holding_recovered CHECK (recovered_minor BETWEEN 0 AND lost_minor)
) WITH (fillfactor = 70);

-- The ledger's question before it pays out what a loan has brought.
CREATE FUNCTION loan_has_holder(p_loan_id uuid, p_person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM public.holding WHERE investor_id = p_person AND loan_id = p_loan_id) $$;

-- What a loss took from each holding, after which distribution; negative where one that became smaller was given back.
CREATE TABLE loss_share (
  loan_id uuid NOT NULL,
  position_id uuid NOT NULL,
  number integer NOT NULL,
  after_distribution integer NOT NULL,
  effective_date date NOT NULL,
  lost_minor bigint NOT NULL,
  CONSTRAINT pk_loss_share PRIMARY KEY (loan_id, position_id, number)
);

-- What a holder had had too much when the loan closed, and who bore it.
CREATE TABLE overpaid_settlement (
  loan_id uuid NOT NULL,
  position_id uuid NOT NULL,
  number integer NOT NULL,
  after_distribution integer NOT NULL,
  settled_on date NOT NULL,
  bearer text NOT NULL,
  amount_minor bigint NOT NULL,
  CONSTRAINT pk_overpaid_settlement PRIMARY KEY (loan_id, position_id, number),
  CONSTRAINT ck_overpaid_settlement_amount CHECK (amount_minor > 0),
  CONSTRAINT ck_overpaid_settlement_bearer CHECK (bearer IN ('platform', 'holders'))
);

CREATE TABLE tax_profile (
  investor_id uuid CONSTRAINT pk_tax_profile PRIMARY KEY,
  country text NOT NULL,
  treaty_form boolean NOT NULL,
  withholding_millionths integer NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE distribution (
  id uuid CONSTRAINT pk_distribution PRIMARY KEY,
  loan_id uuid NOT NULL,
  number integer NOT NULL,
  currency text NOT NULL,
  effective_date date NOT NULL,
  -- The last day whose money has been declared with this one: its own, or for a correction that of the whole replay.
  covers_to date NOT NULL,
  -- The number of the loan's last event that its amounts were computed from.
  after_event integer NOT NULL,
  -- Brings everybody to what the loan should have brought them so far; amounts below zero take back.
  correction boolean NOT NULL DEFAULT false,
  principal_minor bigint NOT NULL,
  interest_minor bigint NOT NULL,
  default_interest_minor bigint NOT NULL,
  recovered_minor bigint NOT NULL,
  status text NOT NULL DEFAULT 'declared',
  declared_at timestamptz NOT NULL DEFAULT now(),
  paid_at timestamptz,
  CONSTRAINT uq_distribution_loan_id_number UNIQUE (loan_id, number),
  CONSTRAINT ck_distribution_status CHECK (status IN ('declared', 'shared', 'paid')),
  CONSTRAINT ck_distribution_amounts CHECK (correction OR (
    principal_minor >= 0 AND interest_minor >= 0 AND default_interest_minor >= 0 AND recovered_minor >= 0))
);
CREATE INDEX ix_distribution_unpaid ON distribution (loan_id, number) WHERE status <> 'paid';

CREATE TABLE distribution_share (
  distribution_id uuid NOT NULL,
  position_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  weight_principal bigint NOT NULL,
  weight_interest bigint NOT NULL,
  principal_minor bigint NOT NULL,
  interest_minor bigint NOT NULL,
  default_interest_minor bigint NOT NULL,
  recovered_minor bigint NOT NULL,
  withheld_minor bigint NOT NULL,
  -- The rate of the holder's tax profile when it was shared out; a correction's is that of the days reported late.
  withholding_millionths integer NOT NULL DEFAULT 0,
  -- Of the share after tax, what is not paid: it makes good what was had too much, or below zero is had too much now.
  netted_minor bigint NOT NULL,
  wallet_account_id uuid NOT NULL,
  journal_id uuid NOT NULL DEFAULT uuidv7(),
  paid boolean NOT NULL DEFAULT false,
  CONSTRAINT pk_distribution_share PRIMARY KEY (distribution_id, position_id)
);
CREATE INDEX ix_distribution_share_unpaid ON distribution_share (distribution_id, position_id) WHERE NOT paid;
CREATE INDEX ix_distribution_share_investor_id ON distribution_share (investor_id, distribution_id);

GRANT SELECT, INSERT ON holding, tax_profile, distribution, distribution_share TO halfpenny_app;
GRANT UPDATE (outstanding_minor, principal_days, counted_to, interest_minor, withheld_minor, lost_minor,
  recovered_minor, overpaid_minor) ON holding TO halfpenny_app;
GRANT UPDATE (country, treaty_form, withholding_millionths, changed_at) ON tax_profile TO halfpenny_app;
GRANT UPDATE (status, paid_at) ON distribution TO halfpenny_app;
GRANT UPDATE (paid) ON distribution_share TO halfpenny_app;
GRANT SELECT, INSERT ON loss_share, overpaid_settlement TO halfpenny_app;
-- Holdings and shares are many, and follow from these and from the ledger.
SELECT keep_row_history('tax_profile', 'investor_id');
SELECT keep_row_history('distribution', 'id');
SELECT keep_row_history('loss_share', 'loan_id,position_id,number');
SELECT keep_row_history('overpaid_settlement', 'loan_id,position_id,number');
"""

RECOVERY_AND_CLOSE = """
CREATE TABLE recovery_case (
  loan_id uuid CONSTRAINT pk_recovery_case PRIMARY KEY,
  opened_on date NOT NULL,
  closed_on date,
  next_update_due_on date NOT NULL
);
CREATE TABLE recovery_update (
  loan_id uuid NOT NULL,
  number integer NOT NULL,
  published_on date NOT NULL,
  text text NOT NULL,
  published_by uuid,
  CONSTRAINT pk_recovery_update PRIMARY KEY (loan_id, number)
);

-- One row a finished range of a day's close: a second run, or one after a crash, leaves these alone.
CREATE TABLE close_range (
  business_date date NOT NULL,
  first_loan_id uuid NOT NULL,
  last_loan_id uuid NOT NULL,
  loans integer NOT NULL,
  released integer NOT NULL,
  late integer NOT NULL,
  closed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pk_close_range PRIMARY KEY (business_date, first_loan_id)
);
-- Loans that refused the posting of a close: the first day, and the newest error. Each close tries them once more.
CREATE TABLE loan_set_aside (
  loan_id uuid NOT NULL,
  business_date date NOT NULL,
  code text NOT NULL,
  set_aside_at timestamptz NOT NULL DEFAULT now(),
  posted_at timestamptz,
  CONSTRAINT pk_loan_set_aside PRIMARY KEY (loan_id, business_date)
);
CREATE TABLE business_day (
  business_date date CONSTRAINT pk_business_day PRIMARY KEY,
  closed_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE (closed_on, next_update_due_on) ON recovery_case TO halfpenny_app;
GRANT SELECT, INSERT ON recovery_update, close_range, business_day TO halfpenny_app;
GRANT SELECT, INSERT, UPDATE (code, posted_at) ON loan_set_aside TO halfpenny_app;
SELECT keep_row_history('recovery_case', 'loan_id');
SELECT keep_row_history('recovery_update', 'loan_id,number', 'text');
SELECT keep_row_history('close_range', 'business_date,first_loan_id');
SELECT keep_row_history('business_day', 'business_date');
SELECT keep_row_history('loan_set_aside', 'loan_id,business_date');
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for part in (BOOKED, DISTRIBUTIONS, RECOVERY_AND_CLOSE):
        op.execute(part)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
