"""The bank's side of the books: statements that follow each other, lines that are explained, suspense to the cent."""

from __future__ import annotations

from halfpenny.platform.consistency import Comparison

_ALLOCATED = """(SELECT item_id, sum(amount_minor)::bigint AS minor FROM line_allocation
  WHERE taken_back_at IS NULL GROUP BY item_id)"""

# Each statement opens with what the one before closed with, and its lines lead to what it closes with.
STATEMENTS = Comparison(
    "bank_statement",
    "s.id",
    """(SELECT s.*, lag(s.closing_minor) OVER own AS closed_before, lag(s.number) OVER own AS number_before
  FROM bank_statement s WINDOW own AS (PARTITION BY s.account_id ORDER BY s.number)) s
LEFT JOIN bank_account a ON a.id = s.account_id
LEFT JOIN (SELECT statement_id, count(*)::int AS lines,
    sum(CASE direction WHEN 'CRDT' THEN amount_minor ELSE -amount_minor END)::bigint AS moved
  FROM bank_statement_line GROUP BY statement_id) l ON l.statement_id = s.id""",
    {
        "opening_minor": ("s.opening_minor", "coalesce(s.closed_before, s.opening_minor)"),
        "closing_minor": ("s.closing_minor", "s.opening_minor + coalesce(l.moved, 0)"),
        "number": ("s.number", "coalesce(s.number_before, 0) + 1"),
        "lines": ("s.lines", "coalesce(l.lines, 0)"),
        "currency": ("s.currency", "a.currency"),
    },
    "the statement before it and its own lines",
)
FILES = Comparison(
    "statement_file",
    "f.id",
    "statement_file f",
    {"sha256": ("f.sha256", "sha256(f.document)")},
    "the document itself",
)
# A line is a payment of a wallet, a receipt that was posted ahead, or a finding of its own: one of them, always.
LINES = Comparison(
    "bank_statement_line",
    "l.id",
    """bank_statement_line l JOIN bank_statement s ON s.id = l.statement_id
LEFT JOIN reconciliation_item i ON i.line_id = l.id
LEFT JOIN bank_receipt r ON r.line_id = l.id AND r.status <> 'reversed'
LEFT JOIN wallet_payment p ON replace(p.id::text, '-', '') = lower(l.end_to_end_id)""",
    {
        "currency": ("l.currency", "s.currency"),
        "amount_minor": ("l.amount_minor", "coalesce(i.found_minor, r.amount_minor, p.amount_minor)"),
        "direction": (
            "l.direction",
            "coalesce(i.direction, CASE WHEN r.id IS NOT NULL OR p.direction = 'deposit' THEN 'CRDT' ELSE 'DBIT' END)",
        ),
    },
    "what it was matched with",
    wanted="i.id IS NOT NULL OR r.posted_at IS NOT NULL OR p.status = 'settled'",
)
FINDINGS = Comparison(
    "reconciliation_item",
    "r.id",
    f"""reconciliation_item r
LEFT JOIN transfer t ON t.journal_id = r.id AND t.ordinal = 0
LEFT JOIN (SELECT reference,
    sum(CASE event WHEN 'reconciliation_resolved' THEN amount ELSE -amount END)::bigint AS minor FROM transfer
  WHERE event IN ('reconciliation_resolved', 'reconciliation_reopened') GROUP BY reference) e ON e.reference = r.id
LEFT JOIN {_ALLOCATED} a ON a.item_id = r.id""",
    {
        "suspense_minor": ("r.suspense_minor", "coalesce(t.amount, 0)"),
        "resolved_minor": ("r.resolved_minor", "coalesce(e.minor, 0)"),
        "status": (
            "r.status",
            "CASE WHEN r.suspense_minor = 0 THEN r.status "
            "WHEN coalesce(e.minor, 0) + coalesce(a.minor, 0) = r.suspense_minor THEN 'resolved' ELSE 'open' END",
        ),
    },
    "what stands in suspense for it",
)
# What leaves suspense for a wallet goes to the person whom its finding names.
CREDITED = Comparison(
    "transfer",
    "concat_ws('/', t.journal_id, t.ordinal)",
    """(SELECT t.journal_id, t.ordinal, t.reverses, c.owner_id FROM transfer t
  JOIN account c ON c.id = t.credit_account_id AND c.kind = 'wallet' WHERE t.event = 'reconciliation_resolved') t
LEFT JOIN reconciliation_item r ON r.id = t.reverses""",
    {"credit_account_id": ("'wallet:' || t.owner_id", "r.account")},
    "the account that its finding names",
)
SUSPENSE = Comparison(
    "account",
    "a.id",
    f"""account a LEFT JOIN (
  SELECT r.currency, sum(r.suspense_minor - r.resolved_minor - coalesce(l.minor, 0))::bigint AS minor
  FROM reconciliation_item r
  LEFT JOIN {_ALLOCATED} l ON l.item_id = r.id WHERE r.status = 'open' GROUP BY r.currency) u
  ON u.currency = a.currency AND a.kind = 'suspense'""",
    {
        "suspense": (
            "CASE WHEN a.kind = 'suspense' THEN a.credits - a.debits END",
            "CASE WHEN a.kind = 'suspense' THEN coalesce(u.minor, 0) END",
        )
    },
    "the findings that are open",
)
# Money of a loan that came in straight from the bank: only what two people posted ahead of its line.
AHEAD = Comparison(
    "bank_receipt",
    "'receipts of loan ' || coalesce(r.loan_id, t.loan_id)",
    """(SELECT loan_id, sum(amount_minor)::bigint AS minor FROM bank_receipt
  WHERE posted_at IS NOT NULL AND status <> 'reversed' GROUP BY loan_id) r
FULL JOIN (SELECT t.reference AS loan_id,
    sum(CASE WHEN d.kind = 'client_bank' THEN t.amount ELSE -t.amount END)::bigint AS minor
  FROM transfer t JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
  WHERE (d.kind = 'client_bank' AND c.kind = 'collections') OR (d.kind = 'collections' AND c.kind = 'client_bank')
  GROUP BY t.reference) t ON t.loan_id = r.loan_id""",
    {"amount": ("coalesce(r.minor, 0)", "coalesce(t.minor, 0)")},
    "the transfers from the client's bank",
)
SECOND_PERSON = Comparison(
    "bank_receipt",
    "r.id",
    """(SELECT * FROM bank_receipt WHERE posted_at IS NOT NULL) r
LEFT JOIN approval a ON a.object_id = r.id AND a.act = 'receipt.post_ahead' AND a.status = 'approved'""",
    {"posted_by": ("r.posted_by", "a.decided_by"), "announced_by": ("r.announced_by", "a.proposed_by")},
    "the approval of a second person",
    wanted="a.id IS NOT NULL",
)
# An account is opened by its first statement: the sandbox bank's own, or one that two people have accepted.
ACCOUNTS = Comparison(
    "bank_account",
    "b.id",
    """bank_account b LEFT JOIN bank_statement s ON s.account_id = b.id AND s.number = 1
LEFT JOIN statement_file f ON f.id = s.file_id
LEFT JOIN approval a ON a.object_id = s.file_id AND a.act = 'bank.statement' AND a.status = 'approved'""",
    {
        "proposed_by": ("b.proposed_by", "a.proposed_by"),
        "accepted_by": ("b.accepted_by", "a.decided_by"),
        "received_by": ("f.received_by", "a.proposed_by"),
    },
    "the approval of a second person",
    wanted="a.id IS NOT NULL OR (s.file_id IS NULL AND b.proposed_by IS NULL AND b.accepted_by IS NULL)",
)
STATEMENTS_AND_RECEIPTS = (STATEMENTS, FILES, LINES, FINDINGS, CREDITED, SUSPENSE, AHEAD, SECOND_PERSON, ACCOUNTS)
