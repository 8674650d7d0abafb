"""Loans: property, loan, its hot funding row, decisions, edits, conditions; and what the risk service answered."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LOANS = """
CREATE TABLE property (
  id uuid CONSTRAINT pk_property PRIMARY KEY,
  kind text NOT NULL CONSTRAINT ck_property_kind
    CHECK (kind IN ('house', 'townhouse', 'flat', 'multi_family', 'commercial', 'mixed_use', 'land')),
  address text NOT NULL,
  city text NOT NULL,
  country text NOT NULL CONSTRAINT ck_property_country CHECK (country ~ '^[A-Z]{2}$'),
  lat double precision NOT NULL,
  lon double precision NOT NULL,
  description text NOT NULL,
  year_built integer,
  area_m2 numeric(12, 2) NOT NULL,
  beds integer,
  condition text CONSTRAINT ck_property_condition
    CHECK (condition IN ('poor', 'fair', 'average', 'good', 'excellent')),
  currency text NOT NULL,
  purchase_price_minor bigint CONSTRAINT ck_property_purchase_price CHECK (purchase_price_minor > 0),
  purchased_on date,
  valuation_minor bigint NOT NULL CONSTRAINT ck_property_valuation CHECK (valuation_minor > 0),
  valued_on date NOT NULL,
  valuation_source text NOT NULL CONSTRAINT ck_property_valuation_source
    CHECK (valuation_source IN ('owner', 'desktop', 'survey')),
  valuer text,
  -- The report behind it that staff have verified; without one the valuation is no more than stated.
  valuation_report_id uuid,
  CONSTRAINT ck_property_survey_has_surveyor CHECK (valuation_source <> 'survey' OR valuer IS NOT NULL),
  renovation_cost_minor bigint NOT NULL CONSTRAINT ck_property_renovation_cost CHECK (renovation_cost_minor >= 0),
  gdv_minor bigint CONSTRAINT ck_property_gdv CHECK (gdv_minor >= 0)
);

CREATE TABLE loan (
  id uuid CONSTRAINT pk_loan PRIMARY KEY,
  borrower_id uuid NOT NULL CONSTRAINT fk_loan_borrower_id_app_user REFERENCES app_user,
  entered_by uuid NOT NULL CONSTRAINT fk_loan_entered_by_app_user REFERENCES app_user,
  property_id uuid NOT NULL CONSTRAINT fk_loan_property_id_property REFERENCES property,
  status text NOT NULL CONSTRAINT ck_loan_status CHECK (status IN ('draft', 'submitted', 'assessed', 'approved',
    'offered', 'accepted', 'declined', 'withdrawn', 'funding', 'expired', 'cancelled', 'funded',
    'conditions_met', 'active', 'matured', 'defaulted', 'in_recovery', 'repaid', 'written_off')),
  version bigint NOT NULL,
  terms_version bigint NOT NULL,
  company text NOT NULL,
  income_minor bigint NOT NULL CONSTRAINT ck_loan_income CHECK (income_minor >= 0),
  assets_minor bigint NOT NULL CONSTRAINT ck_loan_assets CHECK (assets_minor >= 0),
  debts_minor bigint NOT NULL CONSTRAINT ck_loan_debts CHECK (debts_minor >= 0),
  adverse_records integer NOT NULL CONSTRAINT ck_loan_adverse_records CHECK (adverse_records >= 0),
  years_trading integer CONSTRAINT ck_loan_years_trading CHECK (years_trading >= 0),
  yearly_costs_minor bigint CONSTRAINT ck_loan_yearly_costs CHECK (yearly_costs_minor >= 0),
  premises text CONSTRAINT ck_loan_premises CHECK (premises IN ('owned', 'rented')),
  charge_rank integer NOT NULL CONSTRAINT ck_loan_charge_rank CHECK (charge_rank >= 1),
  prior_debt_minor bigint NOT NULL CONSTRAINT ck_loan_prior_debt CHECK (prior_debt_minor >= 0),
  CONSTRAINT ck_loan_prior_debt_fits_rank CHECK ((charge_rank > 1) = (prior_debt_minor > 0)),
  amount_minor bigint NOT NULL CONSTRAINT ck_loan_amount CHECK (amount_minor > 0),
  currency text NOT NULL CONSTRAINT ck_loan_currency CHECK (is_currency(currency)),
  term_months integer NOT NULL CONSTRAINT ck_loan_term CHECK (term_months > 0),
  purpose text NOT NULL CONSTRAINT ck_loan_purpose
    CHECK (purpose IN ('purchase', 'refinance', 'works', 'development', 'other')),
  purpose_note text NOT NULL DEFAULT '',
  exit_strategy text NOT NULL CONSTRAINT ck_loan_exit_strategy CHECK (exit_strategy IN ('sale', 'refinance', 'other')),
  exit_note text NOT NULL DEFAULT '',
  interest_mode text NOT NULL CONSTRAINT ck_loan_interest_mode
    CHECK (interest_mode IN ('serviced', 'retained', 'rolled_up')),
  risk jsonb,
  annual_rate numeric(9, 6) CONSTRAINT ck_loan_annual_rate CHECK (annual_rate > 0),
  -- The fees of the offer: [{"kind": "arrangement", "percent": "2"}].
  fees jsonb CONSTRAINT ck_loan_fees CHECK (jsonb_typeof(fees) = 'array'),
  -- What the offer took over from its product and the settings of its day.
  product_terms jsonb CONSTRAINT ck_loan_product_terms CHECK (jsonb_typeof(product_terms) = 'object'),
  funding_deadline timestamptz,
  decided_by uuid CONSTRAINT fk_loan_decided_by_app_user REFERENCES app_user,
  decided_at timestamptz,
  decision_reason_code text CONSTRAINT ck_loan_decision_reason_code CHECK (decision_reason_code IN (
    'within_policy', 'compensating_facts', 'leverage', 'prior_debt', 'valuation',
    'term', 'exit', 'interest', 'works', 'income', 'assets', 'debts', 'adverse_records', 'facts_missing',
    'identity_not_verified', 'outside_lending_policy')),
  decision_reason text,
  submitted_at timestamptz,
  drawn_down_on date,
  matures_on date,
  conditions text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL
);
CREATE INDEX ix_loan_borrower_id_id ON loan (borrower_id, id);
CREATE INDEX ix_loan_awaiting_decision ON loan (id) WHERE status IN ('submitted', 'assessed');
CREATE INDEX ix_loan_maturing ON loan (matures_on, id) WHERE status = 'active';

-- The row that every investor of a hot loan writes: short, half empty, and no index on what changes often.
CREATE TABLE loan_funding (
  loan_id uuid CONSTRAINT pk_loan_funding PRIMARY KEY CONSTRAINT fk_loan_funding_loan_id_loan REFERENCES loan,
  borrower_id uuid NOT NULL,
  currency text NOT NULL,
  target_minor bigint NOT NULL CONSTRAINT ck_loan_funding_target CHECK (target_minor > 0),
  funded_minor bigint NOT NULL DEFAULT 0,
  investors integer NOT NULL DEFAULT 0 CONSTRAINT ck_loan_funding_investors CHECK (investors >= 0),
  version bigint NOT NULL DEFAULT 0,
  status text NOT NULL CONSTRAINT ck_loan_funding_status CHECK (status IN ('pending', 'open', 'full', 'closed')),
  deadline timestamptz NOT NULL,
  minimum_minor bigint NOT NULL,
  step_minor bigint NOT NULL CONSTRAINT ck_loan_funding_step CHECK (step_minor > 0),
  maximum_minor bigint,
  CONSTRAINT ck_loan_funding_never_above_target CHECK (funded_minor BETWEEN 0 AND target_minor)
) WITH (fillfactor = 50);
CREATE INDEX ix_loan_funding_deadline ON loan_funding (deadline, loan_id) WHERE status IN ('pending', 'open');

CREATE TABLE loan_decision (
  id uuid CONSTRAINT pk_loan_decision PRIMARY KEY,
  loan_id uuid NOT NULL CONSTRAINT fk_loan_decision_loan_id_loan REFERENCES loan,
  loan_version bigint NOT NULL,
  verdict text NOT NULL CONSTRAINT ck_loan_decision_verdict CHECK (verdict IN ('approve', 'decline')),
  final boolean NOT NULL,
  annual_rate numeric(9, 6),
  funding_deadline timestamptz,
  reason_code text NOT NULL CONSTRAINT ck_loan_decision_reason CHECK (reason_code IN (
    'within_policy', 'compensating_facts', 'leverage', 'prior_debt', 'valuation',
    'term', 'exit', 'interest', 'works', 'income', 'assets', 'debts', 'adverse_records', 'facts_missing',
    'identity_not_verified', 'outside_lending_policy')),
  reason text NOT NULL,
  made_by uuid NOT NULL CONSTRAINT fk_loan_decision_made_by_app_user REFERENCES app_user,
  made_at timestamptz NOT NULL
);
CREATE INDEX ix_loan_decision_loan_id_loan_version ON loan_decision (loan_id, loan_version);

CREATE TABLE loan_edit (
  loan_id uuid NOT NULL CONSTRAINT fk_loan_edit_loan_id_loan REFERENCES loan,
  version bigint NOT NULL,
  editor_id uuid NOT NULL CONSTRAINT fk_loan_edit_editor_id_app_user REFERENCES app_user,
  edited_at timestamptz NOT NULL,
  CONSTRAINT pk_loan_edit PRIMARY KEY (loan_id, version)
);

CREATE TABLE loan_condition (
  id uuid CONSTRAINT pk_loan_condition PRIMARY KEY,
  loan_id uuid NOT NULL CONSTRAINT fk_loan_condition_loan_id_loan REFERENCES loan,
  kind text NOT NULL CONSTRAINT ck_loan_condition_kind CHECK (kind IN ('charge', 'valuation', 'insurance')),
  charge_rank integer,
  registered_on date,
  valuer text,
  valued_on date,
  insurer text,
  policy text,
  expires_on date,
  amount_minor bigint,
  recorded_by uuid NOT NULL CONSTRAINT fk_loan_condition_recorded_by_app_user REFERENCES app_user,
  recorded_at timestamptz NOT NULL,
  CONSTRAINT ck_loan_condition_is_whole CHECK (
    (kind = 'charge' AND charge_rank >= 1 AND registered_on IS NOT NULL)
    OR (kind = 'valuation' AND valuer IS NOT NULL AND valued_on IS NOT NULL AND amount_minor > 0)
    OR (kind = 'insurance' AND insurer IS NOT NULL AND policy IS NOT NULL AND expires_on IS NOT NULL
        AND amount_minor > 0))
);
CREATE INDEX ix_loan_condition_loan_id_id ON loan_condition (loan_id, id);

-- An application that is being filled in: what was typed, by the name of its field, until it is sent as a loan.
CREATE TABLE application_form (
  id uuid CONSTRAINT pk_application_form PRIMARY KEY,
  borrower_id uuid NOT NULL CONSTRAINT fk_application_form_borrower_id_app_user REFERENCES app_user,
  version bigint NOT NULL,
  fields jsonb NOT NULL CONSTRAINT ck_application_form_fields CHECK (jsonb_typeof(fields) = 'object'),
  loan_id uuid CONSTRAINT uq_application_form_loan_id UNIQUE
    CONSTRAINT fk_application_form_loan_id_loan REFERENCES loan,
  created_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  CONSTRAINT ck_application_form_sent_is_empty CHECK (loan_id IS NULL OR fields = '{}')
);
CREATE INDEX ix_application_form_unsent ON application_form (borrower_id, id) WHERE loan_id IS NULL;
-- Starting twice opens the same form.
CREATE UNIQUE INDEX uq_application_form_untouched ON application_form (borrower_id)
  WHERE version = 1 AND loan_id IS NULL;

-- The ledger's question before it moves money between a loan and a wallet of its borrower.
CREATE FUNCTION loan_has_borrower(p_loan_id uuid, p_person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM public.loan WHERE id = p_loan_id AND borrower_id = p_person) $$;
-- What investors put in is paid out once the loan's conditions are met, and before it counts as drawn down.
CREATE FUNCTION loan_is_drawn_by(p_loan_id uuid, p_person uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM public.loan
    WHERE id = p_loan_id AND borrower_id = p_person AND status = 'conditions_met') $$;

GRANT SELECT, INSERT ON property, loan, loan_funding TO halfpenny_app;
-- A draft may be written anew and a property valued anew; whose a loan is, on which property, never changes.
GRANT UPDATE (kind, address, city, country, lat, lon, description, year_built, area_m2, beds, condition, currency,
  valuation_report_id,
  purchase_price_minor, purchased_on, valuation_minor, valued_on, valuation_source, valuer, renovation_cost_minor,
  gdv_minor) ON property TO halfpenny_app;
GRANT UPDATE (status, version, terms_version, company, income_minor, assets_minor, debts_minor, adverse_records,
  decision_reason_code,
  years_trading, yearly_costs_minor, premises, charge_rank, prior_debt_minor, amount_minor, currency, term_months,
  purpose, purpose_note, exit_strategy, exit_note, interest_mode, risk, annual_rate, fees, product_terms,
  funding_deadline, decided_by, decided_at, decision_reason, submitted_at, drawn_down_on, matures_on, conditions,
  changed_at) ON loan TO halfpenny_app;
GRANT UPDATE (funded_minor, investors, version, status) ON loan_funding TO halfpenny_app;
-- Notifies the API's processes of which funding bars moved, once a statement.
CREATE TRIGGER loan_funding_moved AFTER UPDATE ON loan_funding REFERENCING NEW TABLE AS moved_rows
  FOR EACH STATEMENT EXECUTE FUNCTION notify_rows_moved('loan_id');
GRANT SELECT, INSERT ON loan_decision, loan_edit, loan_condition TO halfpenny_app;
GRANT SELECT, INSERT ON application_form TO halfpenny_app;
GRANT UPDATE (version, fields, loan_id, changed_at) ON application_form TO halfpenny_app;
SELECT keep_row_history('application_form', 'id', 'fields');
SELECT keep_row_history('property', 'id', 'address,description');
SELECT keep_row_history('loan', 'id', 'company');
-- What every ticket moves is held against the ledger instead; the application never updates the rest.
SELECT keep_row_history('loan_funding', 'loan_id', 'funded_minor,investors,version,status', 'insert,delete');
SELECT keep_row_history('loan_decision', 'id');
SELECT keep_row_history('loan_edit', 'loan_id,version');
SELECT keep_row_history('loan_condition', 'id');
"""

UNDERWRITING = """
CREATE TABLE panel_valuer (
  id uuid CONSTRAINT pk_panel_valuer PRIMARY KEY,
  name text NOT NULL,
  registration_body text NOT NULL,
  registration_number text NOT NULL,
  country text NOT NULL CONSTRAINT ck_panel_valuer_country CHECK (country ~ '^[A-Z]{2}$'),
  added_by uuid NOT NULL CONSTRAINT fk_panel_valuer_added_by_app_user REFERENCES app_user,
  added_at timestamptz NOT NULL,
  removed_by uuid CONSTRAINT fk_panel_valuer_removed_by_app_user REFERENCES app_user,
  removed_at timestamptz,
  CONSTRAINT ck_panel_valuer_removed_by_somebody CHECK ((removed_by IS NULL) = (removed_at IS NULL))
);
CREATE UNIQUE INDEX uq_panel_valuer_registration ON panel_valuer (registration_body, registration_number)
  WHERE removed_at IS NULL;
CREATE INDEX ix_panel_valuer_listed ON panel_valuer (id) WHERE removed_at IS NULL;

CREATE TABLE valuation_report (
  id uuid CONSTRAINT pk_valuation_report PRIMARY KEY,
  loan_id uuid NOT NULL CONSTRAINT fk_valuation_report_loan_id_loan REFERENCES loan,
  valuer_id uuid NOT NULL CONSTRAINT fk_valuation_report_valuer_id_panel_valuer REFERENCES panel_valuer,
  source text NOT NULL CONSTRAINT ck_valuation_report_source CHECK (source IN ('desktop', 'survey')),
  amount_minor bigint NOT NULL CONSTRAINT ck_valuation_report_amount CHECK (amount_minor > 0),
  currency text NOT NULL,
  valued_on date NOT NULL,
  document_sha256 text NOT NULL CONSTRAINT ck_valuation_report_document_sha256
    CHECK (document_sha256 ~ '^[0-9a-f]{64}$'),
  uploaded_by uuid NOT NULL CONSTRAINT fk_valuation_report_uploaded_by_app_user REFERENCES app_user,
  uploaded_at timestamptz NOT NULL,
  status text NOT NULL CONSTRAINT ck_valuation_report_status CHECK (status IN ('uploaded', 'verified', 'refused')),
  checked_by uuid CONSTRAINT fk_valuation_report_checked_by_app_user REFERENCES app_user,
  checked_at timestamptz,
  note text,
  CONSTRAINT ck_valuation_report_checked_by_another CHECK (checked_by <> uploaded_by),
  CONSTRAINT ck_valuation_report_is_whole CHECK (
    (status = 'uploaded') = (checked_by IS NULL) AND (checked_by IS NULL) = (checked_at IS NULL))
);
CREATE INDEX ix_valuation_report_loan_id_id ON valuation_report (loan_id, id);
CREATE INDEX ix_valuation_report_waiting ON valuation_report (id) WHERE status = 'uploaded';
ALTER TABLE property ADD CONSTRAINT fk_property_valuation_report_id_valuation_report
  FOREIGN KEY (valuation_report_id) REFERENCES valuation_report;

CREATE TABLE valuation_report_document (
  report_id uuid CONSTRAINT pk_valuation_report_document PRIMARY KEY
    CONSTRAINT fk_valuation_report_document_report_id_valuation_report REFERENCES valuation_report,
  content bytea NOT NULL
);

-- What the credit assessment asks for beside the figures; only accounts are of a financial year.
CREATE TABLE application_document (
  id uuid CONSTRAINT pk_application_document PRIMARY KEY,
  loan_id uuid NOT NULL CONSTRAINT fk_application_document_loan_id_loan REFERENCES loan,
  kind text NOT NULL CONSTRAINT ck_application_document_kind
    CHECK (kind IN ('accounts', 'ownership', 'business_plan')),
  financial_year integer,
  document_sha256 text NOT NULL CONSTRAINT ck_application_document_document_sha256
    CHECK (document_sha256 ~ '^[0-9a-f]{64}$'),
  uploaded_by uuid NOT NULL CONSTRAINT fk_application_document_uploaded_by_app_user REFERENCES app_user,
  uploaded_at timestamptz NOT NULL,
  document bytea NOT NULL,
  CONSTRAINT ck_application_document_year_of_accounts CHECK ((kind = 'accounts') = (financial_year IS NOT NULL))
);
CREATE INDEX ix_application_document_loan_id_id ON application_document (loan_id, id);

CREATE TABLE decision_review (
  id uuid CONSTRAINT pk_decision_review PRIMARY KEY,
  loan_id uuid NOT NULL CONSTRAINT fk_decision_review_loan_id_loan REFERENCES loan,
  -- A decision is reviewed once.
  decision_id uuid NOT NULL CONSTRAINT uq_decision_review_decision_id UNIQUE
    CONSTRAINT fk_decision_review_decision_id_loan_decision REFERENCES loan_decision,
  requested_by uuid NOT NULL CONSTRAINT fk_decision_review_requested_by_app_user REFERENCES app_user,
  requested_at timestamptz NOT NULL,
  statement text NOT NULL,
  due_on date NOT NULL,
  status text NOT NULL CONSTRAINT ck_decision_review_status CHECK (status IN ('open', 'upheld', 'overturned')),
  decided_by uuid CONSTRAINT fk_decision_review_decided_by_app_user REFERENCES app_user,
  decided_at timestamptz,
  answer text,
  CONSTRAINT ck_decision_review_is_whole CHECK ((status = 'open') = (decided_by IS NULL)
    AND (decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (answer IS NULL))
);
CREATE INDEX ix_decision_review_loan_id_id ON decision_review (loan_id, id);
CREATE INDEX ix_decision_review_open ON decision_review (id) WHERE status = 'open';

GRANT SELECT, INSERT ON panel_valuer, valuation_report, decision_review TO halfpenny_app;
GRANT UPDATE (removed_by, removed_at) ON panel_valuer TO halfpenny_app;
GRANT UPDATE (status, checked_by, checked_at, note) ON valuation_report TO halfpenny_app;
GRANT UPDATE (status, decided_by, decided_at, answer) ON decision_review TO halfpenny_app;
SELECT keep_row_history('decision_review', 'id', 'statement,answer');
GRANT SELECT, INSERT ON valuation_report_document, application_document TO halfpenny_app;
SELECT keep_row_history('application_document', 'id', 'document');
SELECT keep_row_history('panel_valuer', 'id', 'name');
SELECT keep_row_history('valuation_report', 'id', 'note');

CREATE TABLE assessment (
  id uuid CONSTRAINT pk_assessment PRIMARY KEY,
  loan_id uuid NOT NULL CONSTRAINT fk_assessment_loan_id_loan REFERENCES loan,
  loan_version bigint NOT NULL,
  model_version text NOT NULL,
  -- Whether it answered the terms of the day when it came; late answers to older terms are kept all the same.
  current boolean NOT NULL,
  answer jsonb NOT NULL,
  received_at timestamptz NOT NULL,
  CONSTRAINT uq_assessment_loan_id_loan_version_model_version UNIQUE (loan_id, loan_version, model_version)
);
CREATE INDEX ix_assessment_loan_id_id ON assessment (loan_id, id);
GRANT SELECT, INSERT ON assessment TO halfpenny_app;
SELECT keep_row_history('assessment', 'id');

-- Prose that a language model wrote about an answer after it was stored; the answer itself is never changed.
CREATE TABLE assessment_narrative (
  assessment_id uuid CONSTRAINT pk_assessment_narrative PRIMARY KEY
    CONSTRAINT fk_assessment_narrative_assessment_id_assessment REFERENCES assessment,
  narrative jsonb NOT NULL,
  received_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON assessment_narrative TO halfpenny_app;
SELECT keep_row_history('assessment_narrative', 'assessment_id');
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(LOANS)
    op.execute(UNDERWRITING)


def downgrade() -> None:
    raise RuntimeError("Halfpenny's books are never migrated backwards; restore a backup instead.")
