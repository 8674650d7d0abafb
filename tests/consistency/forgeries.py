"""Lies of somebody who knows the tables: what belongs together is changed together, and its history is forged with it.

Each is SQL, run as superuser with triggers off, the check that finds it, and the table that the finding is about. In
the SQL, ``{active}`` is a drawn loan, ``{holder}`` one of its investors, ``{borrower}`` its borrower, ``{outsider}``
an investor who holds nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from consistency.world import QUEUE, SUBSCRIBED
from halfpenny import approvals, funding, ledger, loans, servicing
from halfpenny.platform import row_history
from halfpenny.platform.consistency import Check
from halfpenny.platform.queue import check as queues


@dataclass(frozen=True)
class Forgery:
    statements: str
    found_by: Check
    table: str


QUEUE_CHECK = queues.queue_check(list(SUBSCRIBED), SUBSCRIBED)


def history(table: str, key: str, data: str, change: str = "updated") -> str:
    """One forged line of a row's history, as its trigger would have written it."""
    return f"INSERT INTO row_history (table_name, row_key, change, data) SELECT '{table}', {key}, '{change}', {data};"


def term(column: str, value: str, also: str = "") -> Forgery:
    """A term of an accepted offer, changed in the loan and in its history, and wherever else ``also`` says."""
    return Forgery(
        f"UPDATE loan SET {column} = {value} WHERE id = '{{active}}'; {also}"
        + history("loan", "'{active}'", f"jsonb_build_object('{column}', {value})"),
        loans.check,
        "loan",
    )


def drawn_term(path: str, value: str) -> Forgery:
    changed = f"jsonb_set(terms, '{{{{{path}}}}}', '{value}')"
    return Forgery(
        f"UPDATE serviced_loan SET terms = {changed} WHERE loan_id = '{{active}}';"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'serviced_loan', '{active}', 'updated', "
        "jsonb_build_object('terms', terms) FROM serviced_loan WHERE loan_id = '{active}'",
        servicing.check,
        "serviced_loan",
    )


def funding_term(column: str, value: str) -> Forgery:
    return Forgery(
        f"UPDATE loan_funding SET {column} = {value} WHERE loan_id = '{{active}}';"
        + history("loan_funding", "'{active}'", f"jsonb_build_object('{column}', {value})"),
        loans.check,
        "loan_funding",
    )


def made_up(name: str, aggregate: str, payload: str) -> str:
    """An event as the outbox would have made it: its id fits what it says."""
    return (
        f"SELECT outbox_append(jsonb_build_array(jsonb_build_object('name', '{name}', 'version', 1, "
        f"'aggregate_id', '{aggregate}', 'payload', {payload})))"
    )


_DECISION_ID = "(SELECT id::text FROM loan_decision WHERE loan_id = '{active}' AND final)"
_LOAN_EVENT = (
    "(SELECT event_id FROM outbox WHERE aggregate_id = '{active}' AND name LIKE 'loan.%' "
    "AND name NOT IN ('loan.assessed', 'loan.narrative_written') ORDER BY seq DESC LIMIT 1)"
)
_REPAID = (
    "jsonb_build_object('loan_id', '{active}', 'status', 'repaid', "
    "'version', (SELECT version + 1 FROM loan WHERE id = '{active}'))"
)
# Every term of an accepted offer, whichever place holds it.
TERMS: dict[str, Forgery] = {
    "the rate, with its decision": term(
        "annual_rate", "9.5", "UPDATE loan_decision SET annual_rate = 9.5 WHERE loan_id = '{active}';"
    ),
    "the term, with that of the drawn loan": term(
        "term_months",
        "9",
        "UPDATE serviced_loan SET terms = jsonb_set(terms, '{{periods}}', '9') WHERE loan_id = '{active}';",
    ),
    "the fees": term("fees", "'[]'::jsonb"),
    "the terms of the product, with those of the drawn loan": term(
        "product_terms",
        "(SELECT jsonb_set(product_terms, '{{minimum_interest_months}}', '3') FROM loan WHERE id = '{active}')",
        "UPDATE serviced_loan SET terms = jsonb_set(terms, '{{minimum_interest_months}}', '3') "
        "WHERE loan_id = '{active}';",
    ),
    "the funding deadline, with its decision and its funding": term(
        "funding_deadline",
        "timestamptz '2027-01-01'",
        "UPDATE loan_decision SET funding_deadline = '2027-01-01' WHERE loan_id = '{active}';"
        "UPDATE loan_funding SET deadline = '2027-01-01' WHERE loan_id = '{active}';",
    ),
    "the amount, with its target": term(
        "amount_minor", "1100000", "UPDATE loan_funding SET target_minor = 1100000 WHERE loan_id = '{active}';"
    ),
    "the currency": term("currency", "'PLN'"),
    "how interest is paid": term("interest_mode", "'rolled_up'"),
    "the purpose": term("purpose", "'other'"),
    "the exit": term("exit_strategy", "'refinance'"),
    "the rank of the charge, with the debt before it": Forgery(
        "UPDATE loan SET charge_rank = 2, prior_debt_minor = 1 WHERE id = '{active}';"
        + history("loan", "'{active}'", '\'{{"charge_rank": 2, "prior_debt_minor": 1}}\''),
        loans.check,
        "loan",
    ),
    "whose loan it is": term("borrower_id", "'{outsider}'::uuid"),
    "the smallest ticket": funding_term("minimum_minor", "1"),
    "the step of tickets": funding_term("step_minor", "7"),
    "the largest ticket": funding_term("maximum_minor", "500000"),
    "the target": funding_term("target_minor", "1100000"),
    "the rate of the drawn loan": drawn_term("rate,millionths", "9500000"),
    "the rate of overdue amounts": drawn_term("default_rate,millionths", "1000000"),
    "the fees of the drawn loan": drawn_term("fees", "[]"),
    "how days are counted": drawn_term("day_count", '"act/360"'),
    "the least interest": drawn_term("minimum_interest_months", "3"),
    "what of retained interest comes back": drawn_term("rebate_of_retained_interest", "false"),
    "which law governs it": drawn_term("governing_law", '"DE"'),
    "whether overdue interest bears interest": drawn_term("default_interest_on_interest", "false"),
    "when arrears are material": drawn_term("materiality,above_minor", "99"),
    "which share of the debt is material": drawn_term("materiality,above_share,millionths", "99"),
    "the order of the waterfall": drawn_term("waterfall", '"other"'),
    "an entry that changes a term to what it is": Forgery(
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'loan', id::text, 'updated', "
        "jsonb_build_object('term_months', term_months) FROM loan WHERE id = '{active}'",
        loans.check,
        "row_history",
    ),
    "the rate that was decided": Forgery(
        "UPDATE loan_decision SET annual_rate = 9.5 WHERE loan_id = '{active}';"
        + history("loan_decision", _DECISION_ID, "'{{\"annual_rate\": 9.500000}}'"),
        loans.check,
        "loan_decision",
    ),
}
# Rows of the books, each with one forged entry of its history.
ROWS: dict[str, Forgery] = {
    "an instalment of a loan that is not in servicing": Forgery(
        "INSERT INTO instalment (loan_id, number, kind, due_on, principal_minor, interest_minor, fees_minor, "
        "balance_minor, reserved, unpaid_minor) "
        "SELECT gen_random_uuid(), 1, 'interest', current_date + 20, 0, 7700, 0, 0, false, 7700",
        servicing.check,
        "instalment",
    ),
    "an accrual segment of a loan that is not in servicing": Forgery(
        "INSERT INTO accrual_segment SELECT id, 'contract', current_date, current_date + 30, 0, 5000000, 1000000, 0 "
        "FROM loan WHERE id NOT IN (SELECT loan_id FROM serviced_loan) LIMIT 1",
        servicing.check,
        "accrual_segment",
    ),
    "a release of a reserve of a loan that is not in servicing": Forgery(
        "INSERT INTO reserve_release (loan_id, due_on, amount_minor, fee_minor) "
        "SELECT gen_random_uuid(), current_date + 30, 4100, 0",
        servicing.check,
        "reserve_release",
    ),
    "a decision that nobody made": Forgery(
        "INSERT INTO loan_decision SELECT '00000000-0000-7000-8000-00000000000d', loan_id, loan_version, verdict, "
        "false, annual_rate, funding_deadline, reason_code, reason, '{outsider}', made_at FROM loan_decision "
        "WHERE loan_id = '{active}';"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'loan_decision', id::text, 'inserted', "
        "to_jsonb(d) FROM loan_decision d WHERE id = '00000000-0000-7000-8000-00000000000d'",
        loans.check,
        "loan_decision",
    ),
    "a decision that was not made": Forgery(
        history("loan_decision", _DECISION_ID, "'{{}}'", "deleted")
        + "DELETE FROM loan_decision WHERE loan_id = '{active}'",
        loans.check,
        "loan_decision",
    ),
    "the amount of a payment": Forgery(
        "UPDATE wallet_payment SET amount_minor = 9900 WHERE status = 'pending' AND direction = 'deposit';"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'wallet_payment', id::text, 'updated', "
        "'{{\"amount_minor\": 9900}}' FROM wallet_payment WHERE status = 'pending' AND direction = 'deposit'",
        row_history.check,
        "row_history",
    ),
    "the amount of a receipt": Forgery(
        "UPDATE bank_receipt SET amount_minor = 9900 WHERE status = 'expected';"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'bank_receipt', id::text, 'updated', "
        "'{{\"amount_minor\": 9900}}' FROM bank_receipt WHERE status = 'expected'",
        row_history.check,
        "row_history",
    ),
    "who accepted an account's first statement": Forgery(
        "UPDATE bank_account SET accepted_by = '{outsider}' WHERE accepted_by IS NOT NULL;"
        + history("bank_account", "a.id", "jsonb_build_object('accepted_by', a.accepted_by)").replace(
            ";", " FROM bank_account a WHERE a.accepted_by IS NOT NULL;"
        ),
        funding.check,
        "bank_account",
    ),
    "who approved an account's first statement": Forgery(
        "UPDATE approval SET decided_by = '{outsider}' WHERE act = 'bank.statement';"
        + history("approval", "a.id", "jsonb_build_object('decided_by', a.decided_by)").replace(
            ";", " FROM approval a WHERE a.act = 'bank.statement';"
        ),
        funding.check,
        "bank_account",
    ),
    "a first statement that one person took in": Forgery(
        "UPDATE approval SET status = 'refused', result = NULL WHERE act = 'bank.statement';"
        "UPDATE bank_account SET proposed_by = NULL, accepted_by = NULL;",
        funding.check,
        "bank_account",
    ),
    "an event of a loan that did not happen": Forgery(
        "DELETE FROM servicing_event WHERE loan_id = '{active}' AND number = 1;"
        + history("servicing_event", "'{active}/1'", "'{{}}'", "deleted"),
        row_history.check,
        "row_history",
    ),
    "a receipt that nobody paid": Forgery(
        'INSERT INTO servicing_event SELECT loan_id, 999, kind, effective_date, data || \'{{"id": "another"}}\', '
        "recorded_by, recorded_at, planned FROM servicing_event WHERE loan_id = '{active}' AND kind = 'receipt' "
        "LIMIT 1;"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'servicing_event', '{active}/999', "
        "'inserted', to_jsonb(e) FROM servicing_event e WHERE loan_id = '{active}' AND number = 999",
        servicing.check,
        "serviced_loan",
    ),
    "a row inserted a second time": Forgery(
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'loan', id::text, 'inserted', "
        "to_jsonb(l) - 'company' FROM loan l WHERE id = '{active}'",
        row_history.check,
        "loan",
    ),
    "who posted a distribution's share": Forgery(
        "UPDATE distribution SET principal_minor = principal_minor + 1 WHERE loan_id = '{active}' AND number = 1;"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'distribution', id::text, 'updated', "
        "jsonb_build_object('principal_minor', principal_minor) FROM distribution WHERE loan_id = '{active}' "
        "AND number = 1",
        row_history.check,
        "row_history",
    ),
    "a drawdown paid to somebody else": Forgery(
        "UPDATE transfer SET credit_account_id = account_id_of('wallet', '{outsider}', 'EUR'), "
        "credit_version = credit_version + 9000 WHERE event = 'drawdown' AND reference = '{active}' "
        "AND credit_account_id = account_id_of('wallet', '{borrower}', 'EUR')",
        servicing.check,
        "transfer",
    ),
    "a share paid to somebody else": Forgery(
        "UPDATE transfer SET credit_account_id = account_id_of('wallet', '{outsider}', 'EUR'), "
        "credit_version = credit_version + 9000 WHERE event = 'distribution' AND reference = '{active}' "
        "AND credit_account_id = account_id_of('wallet', '{holder}', 'EUR')",
        servicing.check,
        "distribution_share",
    ),
    "what was too much paid to somebody else": Forgery(
        "UPDATE transfer t SET credit_account_id = account_id_of('wallet', '{outsider}', 'EUR'), "
        "credit_version = credit_version + 9000 FROM account c WHERE c.id = t.credit_account_id "
        "AND c.kind = 'wallet' AND t.event = 'receipt'",
        servicing.check,
        "transfer",
    ),
    "suspense paid out for nothing": Forgery(
        "UPDATE transfer SET reverses = NULL WHERE event = 'reconciliation_resolved'", ledger.check, "transfer"
    ),
    "an account under another id": Forgery(
        "INSERT INTO account (id, kind, owner_id, currency) "
        "VALUES ('00000000-0000-7000-8000-00000000000a', 'wallet', gen_random_uuid(), 'EUR')",
        ledger.check,
        "account",
    ),
}
# What left the outbox, and what is to be done about it.
EFFECTS: dict[str, Forgery] = {
    "an event says another status": Forgery(
        "UPDATE outbox SET payload = jsonb_set(payload, '{{status}}', '\"repaid\"') WHERE event_id = " + _LOAN_EVENT,
        loans.check,
        "outbox",
    ),
    "an event says something else": Forgery(
        "UPDATE outbox SET payload = payload || '{{\"more\": 1}}' WHERE event_id = " + _LOAN_EVENT,
        queues.check,
        "outbox",
    ),
    "an event was recorded earlier": Forgery(
        "UPDATE outbox SET recorded_at = recorded_at - interval '30 days' WHERE event_id = " + _LOAN_EVENT,
        queues.check,
        "outbox",
    ),
    "a loan was repaid": Forgery(made_up("loan.repaid", "{active}", _REPAID), loans.check, "outbox"),
    "a version has an event of another name": Forgery(
        made_up("loan.repaid", "{active}", _REPAID.replace("version + 1", "version")), loans.check, "outbox"
    ),
    "the last event of a loan is missing": Forgery(
        "DELETE FROM outbox WHERE event_id = " + _LOAN_EVENT, loans.check, "outbox"
    ),
    "an event has not left": Forgery(
        # However quickly these books were made: a later event left long after.
        "UPDATE outbox SET published_at = CASE WHEN seq > (SELECT min(seq) FROM outbox) "
        "THEN published_at + interval '1 hour' END",
        QUEUE_CHECK,
        "outbox",
    ),
    "an event that was handled has not left": Forgery(
        "UPDATE outbox SET published_at = NULL WHERE event_id = (SELECT event_id FROM inbox ORDER BY handled_at DESC, "
        "event_id DESC LIMIT 1)",
        QUEUE_CHECK,
        "outbox",
    ),
    "a ticket of another amount": Forgery(
        "UPDATE outbox SET payload = jsonb_set(payload, '{{investments,0,amount}}', '\"1.00\"') "
        "WHERE name = 'investment.made' AND aggregate_id = '{active}'",
        funding.check,
        "outbox",
    ),
    "a ticket of somebody else": Forgery(
        "UPDATE outbox SET payload = jsonb_set(payload, '{{investments,0,investor_id}}', '\"{outsider}\"') "
        "WHERE name = 'investment.made' AND aggregate_id = '{active}'",
        funding.check,
        "outbox",
    ),
    "a deposit that did not settle": Forgery(
        "SELECT outbox_append(jsonb_build_array(jsonb_build_object('name', 'deposit.settled', 'version', 1, "
        "'aggregate_id', user_id, 'payload', jsonb_build_object('payment_id', id, 'user_id', user_id, "
        "'amount', '70.00', 'currency', currency)))) FROM wallet_payment WHERE status = 'pending' "
        "AND direction = 'deposit'",
        funding.check,
        "outbox",
    ),
    "a distribution that was not paid": Forgery(
        "SELECT outbox_append(jsonb_build_array(jsonb_build_object('name', 'servicing.distribution_paid', "
        "'version', 1, 'aggregate_id', loan_id, 'payload', "
        "jsonb_build_object('loan_id', loan_id, 'distribution_id', id)))) "
        "FROM distribution WHERE status = 'declared' LIMIT 1",
        servicing.check,
        "outbox",
    ),
    "an approval that was not given": Forgery(
        "SELECT outbox_append(jsonb_build_array(jsonb_build_object('name', 'approval.approved', 'version', 1, "
        "'aggregate_id', id, 'payload', jsonb_build_object('approval_id', id, 'act', act)))) FROM approval "
        "WHERE status = 'pending' LIMIT 1",
        approvals.check,
        "outbox",
    ),
    "a subscription is missing": Forgery(
        "DELETE FROM subscription WHERE event_name = 'loan.approved'", row_history.check, "subscription"
    ),
    "a subscription is missing, and its history says so": Forgery(
        "DELETE FROM subscription WHERE event_name = 'loan.approved';"
        + history("subscription", f"'{QUEUE}/loan.approved'", "'{{}}'", "deleted"),
        QUEUE_CHECK,
        "subscription",
    ),
    "a subscription begins later": Forgery(
        "UPDATE subscription SET subscribed_at = subscribed_at + interval '1 hour'", row_history.check, "subscription"
    ),
    "an event that waits is missing": Forgery("DELETE FROM delivery", QUEUE_CHECK, "inbox"),
    "an event that was handled is missing": Forgery(
        "DELETE FROM inbox WHERE event_id = (SELECT event_id FROM inbox LIMIT 1)", QUEUE_CHECK, "inbox"
    ),
    "an event that was handled waits again": Forgery(
        "INSERT INTO delivery (queue, event_id, seq) SELECT i.queue, i.event_id, o.seq FROM inbox i "
        "JOIN outbox o USING (event_id) LIMIT 1",
        QUEUE_CHECK,
        "delivery",
    ),
    "an event from before the subscription that was handled is missing": Forgery(
        "WITH taken AS (DELETE FROM inbox WHERE event_id = (SELECT event_id FROM inbox ORDER BY event_id LIMIT 1) "
        "RETURNING event_id) UPDATE outbox SET recorded_at = (SELECT min(subscribed_at) FROM subscription) "
        "- interval '3 minutes', published_at = published_at + interval '1 hour' "
        "WHERE event_id IN (SELECT event_id FROM taken)",
        QUEUE_CHECK,
        "inbox",
    ),
    "an event waits where nobody asked for it": Forgery(
        f"INSERT INTO delivery (queue, event_id, seq) SELECT '{QUEUE}', event_id, seq FROM outbox "
        "WHERE name = 'loan.offered' LIMIT 1",
        QUEUE_CHECK,
        "delivery",
    ),
    "an event waits for ever": Forgery(
        "UPDATE delivery SET available_at = now() + interval '10 years'", QUEUE_CHECK, "delivery"
    ),
    "an event of the moment after the subscription that was handled is missing": Forgery(
        "WITH taken AS (DELETE FROM inbox WHERE event_id = (SELECT event_id FROM inbox ORDER BY event_id LIMIT 1) "
        "RETURNING event_id) UPDATE outbox SET published_at = (SELECT max(subscribed_at) FROM subscription) "
        "+ interval '1 microsecond' WHERE event_id IN (SELECT event_id FROM taken)",
        QUEUE_CHECK,
        "inbox",
    ),
    # The risk service makes the ids of its events from what they answer, not from their moment.
    "an event of another program was handled that never was": Forgery(
        f"INSERT INTO inbox (queue, event_id) VALUES ('{QUEUE}', '1d9a32cb-65ee-5c11-9e0b-3b3f2f6d1a57')",
        QUEUE_CHECK,
        "inbox",
    ),
    "an event was handled that never was": Forgery(
        f"INSERT INTO inbox (queue, event_id) VALUES ('{QUEUE}', uuidv7())", QUEUE_CHECK, "inbox"
    ),
    "an event was given up": Forgery(
        "DELETE FROM delivery;"
        f"INSERT INTO dead_letter SELECT '{QUEUE}', event_id, name, version, payload, recorded_at, 5, 'poison', '' "
        "FROM outbox ORDER BY seq LIMIT 1",
        row_history.check,
        "dead_letter",
    ),
    "an event that was given up says something else": Forgery(
        f"INSERT INTO dead_letter SELECT '{QUEUE}', event_id, name, version, '{{{{}}}}', recorded_at, 5, 'poison', '' "
        "FROM outbox ORDER BY seq LIMIT 1",
        queues.check,
        "dead_letter",
    ),
}


def moved(status: str, source: str, also: str = "") -> Forgery:
    """A loan that is said to have moved, with its version and the event that reports it."""
    return Forgery(
        f"{also} CREATE TEMPORARY TABLE chosen ON COMMIT DROP AS SELECT id FROM loan WHERE status = '{source}' "
        f"ORDER BY id LIMIT 1; SELECT 1 / count(*) FROM chosen; "
        f"UPDATE loan SET status = '{status}', version = version + 1 "
        "WHERE id IN (SELECT id FROM chosen);"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'loan', id::text, 'updated', "
        "jsonb_build_object('status', status, 'version', version) FROM loan WHERE id IN (SELECT id FROM chosen);"
        f"SELECT outbox_append(jsonb_build_array(jsonb_build_object('name', 'loan.{status}', 'version', 1, "
        "'aggregate_id', id, 'payload', jsonb_build_object('loan_id', id, 'status', status, 'version', version)))) "
        "FROM loan WHERE id IN (SELECT id FROM chosen)",
        loans.check,
        "loan",
    )


_PROPERTY = "(SELECT property_id FROM loan WHERE id = '{active}')"
# What was decided on, and what was shown: with one forged entry of the history each.
FACTS: dict[str, Forgery] = {
    "what the property is worth": Forgery(
        f"UPDATE property SET valuation_minor = valuation_minor * 3 WHERE id = {_PROPERTY};"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'property', id::text, 'updated', "
        f"jsonb_build_object('valuation_minor', valuation_minor) FROM property WHERE id = {_PROPERTY}",
        loans.check,
        "property",
    ),
    "the debts of the borrower": term("debts_minor", "7"),
    "the income of the borrower": term("income_minor", "990000000"),
    "the assets of the borrower": term("assets_minor", "990000000"),
    "the adverse records of the borrower": term("adverse_records", "0 + 4"),
    "the risk grade": term(
        "risk", "(SELECT risk || jsonb_build_object('grade', 'A1') FROM loan WHERE id = '{active}')"
    ),
    "the amount of an insurance": Forgery(
        "UPDATE loan_condition SET amount_minor = amount_minor * 2 WHERE kind = 'insurance' AND loan_id = '{active}';"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'loan_condition', id::text, 'updated', "
        "jsonb_build_object('amount_minor', amount_minor) FROM loan_condition WHERE kind = 'insurance' "
        "AND loan_id = '{active}'",
        loans.check,
        "loan_condition",
    ),
    "evidence that nobody recorded": Forgery(
        "INSERT INTO loan_condition (id, loan_id, kind, charge_rank, registered_on, recorded_by, recorded_at) "
        "SELECT '00000000-0000-7000-8000-00000000000e', loan_id, kind, charge_rank, registered_on, recorded_by, "
        "recorded_at FROM loan_condition WHERE kind = 'charge' AND loan_id = '{active}' LIMIT 1;"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'loan_condition', id::text, 'inserted', "
        "to_jsonb(c) FROM loan_condition c WHERE id = '00000000-0000-7000-8000-00000000000e'",
        loans.check,
        "loan_condition",
    ),
    "the day on which a loan matures": Forgery(
        "UPDATE loan SET matures_on = matures_on + 200 WHERE id = '{active}';"
        "INSERT INTO row_history (table_name, row_key, change, data) SELECT 'loan', id::text, 'updated', "
        "jsonb_build_object('matures_on', matures_on) FROM loan WHERE id = '{active}'",
        servicing.check,
        "loan",
    ),
    "a loan that has matured": moved("matured", "active"),
    "a loan that met its conditions": moved("conditions_met", "funded"),
    "an offer that was withdrawn": moved("withdrawn", "submitted"),
    "a loan that was cancelled": moved("cancelled", "funding"),
}
