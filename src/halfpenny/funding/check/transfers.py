"""Every transfer between a wallet, the bank and suspense against the row that it follows from, both ways.

Each is written by a payment that ended or by a finding of a bank statement, and each of these moves its money once.
"""

from __future__ import annotations

from halfpenny.funding.bank import CashDirection
from halfpenny.funding.reconciliation import MismatchKind
from halfpenny.platform.clock import MARKET_ZONE
from halfpenny.platform.consistency import Comparison

# A deposit that settled is one transfer; a withdrawal that settled is two, the second when the bank has paid.
PAID = Comparison(
    "transfer",
    "coalesce(t.journal_id || '/' || t.ordinal, p.event || ' of wallet_payment ' || p.id)",
    f"""(SELECT t.*, (d.kind, d.owner_id) AS debit, (c.kind, c.owner_id) AS credit,
    CASE t.event WHEN 'payout' THEN t.reference ELSE t.journal_id END AS payment_id,
    count(*) OVER (PARTITION BY t.event, CASE t.event WHEN 'payout' THEN t.reference ELSE t.journal_id END) AS times
  FROM transfer t JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
  WHERE t.event IN ('deposit', 'withdraw', 'payout')) t
FULL JOIN (
  SELECT p.*, (p.ended_at AT TIME ZONE '{MARKET_ZONE.key}')::date AS ended_on, e.event,
    (e.debit, CASE e.debit WHEN 'wallet' THEN p.user_id END) AS debit,
    (e.credit, CASE e.credit WHEN 'wallet' THEN p.user_id END) AS credit
  FROM wallet_payment p JOIN (VALUES ('deposit', 'deposit', 'client_bank', 'wallet'),
    ('withdrawal', 'withdraw', 'wallet', 'payouts_in_transit'),
    ('withdrawal', 'payout', 'payouts_in_transit', 'client_bank')) e(direction, event, debit, credit)
    ON e.direction = p.direction
  WHERE p.status = 'settled') p ON p.event = t.event AND p.id = t.payment_id""",
    {
        "debit_account_id": ("t.debit", "p.debit"),
        "credit_account_id": ("t.credit", "p.credit"),
        "amount": ("t.amount", "p.amount_minor"),
        "currency": ("t.currency", "p.currency"),
        "effective_date": ("t.effective_date", "p.ended_on"),
        "times": ("t.times", "1::bigint"),
    },
    "the payment that settled",
    present="t.journal_id IS NOT NULL",
    wanted="p.id IS NOT NULL",
)
_KINDS = ", ".join(f"'reconciliation_{kind.value}'" for kind in MismatchKind)
_SURPLUS = (
    f"(CASE r.direction WHEN '{CashDirection.IN}' THEN r.found_minor > r.expected_minor "
    "ELSE r.found_minor < r.expected_minor END)"
)
# What a finding puts into suspense, what leaves it again, and what comes back when it is opened anew.
RECONCILED = Comparison(
    "transfer",
    "concat_ws('/', t.journal_id, t.ordinal)",
    f"""(SELECT t.*, d.kind AS debit, c.kind AS credit, t.event IN ({_KINDS}) AS brings
  FROM transfer t JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
  WHERE t.event IN ({_KINDS}, 'reconciliation_resolved', 'reconciliation_reopened')) t
LEFT JOIN reconciliation_item r ON r.id = CASE WHEN t.brings THEN t.journal_id ELSE t.reference END""",
    {
        "event": ("t.event", "CASE WHEN t.brings THEN 'reconciliation_' || r.kind ELSE t.event END"),
        "ordinal": ("t.ordinal", "0"),
        "currency": ("t.currency", "r.currency"),
        "amount": (
            "t.amount",
            "CASE WHEN t.brings THEN r.suspense_minor ELSE least(t.amount, r.suspense_minor) END",
        ),
        "debit_account_id": (
            "t.debit",
            "CASE WHEN t.debit = 'suspense' OR t.event = 'reconciliation_reopened' THEN t.debit "
            f"WHEN {_SURPLUS} THEN 'client_bank' ELSE 'own_bank' END",
        ),
        "credit_account_id": (
            "t.credit",
            f"CASE WHEN t.credit = 'wallet' AND NOT {_SURPLUS} THEN 'own_bank' "
            f"WHEN t.credit = 'own_bank' AND {_SURPLUS} THEN 'client_bank' ELSE t.credit END",
        ),
    },
    "the finding of a bank statement that it is for",
    wanted="r.id IS NOT NULL",
)
# The chart has a line for them and no code of this release posts them, so nothing justifies one.
POSTED_BY_NOTHING = ("sweep",)
UNJUSTIFIED = Comparison(
    "transfer",
    "concat_ws('/', t.journal_id, t.ordinal)",
    f"(SELECT * FROM transfer WHERE event IN ({', '.join(f'{event!r}' for event in POSTED_BY_NOTHING)})) t",
    {},
    "no row justifies such a transfer",
    wanted="false",
)
TRANSFERS = (PAID, RECONCILED, UNJUSTIFIED)
