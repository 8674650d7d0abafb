-- The schema of a fresh database, written by `make schema` from what the migrations made. Not edited by hand and
-- never executed: a change is made in migrations/, and the test of this file fails when it is out of date.

CREATE TYPE account_name AS (
  id uuid,
  kind text,
  owner_id uuid,
  currency text
);

CREATE TYPE posting AS (
  journal_id uuid,
  ordinal integer,
  event text,
  reference uuid,
  reverses uuid,
  effective_date date,
  debit account_name,
  credit account_name,
  amount bigint
);

CREATE TABLE account (
  id uuid NOT NULL,
  kind text NOT NULL,
  owner_id uuid,
  currency text NOT NULL,
  debits bigint DEFAULT 0 NOT NULL,
  credits bigint DEFAULT 0 NOT NULL,
  pending_debits bigint DEFAULT 0 NOT NULL,
  pending_credits bigint DEFAULT 0 NOT NULL,
  version bigint DEFAULT 0 NOT NULL,
  opened_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_account PRIMARY KEY (id),
  CONSTRAINT uq_account_kind_owner_id_currency UNIQUE NULLS NOT DISTINCT (kind, owner_id, currency),
  CONSTRAINT ck_account_currency CHECK (is_currency(currency)),
  CONSTRAINT ck_account_kind CHECK ((kind = ANY (ARRAY['client_bank'::text, 'own_bank'::text, 'wallet'::text, 'escrow'::text, 'fee_income'::text, 'interest_reserve'::text, 'loan_receivable'::text, 'investor_claims'::text, 'collections'::text, 'distribution_payable'::text, 'tax_payable'::text, 'default_income'::text, 'recovery_advance'::text, 'advance_payments'::text, 'overpaid_distribution'::text, 'suspense'::text, 'payouts_in_transit'::text]))),
  CONSTRAINT ck_account_no_overdraft CHECK (account_is_covered(kind, debits, credits, pending_debits, pending_credits)),
  CONSTRAINT ck_account_sums CHECK (((debits >= 0) AND (credits >= 0) AND (pending_debits >= 0) AND (pending_credits >= 0)))
) WITH (fillfactor=50);
CREATE INDEX ix_account_owner_id ON public.account USING btree (owner_id, kind, currency);
GRANT SELECT ON account TO halfpenny_app;

CREATE TABLE accrual (
  business_date date NOT NULL,
  loan_id uuid NOT NULL,
  interest_minor bigint NOT NULL,
  default_interest_minor bigint NOT NULL,
  CONSTRAINT pk_accrual PRIMARY KEY (business_date, loan_id)
);
GRANT INSERT, SELECT, UPDATE ON accrual TO halfpenny_app;

CREATE TABLE accrual_segment (
  loan_id uuid NOT NULL,
  kind text NOT NULL,
  starts_on date NOT NULL,
  ends_on date NOT NULL,
  accrued_before numeric NOT NULL,
  per_day numeric NOT NULL,
  scale numeric NOT NULL,
  less_minor bigint DEFAULT 0 NOT NULL,
  CONSTRAINT pk_accrual_segment PRIMARY KEY (loan_id, kind, starts_on),
  CONSTRAINT ck_accrual_segment_kind CHECK ((kind = ANY (ARRAY['contract'::text, 'default'::text])))
);
GRANT DELETE, INSERT, SELECT, UPDATE ON accrual_segment TO halfpenny_app;

CREATE TABLE alembic_version (
  version_num character varying(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

CREATE TABLE app_user (
  id uuid NOT NULL,
  email text NOT NULL,
  full_name text NOT NULL,
  role text NOT NULL,
  password_hash text NOT NULL,
  kyc_status text DEFAULT 'pending'::text NOT NULL,
  country text,
  sophisticated boolean DEFAULT false NOT NULL,
  email_verified_at timestamp with time zone,
  disabled_at timestamp with time zone,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_app_user PRIMARY KEY (id),
  CONSTRAINT uq_app_user_email UNIQUE (email),
  CONSTRAINT ck_app_user_country CHECK ((country ~ '^[A-Z]{2}$'::text)),
  CONSTRAINT ck_app_user_email_is_folded CHECK ((email = lower(email))),
  CONSTRAINT ck_app_user_kyc_status CHECK ((kyc_status = ANY (ARRAY['pending'::text, 'verified'::text, 'rejected'::text]))),
  CONSTRAINT ck_app_user_role CHECK ((role = ANY (ARRAY['investor'::text, 'borrower'::text, 'underwriter'::text, 'servicer'::text, 'treasurer'::text, 'administrator'::text, 'auditor'::text, 'service'::text])))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.app_user REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'email,full_name,password_hash', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.app_user REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'email,full_name,password_hash', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.app_user REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'email,full_name,password_hash', 'insert,update,delete');
CREATE TRIGGER user_changed AFTER UPDATE OF role, disabled_at, email_verified_at, kyc_status ON public.app_user FOR EACH ROW WHEN (((old.role <> new.role) OR (old.kyc_status <> new.kyc_status) OR (old.disabled_at IS DISTINCT FROM new.disabled_at) OR (old.email_verified_at IS DISTINCT FROM new.email_verified_at))) EXECUTE FUNCTION notify_user_changed();
GRANT INSERT, SELECT, UPDATE (country), UPDATE (disabled_at), UPDATE (email_verified_at), UPDATE (kyc_status), UPDATE (password_hash), UPDATE (role), UPDATE (sophisticated) ON app_user TO halfpenny_app;

CREATE TABLE application_document (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  kind text NOT NULL,
  financial_year integer,
  document_sha256 text NOT NULL,
  uploaded_by uuid NOT NULL,
  uploaded_at timestamp with time zone NOT NULL,
  document bytea NOT NULL,
  CONSTRAINT pk_application_document PRIMARY KEY (id),
  CONSTRAINT fk_application_document_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT fk_application_document_uploaded_by_app_user FOREIGN KEY (uploaded_by) REFERENCES app_user(id),
  CONSTRAINT ck_application_document_document_sha256 CHECK ((document_sha256 ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT ck_application_document_kind CHECK ((kind = ANY (ARRAY['accounts'::text, 'ownership'::text, 'business_plan'::text]))),
  CONSTRAINT ck_application_document_year_of_accounts CHECK (((kind = 'accounts'::text) = (financial_year IS NOT NULL)))
);
CREATE INDEX ix_application_document_loan_id_id ON public.application_document USING btree (loan_id, id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.application_document REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'document', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.application_document REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'document', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.application_document REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'document', 'insert,update,delete');
GRANT INSERT, SELECT ON application_document TO halfpenny_app;

CREATE TABLE application_form (
  id uuid NOT NULL,
  borrower_id uuid NOT NULL,
  version bigint NOT NULL,
  fields jsonb NOT NULL,
  loan_id uuid,
  created_at timestamp with time zone NOT NULL,
  changed_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_application_form PRIMARY KEY (id),
  CONSTRAINT uq_application_form_loan_id UNIQUE (loan_id),
  CONSTRAINT fk_application_form_borrower_id_app_user FOREIGN KEY (borrower_id) REFERENCES app_user(id),
  CONSTRAINT fk_application_form_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT ck_application_form_fields CHECK ((jsonb_typeof(fields) = 'object'::text)),
  CONSTRAINT ck_application_form_sent_is_empty CHECK (((loan_id IS NULL) OR (fields = '{}'::jsonb)))
);
CREATE INDEX ix_application_form_unsent ON public.application_form USING btree (borrower_id, id) WHERE (loan_id IS NULL);
CREATE UNIQUE INDEX uq_application_form_untouched ON public.application_form USING btree (borrower_id) WHERE ((version = 1) AND (loan_id IS NULL));
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.application_form REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'fields', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.application_form REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'fields', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.application_form REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'fields', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (changed_at), UPDATE (fields), UPDATE (loan_id), UPDATE (version) ON application_form TO halfpenny_app;

CREATE TABLE approval (
  id uuid NOT NULL,
  act text NOT NULL,
  subject text NOT NULL,
  object_id uuid NOT NULL,
  object_version text NOT NULL,
  facts jsonb NOT NULL,
  payload jsonb NOT NULL,
  worth_eur_minor bigint,
  reason text NOT NULL,
  status text DEFAULT 'pending'::text NOT NULL,
  proposed_by uuid NOT NULL,
  proposed_at timestamp with time zone NOT NULL,
  earliest_at timestamp with time zone NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  decided_by uuid,
  decided_at timestamp with time zone,
  decision_reason text,
  result jsonb,
  CONSTRAINT pk_approval PRIMARY KEY (id),
  CONSTRAINT fk_approval_decided_by FOREIGN KEY (decided_by) REFERENCES app_user(id),
  CONSTRAINT fk_approval_proposed_by FOREIGN KEY (proposed_by) REFERENCES app_user(id),
  CONSTRAINT ck_approval_decided CHECK (((status = 'pending'::text) = (decided_at IS NULL))),
  CONSTRAINT ck_approval_decided_by CHECK (((decided_by IS NULL) = (status = ANY (ARRAY['pending'::text, 'expired'::text])))),
  CONSTRAINT ck_approval_result CHECK (((result IS NOT NULL) = (status = 'approved'::text))),
  CONSTRAINT ck_approval_status CHECK ((status = ANY (ARRAY['pending'::text, 'approved'::text, 'refused'::text, 'withdrawn'::text, 'expired'::text]))),
  CONSTRAINT ck_approval_times CHECK (((proposed_at <= earliest_at) AND (earliest_at < expires_at))),
  CONSTRAINT ck_approval_two_people CHECK (((status <> ALL (ARRAY['approved'::text, 'refused'::text])) OR (decided_by <> proposed_by))),
  CONSTRAINT ck_approval_withdrawn CHECK (((status <> 'withdrawn'::text) OR (decided_by = proposed_by)))
);
CREATE INDEX ix_approval_expires_at ON public.approval USING btree (expires_at, id) WHERE (status = 'pending'::text);
CREATE INDEX ix_approval_object_id_id ON public.approval USING btree (object_id, id);
CREATE INDEX ix_approval_status_id ON public.approval USING btree (status, id);
CREATE TRIGGER approval_ends_once BEFORE INSERT OR UPDATE ON public.approval FOR EACH ROW EXECUTE FUNCTION approval_ends_once();
CREATE TRIGGER approval_is_kept BEFORE DELETE OR TRUNCATE ON public.approval FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.approval REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.approval REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.approval REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (decided_at), UPDATE (decided_by), UPDATE (decision_reason), UPDATE (result), UPDATE (status) ON approval TO halfpenny_app;

CREATE TABLE assessment (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  loan_version bigint NOT NULL,
  model_version text NOT NULL,
  current boolean NOT NULL,
  answer jsonb NOT NULL,
  received_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_assessment PRIMARY KEY (id),
  CONSTRAINT uq_assessment_loan_id_loan_version_model_version UNIQUE (loan_id, loan_version, model_version),
  CONSTRAINT fk_assessment_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id)
);
CREATE INDEX ix_assessment_loan_id_id ON public.assessment USING btree (loan_id, id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.assessment REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.assessment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.assessment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON assessment TO halfpenny_app;

CREATE TABLE assessment_narrative (
  assessment_id uuid NOT NULL,
  narrative jsonb NOT NULL,
  received_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_assessment_narrative PRIMARY KEY (assessment_id),
  CONSTRAINT fk_assessment_narrative_assessment_id_assessment FOREIGN KEY (assessment_id) REFERENCES assessment(id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.assessment_narrative REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('assessment_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.assessment_narrative REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('assessment_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.assessment_narrative REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('assessment_id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON assessment_narrative TO halfpenny_app;

CREATE TABLE audit_entry (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  actor_id uuid,
  action text NOT NULL,
  subject text NOT NULL,
  subject_id uuid NOT NULL,
  data jsonb NOT NULL,
  recorded_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_audit_entry PRIMARY KEY (id)
);
CREATE INDEX ix_audit_entry_subject_id_id ON public.audit_entry USING btree (subject_id, id);
CREATE TRIGGER audit_entry_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.audit_entry REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.audit_entry REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,delete');
GRANT INSERT, SELECT ON audit_entry TO halfpenny_app;

CREATE TABLE audit_seal (
  place bigint NOT NULL,
  entry_id bigint NOT NULL,
  heads jsonb DEFAULT '{}'::jsonb NOT NULL,
  hash bytea NOT NULL,
  sealed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_audit_seal PRIMARY KEY (place),
  CONSTRAINT uq_audit_seal_entry_id UNIQUE (entry_id)
);
CREATE TRIGGER audit_seal_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT INSERT, SELECT ON audit_seal TO halfpenny_app;

CREATE TABLE balance_snapshot (
  account_id uuid NOT NULL,
  as_of date NOT NULL,
  version bigint NOT NULL,
  debits bigint NOT NULL,
  credits bigint NOT NULL,
  CONSTRAINT pk_balance_snapshot PRIMARY KEY (account_id, as_of)
);
CREATE TRIGGER balance_snapshot_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.balance_snapshot FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT SELECT ON balance_snapshot TO halfpenny_app;

CREATE TABLE bank_account (
  id uuid NOT NULL,
  account text NOT NULL,
  currency text NOT NULL,
  opened_at timestamp with time zone NOT NULL,
  proposed_by uuid,
  accepted_by uuid,
  CONSTRAINT pk_bank_account PRIMARY KEY (id),
  CONSTRAINT uq_bank_account_currency UNIQUE (currency),
  CONSTRAINT ck_bank_account_takes_two CHECK ((proposed_by <> accepted_by))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.bank_account REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.bank_account REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.bank_account REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON bank_account TO halfpenny_app;

CREATE TABLE bank_receipt (
  id uuid NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL,
  received_on date NOT NULL,
  payer text NOT NULL,
  reference text NOT NULL,
  loan_id uuid,
  status text DEFAULT 'expected'::text NOT NULL,
  line_id uuid,
  announced_by uuid NOT NULL,
  announced_at timestamp with time zone NOT NULL,
  posted_by uuid,
  posted_at timestamp with time zone,
  CONSTRAINT pk_bank_receipt PRIMARY KEY (id),
  CONSTRAINT bank_receipt_line_id_fkey FOREIGN KEY (line_id) REFERENCES bank_statement_line(id),
  CONSTRAINT ck_bank_receipt_amount_is_positive CHECK ((amount_minor > 0)),
  CONSTRAINT ck_bank_receipt_is_posted CHECK ((((posted_by IS NULL) = (posted_at IS NULL)) AND ((status <> ALL (ARRAY['posted_ahead'::text, 'reversed'::text])) OR (posted_at IS NOT NULL)) AND ((status = 'reversed'::text) OR ((status = 'matched'::text) = (line_id IS NOT NULL))))),
  CONSTRAINT ck_bank_receipt_status CHECK ((status = ANY (ARRAY['expected'::text, 'posted_ahead'::text, 'matched'::text, 'withdrawn'::text, 'reversed'::text]))),
  CONSTRAINT ck_bank_receipt_takes_two CHECK ((posted_by <> announced_by))
);
CREATE INDEX ix_bank_receipt_line_id ON public.bank_receipt USING btree (line_id) WHERE (line_id IS NOT NULL);
CREATE INDEX ix_bank_receipt_loan_id ON public.bank_receipt USING btree (loan_id, id);
CREATE INDEX ix_bank_receipt_without_line ON public.bank_receipt USING btree (currency, amount_minor) WHERE (line_id IS NULL);
CREATE UNIQUE INDEX uq_bank_receipt_line_id ON public.bank_receipt USING btree (line_id) WHERE (status <> 'reversed'::text);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.bank_receipt REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,reference', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.bank_receipt REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,reference', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.bank_receipt REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,reference', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (line_id), UPDATE (posted_at), UPDATE (posted_by), UPDATE (status) ON bank_receipt TO halfpenny_app;

CREATE TABLE bank_statement (
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  number integer NOT NULL,
  message_id text NOT NULL,
  digest bytea NOT NULL,
  currency text NOT NULL,
  statement_date date NOT NULL,
  opening_minor bigint NOT NULL,
  closing_minor bigint NOT NULL,
  lines integer NOT NULL,
  remarks text[] NOT NULL,
  file_id uuid,
  received_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_bank_statement PRIMARY KEY (id),
  CONSTRAINT uq_bank_statement_account_id_digest UNIQUE (account_id, digest),
  CONSTRAINT uq_bank_statement_account_id_number UNIQUE (account_id, number),
  CONSTRAINT bank_statement_account_id_fkey FOREIGN KEY (account_id) REFERENCES bank_account(id),
  CONSTRAINT bank_statement_file_id_fkey FOREIGN KEY (file_id) REFERENCES statement_file(id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.bank_statement REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.bank_statement REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.bank_statement REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON bank_statement TO halfpenny_app;

CREATE TABLE bank_statement_line (
  id uuid NOT NULL,
  statement_id uuid NOT NULL,
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
  CONSTRAINT pk_bank_statement_line PRIMARY KEY (id),
  CONSTRAINT bank_statement_line_statement_id_fkey FOREIGN KEY (statement_id) REFERENCES bank_statement(id),
  CONSTRAINT ck_bank_statement_line_amount_is_positive CHECK ((amount_minor > 0)),
  CONSTRAINT ck_bank_statement_line_direction CHECK ((direction = ANY (ARRAY['CRDT'::text, 'DBIT'::text])))
);
CREATE INDEX ix_bank_statement_line_amount ON public.bank_statement_line USING btree (currency, amount_minor, booked_on) WHERE (direction = 'CRDT'::text);
CREATE INDEX ix_bank_statement_line_bank_reference ON public.bank_statement_line USING btree (bank_reference) WHERE (bank_reference <> ''::text);
CREATE INDEX ix_bank_statement_line_end_to_end_id ON public.bank_statement_line USING btree (end_to_end_id) WHERE (end_to_end_id <> ''::text);
CREATE INDEX ix_bank_statement_line_statement_id ON public.bank_statement_line USING btree (statement_id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.bank_statement_line REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,payer_account,remittance', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.bank_statement_line REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,payer_account,remittance', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.bank_statement_line REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,payer_account,remittance', 'insert,update,delete');
GRANT INSERT, SELECT ON bank_statement_line TO halfpenny_app;

CREATE TABLE books_check (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  checked_at timestamp with time zone DEFAULT now() NOT NULL,
  transfers bigint NOT NULL,
  findings integer NOT NULL,
  CONSTRAINT pk_books_check PRIMARY KEY (id)
);
GRANT INSERT, SELECT ON books_check TO halfpenny_app;

CREATE TABLE business_clock (
  id boolean DEFAULT true NOT NULL,
  sandbox boolean DEFAULT true NOT NULL,
  "offset" interval DEFAULT '00:00:00'::interval NOT NULL,
  CONSTRAINT pk_business_clock PRIMARY KEY (id),
  CONSTRAINT ck_business_clock_one_row CHECK (id),
  CONSTRAINT ck_business_clock_production_is_real CHECK ((sandbox OR ("offset" = '00:00:00'::interval)))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.business_clock REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.business_clock REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.business_clock REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT SELECT, UPDATE ("offset"), UPDATE (sandbox) ON business_clock TO halfpenny_app;

CREATE TABLE business_day (
  business_date date NOT NULL,
  closed_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_business_day PRIMARY KEY (business_date)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.business_day REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('business_date', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.business_day REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('business_date', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.business_day REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('business_date', '', 'insert,update,delete');
GRANT INSERT, SELECT ON business_day TO halfpenny_app;

CREATE TABLE chain_head (
  chain text NOT NULL,
  place bigint NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT pk_chain_head PRIMARY KEY (chain)
);
GRANT INSERT, SELECT, UPDATE ON chain_head TO halfpenny_app;

CREATE TABLE chart (
  event text NOT NULL,
  debit text NOT NULL,
  credit text NOT NULL,
  one_owner boolean NOT NULL,
  wallet_of text,
  gives_back text,
  CONSTRAINT pk_chart PRIMARY KEY (event, debit, credit),
  CONSTRAINT ck_chart_gives_back CHECK ((gives_back = ANY (ARRAY['whole'::text, 'part'::text, 'received'::text]))),
  CONSTRAINT ck_chart_no_money_from_the_bank_to_a_wallet CHECK ((NOT ((debit = 'client_bank'::text) AND (credit = 'wallet'::text) AND (event <> 'deposit'::text)))),
  CONSTRAINT ck_chart_two_kinds CHECK ((debit <> credit)),
  CONSTRAINT ck_chart_wallet_of CHECK ((wallet_of = ANY (ARRAY['drawing'::text, 'borrower'::text, 'holder'::text, 'finding'::text])))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.chart REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('event,debit,credit', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.chart REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('event,debit,credit', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.chart REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('event,debit,credit', '', 'insert,update,delete');
GRANT SELECT ON chart TO halfpenny_app;

CREATE TABLE close_range (
  business_date date NOT NULL,
  first_loan_id uuid NOT NULL,
  last_loan_id uuid NOT NULL,
  loans integer NOT NULL,
  released integer NOT NULL,
  late integer NOT NULL,
  closed_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_close_range PRIMARY KEY (business_date, first_loan_id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.close_range REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('business_date,first_loan_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.close_range REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('business_date,first_loan_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.close_range REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('business_date,first_loan_id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON close_range TO halfpenny_app;

CREATE TABLE connection_token (
  token_hash bytea NOT NULL,
  user_id uuid NOT NULL,
  session_id uuid NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_connection_token PRIMARY KEY (token_hash),
  CONSTRAINT fk_connection_token_session_id FOREIGN KEY (session_id) REFERENCES session(id) ON DELETE CASCADE,
  CONSTRAINT fk_connection_token_user_id FOREIGN KEY (user_id) REFERENCES app_user(id)
);
CREATE INDEX ix_connection_token_expires_at ON public.connection_token USING btree (expires_at);
CREATE INDEX ix_connection_token_session_id ON public.connection_token USING btree (session_id);
GRANT DELETE, INSERT, SELECT ON connection_token TO halfpenny_app;

CREATE TABLE dead_letter (
  queue text NOT NULL,
  event_id uuid NOT NULL,
  name text NOT NULL,
  version integer NOT NULL,
  payload jsonb NOT NULL,
  recorded_at timestamp with time zone NOT NULL,
  attempts integer NOT NULL,
  reason text NOT NULL,
  error text NOT NULL,
  died_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_dead_letter PRIMARY KEY (queue, event_id)
);
CREATE INDEX ix_dead_letter_event_id ON public.dead_letter USING btree (event_id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.dead_letter REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('queue,event_id', 'payload,error', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.dead_letter REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('queue,event_id', 'payload,error', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.dead_letter REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('queue,event_id', 'payload,error', 'insert,update,delete');
GRANT DELETE, INSERT, SELECT, UPDATE ON dead_letter TO halfpenny_app;

CREATE TABLE decision_review (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  decision_id uuid NOT NULL,
  requested_by uuid NOT NULL,
  requested_at timestamp with time zone NOT NULL,
  statement text NOT NULL,
  due_on date NOT NULL,
  status text NOT NULL,
  decided_by uuid,
  decided_at timestamp with time zone,
  answer text,
  CONSTRAINT pk_decision_review PRIMARY KEY (id),
  CONSTRAINT uq_decision_review_decision_id UNIQUE (decision_id),
  CONSTRAINT fk_decision_review_decided_by_app_user FOREIGN KEY (decided_by) REFERENCES app_user(id),
  CONSTRAINT fk_decision_review_decision_id_loan_decision FOREIGN KEY (decision_id) REFERENCES loan_decision(id),
  CONSTRAINT fk_decision_review_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT fk_decision_review_requested_by_app_user FOREIGN KEY (requested_by) REFERENCES app_user(id),
  CONSTRAINT ck_decision_review_is_whole CHECK ((((status = 'open'::text) = (decided_by IS NULL)) AND ((decided_by IS NULL) = (decided_at IS NULL)) AND ((decided_by IS NULL) = (answer IS NULL)))),
  CONSTRAINT ck_decision_review_status CHECK ((status = ANY (ARRAY['open'::text, 'upheld'::text, 'overturned'::text])))
);
CREATE INDEX ix_decision_review_loan_id_id ON public.decision_review USING btree (loan_id, id);
CREATE INDEX ix_decision_review_open ON public.decision_review USING btree (id) WHERE (status = 'open'::text);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.decision_review REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'statement,answer', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.decision_review REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'statement,answer', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.decision_review REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'statement,answer', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (answer), UPDATE (decided_at), UPDATE (decided_by), UPDATE (status) ON decision_review TO halfpenny_app;

CREATE TABLE delivery (
  queue text NOT NULL,
  event_id uuid NOT NULL,
  seq bigint NOT NULL,
  available_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  CONSTRAINT pk_delivery PRIMARY KEY (queue, event_id),
  CONSTRAINT fk_delivery_event_id FOREIGN KEY (event_id) REFERENCES outbox(event_id)
) WITH (fillfactor=50);
CREATE INDEX ix_delivery_event_id ON public.delivery USING btree (event_id);
CREATE INDEX ix_delivery_queue_seq ON public.delivery USING btree (queue, seq);
GRANT DELETE, INSERT, SELECT, UPDATE ON delivery TO halfpenny_app;

CREATE TABLE distribution (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  number integer NOT NULL,
  currency text NOT NULL,
  effective_date date NOT NULL,
  covers_to date NOT NULL,
  after_event integer NOT NULL,
  correction boolean DEFAULT false NOT NULL,
  principal_minor bigint NOT NULL,
  interest_minor bigint NOT NULL,
  default_interest_minor bigint NOT NULL,
  recovered_minor bigint NOT NULL,
  status text DEFAULT 'declared'::text NOT NULL,
  declared_at timestamp with time zone DEFAULT now() NOT NULL,
  paid_at timestamp with time zone,
  CONSTRAINT pk_distribution PRIMARY KEY (id),
  CONSTRAINT uq_distribution_loan_id_number UNIQUE (loan_id, number),
  CONSTRAINT ck_distribution_amounts CHECK ((correction OR ((principal_minor >= 0) AND (interest_minor >= 0) AND (default_interest_minor >= 0) AND (recovered_minor >= 0)))),
  CONSTRAINT ck_distribution_status CHECK ((status = ANY (ARRAY['declared'::text, 'shared'::text, 'paid'::text])))
);
CREATE INDEX ix_distribution_unpaid ON public.distribution USING btree (loan_id, number) WHERE (status <> 'paid'::text);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.distribution REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.distribution REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.distribution REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (paid_at), UPDATE (status) ON distribution TO halfpenny_app;

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
  withholding_millionths integer DEFAULT 0 NOT NULL,
  netted_minor bigint NOT NULL,
  wallet_account_id uuid NOT NULL,
  journal_id uuid DEFAULT uuidv7() NOT NULL,
  paid boolean DEFAULT false NOT NULL,
  CONSTRAINT pk_distribution_share PRIMARY KEY (distribution_id, position_id)
);
CREATE INDEX ix_distribution_share_investor_id ON public.distribution_share USING btree (investor_id, distribution_id);
CREATE INDEX ix_distribution_share_unpaid ON public.distribution_share USING btree (distribution_id, position_id) WHERE (NOT paid);
GRANT INSERT, SELECT, UPDATE (paid) ON distribution_share TO halfpenny_app;

CREATE TABLE failure_note (
  queue text NOT NULL,
  event_id uuid NOT NULL,
  attempts integer NOT NULL,
  reason text NOT NULL,
  error text NOT NULL,
  noted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_failure_note PRIMARY KEY (queue, event_id)
);
GRANT DELETE, INSERT, SELECT, UPDATE ON failure_note TO halfpenny_app;

CREATE TABLE funding_milestone (
  loan_id uuid NOT NULL,
  percent smallint NOT NULL,
  reached_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_funding_milestone PRIMARY KEY (loan_id, percent)
);
GRANT INSERT, SELECT ON funding_milestone TO halfpenny_app;

CREATE TABLE hold (
  id uuid NOT NULL,
  event text NOT NULL,
  reference uuid,
  debit_account_id uuid NOT NULL,
  credit_account_id uuid NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_hold PRIMARY KEY (id),
  CONSTRAINT ck_hold_amount CHECK ((amount > 0))
);
CREATE TRIGGER hold_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.hold FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT SELECT ON hold TO halfpenny_app;

CREATE TABLE hold_outcome (
  hold_id uuid NOT NULL,
  outcome text NOT NULL,
  journal_id uuid,
  recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_hold_outcome PRIMARY KEY (hold_id),
  CONSTRAINT ck_hold_outcome_outcome CHECK ((((outcome = 'posted'::text) AND (journal_id IS NOT NULL)) OR ((outcome = 'voided'::text) AND (journal_id IS NULL))))
);
CREATE TRIGGER hold_outcome_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.hold_outcome FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT SELECT ON hold_outcome TO halfpenny_app;

CREATE TABLE holding (
  loan_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  position_id uuid NOT NULL,
  stake_minor bigint NOT NULL,
  outstanding_minor bigint NOT NULL,
  principal_days bigint DEFAULT 0 NOT NULL,
  counted_to date NOT NULL,
  interest_minor bigint DEFAULT 0 NOT NULL,
  withheld_minor bigint DEFAULT 0 NOT NULL,
  lost_minor bigint DEFAULT 0 NOT NULL,
  recovered_minor bigint DEFAULT 0 NOT NULL,
  overpaid_minor bigint DEFAULT 0 NOT NULL,
  wallet_account_id uuid NOT NULL,
  CONSTRAINT pk_holding PRIMARY KEY (loan_id, position_id),
  CONSTRAINT uq_holding_investor_id_loan_id UNIQUE (investor_id, loan_id),
  CONSTRAINT ck_holding_outstanding CHECK (((outstanding_minor >= 0) AND ((outstanding_minor + lost_minor) <= stake_minor))),
  CONSTRAINT ck_holding_overpaid CHECK ((overpaid_minor >= 0)),
  CONSTRAINT ck_holding_recovered CHECK (((recovered_minor >= 0) AND (recovered_minor <= lost_minor)))
) WITH (fillfactor=70);
GRANT INSERT, SELECT, UPDATE (counted_to), UPDATE (interest_minor), UPDATE (lost_minor), UPDATE (outstanding_minor), UPDATE (overpaid_minor), UPDATE (principal_days), UPDATE (recovered_minor), UPDATE (withheld_minor) ON holding TO halfpenny_app;

CREATE TABLE idempotency (
  user_id uuid NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  status integer,
  body json,
  recorded_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_idempotency PRIMARY KEY (user_id, key)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.idempotency REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('user_id,key', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.idempotency REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('user_id,key', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.idempotency REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('user_id,key', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (body), UPDATE (status) ON idempotency TO halfpenny_app;

CREATE TABLE inbox (
  queue text NOT NULL,
  event_id uuid NOT NULL,
  handled_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_inbox PRIMARY KEY (queue, event_id)
);
CREATE INDEX ix_inbox_handled_at ON public.inbox USING btree (handled_at);
GRANT DELETE, INSERT, SELECT, UPDATE ON inbox TO halfpenny_app;

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
CREATE INDEX ix_instalment_unpaid ON public.instalment USING btree (due_on, loan_id) WHERE (unpaid_minor > 0);
GRANT DELETE, INSERT, SELECT, UPDATE ON instalment TO halfpenny_app;

CREATE TABLE investment (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  status text DEFAULT 'committed'::text NOT NULL,
  revocable_until timestamp with time zone,
  made_at timestamp with time zone NOT NULL,
  idempotency_key text NOT NULL,
  fingerprint bytea NOT NULL,
  answer_target_minor bigint NOT NULL,
  answer_funded_minor bigint NOT NULL,
  answer_investors integer NOT NULL,
  answer_version bigint NOT NULL,
  ended_at timestamp with time zone,
  CONSTRAINT pk_investment PRIMARY KEY (id),
  CONSTRAINT uq_investment_investor_id_idempotency_key UNIQUE (investor_id, idempotency_key),
  CONSTRAINT ck_investment_amount_is_positive CHECK ((amount_minor > 0)),
  CONSTRAINT ck_investment_status CHECK ((status = ANY (ARRAY['committed'::text, 'revoked'::text, 'returned'::text])))
) WITH (fillfactor=90);
CREATE INDEX ix_investment_loan_id_investor_id ON public.investment USING btree (loan_id, investor_id, id);
GRANT INSERT, SELECT, UPDATE (ended_at), UPDATE (status) ON investment TO halfpenny_app;

CREATE TABLE ledger_segment (
  place bigint NOT NULL,
  from_xid bigint NOT NULL,
  to_xid bigint NOT NULL,
  transfers bigint NOT NULL,
  heads jsonb NOT NULL,
  hash bytea NOT NULL,
  sealed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_ledger_segment PRIMARY KEY (place)
);
CREATE TRIGGER ledger_segment_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger_segment FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT SELECT ON ledger_segment TO halfpenny_app;

CREATE TABLE legal_maximum_applied (
  governing_law text NOT NULL,
  currency text NOT NULL,
  since date NOT NULL,
  contract_millionths bigint NOT NULL,
  default_millionths bigint NOT NULL,
  applied_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_legal_maximum_applied PRIMARY KEY (governing_law, currency, since)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.legal_maximum_applied REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('governing_law,currency,since', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.legal_maximum_applied REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('governing_law,currency,since', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.legal_maximum_applied REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('governing_law,currency,since', '', 'insert,update,delete');
GRANT INSERT, SELECT ON legal_maximum_applied TO halfpenny_app;

CREATE TABLE line_allocation (
  id uuid NOT NULL,
  item_id uuid NOT NULL,
  loan_id uuid NOT NULL,
  amount_minor bigint NOT NULL,
  allocated_at timestamp with time zone NOT NULL,
  allocated_by uuid,
  taken_back_at timestamp with time zone,
  taken_back_by uuid,
  CONSTRAINT pk_line_allocation PRIMARY KEY (id),
  CONSTRAINT line_allocation_item_id_fkey FOREIGN KEY (item_id) REFERENCES reconciliation_item(id),
  CONSTRAINT ck_line_allocation_amount_is_positive CHECK ((amount_minor > 0))
);
CREATE INDEX ix_line_allocation_item_id ON public.line_allocation USING btree (item_id);
CREATE INDEX ix_line_allocation_loan_id ON public.line_allocation USING btree (loan_id, id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.line_allocation REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.line_allocation REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.line_allocation REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (taken_back_at), UPDATE (taken_back_by) ON line_allocation TO halfpenny_app;

CREATE TABLE loan (
  id uuid NOT NULL,
  borrower_id uuid NOT NULL,
  entered_by uuid NOT NULL,
  property_id uuid NOT NULL,
  status text NOT NULL,
  version bigint NOT NULL,
  terms_version bigint NOT NULL,
  company text NOT NULL,
  income_minor bigint NOT NULL,
  assets_minor bigint NOT NULL,
  debts_minor bigint NOT NULL,
  adverse_records integer NOT NULL,
  years_trading integer,
  yearly_costs_minor bigint,
  premises text,
  charge_rank integer NOT NULL,
  prior_debt_minor bigint NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  term_months integer NOT NULL,
  purpose text NOT NULL,
  purpose_note text DEFAULT ''::text NOT NULL,
  exit_strategy text NOT NULL,
  exit_note text DEFAULT ''::text NOT NULL,
  interest_mode text NOT NULL,
  risk jsonb,
  annual_rate numeric(9,6),
  fees jsonb,
  product_terms jsonb,
  funding_deadline timestamp with time zone,
  decided_by uuid,
  decided_at timestamp with time zone,
  decision_reason_code text,
  decision_reason text,
  submitted_at timestamp with time zone,
  drawn_down_on date,
  matures_on date,
  conditions text[] DEFAULT '{}'::text[] NOT NULL,
  created_at timestamp with time zone NOT NULL,
  changed_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_loan PRIMARY KEY (id),
  CONSTRAINT fk_loan_borrower_id_app_user FOREIGN KEY (borrower_id) REFERENCES app_user(id),
  CONSTRAINT fk_loan_decided_by_app_user FOREIGN KEY (decided_by) REFERENCES app_user(id),
  CONSTRAINT fk_loan_entered_by_app_user FOREIGN KEY (entered_by) REFERENCES app_user(id),
  CONSTRAINT fk_loan_property_id_property FOREIGN KEY (property_id) REFERENCES property(id),
  CONSTRAINT ck_loan_adverse_records CHECK ((adverse_records >= 0)),
  CONSTRAINT ck_loan_amount CHECK ((amount_minor > 0)),
  CONSTRAINT ck_loan_annual_rate CHECK ((annual_rate > (0)::numeric)),
  CONSTRAINT ck_loan_assets CHECK ((assets_minor >= 0)),
  CONSTRAINT ck_loan_charge_rank CHECK ((charge_rank >= 1)),
  CONSTRAINT ck_loan_currency CHECK (is_currency(currency)),
  CONSTRAINT ck_loan_debts CHECK ((debts_minor >= 0)),
  CONSTRAINT ck_loan_decision_reason_code CHECK ((decision_reason_code = ANY (ARRAY['within_policy'::text, 'compensating_facts'::text, 'leverage'::text, 'prior_debt'::text, 'valuation'::text, 'term'::text, 'exit'::text, 'interest'::text, 'works'::text, 'income'::text, 'assets'::text, 'debts'::text, 'adverse_records'::text, 'facts_missing'::text, 'identity_not_verified'::text, 'outside_lending_policy'::text]))),
  CONSTRAINT ck_loan_exit_strategy CHECK ((exit_strategy = ANY (ARRAY['sale'::text, 'refinance'::text, 'other'::text]))),
  CONSTRAINT ck_loan_fees CHECK ((jsonb_typeof(fees) = 'array'::text)),
  CONSTRAINT ck_loan_income CHECK ((income_minor >= 0)),
  CONSTRAINT ck_loan_interest_mode CHECK ((interest_mode = ANY (ARRAY['serviced'::text, 'retained'::text, 'rolled_up'::text]))),
  CONSTRAINT ck_loan_premises CHECK ((premises = ANY (ARRAY['owned'::text, 'rented'::text]))),
  CONSTRAINT ck_loan_prior_debt CHECK ((prior_debt_minor >= 0)),
  CONSTRAINT ck_loan_prior_debt_fits_rank CHECK (((charge_rank > 1) = (prior_debt_minor > 0))),
  CONSTRAINT ck_loan_product_terms CHECK ((jsonb_typeof(product_terms) = 'object'::text)),
  CONSTRAINT ck_loan_purpose CHECK ((purpose = ANY (ARRAY['purchase'::text, 'refinance'::text, 'works'::text, 'development'::text, 'other'::text]))),
  CONSTRAINT ck_loan_status CHECK ((status = ANY (ARRAY['draft'::text, 'submitted'::text, 'assessed'::text, 'approved'::text, 'offered'::text, 'accepted'::text, 'declined'::text, 'withdrawn'::text, 'funding'::text, 'expired'::text, 'cancelled'::text, 'funded'::text, 'conditions_met'::text, 'active'::text, 'matured'::text, 'defaulted'::text, 'in_recovery'::text, 'repaid'::text, 'written_off'::text]))),
  CONSTRAINT ck_loan_term CHECK ((term_months > 0)),
  CONSTRAINT ck_loan_yearly_costs CHECK ((yearly_costs_minor >= 0)),
  CONSTRAINT ck_loan_years_trading CHECK ((years_trading >= 0))
);
CREATE INDEX ix_loan_awaiting_decision ON public.loan USING btree (id) WHERE (status = ANY (ARRAY['submitted'::text, 'assessed'::text]));
CREATE INDEX ix_loan_borrower_id_id ON public.loan USING btree (borrower_id, id);
CREATE INDEX ix_loan_maturing ON public.loan USING btree (matures_on, id) WHERE (status = 'active'::text);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.loan REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'company', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.loan REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'company', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.loan REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'company', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (adverse_records), UPDATE (amount_minor), UPDATE (annual_rate), UPDATE (assets_minor), UPDATE (changed_at), UPDATE (charge_rank), UPDATE (company), UPDATE (conditions), UPDATE (currency), UPDATE (debts_minor), UPDATE (decided_at), UPDATE (decided_by), UPDATE (decision_reason), UPDATE (decision_reason_code), UPDATE (drawn_down_on), UPDATE (exit_note), UPDATE (exit_strategy), UPDATE (fees), UPDATE (funding_deadline), UPDATE (income_minor), UPDATE (interest_mode), UPDATE (matures_on), UPDATE (premises), UPDATE (prior_debt_minor), UPDATE (product_terms), UPDATE (purpose), UPDATE (purpose_note), UPDATE (risk), UPDATE (status), UPDATE (submitted_at), UPDATE (term_months), UPDATE (terms_version), UPDATE (version), UPDATE (yearly_costs_minor), UPDATE (years_trading) ON loan TO halfpenny_app;

CREATE TABLE loan_condition (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  kind text NOT NULL,
  charge_rank integer,
  registered_on date,
  valuer text,
  valued_on date,
  insurer text,
  policy text,
  expires_on date,
  amount_minor bigint,
  recorded_by uuid NOT NULL,
  recorded_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_loan_condition PRIMARY KEY (id),
  CONSTRAINT fk_loan_condition_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT fk_loan_condition_recorded_by_app_user FOREIGN KEY (recorded_by) REFERENCES app_user(id),
  CONSTRAINT ck_loan_condition_is_whole CHECK ((((kind = 'charge'::text) AND (charge_rank >= 1) AND (registered_on IS NOT NULL)) OR ((kind = 'valuation'::text) AND (valuer IS NOT NULL) AND (valued_on IS NOT NULL) AND (amount_minor > 0)) OR ((kind = 'insurance'::text) AND (insurer IS NOT NULL) AND (policy IS NOT NULL) AND (expires_on IS NOT NULL) AND (amount_minor > 0)))),
  CONSTRAINT ck_loan_condition_kind CHECK ((kind = ANY (ARRAY['charge'::text, 'valuation'::text, 'insurance'::text])))
);
CREATE INDEX ix_loan_condition_loan_id_id ON public.loan_condition USING btree (loan_id, id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.loan_condition REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.loan_condition REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.loan_condition REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON loan_condition TO halfpenny_app;

CREATE TABLE loan_decision (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  loan_version bigint NOT NULL,
  verdict text NOT NULL,
  final boolean NOT NULL,
  annual_rate numeric(9,6),
  funding_deadline timestamp with time zone,
  reason_code text NOT NULL,
  reason text NOT NULL,
  made_by uuid NOT NULL,
  made_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_loan_decision PRIMARY KEY (id),
  CONSTRAINT fk_loan_decision_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT fk_loan_decision_made_by_app_user FOREIGN KEY (made_by) REFERENCES app_user(id),
  CONSTRAINT ck_loan_decision_reason CHECK ((reason_code = ANY (ARRAY['within_policy'::text, 'compensating_facts'::text, 'leverage'::text, 'prior_debt'::text, 'valuation'::text, 'term'::text, 'exit'::text, 'interest'::text, 'works'::text, 'income'::text, 'assets'::text, 'debts'::text, 'adverse_records'::text, 'facts_missing'::text, 'identity_not_verified'::text, 'outside_lending_policy'::text]))),
  CONSTRAINT ck_loan_decision_verdict CHECK ((verdict = ANY (ARRAY['approve'::text, 'decline'::text])))
);
CREATE INDEX ix_loan_decision_loan_id_loan_version ON public.loan_decision USING btree (loan_id, loan_version);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.loan_decision REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.loan_decision REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.loan_decision REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON loan_decision TO halfpenny_app;

CREATE TABLE loan_edit (
  loan_id uuid NOT NULL,
  version bigint NOT NULL,
  editor_id uuid NOT NULL,
  edited_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_loan_edit PRIMARY KEY (loan_id, version),
  CONSTRAINT fk_loan_edit_editor_id_app_user FOREIGN KEY (editor_id) REFERENCES app_user(id),
  CONSTRAINT fk_loan_edit_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.loan_edit REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,version', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.loan_edit REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,version', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.loan_edit REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,version', '', 'insert,update,delete');
GRANT INSERT, SELECT ON loan_edit TO halfpenny_app;

CREATE TABLE loan_funding (
  loan_id uuid NOT NULL,
  borrower_id uuid NOT NULL,
  currency text NOT NULL,
  target_minor bigint NOT NULL,
  funded_minor bigint DEFAULT 0 NOT NULL,
  investors integer DEFAULT 0 NOT NULL,
  version bigint DEFAULT 0 NOT NULL,
  status text NOT NULL,
  deadline timestamp with time zone NOT NULL,
  minimum_minor bigint NOT NULL,
  step_minor bigint NOT NULL,
  maximum_minor bigint,
  CONSTRAINT pk_loan_funding PRIMARY KEY (loan_id),
  CONSTRAINT fk_loan_funding_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT ck_loan_funding_investors CHECK ((investors >= 0)),
  CONSTRAINT ck_loan_funding_never_above_target CHECK (((funded_minor >= 0) AND (funded_minor <= target_minor))),
  CONSTRAINT ck_loan_funding_status CHECK ((status = ANY (ARRAY['pending'::text, 'open'::text, 'full'::text, 'closed'::text]))),
  CONSTRAINT ck_loan_funding_step CHECK ((step_minor > 0)),
  CONSTRAINT ck_loan_funding_target CHECK ((target_minor > 0))
) WITH (fillfactor=50);
CREATE INDEX ix_loan_funding_deadline ON public.loan_funding USING btree (deadline, loan_id) WHERE (status = ANY (ARRAY['pending'::text, 'open'::text]));
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.loan_funding REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', 'funded_minor,investors,version,status', 'insert,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.loan_funding REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', 'funded_minor,investors,version,status', 'insert,delete');
CREATE TRIGGER loan_funding_moved AFTER UPDATE ON public.loan_funding REFERENCING NEW TABLE AS moved_rows FOR EACH STATEMENT EXECUTE FUNCTION notify_rows_moved('loan_id');
GRANT INSERT, SELECT, UPDATE (funded_minor), UPDATE (investors), UPDATE (status), UPDATE (version) ON loan_funding TO halfpenny_app;

CREATE TABLE loan_set_aside (
  loan_id uuid NOT NULL,
  business_date date NOT NULL,
  code text NOT NULL,
  set_aside_at timestamp with time zone DEFAULT now() NOT NULL,
  posted_at timestamp with time zone,
  CONSTRAINT pk_loan_set_aside PRIMARY KEY (loan_id, business_date)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.loan_set_aside REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,business_date', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.loan_set_aside REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,business_date', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.loan_set_aside REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,business_date', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (code), UPDATE (posted_at) ON loan_set_aside TO halfpenny_app;

CREATE TABLE loss_share (
  loan_id uuid NOT NULL,
  position_id uuid NOT NULL,
  number integer NOT NULL,
  after_distribution integer NOT NULL,
  effective_date date NOT NULL,
  lost_minor bigint NOT NULL,
  CONSTRAINT pk_loss_share PRIMARY KEY (loan_id, position_id, number)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.loss_share REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,position_id,number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.loss_share REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,position_id,number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.loss_share REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,position_id,number', '', 'insert,update,delete');
GRANT INSERT, SELECT ON loss_share TO halfpenny_app;

CREATE TABLE mailed_token (
  token_hash bytea NOT NULL,
  user_id uuid NOT NULL,
  purpose text NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  used_at timestamp with time zone,
  CONSTRAINT pk_mailed_token PRIMARY KEY (token_hash),
  CONSTRAINT fk_mailed_token_user_id FOREIGN KEY (user_id) REFERENCES app_user(id),
  CONSTRAINT ck_mailed_token_purpose CHECK ((purpose = ANY (ARRAY['verify_email'::text, 'reset_password'::text, 'accept_invitation'::text])))
);
CREATE INDEX ix_mailed_token_user_id ON public.mailed_token USING btree (user_id);
GRANT DELETE, INSERT, SELECT, UPDATE ON mailed_token TO halfpenny_app;

CREATE TABLE notification (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  seq bigint NOT NULL,
  kind text NOT NULL,
  data jsonb NOT NULL,
  dedupe_key text NOT NULL,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  read_at timestamp with time zone,
  CONSTRAINT pk_notification PRIMARY KEY (id),
  CONSTRAINT uq_notification_user_id_dedupe_key UNIQUE (user_id, dedupe_key),
  CONSTRAINT uq_notification_user_id_seq UNIQUE (user_id, seq),
  CONSTRAINT fk_notification_user_id FOREIGN KEY (user_id) REFERENCES app_user(id)
);
CREATE INDEX ix_notification_user_id_unread ON public.notification USING btree (user_id) WHERE (read_at IS NULL);
GRANT INSERT, SELECT, UPDATE ON notification TO halfpenny_app;

CREATE TABLE notification_counter (
  user_id uuid NOT NULL,
  seq bigint DEFAULT 0 NOT NULL,
  CONSTRAINT pk_notification_counter PRIMARY KEY (user_id)
) WITH (fillfactor=50);
GRANT INSERT, SELECT, UPDATE ON notification_counter TO halfpenny_app;

CREATE TABLE operating_alert (
  indicator text NOT NULL,
  label_value text NOT NULL,
  above_since timestamp with time zone DEFAULT now() NOT NULL,
  notified_at timestamp with time zone,
  CONSTRAINT pk_operating_alert PRIMARY KEY (indicator, label_value)
);
GRANT DELETE, INSERT, SELECT, UPDATE (notified_at) ON operating_alert TO halfpenny_app;

CREATE TABLE outbox (
  event_id uuid NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  name text NOT NULL,
  version integer NOT NULL,
  aggregate_id uuid NOT NULL,
  payload jsonb NOT NULL,
  recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  published_at timestamp with time zone,
  CONSTRAINT pk_outbox PRIMARY KEY (event_id),
  CONSTRAINT ck_outbox_name CHECK ((name ~ '^[a-z_]+(\.[a-z_]+)+$'::text)),
  CONSTRAINT ck_outbox_version CHECK ((version > 0))
);
CREATE INDEX ix_outbox_published_at ON public.outbox USING btree (published_at) WHERE (published_at IS NOT NULL);
CREATE INDEX ix_outbox_unpublished ON public.outbox USING btree (seq) WHERE (published_at IS NULL);
GRANT DELETE, INSERT, SELECT, UPDATE ON outbox TO halfpenny_app;

CREATE TABLE outgoing_mail (
  id uuid NOT NULL,
  recipient text NOT NULL,
  occasion text NOT NULL,
  attempts integer DEFAULT 0 NOT NULL,
  due_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_outgoing_mail PRIMARY KEY (id),
  CONSTRAINT ck_outgoing_mail_occasion CHECK ((occasion = ANY (ARRAY['registration'::text, 'forgotten_password'::text, 'invitation'::text])))
);
CREATE INDEX ix_outgoing_mail_due_at ON public.outgoing_mail USING btree (due_at);
GRANT DELETE, INSERT, SELECT, UPDATE ON outgoing_mail TO halfpenny_app;

CREATE TABLE overpaid_settlement (
  loan_id uuid NOT NULL,
  position_id uuid NOT NULL,
  number integer NOT NULL,
  after_distribution integer NOT NULL,
  settled_on date NOT NULL,
  bearer text NOT NULL,
  amount_minor bigint NOT NULL,
  CONSTRAINT pk_overpaid_settlement PRIMARY KEY (loan_id, position_id, number),
  CONSTRAINT ck_overpaid_settlement_amount CHECK ((amount_minor > 0)),
  CONSTRAINT ck_overpaid_settlement_bearer CHECK ((bearer = ANY (ARRAY['platform'::text, 'holders'::text])))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.overpaid_settlement REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,position_id,number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.overpaid_settlement REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,position_id,number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.overpaid_settlement REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,position_id,number', '', 'insert,update,delete');
GRANT INSERT, SELECT ON overpaid_settlement TO halfpenny_app;

CREATE TABLE paid_to_holder (
  payable_account_id uuid NOT NULL,
  wallet_account_id uuid NOT NULL,
  stake bigint NOT NULL,
  paid bigint NOT NULL,
  CONSTRAINT pk_paid_to_holder PRIMARY KEY (payable_account_id, wallet_account_id)
) WITH (fillfactor=70);
GRANT SELECT ON paid_to_holder TO halfpenny_app;

CREATE TABLE panel_valuer (
  id uuid NOT NULL,
  name text NOT NULL,
  registration_body text NOT NULL,
  registration_number text NOT NULL,
  country text NOT NULL,
  added_by uuid NOT NULL,
  added_at timestamp with time zone NOT NULL,
  removed_by uuid,
  removed_at timestamp with time zone,
  CONSTRAINT pk_panel_valuer PRIMARY KEY (id),
  CONSTRAINT fk_panel_valuer_added_by_app_user FOREIGN KEY (added_by) REFERENCES app_user(id),
  CONSTRAINT fk_panel_valuer_removed_by_app_user FOREIGN KEY (removed_by) REFERENCES app_user(id),
  CONSTRAINT ck_panel_valuer_country CHECK ((country ~ '^[A-Z]{2}$'::text)),
  CONSTRAINT ck_panel_valuer_removed_by_somebody CHECK (((removed_by IS NULL) = (removed_at IS NULL)))
);
CREATE INDEX ix_panel_valuer_listed ON public.panel_valuer USING btree (id) WHERE (removed_at IS NULL);
CREATE UNIQUE INDEX uq_panel_valuer_registration ON public.panel_valuer USING btree (registration_body, registration_number) WHERE (removed_at IS NULL);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.panel_valuer REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'name', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.panel_valuer REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'name', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.panel_valuer REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'name', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (removed_at), UPDATE (removed_by) ON panel_valuer TO halfpenny_app;

CREATE TABLE periodic_job (
  name text NOT NULL,
  every_s double precision NOT NULL,
  registered_at timestamp with time zone DEFAULT now() NOT NULL,
  succeeded_at timestamp with time zone,
  claimed_until timestamp with time zone,
  CONSTRAINT pk_periodic_job PRIMARY KEY (name)
);
GRANT DELETE, INSERT, SELECT, UPDATE (claimed_until), UPDATE (every_s), UPDATE (succeeded_at) ON periodic_job TO halfpenny_app;

CREATE TABLE "position" (
  loan_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  currency text NOT NULL,
  invested_minor bigint NOT NULL,
  CONSTRAINT pk_position PRIMARY KEY (loan_id, investor_id),
  CONSTRAINT ck_position_invested_is_not_negative CHECK ((invested_minor >= 0))
) WITH (fillfactor=50);
CREATE INDEX ix_position_investor_id ON public."position" USING btree (investor_id, loan_id);
GRANT INSERT, SELECT, UPDATE (invested_minor) ON "position" TO halfpenny_app;

CREATE TABLE property (
  id uuid NOT NULL,
  kind text NOT NULL,
  address text NOT NULL,
  city text NOT NULL,
  country text NOT NULL,
  lat double precision NOT NULL,
  lon double precision NOT NULL,
  description text NOT NULL,
  year_built integer,
  area_m2 numeric(12,2) NOT NULL,
  beds integer,
  condition text,
  currency text NOT NULL,
  purchase_price_minor bigint,
  purchased_on date,
  valuation_minor bigint NOT NULL,
  valued_on date NOT NULL,
  valuation_source text NOT NULL,
  valuer text,
  valuation_report_id uuid,
  renovation_cost_minor bigint NOT NULL,
  gdv_minor bigint,
  CONSTRAINT pk_property PRIMARY KEY (id),
  CONSTRAINT fk_property_valuation_report_id_valuation_report FOREIGN KEY (valuation_report_id) REFERENCES valuation_report(id),
  CONSTRAINT ck_property_condition CHECK ((condition = ANY (ARRAY['poor'::text, 'fair'::text, 'average'::text, 'good'::text, 'excellent'::text]))),
  CONSTRAINT ck_property_country CHECK ((country ~ '^[A-Z]{2}$'::text)),
  CONSTRAINT ck_property_gdv CHECK ((gdv_minor >= 0)),
  CONSTRAINT ck_property_kind CHECK ((kind = ANY (ARRAY['house'::text, 'townhouse'::text, 'flat'::text, 'multi_family'::text, 'commercial'::text, 'mixed_use'::text, 'land'::text]))),
  CONSTRAINT ck_property_purchase_price CHECK ((purchase_price_minor > 0)),
  CONSTRAINT ck_property_renovation_cost CHECK ((renovation_cost_minor >= 0)),
  CONSTRAINT ck_property_survey_has_surveyor CHECK (((valuation_source <> 'survey'::text) OR (valuer IS NOT NULL))),
  CONSTRAINT ck_property_valuation CHECK ((valuation_minor > 0)),
  CONSTRAINT ck_property_valuation_source CHECK ((valuation_source = ANY (ARRAY['owner'::text, 'desktop'::text, 'survey'::text])))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.property REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'address,description', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.property REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'address,description', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.property REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'address,description', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (address), UPDATE (area_m2), UPDATE (beds), UPDATE (city), UPDATE (condition), UPDATE (country), UPDATE (currency), UPDATE (description), UPDATE (gdv_minor), UPDATE (kind), UPDATE (lat), UPDATE (lon), UPDATE (purchase_price_minor), UPDATE (purchased_on), UPDATE (renovation_cost_minor), UPDATE (valuation_minor), UPDATE (valuation_report_id), UPDATE (valuation_source), UPDATE (valued_on), UPDATE (valuer), UPDATE (year_built) ON property TO halfpenny_app;

CREATE UNLOGGED TABLE rate_window (
  key text NOT NULL,
  hits integer NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_rate_window PRIMARY KEY (key)
);
CREATE INDEX ix_rate_window_expires_at ON public.rate_window USING btree (expires_at);
GRANT DELETE, INSERT, SELECT, UPDATE ON rate_window TO halfpenny_app;

CREATE TABLE reconciliation_item (
  id uuid NOT NULL,
  statement_id uuid NOT NULL,
  line_id uuid,
  kind text NOT NULL,
  reference text NOT NULL,
  account text NOT NULL,
  action text NOT NULL,
  direction text NOT NULL,
  currency text NOT NULL,
  expected_minor bigint NOT NULL,
  found_minor bigint NOT NULL,
  suspense_minor bigint DEFAULT 0 NOT NULL,
  resolved_minor bigint DEFAULT 0 NOT NULL,
  status text DEFAULT 'open'::text NOT NULL,
  question text,
  question_data jsonb,
  found_at timestamp with time zone NOT NULL,
  resolved_at timestamp with time zone,
  resolved_by uuid,
  CONSTRAINT pk_reconciliation_item PRIMARY KEY (id),
  CONSTRAINT uq_reconciliation_item_line_id UNIQUE (line_id),
  CONSTRAINT reconciliation_item_line_id_fkey FOREIGN KEY (line_id) REFERENCES bank_statement_line(id),
  CONSTRAINT reconciliation_item_statement_id_fkey FOREIGN KEY (statement_id) REFERENCES bank_statement(id),
  CONSTRAINT ck_reconciliation_item_kind CHECK ((kind = ANY (ARRAY['missing'::text, 'duplicate'::text, 'wrong_amount'::text, 'late'::text, 'unknown'::text]))),
  CONSTRAINT ck_reconciliation_item_resolved CHECK (((resolved_minor >= 0) AND (resolved_minor <= suspense_minor))),
  CONSTRAINT ck_reconciliation_item_status CHECK ((status = ANY (ARRAY['open'::text, 'resolved'::text])))
);
CREATE INDEX ix_reconciliation_item_open ON public.reconciliation_item USING btree (id) WHERE (status = 'open'::text);
CREATE INDEX ix_reconciliation_item_open_line ON public.reconciliation_item USING btree (line_id) WHERE (status = 'open'::text);
CREATE INDEX ix_reconciliation_item_reference ON public.reconciliation_item USING btree (reference);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.reconciliation_item REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.reconciliation_item REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.reconciliation_item REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (question), UPDATE (question_data), UPDATE (resolved_at), UPDATE (resolved_by), UPDATE (resolved_minor), UPDATE (status) ON reconciliation_item TO halfpenny_app;

CREATE TABLE recovery_case (
  loan_id uuid NOT NULL,
  opened_on date NOT NULL,
  closed_on date,
  next_update_due_on date NOT NULL,
  CONSTRAINT pk_recovery_case PRIMARY KEY (loan_id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.recovery_case REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.recovery_case REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.recovery_case REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (closed_on), UPDATE (next_update_due_on) ON recovery_case TO halfpenny_app;

CREATE TABLE recovery_update (
  loan_id uuid NOT NULL,
  number integer NOT NULL,
  published_on date NOT NULL,
  text text NOT NULL,
  published_by uuid,
  CONSTRAINT pk_recovery_update PRIMARY KEY (loan_id, number)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.recovery_update REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,number', 'text', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.recovery_update REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,number', 'text', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.recovery_update REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,number', 'text', 'insert,update,delete');
GRANT INSERT, SELECT ON recovery_update TO halfpenny_app;

CREATE TABLE refresh_token (
  token_hash bytea NOT NULL,
  session_id uuid NOT NULL,
  issued_at timestamp with time zone DEFAULT now() NOT NULL,
  used_at timestamp with time zone,
  answer text,
  CONSTRAINT pk_refresh_token PRIMARY KEY (token_hash),
  CONSTRAINT fk_refresh_token_session_id FOREIGN KEY (session_id) REFERENCES session(id) ON DELETE CASCADE
);
CREATE INDEX ix_refresh_token_session_id ON public.refresh_token USING btree (session_id);
GRANT DELETE, INSERT, SELECT, UPDATE ON refresh_token TO halfpenny_app;

CREATE TABLE related_party (
  user_id uuid NOT NULL,
  related_user_id uuid NOT NULL,
  recorded_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_related_party PRIMARY KEY (user_id, related_user_id),
  CONSTRAINT fk_related_party_related_user_id FOREIGN KEY (related_user_id) REFERENCES app_user(id),
  CONSTRAINT fk_related_party_user_id FOREIGN KEY (user_id) REFERENCES app_user(id),
  CONSTRAINT ck_related_party_two_people CHECK ((user_id <> related_user_id))
);
CREATE INDEX ix_related_party_related_user_id ON public.related_party USING btree (related_user_id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.related_party REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('user_id,related_user_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.related_party REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('user_id,related_user_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.related_party REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('user_id,related_user_id', '', 'insert,update,delete');
GRANT DELETE, INSERT, SELECT ON related_party TO halfpenny_app;

CREATE TABLE reserve_release (
  loan_id uuid NOT NULL,
  due_on date NOT NULL,
  amount_minor bigint NOT NULL,
  fee_minor bigint NOT NULL,
  CONSTRAINT pk_reserve_release PRIMARY KEY (loan_id, due_on),
  CONSTRAINT ck_reserve_release_amount CHECK ((amount_minor > 0)),
  CONSTRAINT ck_reserve_release_fee CHECK (((fee_minor >= 0) AND (fee_minor <= amount_minor)))
);
CREATE INDEX ix_reserve_release_due_on ON public.reserve_release USING btree (due_on, loan_id);
GRANT DELETE, INSERT, SELECT, UPDATE ON reserve_release TO halfpenny_app;

CREATE TABLE risk_method (
  id uuid NOT NULL,
  policy_version text NOT NULL,
  model_version text NOT NULL,
  content jsonb NOT NULL,
  published_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_risk_method PRIMARY KEY (id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.risk_method REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.risk_method REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.risk_method REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON risk_method TO halfpenny_app;

CREATE TABLE risk_promotion (
  number bigint NOT NULL,
  champion_file text NOT NULL,
  champion_sha256 text NOT NULL,
  challenger_file text NOT NULL,
  challenger_sha256 text NOT NULL,
  judgement jsonb NOT NULL,
  proposed_by uuid NOT NULL,
  approved_by uuid NOT NULL,
  promoted_at timestamp with time zone NOT NULL,
  signed text NOT NULL,
  CONSTRAINT pk_risk_promotion PRIMARY KEY (number),
  CONSTRAINT fk_risk_promotion_approved_by FOREIGN KEY (approved_by) REFERENCES app_user(id),
  CONSTRAINT fk_risk_promotion_proposed_by FOREIGN KEY (proposed_by) REFERENCES app_user(id),
  CONSTRAINT ck_risk_promotion_another CHECK ((champion_sha256 <> challenger_sha256)),
  CONSTRAINT ck_risk_promotion_hashes CHECK (((champion_sha256 ~ '^[0-9a-f]{64}$'::text) AND (challenger_sha256 ~ '^[0-9a-f]{64}$'::text))),
  CONSTRAINT ck_risk_promotion_number CHECK ((number > 0)),
  CONSTRAINT ck_risk_promotion_two_people CHECK ((approved_by <> proposed_by))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.risk_promotion REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.risk_promotion REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.risk_promotion REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('number', '', 'insert,update,delete');
CREATE TRIGGER risk_promotion_is_kept BEFORE DELETE OR UPDATE OR TRUNCATE ON public.risk_promotion FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT INSERT, SELECT ON risk_promotion TO halfpenny_app;

CREATE TABLE risk_report (
  id uuid NOT NULL,
  kind text NOT NULL,
  as_of date NOT NULL,
  content jsonb NOT NULL,
  made_at timestamp with time zone NOT NULL,
  CONSTRAINT pk_risk_report PRIMARY KEY (id),
  CONSTRAINT ck_risk_report_kind CHECK ((kind = ANY (ARRAY['monitoring'::text, 'portfolio'::text])))
);
CREATE INDEX ix_risk_report_kind_id ON public.risk_report USING btree (kind, id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.risk_report REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.risk_report REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.risk_report REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT ON risk_report TO halfpenny_app;

CREATE TABLE row_history (
  seq bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  table_name text NOT NULL,
  row_key text NOT NULL,
  change text NOT NULL,
  data jsonb NOT NULL,
  recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  xid bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL,
  CONSTRAINT pk_row_history PRIMARY KEY (seq),
  CONSTRAINT ck_row_history_change CHECK ((change = ANY (ARRAY['inserted'::text, 'updated'::text, 'deleted'::text])))
);
CREATE INDEX ix_row_history_table_name_row_key_seq ON public.row_history USING btree (table_name, row_key, seq);
CREATE INDEX ix_row_history_xid ON public.row_history USING brin (xid) WITH (pages_per_range='32');
CREATE TRIGGER row_history_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.row_history FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT SELECT ON row_history TO halfpenny_app;

CREATE TABLE row_history_segment (
  place bigint NOT NULL,
  from_xid bigint NOT NULL,
  to_xid bigint NOT NULL,
  entries bigint NOT NULL,
  heads jsonb NOT NULL,
  hash bytea NOT NULL,
  sealed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_row_history_segment PRIMARY KEY (place)
);
CREATE TRIGGER row_history_segment_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.row_history_segment FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT SELECT ON row_history_segment TO halfpenny_app;

CREATE TABLE sandbox_bank_entry (
  id uuid NOT NULL,
  sequence bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  direction text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  end_to_end_id text NOT NULL,
  booked_on date NOT NULL,
  value_on date NOT NULL,
  booked_at timestamp with time zone NOT NULL,
  payer text DEFAULT ''::text NOT NULL,
  remittance text DEFAULT ''::text NOT NULL,
  CONSTRAINT pk_sandbox_bank_entry PRIMARY KEY (id),
  CONSTRAINT ck_sandbox_bank_entry_amount_is_positive CHECK ((amount_minor > 0)),
  CONSTRAINT ck_sandbox_bank_entry_direction CHECK ((direction = ANY (ARRAY['CRDT'::text, 'DBIT'::text])))
);
CREATE INDEX ix_sandbox_bank_entry_booked_on ON public.sandbox_bank_entry USING btree (currency, booked_on, sequence);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.sandbox_bank_entry REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,remittance', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.sandbox_bank_entry REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,remittance', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.sandbox_bank_entry REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'payer,remittance', 'insert,update,delete');
GRANT INSERT, SELECT ON sandbox_bank_entry TO halfpenny_app;

CREATE TABLE serviced_loan (
  loan_id uuid NOT NULL,
  borrower_id uuid NOT NULL,
  currency text NOT NULL,
  terms jsonb NOT NULL,
  posted jsonb NOT NULL,
  standing text NOT NULL,
  advanced_on date NOT NULL,
  matures_on date NOT NULL,
  principal_outstanding_minor bigint NOT NULL,
  replayed_on date NOT NULL,
  total_due_minor bigint DEFAULT 0 NOT NULL,
  advance_payment_minor bigint DEFAULT 0 NOT NULL,
  oldest_unpaid_due_on date,
  days_past_due integer DEFAULT 0 NOT NULL,
  count_due_date boolean DEFAULT false NOT NULL,
  defaulted_on date,
  unlikely_to_pay boolean DEFAULT false NOT NULL,
  closed_on date,
  reserve_account_id uuid NOT NULL,
  collections_account_id uuid NOT NULL,
  payable_account_id uuid NOT NULL,
  receivable_account_id uuid NOT NULL,
  claims_account_id uuid NOT NULL,
  CONSTRAINT pk_serviced_loan PRIMARY KEY (loan_id),
  CONSTRAINT ck_serviced_loan_outstanding CHECK (((principal_outstanding_minor >= 0) AND (advance_payment_minor >= 0))),
  CONSTRAINT ck_serviced_loan_standing CHECK ((standing = ANY (ARRAY['current'::text, 'late'::text, 'defaulted'::text, 'written_off'::text, 'closed'::text])))
) WITH (toast_tuple_target=256, fillfactor=80);
CREATE INDEX ix_serviced_loan_maturing ON public.serviced_loan USING btree (matures_on, loan_id) WHERE (closed_on IS NULL);
CREATE INDEX ix_serviced_loan_overdue ON public.serviced_loan USING btree (days_past_due, loan_id) WHERE (days_past_due > 0);
CREATE INDEX ix_serviced_loan_paid_ahead ON public.serviced_loan USING btree (loan_id) WHERE (advance_payment_minor > 0);
CREATE INDEX ix_serviced_loan_running ON public.serviced_loan USING btree (loan_id) WHERE (closed_on IS NULL);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.serviced_loan REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.serviced_loan REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.serviced_loan REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (advance_payment_minor), UPDATE (closed_on), UPDATE (days_past_due), UPDATE (defaulted_on), UPDATE (matures_on), UPDATE (oldest_unpaid_due_on), UPDATE (posted), UPDATE (principal_outstanding_minor), UPDATE (replayed_on), UPDATE (standing), UPDATE (total_due_minor), UPDATE (unlikely_to_pay) ON serviced_loan TO halfpenny_app;

CREATE TABLE servicing_event (
  loan_id uuid NOT NULL,
  number integer NOT NULL,
  kind text NOT NULL,
  effective_date date NOT NULL,
  data jsonb NOT NULL,
  recorded_by uuid,
  recorded_at timestamp with time zone DEFAULT now() NOT NULL,
  planned boolean NOT NULL,
  CONSTRAINT pk_servicing_event PRIMARY KEY (loan_id, number)
);
CREATE INDEX ix_servicing_event_default ON public.servicing_event USING btree (loan_id, effective_date) WHERE (kind = ANY (ARRAY['default'::text, 'default_disproved'::text, 'cure'::text, 'write_off'::text]));
CREATE INDEX ix_servicing_event_planned ON public.servicing_event USING btree (effective_date, loan_id) WHERE planned;
CREATE INDEX ix_servicing_event_receipt ON public.servicing_event USING btree (((data ->> 'id'::text))) WHERE (kind = 'receipt'::text);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.servicing_event REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.servicing_event REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,number', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.servicing_event REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('loan_id,number', '', 'insert,update,delete');
CREATE TRIGGER servicing_event_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.servicing_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT INSERT, SELECT ON servicing_event TO halfpenny_app;

CREATE TABLE session (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  address text,
  created_at timestamp with time zone DEFAULT now() NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  ended_because text,
  page_secret_hash bytea,
  seen_at timestamp with time zone,
  CONSTRAINT pk_session PRIMARY KEY (id),
  CONSTRAINT uq_session_page_secret_hash UNIQUE (page_secret_hash),
  CONSTRAINT fk_session_user_id FOREIGN KEY (user_id) REFERENCES app_user(id),
  CONSTRAINT ck_session_ended_because CHECK (((ended_at IS NULL) = (ended_because IS NULL))),
  CONSTRAINT ck_session_seen_at CHECK (((page_secret_hash IS NULL) = (seen_at IS NULL)))
);
CREATE INDEX ix_session_expires_at ON public.session USING btree (expires_at);
CREATE INDEX ix_session_user_id ON public.session USING btree (user_id);
CREATE TRIGGER session_ended AFTER UPDATE OF ended_at ON public.session FOR EACH ROW WHEN (((new.ended_at IS NOT NULL) AND (old.ended_at IS NULL))) EXECUTE FUNCTION notify_session_ended();
GRANT DELETE, INSERT, SELECT, UPDATE ON session TO halfpenny_app;

CREATE TABLE statement_file (
  id uuid NOT NULL,
  sha256 bytea NOT NULL,
  document bytea NOT NULL,
  received_at timestamp with time zone NOT NULL,
  received_by uuid NOT NULL,
  CONSTRAINT pk_statement_file PRIMARY KEY (id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.statement_file REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'document', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.statement_file REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'document', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.statement_file REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'document', 'insert,update,delete');
GRANT INSERT, SELECT ON statement_file TO halfpenny_app;

CREATE TABLE subscription (
  queue text NOT NULL,
  event_name text NOT NULL,
  subscribed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_subscription PRIMARY KEY (queue, event_name),
  CONSTRAINT ck_subscription_queue CHECK (((length(queue) >= 1) AND (length(queue) <= 50)))
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.subscription REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('queue,event_name', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.subscription REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('queue,event_name', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.subscription REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('queue,event_name', '', 'insert,update,delete');
GRANT DELETE, INSERT, SELECT, UPDATE ON subscription TO halfpenny_app;

CREATE TABLE tax_profile (
  investor_id uuid NOT NULL,
  country text NOT NULL,
  treaty_form boolean NOT NULL,
  withholding_millionths integer NOT NULL,
  changed_at timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_tax_profile PRIMARY KEY (investor_id)
);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.tax_profile REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('investor_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.tax_profile REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('investor_id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.tax_profile REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('investor_id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (changed_at), UPDATE (country), UPDATE (treaty_form), UPDATE (withholding_millionths) ON tax_profile TO halfpenny_app;

CREATE TABLE topic_counter (
  topic text NOT NULL,
  seq bigint NOT NULL,
  CONSTRAINT pk_topic_counter PRIMARY KEY (topic)
) WITH (fillfactor=50);
GRANT DELETE, INSERT, SELECT, UPDATE ON topic_counter TO halfpenny_app;

CREATE TABLE topic_frame (
  topic text NOT NULL,
  seq bigint NOT NULL,
  data jsonb NOT NULL,
  recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  CONSTRAINT pk_topic_frame PRIMARY KEY (topic, seq)
);
CREATE INDEX ix_topic_frame_recorded_at ON public.topic_frame USING btree (recorded_at);
GRANT DELETE, INSERT, SELECT, UPDATE ON topic_frame TO halfpenny_app;

CREATE TABLE topic_watcher (
  topic text NOT NULL,
  user_id uuid NOT NULL,
  since timestamp with time zone DEFAULT now() NOT NULL,
  CONSTRAINT pk_topic_watcher PRIMARY KEY (topic, user_id),
  CONSTRAINT fk_topic_watcher_user_id FOREIGN KEY (user_id) REFERENCES app_user(id)
);
CREATE INDEX ix_topic_watcher_user_id ON public.topic_watcher USING btree (user_id);
GRANT DELETE, INSERT, SELECT ON topic_watcher TO halfpenny_app;

CREATE TABLE transfer (
  journal_id uuid NOT NULL,
  ordinal integer NOT NULL,
  event text NOT NULL,
  reference uuid,
  reverses uuid,
  effective_date date NOT NULL,
  recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
  debit_account_id uuid NOT NULL,
  credit_account_id uuid NOT NULL,
  amount bigint NOT NULL,
  currency text NOT NULL,
  debit_version bigint NOT NULL,
  credit_version bigint NOT NULL,
  debit_balance bigint NOT NULL,
  credit_balance bigint NOT NULL,
  xid bigint DEFAULT ((pg_current_xact_id())::text)::bigint NOT NULL,
  CONSTRAINT pk_transfer PRIMARY KEY (journal_id, ordinal),
  CONSTRAINT ck_transfer_amount CHECK ((amount > 0)),
  CONSTRAINT ck_transfer_two_accounts CHECK ((debit_account_id <> credit_account_id))
);
CREATE INDEX ix_transfer_effective_date ON public.transfer USING brin (effective_date) WITH (pages_per_range='32');
CREATE INDEX ix_transfer_reference ON public.transfer USING btree (reference, recorded_at) WHERE (reference IS NOT NULL);
CREATE INDEX ix_transfer_xid ON public.transfer USING brin (xid) WITH (pages_per_range='32');
CREATE UNIQUE INDEX uq_transfer_credit_account_id_credit_version ON public.transfer USING btree (credit_account_id, credit_version);
CREATE UNIQUE INDEX uq_transfer_debit_account_id_debit_version ON public.transfer USING btree (debit_account_id, debit_version);
CREATE UNIQUE INDEX uq_transfer_reverses_ordinal ON public.transfer USING btree (reverses, ordinal, (
CASE
    WHEN (event = 'reconciliation_resolved'::text) THEN journal_id
    ELSE NULL::uuid
END)) NULLS NOT DISTINCT WHERE (reverses IS NOT NULL);
CREATE TRIGGER transfer_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.transfer FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
GRANT SELECT ON transfer TO halfpenny_app;

CREATE TABLE valuation_report (
  id uuid NOT NULL,
  loan_id uuid NOT NULL,
  valuer_id uuid NOT NULL,
  source text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  valued_on date NOT NULL,
  document_sha256 text NOT NULL,
  uploaded_by uuid NOT NULL,
  uploaded_at timestamp with time zone NOT NULL,
  status text NOT NULL,
  checked_by uuid,
  checked_at timestamp with time zone,
  note text,
  CONSTRAINT pk_valuation_report PRIMARY KEY (id),
  CONSTRAINT fk_valuation_report_checked_by_app_user FOREIGN KEY (checked_by) REFERENCES app_user(id),
  CONSTRAINT fk_valuation_report_loan_id_loan FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT fk_valuation_report_uploaded_by_app_user FOREIGN KEY (uploaded_by) REFERENCES app_user(id),
  CONSTRAINT fk_valuation_report_valuer_id_panel_valuer FOREIGN KEY (valuer_id) REFERENCES panel_valuer(id),
  CONSTRAINT ck_valuation_report_amount CHECK ((amount_minor > 0)),
  CONSTRAINT ck_valuation_report_checked_by_another CHECK ((checked_by <> uploaded_by)),
  CONSTRAINT ck_valuation_report_document_sha256 CHECK ((document_sha256 ~ '^[0-9a-f]{64}$'::text)),
  CONSTRAINT ck_valuation_report_is_whole CHECK ((((status = 'uploaded'::text) = (checked_by IS NULL)) AND ((checked_by IS NULL) = (checked_at IS NULL)))),
  CONSTRAINT ck_valuation_report_source CHECK ((source = ANY (ARRAY['desktop'::text, 'survey'::text]))),
  CONSTRAINT ck_valuation_report_status CHECK ((status = ANY (ARRAY['uploaded'::text, 'verified'::text, 'refused'::text])))
);
CREATE INDEX ix_valuation_report_loan_id_id ON public.valuation_report USING btree (loan_id, id);
CREATE INDEX ix_valuation_report_waiting ON public.valuation_report USING btree (id) WHERE (status = 'uploaded'::text);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.valuation_report REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'note', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.valuation_report REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'note', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.valuation_report REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', 'note', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (checked_at), UPDATE (checked_by), UPDATE (note), UPDATE (status) ON valuation_report TO halfpenny_app;

CREATE TABLE valuation_report_document (
  report_id uuid NOT NULL,
  content bytea NOT NULL,
  CONSTRAINT pk_valuation_report_document PRIMARY KEY (report_id),
  CONSTRAINT fk_valuation_report_document_report_id_valuation_report FOREIGN KEY (report_id) REFERENCES valuation_report(id)
);
GRANT INSERT, SELECT ON valuation_report_document TO halfpenny_app;

CREATE TABLE waiting_ticket (
  id uuid NOT NULL,
  place bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  loan_id uuid NOT NULL,
  investor_id uuid NOT NULL,
  amount_minor bigint NOT NULL,
  served_minor bigint DEFAULT 0 NOT NULL,
  currency text NOT NULL,
  status text DEFAULT 'waiting'::text NOT NULL,
  refusal text,
  joined_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  CONSTRAINT pk_waiting_ticket PRIMARY KEY (id),
  CONSTRAINT waiting_ticket_investor_id_fkey FOREIGN KEY (investor_id) REFERENCES app_user(id),
  CONSTRAINT waiting_ticket_loan_id_fkey FOREIGN KEY (loan_id) REFERENCES loan(id),
  CONSTRAINT ck_waiting_ticket_amount_is_positive CHECK ((amount_minor > 0)),
  CONSTRAINT ck_waiting_ticket_served_is_within CHECK (((served_minor >= 0) AND (served_minor <= amount_minor))),
  CONSTRAINT ck_waiting_ticket_status CHECK ((status = ANY (ARRAY['waiting'::text, 'served'::text, 'refused'::text, 'left'::text])))
);
CREATE INDEX ix_waiting_ticket_investor_id ON public.waiting_ticket USING btree (investor_id, id);
CREATE INDEX ix_waiting_ticket_loan_id_place ON public.waiting_ticket USING btree (loan_id, place) WHERE (status = 'waiting'::text);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.waiting_ticket REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.waiting_ticket REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.waiting_ticket REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (ended_at), UPDATE (refusal), UPDATE (served_minor), UPDATE (status) ON waiting_ticket TO halfpenny_app;

CREATE TABLE wallet_payment (
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  direction text NOT NULL,
  amount_minor bigint NOT NULL,
  currency text NOT NULL,
  status text DEFAULT 'pending'::text NOT NULL,
  requested_at timestamp with time zone NOT NULL,
  ended_at timestamp with time zone,
  CONSTRAINT pk_wallet_payment PRIMARY KEY (id),
  CONSTRAINT wallet_payment_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_user(id),
  CONSTRAINT ck_wallet_payment_amount_is_positive CHECK ((amount_minor > 0)),
  CONSTRAINT ck_wallet_payment_direction CHECK ((direction = ANY (ARRAY['deposit'::text, 'withdrawal'::text]))),
  CONSTRAINT ck_wallet_payment_status CHECK ((status = ANY (ARRAY['pending'::text, 'settled'::text, 'returned'::text])))
);
CREATE INDEX ix_wallet_payment_pending ON public.wallet_payment USING btree (id) WHERE (status = 'pending'::text);
CREATE INDEX ix_wallet_payment_user_id ON public.wallet_payment USING btree (user_id, id);
CREATE TRIGGER keep_history_of_delete AFTER DELETE ON public.wallet_payment REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_insert AFTER INSERT ON public.wallet_payment REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
CREATE TRIGGER keep_history_of_update AFTER UPDATE ON public.wallet_payment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT WHEN ((CURRENT_USER = 'halfpenny_app'::name)) EXECUTE FUNCTION record_row_history('id', '', 'insert,update,delete');
GRANT INSERT, SELECT, UPDATE (ended_at), UPDATE (status) ON wallet_payment TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.account_id_of(kind text, owner_id uuid, currency text)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT overlay(overlay(left(encode(sha256(convert_to(kind || ':' || coalesce(owner_id::text, '-') || ':' || currency,
    'UTF8')), 'hex'), 32) PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid $function$;

CREATE OR REPLACE FUNCTION public.account_is_covered(kind text, debits bigint, credits bigint, pending_debits bigint, pending_credits bigint)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT CASE
    WHEN kind IN ('client_bank', 'loan_receivable', 'recovery_advance', 'overpaid_distribution')
      THEN debits - credits - pending_credits >= 0
    WHEN kind IN ('own_bank', 'fee_income', 'default_income') THEN true
    ELSE credits - debits - pending_debits >= 0
  END $function$;

CREATE OR REPLACE FUNCTION public.approval_ends_once()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'pending' THEN
      RAISE EXCEPTION 'an approval begins as pending' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
  END IF;
  IF OLD.status <> 'pending' OR NEW.status = 'pending' THEN
    RAISE EXCEPTION 'an approval is decided once' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF (NEW.id, NEW.act, NEW.subject, NEW.object_id, NEW.object_version, NEW.facts, NEW.payload, NEW.reason,
      NEW.proposed_by, NEW.proposed_at, NEW.earliest_at, NEW.expires_at)
     IS DISTINCT FROM
     (OLD.id, OLD.act, OLD.subject, OLD.object_id, OLD.object_version, OLD.facts, OLD.payload, OLD.reason,
      OLD.proposed_by, OLD.proposed_at, OLD.earliest_at, OLD.expires_at)
     OR NEW.worth_eur_minor IS DISTINCT FROM OLD.worth_eur_minor THEN
    RAISE EXCEPTION 'what was proposed never changes' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $function$;

CREATE OR REPLACE FUNCTION public.business_date()
 RETURNS date
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT (business_now() AT TIME ZONE 'Europe/Warsaw')::date $function$;

CREATE OR REPLACE FUNCTION public.business_now()
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ SELECT statement_timestamp() + "offset" FROM business_clock $function$;

CREATE OR REPLACE FUNCTION public.finding_names_wallet_of(p_item_id uuid, p_person uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  SELECT EXISTS (SELECT FROM public.reconciliation_item WHERE id = p_item_id AND account = 'wallet:' || p_person) $function$;

CREATE OR REPLACE FUNCTION public.funding_facts(loan_ids uuid[], investor_ids uuid[], keys text[])
 RETURNS TABLE(now timestamp with time zone, known boolean, role text, verified boolean, kyc_status text, sophisticated boolean, enabled boolean, invested_minor bigint, borrower_id uuid, related boolean, key_is_claimed boolean, key_is_used boolean, investment_id uuid, stored_loan_id uuid, fingerprint bytea, amount_minor bigint, currency text, revocable_until timestamp with time zone, answer_target_minor bigint, answer_funded_minor bigint, answer_investors integer, answer_version bigint)
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.idempotency_key_is_used_elsewhere(owner_id uuid, key text)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$ SELECT EXISTS (SELECT FROM investment i WHERE i.investor_id = $1 AND i.idempotency_key = $2) $function$;

CREATE OR REPLACE FUNCTION public.idempotency_lock_id(owner_id uuid, key text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$ SELECT hashtextextended(owner_id::text || ' ' || key, 7202601) $function$;

CREATE OR REPLACE FUNCTION public.investments_of(p_loan_id uuid, p_person uuid)
 RETURNS SETOF uuid
 LANGUAGE sql
 STABLE
AS $function$
  SELECT id FROM public.investment WHERE loan_id = p_loan_id AND investor_id = p_person $function$;

CREATE OR REPLACE FUNCTION public.is_currency(code text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT code IN ('EUR', 'PLN', 'GBP', 'USD', 'ILS') $function$;

CREATE OR REPLACE FUNCTION public.keep_row_history(p_table text, p_key text, p_left_out text DEFAULT ''::text, p_statements text DEFAULT 'insert,update,delete'::text)
 RETURNS void
 LANGUAGE plpgsql
 SET "TimeZone" TO 'UTC'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION keep_row_history(text,text,text,text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION public.ledger_check_chart(postings posting[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.ledger_end_hold(ended_id uuid, journal_id uuid, effective_date date)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION ledger_end_hold(uuid,uuid,date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_end_hold(uuid,uuid,date) TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.ledger_hold(hold_id uuid, hold_event text, hold_reference uuid, debit account_name, credit account_name, hold_amount bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION ledger_hold(uuid,text,uuid,account_name,account_name,bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_hold(uuid,text,uuid,account_name,account_name,bigint) TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.ledger_lock(accounts account_name[])
 RETURNS SETOF account
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION ledger_lock(account_name[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_lock(account_name[]) TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.ledger_parts_given_back(brought_by uuid, p_account_id uuid, postings posting[])
 RETURNS bigint
 LANGUAGE sql
 STABLE
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
  SELECT ((SELECT coalesce(sum(t.amount), 0) FROM transfer t
      WHERE t.reverses = brought_by AND t.debit_account_id = p_account_id
        AND NOT EXISTS (SELECT FROM transfer b WHERE b.reverses = t.journal_id AND b.ordinal = t.ordinal)
        AND t.journal_id <> ALL (ARRAY(SELECT q.journal_id FROM unnest(postings) q)))
    + (SELECT coalesce(sum(q.amount), 0) FROM unnest(postings) q
      WHERE q.reverses = brought_by AND (q.debit).id = p_account_id))::bigint $function$;

CREATE OR REPLACE FUNCTION public.ledger_pay_holders(postings posting[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.ledger_post(postings posting[])
 RETURNS SETOF uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION ledger_post(posting[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_post(posting[]) TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.ledger_seal(max_transfers integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET enable_bitmapscan TO 'on'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION ledger_seal(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_seal(integer) TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.ledger_snapshot()
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION ledger_snapshot() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_snapshot() TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.ledger_wallet_is_of(wallet_of text, thing uuid, person uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
AS $function$
BEGIN
  RETURN CASE wallet_of
    WHEN 'drawing' THEN loan_is_drawn_by(thing, person)
    WHEN 'borrower' THEN loan_has_borrower(thing, person)
    WHEN 'holder' THEN loan_has_holder(thing, person)
    WHEN 'finding' THEN finding_names_wallet_of(thing, person) END;
END $function$;

CREATE OR REPLACE FUNCTION public.loan_has_borrower(p_loan_id uuid, p_person uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  SELECT EXISTS (SELECT FROM public.loan WHERE id = p_loan_id AND borrower_id = p_person) $function$;

CREATE OR REPLACE FUNCTION public.loan_has_holder(p_loan_id uuid, p_person uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  SELECT EXISTS (SELECT FROM public.holding WHERE investor_id = p_person AND loan_id = p_loan_id) $function$;

CREATE OR REPLACE FUNCTION public.loan_is_drawn_by(p_loan_id uuid, p_person uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  SELECT EXISTS (SELECT FROM public.loan
    WHERE id = p_loan_id AND borrower_id = p_person AND status = 'conditions_met') $function$;

CREATE OR REPLACE FUNCTION public.notify_many(notices jsonb)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.notify_rows_moved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
  moved text;
BEGIN
  EXECUTE format('SELECT CASE WHEN count(*) <= 50 THEN string_agg(%I::text, '','') ELSE '''' END FROM moved_rows',
                 TG_ARGV[0]) INTO moved;
  IF moved IS NOT NULL THEN
    PERFORM pg_notify(TG_TABLE_NAME || '_moved', moved);
  END IF;
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.notify_session_ended()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('session_revoked', 'session:' || NEW.id);
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.notify_user_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('session_revoked', 'user:' || NEW.id);
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.other_chain_heads(p_chain text)
 RETURNS jsonb
 LANGUAGE sql
 STABLE
 SET search_path TO 'public', 'pg_temp'
AS $function$
    SELECT coalesce(jsonb_object_agg(chain, jsonb_build_array(place, encode(hash, 'hex'))), '{}')
    FROM chain_head WHERE chain <> p_chain
$function$;

CREATE OR REPLACE FUNCTION public.other_chains_moved(p_chain text, p_heads jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'public', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
BEGIN
    RETURN EXISTS (SELECT FROM audit_seal WHERE place > coalesce((p_heads->'audit'->>0)::bigint, 0))
        OR (p_chain <> 'ledger' AND EXISTS (SELECT FROM ledger_segment
            WHERE place > coalesce((p_heads->'ledger'->>0)::bigint, 0) AND transfers > 0))
        OR (p_chain <> 'row_history' AND EXISTS (SELECT FROM row_history_segment
            WHERE place > coalesce((p_heads->'row_history'->>0)::bigint, 0) AND entries > 0));
END $function$;

CREATE OR REPLACE FUNCTION public.outbox_append(events jsonb)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.outbox_event_digest(name text, version integer, aggregate_id uuid, payload jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT left(encode(sha256(convert_to(
        name || ' ' || version::text || ' ' || aggregate_id::text || ' ' || payload::text, 'UTF8')), 'hex'), 15)
$function$;

CREATE OR REPLACE FUNCTION public.outbox_fan_out(p_batch integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.queue_claim(p_queue text, p_batch integer, p_lease_s integer)
 RETURNS TABLE(event_id uuid, name text, version integer, aggregate_id uuid, payload jsonb, recorded_at timestamp with time zone, attempt integer)
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.queue_dead_letter(p_queue text, p_event_id uuid, p_reason text, p_error text)
 RETURNS void
 LANGUAGE sql
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
    WITH gone AS (
        DELETE FROM delivery WHERE queue = p_queue AND event_id = p_event_id RETURNING event_id, attempts)
    INSERT INTO dead_letter (queue, event_id, name, version, payload, recorded_at, attempts, reason, error)
    SELECT p_queue, o.event_id, o.name, o.version, o.payload, o.recorded_at, g.attempts, p_reason,
           left(p_error, 2000)
    FROM gone g JOIN outbox o ON o.event_id = g.event_id
    ON CONFLICT (queue, event_id) DO UPDATE SET
        attempts = EXCLUDED.attempts, reason = EXCLUDED.reason, error = EXCLUDED.error, died_at = EXCLUDED.died_at;
$function$;

CREATE OR REPLACE FUNCTION public.queue_done(p_queue text, p_event_id uuid)
 RETURNS void
 LANGUAGE sql
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
    DELETE FROM delivery WHERE queue = p_queue AND event_id = p_event_id;
$function$;

CREATE OR REPLACE FUNCTION public.queue_fail(p_queue text, p_event_id uuid, p_error text, p_max_attempts integer DEFAULT 5)
 RETURNS double precision
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.queue_prune(p_keep interval, p_batch integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_custom_plan'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.queue_release(p_queue text, p_event_id uuid, p_delay_s double precision)
 RETURNS void
 LANGUAGE sql
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
    UPDATE delivery
    SET available_at = clock_timestamp() + make_interval(secs => p_delay_s), attempts = greatest(attempts - 1, 0)
    WHERE queue = p_queue AND event_id = p_event_id;
    SELECT pg_notify('queue_' || p_queue, '');
$function$;

CREATE OR REPLACE FUNCTION public.queue_replay(p_queue text, p_event_id uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SET plan_cache_mode TO 'force_custom_plan'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
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
END $function$;

CREATE OR REPLACE FUNCTION public.queue_subscribe(p_queue text, p_events text[])
 RETURNS void
 LANGUAGE sql
AS $function$
    -- One after the other, and before any row: who subscribes may publish in the same transaction.
    LOCK TABLE subscription IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM subscription WHERE queue = p_queue AND event_name <> ALL (p_events);
    INSERT INTO subscription (queue, event_name) SELECT p_queue, unnest(p_events) ON CONFLICT DO NOTHING;
$function$;

CREATE OR REPLACE FUNCTION public.record_row_history()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION record_row_history() FROM PUBLIC;

CREATE OR REPLACE FUNCTION public.refuse_rewriting()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% on % is refused: history is only ever added to', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $function$;

CREATE OR REPLACE FUNCTION public.row_history_seal(p_max integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET enable_bitmapscan TO 'on'
AS $function$
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
END $function$;
REVOKE ALL ON FUNCTION row_history_seal(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION row_history_seal(integer) TO halfpenny_app;

CREATE OR REPLACE FUNCTION public.row_history_segment_hash(previous bytea, p_from_xid bigint, p_to_xid bigint, p_heads jsonb)
 RETURNS TABLE(entries bigint, hash bytea)
 LANGUAGE sql
 STABLE
 SET "TimeZone" TO 'UTC'
 SET enable_bitmapscan TO 'on'
AS $function$
    SELECT count(*), sha256(previous || convert_to(concat_ws(E'\n', p_from_xid, p_to_xid, p_heads, string_agg(concat_ws('|',
        h.seq, h.table_name, h.row_key, h.change, h.data,
        (extract(epoch FROM h.recorded_at) * 1000000)::bigint, h.xid), E'\n' ORDER BY h.xid, h.seq)), 'UTF8'))
    FROM row_history h WHERE h.xid >= p_from_xid AND h.xid < p_to_xid
$function$;

CREATE OR REPLACE FUNCTION public.segment_hash(previous bytea, from_xid bigint, to_xid bigint, heads jsonb)
 RETURNS TABLE(transfers bigint, hash bytea)
 LANGUAGE sql
 STABLE
 SET enable_bitmapscan TO 'on'
AS $function$
  SELECT count(*), sha256(previous || convert_to(concat_ws(E'\n', from_xid, to_xid, heads, string_agg(
    concat_ws('|', t.journal_id, t.ordinal, t.event, coalesce(t.reference::text, '-'),
      coalesce(t.reverses::text, '-'), (t.effective_date - date '1970-01-01'),
      (extract(epoch FROM t.recorded_at) * 1000000)::bigint, t.debit_account_id, t.credit_account_id, t.amount,
      t.currency, t.debit_version, t.credit_version, t.debit_balance, t.credit_balance, t.xid),
    E'\n' ORDER BY t.xid, t.journal_id, t.ordinal)), 'UTF8'))
  FROM transfer t WHERE t.xid >= segment_hash.from_xid AND t.xid < segment_hash.to_xid $function$;

GRANT USAGE ON SCHEMA public TO PUBLIC;
GRANT USAGE ON SCHEMA public TO halfpenny_app;
