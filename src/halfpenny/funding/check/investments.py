"""Investments, positions, totals and payments against the ledger.

An investment has no other copy of its own: its transfer carries its id, its owner's wallet, its loan's escrow and its
amount, sealed into the ledger's chain, and the way back names the investment that it takes back. The id is made from
the moment, the key and the request, and the journal of the way back from the moment at which it ended.
"""

from __future__ import annotations

from halfpenny.funding.model import REFLECTION_DAYS
from halfpenny.platform.clock import MARKET_ZONE
from halfpenny.platform.consistency import Comparison

_ZONE = f"'{MARKET_ZONE.key}'"
# With the investor of the ledger, so that a changed owner is one finding.
_NAMED = "concat_ws(' ', coalesce(t.investor_id, i.investor_id), i.idempotency_key)"
_DIGEST = f"sha256(convert_to({_NAMED}, 'UTF8') || i.fingerprint)"
_FITS_ITS_ID = f"left(encode({_DIGEST}, 'hex'), 15) = right(replace(i.id::text, '-', ''), 15)"
_REFLECTION_ENDS = f"(i.made_at AT TIME ZONE {_ZONE} + interval '{REFLECTION_DAYS} days')"

INVESTMENTS = Comparison(
    "investment",
    "coalesce(i.id, t.journal_id)",
    """investment i
FULL JOIN (
  SELECT t.journal_id, t.ordinal, t.amount, t.currency, t.effective_date, t.credit_balance, t.recorded_at,
         d.owner_id AS investor_id, c.owner_id AS loan_id
  FROM transfer t JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
  WHERE t.event = 'invest') t ON t.journal_id = i.id
LEFT JOIN (SELECT journal_id, reverses, event, amount, effective_date FROM transfer WHERE reverses IS NOT NULL) b
  ON b.reverses = i.id
LEFT JOIN loan_funding f ON f.loan_id = i.loan_id
-- What the investor was when the money moved: a sophisticated one has no days to think.
LEFT JOIN (
  SELECT row_key::uuid AS user_id, (data->>'sophisticated')::boolean AS sophisticated, recorded_at AS since,
         lead(recorded_at, 1, 'infinity') OVER (PARTITION BY row_key ORDER BY seq) AS until
  FROM row_history WHERE table_name = 'app_user' AND data ? 'sophisticated') u
  ON u.user_id = i.investor_id AND t.recorded_at >= u.since AND t.recorded_at < u.until""",
    {
        "loan_id": ("i.loan_id", "t.loan_id"),
        "investor_id": ("i.investor_id", "t.investor_id"),
        "amount_minor": ("i.amount_minor", "t.amount"),
        "currency": ("i.currency", "t.currency"),
        # It paid once: a second transfer of its journal has another ordinal.
        "ordinal": ("0", "t.ordinal"),
        "status": (
            "i.status",
            "CASE WHEN b.reverses IS NULL THEN 'committed' WHEN b.event = 'revoke' THEN 'revoked' ELSE 'returned' END",
        ),
        "made_at": ("i.made_at", "uuid_extract_timestamp(t.journal_id)"),
        "ended_at": ("i.ended_at", "uuid_extract_timestamp(b.journal_id)"),
        "made_at (day)": (f"(i.made_at AT TIME ZONE {_ZONE})::date", "t.effective_date"),
        "ended_at (day)": (f"(i.ended_at AT TIME ZONE {_ZONE})::date", "b.effective_date"),
        "idempotency_key": (
            "i.idempotency_key",
            f"CASE WHEN {_FITS_ITS_ID} THEN i.idempotency_key ELSE 'the key and request that its id was made from' END",
        ),
        "revocable_until": (
            "i.revocable_until",
            # In the hour that a change of the clocks repeats, either of its two moments is right.
            f"CASE WHEN u.sophisticated THEN NULL WHEN i.revocable_until AT TIME ZONE {_ZONE} = {_REFLECTION_ENDS} "
            f"THEN i.revocable_until ELSE {_REFLECTION_ENDS} AT TIME ZONE {_ZONE} END",
        ),
        "answer_target_minor": ("i.answer_target_minor", "f.target_minor"),
        # Until drawdown an escrow holds the tickets and nothing else: its balance is what was funded by then.
        "answer_funded_minor": ("i.answer_funded_minor", "t.credit_balance"),
    },
    "its transfers in the ledger",
    present="i.id IS NOT NULL",
    wanted="t.journal_id IS NOT NULL",
)
POSITIONS = Comparison(
    "position",
    "concat_ws('/', coalesce(p.loan_id, i.loan_id), coalesce(p.investor_id, i.investor_id))",
    """position p FULL JOIN (
  SELECT loan_id, investor_id, min(currency) AS currency,
         coalesce(sum(amount_minor) FILTER (WHERE status = 'committed'), 0)::bigint AS minor
  FROM investment GROUP BY loan_id, investor_id) i ON i.loan_id = p.loan_id AND i.investor_id = p.investor_id""",
    {"invested_minor": ("p.invested_minor", "i.minor"), "currency": ("p.currency", "i.currency")},
    "the investments",
    present="p.loan_id IS NOT NULL",
    wanted="i.loan_id IS NOT NULL",
)
TOTALS = Comparison(
    "loan_funding",
    "f.loan_id",
    """loan_funding f LEFT JOIN loan l ON l.id = f.loan_id
LEFT JOIN (SELECT loan_id, sum(amount_minor)::bigint AS minor, count(DISTINCT investor_id)::int AS people,
    max(answer_version) AS version FROM investment WHERE status = 'committed' GROUP BY loan_id) i
  ON i.loan_id = f.loan_id""",
    {
        "loan_id": ("f.loan_id", "l.id"),
        "borrower_id": ("f.borrower_id", "l.borrower_id"),
        "currency": ("f.currency", "l.currency"),
        "target_minor": ("f.target_minor", "l.amount_minor"),
        "deadline": ("f.deadline", "l.funding_deadline"),
        "funded_minor": ("f.funded_minor", "least(coalesce(i.minor, 0), f.target_minor)"),
        "investors": ("f.investors", "coalesce(i.people, 0)"),
        "version": ("f.version", "greatest(f.version, i.version)"),
        "status": (
            "f.status",
            "CASE WHEN l.status IN ('offered', 'accepted') THEN 'pending' WHEN l.status = 'funding' THEN 'open' "
            "WHEN l.status IN ('funded', 'conditions_met') THEN 'full' ELSE 'closed' END",
        ),
    },
    "its loan and its investments",
)
# Until drawdown the escrow holds the tickets; afterwards, and when they went back, it is empty.
ESCROWS = Comparison(
    "account",
    "coalesce(a.id::text, 'escrow of loan ' || f.loan_id)",
    """(SELECT id, owner_id, currency, credits - debits AS minor FROM account WHERE kind = 'escrow') a
FULL JOIN (SELECT f.loan_id, f.currency, CASE WHEN l.status IN ('offered', 'accepted', 'funding', 'funded',
    'conditions_met') THEN f.funded_minor ELSE 0 END AS minor
  FROM loan_funding f JOIN loan l ON l.id = f.loan_id) f ON f.loan_id = a.owner_id AND f.currency = a.currency""",
    {"credits - debits": ("coalesce(a.minor, 0)", "coalesce(f.minor, 0)")},
    "what its loan is funded with",
)
# A loan pays its holders by what they had invested when it was drawn down.
STAKES = Comparison(
    "paid_to_holder",
    "concat_ws('/', h.payable_account_id, h.wallet_account_id)",
    """paid_to_holder h
JOIN account p ON p.id = h.payable_account_id JOIN account w ON w.id = h.wallet_account_id
LEFT JOIN (SELECT loan_id, investor_id, sum(amount_minor)::bigint AS minor FROM investment
  WHERE status = 'committed' GROUP BY loan_id, investor_id) i
  ON i.loan_id = p.owner_id AND i.investor_id = w.owner_id""",
    {"stake": ("h.stake", "i.minor")},
    "the holder's investments",
)
PAYMENTS = Comparison(
    "wallet_payment",
    "coalesce(p.id, t.journal_id)",
    """wallet_payment p
FULL JOIN (
  SELECT t.journal_id, t.amount, t.currency, t.effective_date, c.owner_id AS user_id
  FROM transfer t JOIN account c ON c.id = t.credit_account_id WHERE t.event = 'deposit') t ON t.journal_id = p.id
LEFT JOIN (
  SELECT h.id, h.reference, h.amount, h.currency, d.owner_id AS user_id, o.outcome FROM hold h
  JOIN account d ON d.id = h.debit_account_id LEFT JOIN hold_outcome o ON o.hold_id = h.id
  WHERE h.event = 'withdraw') h ON h.id = p.id
LEFT JOIN (SELECT reference, amount, effective_date FROM transfer WHERE event = 'payout') o ON o.reference = p.id""",
    {
        "direction": (
            "p.direction",
            "CASE WHEN h.id IS NOT NULL THEN 'withdrawal' WHEN t.journal_id IS NOT NULL THEN 'deposit' "
            "WHEN p.status = 'pending' THEN 'deposit' END",
        ),
        "status": (
            "p.status",
            "CASE WHEN t.journal_id IS NOT NULL THEN 'settled' WHEN h.outcome = 'posted' THEN 'settled' "
            "WHEN h.outcome = 'voided' THEN 'returned' ELSE 'pending' END",
        ),
        "reference": ("h.reference", "h.id"),
        "user_id": ("p.user_id", "coalesce(t.user_id, h.user_id, p.user_id)"),
        "amount_minor": ("p.amount_minor", "coalesce(t.amount, h.amount, p.amount_minor)"),
        "currency": ("p.currency", "coalesce(t.currency, h.currency, p.currency)"),
        "ended_at": (
            f"CASE WHEN p.status = 'settled' THEN (p.ended_at AT TIME ZONE {_ZONE})::date END",
            "coalesce(t.effective_date, o.effective_date)",
        ),
        "payout": (
            "CASE WHEN p.status = 'settled' AND p.direction = 'withdrawal' THEN p.amount_minor END",
            "o.amount",
        ),
    },
    "the ledger's transfers and holds",
    present="p.id IS NOT NULL",
    wanted="t.journal_id IS NOT NULL OR p.id IS NOT NULL",
)
# A withdrawal is on hold from its request on, and nothing else is.
HOLDS = Comparison(
    "hold",
    "coalesce(h.id, p.id)",
    """(SELECT h.*, d.owner_id AS user_id FROM hold h LEFT JOIN account d ON d.id = h.debit_account_id) h
FULL JOIN (SELECT * FROM wallet_payment WHERE direction = 'withdrawal') p ON p.id = h.id""",
    {
        "event": ("h.event", "'withdraw'"),
        "reference": ("h.reference", "p.id"),
        "debit_account_id": ("h.user_id", "p.user_id"),
        "amount": ("h.amount", "p.amount_minor"),
        "currency": ("h.currency", "p.currency"),
    },
    "the withdrawal that it is for",
    present="h.id IS NOT NULL",
    wanted="p.id IS NOT NULL",
)
OUTCOMES = Comparison(
    "hold_outcome",
    "p.id",
    """(SELECT * FROM wallet_payment WHERE direction = 'withdrawal' AND status <> 'pending') p
LEFT JOIN hold_outcome o ON o.hold_id = p.id""",
    {"outcome": ("o.outcome", "CASE p.status WHEN 'settled' THEN 'posted' ELSE 'voided' END")},
    "the withdrawal that ended",
    present="o.hold_id IS NOT NULL",
)
# A key belongs to its owner, whatever the route: one under which an investment was made answers nothing else.
KEYS = Comparison(
    "idempotency",
    "concat_ws('/', k.user_id, k.key)",
    "idempotency k JOIN investment i ON i.investor_id = k.user_id AND i.idempotency_key = k.key",
    {},
    "an investment has this key",
    wanted="false",
)
INVESTMENTS_AND_PAYMENTS = (
    KEYS,
    INVESTMENTS,
    POSITIONS,
    TOTALS,
    ESCROWS,
    STAKES,
    PAYMENTS,
    HOLDS,
    OUTCOMES,
)
