"""The law's maximum rates in a loan's terms and in its log, against the published table."""

from __future__ import annotations

from halfpenny.platform.consistency import Comparison
from halfpenny.primitives import legal_maximum

_ROWS = ", ".join(
    f"('{law.governing_law}', '{law.currency}', date '{row.since}', "
    f"{row.contract.millionths}, {row.default.millionths})"
    for law in legal_maximum.published().values()
    for row in law.rates
)
_PUBLISHED = f"(VALUES {_ROWS}) p(law, currency, since, contract, default_rate)"

# One that was published late leaves a loan that had been advanced by then on the one before: an event follows it.
AGREED = Comparison(
    "serviced_loan",
    "s.loan_id",
    f"""serviced_loan s LEFT JOIN LATERAL (
  SELECT p.since, jsonb_build_object('since', p.since, 'contract', jsonb_build_object('millionths', p.contract),
    'default', jsonb_build_object('millionths', p.default_rate)) AS maximum
  FROM {_PUBLISHED} WHERE p.law = s.terms->>'governing_law' AND p.currency = s.currency AND p.since <= s.advanced_on
  ORDER BY p.since = (s.terms->'legal_maximum'->>'since')::date DESC, p.since DESC LIMIT 1) m ON true""",
    {"terms.legal_maximum": ("s.terms->'legal_maximum'", "coalesce(m.maximum, 'null')")},
    "the published table of the law's maximum rates",
)
APPLIED = Comparison(
    "legal_maximum_applied",
    "concat_ws('/', a.governing_law, a.currency, a.since)",
    f"""legal_maximum_applied a LEFT JOIN {_PUBLISHED}
  ON p.law = a.governing_law AND p.currency = a.currency AND p.since = a.since""",
    {
        "contract_millionths": ("a.contract_millionths", "p.contract::bigint"),
        "default_millionths": ("a.default_millionths", "p.default_rate::bigint"),
    },
    "the published table of the law's maximum rates",
    wanted="p.law IS NOT NULL",
)
# What has been applied is in the log of every loan that runs under that law and was agreed on an earlier maximum.
LIMITED = Comparison(
    "servicing_event",
    "concat_ws('/', l.loan_id, 'legal_maximum_change', a.since)",
    """legal_maximum_applied a JOIN serviced_loan l ON l.currency = a.currency AND l.closed_on IS NULL
  AND l.terms->>'governing_law' = a.governing_law AND (l.terms->'legal_maximum'->>'since')::date < a.since
  AND l.advanced_on <= a.since
LEFT JOIN servicing_event e ON e.loan_id = l.loan_id AND e.kind = 'legal_maximum_change'
  AND e.effective_date = a.since""",
    {
        "contract": ("(e.data->'contract'->>'millionths')::bigint", "a.contract_millionths"),
        "default": ("(e.data->'default'->>'millionths')::bigint", "a.default_millionths"),
    },
    "the law's maximum rates of that day",
    present="e.loan_id IS NOT NULL",
)
# And no log has one that the law does not know.
KNOWN = Comparison(
    "servicing_event",
    "concat_ws('/', e.loan_id, e.number)",
    f"""(SELECT * FROM servicing_event WHERE kind = 'legal_maximum_change') e
JOIN serviced_loan l ON l.loan_id = e.loan_id
LEFT JOIN {_PUBLISHED} ON p.law = l.terms->>'governing_law' AND p.currency = l.currency
  AND p.contract = (e.data->'contract'->>'millionths')::bigint
  AND p.default_rate = (e.data->'default'->>'millionths')::bigint
  AND greatest(p.since, l.advanced_on) = e.effective_date""",
    {},
    "the published table of the law's maximum rates",
    wanted="p.law IS NOT NULL",
)
LEGAL = (AGREED, APPLIED, LIMITED, KNOWN)
