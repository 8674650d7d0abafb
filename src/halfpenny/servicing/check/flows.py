"""Every transfer of a drawn loan: written together with the row that it follows from, and in sum what these rows say.

A posting of servicing and the row that it follows from are written in one transaction, whose number the sealed ledger
and the sealed history both keep: so each single transfer is held against its row. The amounts are held in sum for each
loan: what a replay posts is a difference, and only the sums of all differences stand anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from halfpenny.platform.consistency import Comparison

_OF_LOAN, _OF_SHARES, _OF_DISTRIBUTION = "serviced_loan", "loss_share", "distribution"
_REPLAYED = ("drawdown", "servicing", "receipt", "receipt_reversed", "cost_advanced", "waiver", "retained_interest_due")
# The table of the row that is written with each event's transfers. A distribution's are held one by one (``PAID``).
WRITTEN_WITH: Mapping[str, str] = {
    **{event: _OF_LOAN for event in _REPLAYED},
    "principal_repaid": _OF_DISTRIBUTION,
    "distribution_corrected": _OF_DISTRIBUTION,
    "loss": _OF_SHARES,
    "overpaid_settled": "overpaid_settlement",
}
_EVENTS = ", ".join(f"('{event}', '{table}')" for event, table in WRITTEN_WITH.items())
WRITTEN = Comparison(
    "transfer",
    "concat_ws('/', t.journal_id, t.ordinal)",
    f"""(SELECT t.journal_id, t.ordinal, t.event, t.reference, t.xid, e.table_name
  FROM transfer t JOIN (VALUES {_EVENTS}) e(event, table_name) ON e.event = t.event) t
LEFT JOIN (
  SELECT DISTINCT h.table_name, h.xid, CASE h.table_name WHEN '{_OF_DISTRIBUTION}' THEN d.loan_id
    ELSE split_part(h.row_key, '/', 1)::uuid END AS loan_id
  FROM row_history h LEFT JOIN distribution d ON h.table_name = '{_OF_DISTRIBUTION}' AND d.id::text = h.row_key
  WHERE h.table_name IN ({", ".join(f"'{table}'" for table in sorted(set(WRITTEN_WITH.values())))})) h
  ON h.table_name = t.table_name AND h.xid = t.xid AND h.loan_id = t.reference""",
    {},
    "the row that is written with it: a replay, a distribution, a loss or a settlement of its loan",
    wanted="h.xid IS NOT NULL",
)

# From the first kind of account to the second, less the way back.
_NET: Mapping[str, tuple[str, str]] = {
    "released": ("interest_reserve", "collections"),
    "rebated": ("interest_reserve", "wallet"),
    "fees": ("collections", "fee_income"),
    "default_income": ("collections", "default_income"),
    "costs": ("collections", "recovery_advance"),
    "costs_waived": ("fee_income", "recovery_advance"),
    "from_wallet": ("wallet", "collections"),
    "from_suspense": ("suspense", "collections"),
    "from_bank": ("client_bank", "collections"),
    "held": ("collections", "advance_payments"),
    "to_investors": ("collections", "distribution_payable"),
    "retained": ("escrow", "interest_reserve"),
    "drawn_fees": ("escrow", "fee_income"),
    "drawn_net": ("escrow", "wallet"),
    "advanced": ("recovery_advance", "own_bank"),
}
_SUMS = ",\n".join(
    f"sum(CASE WHEN (d.kind, c.kind) = ('{debit}', '{credit}') THEN t.amount "
    f"WHEN (c.kind, d.kind) = ('{debit}', '{credit}') THEN -t.amount ELSE 0 END)::bigint AS {name}"
    for name, (debit, credit) in _NET.items()
)
# What is owed moves the same two accounts under four events: each is the sum of other rows.
_OWED = {"drawn": "'drawdown'", "principal": "'principal_repaid', 'distribution_corrected'", "lost": "'loss'"}
_OWED_SUMS = ",\n".join(
    f"sum(CASE WHEN t.event NOT IN ({events}) THEN 0 WHEN d.kind = 'investor_claims' AND c.kind = 'loan_receivable' "
    "THEN t.amount WHEN d.kind = 'loan_receivable' AND c.kind = 'investor_claims' THEN -t.amount ELSE 0 END)::bigint "
    f"AS owed_{name}"
    for name, events in _OWED.items()
)
_BACK = ",\n".join(
    f"sum(CASE WHEN t.event = 'distribution_corrected' AND d.kind = '{kind}' THEN t.amount ELSE 0 END)::bigint "
    f"AS {name}"
    for name, kind in (("overpaid", "overpaid_distribution"), ("untaxed", "tax_payable"))
)
_PLATFORM = "'wallet', 'client_bank', 'own_bank', 'fee_income', 'default_income', 'tax_payable', 'suspense'"
_ADVANCE_FEES = """(SELECT coalesce(sum(coalesce((f->>'amount_minor')::bigint,
    div(2 * (l.terms->'principal'->>'minor')::numeric * (f->>'percent_millionths')::bigint + 100000000, 200000000))), 0)
  FROM jsonb_array_elements(l.terms->'fees') f WHERE f->>'when' = 'advance')::bigint"""


def _posted(name: str) -> str:
    return f"(l.posted->>'{name}')::bigint"


def _moved(name: str) -> str:
    return f"coalesce(t.{name}, 0)"


FLOWS = Comparison(
    "serviced_loan",
    "coalesce(l.loan_id, t.loan_id)",
    f"""serviced_loan l
FULL JOIN (
  SELECT CASE WHEN d.kind IN ({_PLATFORM}) THEN c.owner_id ELSE d.owner_id END AS loan_id,
{_SUMS},
{_OWED_SUMS},
{_BACK}
  FROM transfer t JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
  WHERE t.event IN ({", ".join(f"'{event}'" for event in WRITTEN_WITH)}) GROUP BY 1) t ON t.loan_id = l.loan_id
LEFT JOIN (SELECT loan_id, sum((data->'amount'->>'minor')::bigint)::bigint AS minor FROM servicing_event
  WHERE kind = 'cost_advanced' GROUP BY loan_id) e ON e.loan_id = l.loan_id
LEFT JOIN (SELECT loan_id, sum(amount_minor)::bigint AS minor FROM line_allocation WHERE taken_back_at IS NULL
  GROUP BY loan_id) a ON a.loan_id = l.loan_id
LEFT JOIN (SELECT loan_id, sum(principal_minor)::bigint AS principal FROM distribution WHERE status <> 'declared'
  GROUP BY loan_id) d ON d.loan_id = l.loan_id
LEFT JOIN (SELECT loan_id, sum(lost_minor)::bigint AS lost FROM loss_share GROUP BY loan_id) x ON x.loan_id = l.loan_id
LEFT JOIN (SELECT d.loan_id, -sum(least(s.netted_minor, 0))::bigint AS overpaid,
    -sum(least(s.withheld_minor, 0))::bigint AS untaxed
  FROM distribution_share s JOIN distribution d ON d.id = s.distribution_id WHERE d.correction GROUP BY d.loan_id) r
  ON r.loan_id = l.loan_id""",
    {
        **{
            f"posted.{name}": (_posted(name), _moved(name))
            for name in ("retained", "released", "held", "rebated", "fees", "default_income", "costs", "costs_waived")
        },
        "posted.received": (
            f"{_posted('received')} - {_posted('returned')}",
            f"{_moved('from_wallet')} + {_moved('from_suspense')} + {_moved('from_bank')}",
        ),
        "posted.principal": (
            " + ".join(_posted(part) for part in ("principal", "interest", "default_interest", "recovered")),
            _moved("to_investors"),
        ),
        "from suspense": ("coalesce(a.minor, 0)", _moved("from_suspense")),
        "terms.principal": ("(l.terms->'principal'->>'minor')::bigint", f"-{_moved('owed_drawn')}"),
        "terms.fees": (_ADVANCE_FEES, _moved("drawn_fees")),
        "drawn net": (
            f"(l.terms->'principal'->>'minor')::bigint - {_ADVANCE_FEES} - {_posted('retained')}",
            _moved("drawn_net"),
        ),
        "costs advanced": ("coalesce(e.minor, 0)", _moved("advanced")),
        "principal shared out": ("coalesce(d.principal, 0)", _moved("owed_principal")),
        "lost": ("coalesce(x.lost, 0)", _moved("owed_lost")),
        "had too much": ("coalesce(r.overpaid, 0)", _moved("overpaid")),
        "taxed too much": ("coalesce(r.untaxed, 0)", _moved("untaxed")),
    },
    "its transfers in the ledger",
    present="l.loan_id IS NOT NULL",
    wanted="t.loan_id IS NOT NULL",
)
TRANSFERS = (WRITTEN, FLOWS)
