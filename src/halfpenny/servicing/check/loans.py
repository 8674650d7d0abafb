"""A loan in servicing: the same terms and owner as its application, a status that its events lead to, its money."""

from __future__ import annotations

from halfpenny import loans
from halfpenny.platform.consistency import Comparison
from halfpenny.servicing.model.product import REPAYMENTS

_SERVICED = "(" + ", ".join(f"'{status}'" for status in sorted(loans.SERVICED_STATUSES)) + ")"


def _engine_value(place: int) -> str:
    """How the engine repays the kind of loan that was applied for: its repayment (0) or interest mode (1)."""
    kinds = " ".join(f"WHEN '{kind}' THEN '{engine[place]}'" for kind, engine in REPAYMENTS.items())
    return f"CASE l.interest_mode {kinds} END"


def _rate(column: str) -> str:
    return f"(l.product_terms->>'{column}')::numeric"


# The rest of what the offer fixed: no setting of a later day is in the terms of a loan.
_AGREED_WITH_THE_OFFER = {
    **{
        f"terms.{name}": (f"s.terms->>'{name}'", f"l.product_terms->>'{name}'")
        for name in (
            "day_count",
            "default_day_count",
            "default_interest_on_interest",
            "governing_law",
            "minimum_interest_months",
            "rebate_of_retained_interest",
            "count_due_date",
            "waterfall",
        )
    },
    "terms.default_rate": (
        "(s.terms->'default_rate'->>'millionths')::numeric / 1000000",
        f"least(l.annual_rate + {_rate('default_margin')}, 999.999999)",
    ),
    "terms.materiality.above_minor": (
        "(s.terms->'materiality'->>'above_minor')::bigint",
        "(l.product_terms->>'materiality_above_minor')::bigint",
    ),
    "terms.materiality.above_share": (
        "(s.terms->'materiality'->'above_share'->>'millionths')::numeric / 1000000",
        _rate("materiality_above_percent"),
    ),
}
# A loan that the close could not post shows the figures of an earlier day.
SET_ASIDE = Comparison(
    "loan_set_aside",
    "concat_ws(' ', a.loan_id, a.code, 'since', a.business_date)",
    "(SELECT * FROM loan_set_aside WHERE posted_at IS NULL) a",
    {},
    "every loan is posted with the close of its day",
    wanted="false",
)
# What a replay makes of a loan is of a loan in servicing: of each of those `check/replays.py` compares it.
OF_SERVICED = tuple(
    Comparison(
        table,
        f"concat_ws('/', {key})",
        f"{table} r LEFT JOIN serviced_loan l ON l.loan_id = r.loan_id",
        {},
        "its loan in servicing",
        wanted="l.loan_id IS NOT NULL",
    )
    for table, key in (
        ("instalment", "r.loan_id, r.number"),
        ("accrual_segment", "r.loan_id, r.kind, r.starts_on"),
        ("reserve_release", "r.loan_id, r.due_on"),
    )
)
SERVICED = Comparison(
    "serviced_loan",
    "coalesce(s.loan_id, l.id)",
    f"serviced_loan s FULL JOIN (SELECT * FROM loan WHERE status IN {_SERVICED}) l ON l.id = s.loan_id",
    {
        "borrower_id": ("s.borrower_id", "l.borrower_id"),
        "currency": ("s.currency", "l.currency"),
        "advanced_on": ("s.advanced_on", "l.drawn_down_on"),
        "terms.principal": ("(s.terms->'principal'->>'minor')::bigint", "l.amount_minor"),
        "terms.rate": ("(s.terms->'rate'->>'millionths')::numeric / 1000000", "l.annual_rate"),
        "terms.repayment": ("s.terms->>'repayment'", _engine_value(0)),
        "terms.interest_mode": ("s.terms->>'interest_mode'", _engine_value(1)),
        "terms.periods": ("(s.terms->>'periods')::integer", "l.term_months"),
        "terms.advanced_on": ("(s.terms->>'advanced_on')::date", "s.advanced_on"),
        "terms.fees": (
            "(SELECT jsonb_object_agg(f->>'kind', f->'percent_millionths') "
            "FROM jsonb_array_elements(s.terms->'fees') f)",
            "(SELECT jsonb_object_agg(f->>'kind', ((f->>'percent')::numeric * 1000000)::bigint) "
            "FROM jsonb_array_elements(l.fees) f)",
        ),
        **_AGREED_WITH_THE_OFFER,
        "count_due_date": ("s.count_due_date", "(s.terms->>'count_due_date')::boolean"),
        "unlikely_to_pay": (
            "s.unlikely_to_pay AND NOT EXISTS (SELECT FROM servicing_event e WHERE e.loan_id = s.loan_id "
            "AND e.kind = 'default')",
            "false",
        ),
    },
    "its loan",
    present="s.loan_id IS NOT NULL",
    wanted="l.id IS NOT NULL",
)
# The terms of the product too, such as what overdue amounts bear, stand in the audit entry of the drawdown.
DRAWN_TERMS = Comparison(
    "serviced_loan",
    "concat_ws('/', s.loan_id, t.name)",
    """(SELECT s.loan_id, s.terms, a.terms AS drawn, a.times FROM serviced_loan s LEFT JOIN (
  SELECT subject_id, (array_agg(data->'terms' ORDER BY id))[1] AS terms, count(*) AS times FROM audit_entry
  WHERE subject = 'loan' AND action = 'loan.draw_down' GROUP BY subject_id) a ON a.subject_id = s.loan_id) s
CROSS JOIN LATERAL (SELECT jsonb_object_keys(s.terms || coalesce(s.drawn, '{}')) AS name) t""",
    {"terms": ("s.terms->t.name", "s.drawn->t.name"), "drawdowns": ("s.times", "1::bigint")},
    "the audit entry of its drawdown",
)
# The loan's day of maturity is one that its schedule has had: the replay holds the schedule against the events.
MATURITY = Comparison(
    "loan",
    "l.id",
    """(SELECT * FROM loan WHERE matures_on IS NOT NULL) l
LEFT JOIN (SELECT DISTINCT row_key, (data->>'matures_on')::date AS matures_on FROM row_history
  WHERE table_name = 'serviced_loan' AND data ? 'matures_on') h
ON h.row_key = l.id::text AND h.matures_on = l.matures_on""",
    {"matures_on": ("l.matures_on", "h.matures_on")},
    "the days of maturity of its schedule",
)
# A loan's status follows from its row in servicing; between active and matured the close of its last day decides.
STATUSES = Comparison(
    "loan",
    "l.id",
    f"""(SELECT * FROM loan WHERE status IN {_SERVICED}) l JOIN serviced_loan s ON s.loan_id = l.id
LEFT JOIN recovery_case c ON c.loan_id = l.id
LEFT JOIN account r ON r.id = s.receivable_account_id
LEFT JOIN (SELECT DISTINCT loan_id FROM servicing_event WHERE kind = 'write_off') w ON w.loan_id = l.id""",
    {
        "status": (
            "l.status",
            "CASE WHEN w.loan_id IS NOT NULL AND (s.posted->>'lost')::bigint > 0 THEN 'written_off' "
            "WHEN s.closed_on IS NOT NULL THEN 'repaid' WHEN w.loan_id IS NOT NULL THEN 'written_off' "
            "WHEN c.loan_id IS NOT NULL THEN 'in_recovery' WHEN s.defaulted_on IS NOT NULL THEN 'defaulted' "
            "WHEN l.status = 'matured' THEN 'matured' ELSE 'active' END",
        ),
        # Nothing is owed on a loan that is over.
        "status (owed)": (
            "CASE WHEN l.status = 'repaid' THEN s.principal_outstanding_minor ELSE 0 END",
            "0::bigint",
        ),
    },
    "its events and what is owed",
)
# What the loan owes is what its holdings have outstanding and its receivable, less principal declared and not shared.
OUTSTANDING = Comparison(
    "serviced_loan",
    "l.loan_id",
    """serviced_loan l
LEFT JOIN (SELECT loan_id, sum(outstanding_minor)::bigint AS minor FROM holding GROUP BY loan_id) h USING (loan_id)
LEFT JOIN (SELECT loan_id, sum(principal_minor)::bigint AS minor FROM distribution WHERE status = 'declared'
  GROUP BY loan_id) d USING (loan_id)
LEFT JOIN account a ON a.id = l.receivable_account_id""",
    {
        "principal_outstanding_minor": (
            "l.principal_outstanding_minor + coalesce(d.minor, 0)",
            "coalesce(a.debits - a.credits, 0)",
        ),
        "principal_outstanding_minor (holdings)": (
            "l.principal_outstanding_minor + coalesce(d.minor, 0)",
            "coalesce(h.minor, 0)",
        ),
        **{
            f"{name}_account_id": (
                f"l.{name}_account_id",
                f"(SELECT id FROM account WHERE kind = '{kind}' AND owner_id = l.loan_id AND currency = l.currency "
                f"UNION ALL SELECT l.{name}_account_id WHERE NOT EXISTS (SELECT FROM account WHERE kind = '{kind}' "
                "AND owner_id = l.loan_id AND currency = l.currency))",
            )
            for name, kind in (
                ("reserve", "interest_reserve"),
                ("collections", "collections"),
                ("payable", "distribution_payable"),
                ("receivable", "loan_receivable"),
                ("claims", "investor_claims"),
            )
        },
    },
    "the ledger and its holdings",
)
# Collections are emptied by every posting; the payable account holds exactly what is declared and unpaid.
MONEY = Comparison(
    "account",
    "'of loan ' || l.loan_id",
    """serviced_loan l
LEFT JOIN account c ON c.id = l.collections_account_id
LEFT JOIN account p ON p.id = l.payable_account_id
LEFT JOIN account r ON r.id = l.reserve_account_id
LEFT JOIN account v ON v.kind = 'advance_payments' AND v.owner_id = l.loan_id AND v.currency = l.currency
LEFT JOIN (
  SELECT d.loan_id, sum(CASE d.status
      WHEN 'declared' THEN d.principal_minor + d.interest_minor + d.default_interest_minor + d.recovered_minor
      WHEN 'shared' THEN coalesce(s.unpaid, 0) ELSE 0 END)::bigint AS minor
  FROM distribution d LEFT JOIN (
    SELECT distribution_id, sum(greatest(principal_minor + interest_minor + default_interest_minor + recovered_minor
      - withheld_minor, 0) + greatest(withheld_minor, 0)) AS unpaid
    FROM distribution_share WHERE NOT paid GROUP BY distribution_id) s ON s.distribution_id = d.id
  GROUP BY d.loan_id) u ON u.loan_id = l.loan_id
LEFT JOIN account o ON o.kind = 'overpaid_distribution' AND o.owner_id = l.loan_id AND o.currency = l.currency
LEFT JOIN (SELECT loan_id, sum(overpaid_minor)::bigint AS minor FROM holding GROUP BY loan_id) h
  ON h.loan_id = l.loan_id
LEFT JOIN (SELECT d.loan_id, sum(greatest(s.netted_minor, 0))::bigint AS minor FROM distribution_share s
  JOIN distribution d ON d.id = s.distribution_id WHERE NOT s.paid GROUP BY d.loan_id) n ON n.loan_id = l.loan_id""",
    {
        "collections": ("coalesce(c.credits - c.debits, 0)", "0::bigint"),
        "advance_payments": ("coalesce(v.credits - v.debits, 0)", "(l.posted->>'held')::bigint"),
        "overpaid_distribution": (
            "coalesce(o.debits - o.credits, 0)",
            "coalesce(h.minor, 0) + coalesce(n.minor, 0)",
        ),
        "distribution_payable": ("coalesce(p.credits - p.debits, 0)", "coalesce(u.minor, 0)"),
        "interest_reserve": (
            "coalesce(r.credits - r.debits, 0)",
            "(l.posted->>'retained')::bigint - (l.posted->>'released')::bigint - (l.posted->>'rebated')::bigint",
        ),
    },
    "what is declared and unpaid, what was retained, paid ahead or had too much",
)
# A drawdown turns every stake into one holding of the same amount: nobody else holds anything.
STAKES = Comparison(
    "holding",
    "concat_ws('/', coalesce(h.loan_id, p.loan_id), coalesce(h.investor_id, p.investor_id))",
    """holding h FULL JOIN (
  SELECT p.*, a.id AS wallet_id FROM position p JOIN serviced_loan USING (loan_id)
  LEFT JOIN account a ON a.kind = 'wallet' AND a.owner_id = p.investor_id AND a.currency = p.currency
  WHERE p.invested_minor > 0) p ON p.loan_id = h.loan_id AND p.investor_id = h.investor_id""",
    {
        "stake_minor": ("h.stake_minor", "p.invested_minor"),
        "wallet_account_id": ("h.wallet_account_id", "p.wallet_id"),
    },
    "the position that paid for it",
    present="h.loan_id IS NOT NULL",
    wanted="p.loan_id IS NOT NULL",
)
CASES = Comparison(
    "recovery_case",
    "c.loan_id",
    "recovery_case c LEFT JOIN serviced_loan l ON l.loan_id = c.loan_id",
    {"closed_on": ("c.closed_on", "l.closed_on")},
    "its loan",
    wanted="l.loan_id IS NOT NULL",
)
# What many put in goes to the borrower of that loan and to nobody else, and what is over comes back to nobody else.
BORROWERS = Comparison(
    "transfer",
    "concat_ws('/', t.journal_id, t.ordinal)",
    """(SELECT t.journal_id, t.ordinal, d.kind AS debit, d.owner_id AS payer, c.kind AS credit, c.owner_id AS paid
  FROM transfer t JOIN chart h ON h.event = t.event AND h.wallet_of IN ('drawing', 'borrower')
  JOIN account d ON d.id = t.debit_account_id AND d.kind = h.debit
  JOIN account c ON c.id = t.credit_account_id AND c.kind = h.credit) t
LEFT JOIN loan l ON l.id = CASE t.debit WHEN 'wallet' THEN t.paid ELSE t.payer END""",
    {
        "debit_account_id": (
            "CASE t.debit WHEN 'wallet' THEN t.payer END",
            "CASE t.debit WHEN 'wallet' THEN l.borrower_id END",
        ),
        "credit_account_id": (
            "CASE t.credit WHEN 'wallet' THEN t.paid END",
            "CASE t.credit WHEN 'wallet' THEN l.borrower_id END",
        ),
    },
    "the borrower of its loan",
)
# Each receipt from the bank names what brought it: an allocation of a line, or a receipt that was posted ahead.
# What was settled left the account under a journal of its own.
SETTLED = Comparison(
    "overpaid_settlement",
    "coalesce(o.loan_id, t.loan_id)",
    """(SELECT loan_id, settled_on, sum(amount_minor)::bigint AS minor, min(bearer) AS bearer
  FROM overpaid_settlement GROUP BY loan_id, settled_on) o
FULL JOIN (SELECT t.reference AS loan_id, t.effective_date, sum(t.amount)::bigint AS minor, min(a.kind) AS kind
  FROM transfer t JOIN account a ON a.id = t.debit_account_id WHERE t.event = 'overpaid_settled'
  GROUP BY t.reference, t.effective_date) t ON t.loan_id = o.loan_id AND t.effective_date = o.settled_on""",
    {
        "amount_minor": ("o.minor", "t.minor"),
        "bearer": ("o.bearer", "CASE t.kind WHEN 'wallet' THEN 'holders' ELSE 'platform' END"),
    },
    "the transfers that settled it",
    present="o.loan_id IS NOT NULL",
    wanted="t.loan_id IS NOT NULL",
)
RECEIPTS = Comparison(
    "servicing_event",
    "coalesce(e.loan_id || '/' || e.number, 'receipt ' || b.id)",
    """(SELECT loan_id, number, effective_date, data->>'reference' AS reference,
    (data->'amount'->>'minor')::bigint AS minor, data->'amount'->>'currency' AS currency
  FROM servicing_event s WHERE kind = 'receipt' AND data->>'reference' <> '' AND NOT EXISTS (
    SELECT FROM servicing_event r WHERE r.loan_id = s.loan_id AND r.kind = 'receipt_reversal'
      AND r.data->>'receipt_id' = s.data->>'id')) e
FULL JOIN (
  SELECT a.id::text AS id, a.loan_id, a.amount_minor AS minor, l.currency, least(l.value_on, l.booked_on) AS day
  FROM line_allocation a JOIN reconciliation_item i ON i.id = a.item_id JOIN bank_statement_line l ON l.id = i.line_id
  WHERE a.taken_back_at IS NULL
  UNION ALL
  SELECT r.id::text, r.loan_id, r.amount_minor, r.currency, r.received_on FROM bank_receipt r
  WHERE r.posted_at IS NOT NULL AND r.status <> 'reversed') b ON b.id = e.reference AND b.loan_id = e.loan_id""",
    {
        "amount": ("e.minor", "b.minor"),
        "currency": ("e.currency", "b.currency"),
        "effective_date": ("e.effective_date", "b.day"),
    },
    "the bank's line or receipt that it names",
    present="e.loan_id IS NOT NULL",
    wanted="b.id IS NOT NULL",
)
LOANS = (
    BORROWERS,
    *OF_SERVICED,
    SET_ASIDE,
    SERVICED,
    DRAWN_TERMS,
    MATURITY,
    STATUSES,
    OUTSTANDING,
    MONEY,
    STAKES,
    CASES,
    SETTLED,
    RECEIPTS,
)
