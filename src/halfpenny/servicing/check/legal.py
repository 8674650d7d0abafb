"""The law's maximum rates in a loan's terms and in its log, against the published table."""

from __future__ import annotations

from halfpenny.platform.consistency import Comparison
from halfpenny.primitives.legal_maximum import LegalMaximumTable
from halfpenny.servicing.store.legal_limits import AGREED_SINCE

_BASIS = "the published table of the law's maximum rates"


def legal_comparisons(table: LegalMaximumTable) -> tuple[Comparison, ...]:
    rows = ", ".join(
        f"('{law.governing_law}', '{law.currency}', date '{row.since}', "
        f"{row.contract.millionths}, {row.default.millionths})"
        for law in table.values()
        for row in law.rates
    )
    published = f"(VALUES {rows}) p(law, currency, since, contract, default_rate)"
    return _agreed(published), _applied(published), _LIMITED, _known(published)


def _agreed(published: str) -> Comparison:
    """A row that was published late leaves a loan that had been advanced by then on the one before, or on none: an
    event follows it."""
    return Comparison(
        "serviced_loan",
        "s.loan_id",
        f"""serviced_loan s LEFT JOIN LATERAL (
  SELECT p.since, jsonb_build_object('since', p.since, 'contract', jsonb_build_object('millionths', p.contract),
    'default', jsonb_build_object('millionths', p.default_rate)) AS maximum
  FROM {published} WHERE p.law = s.terms->>'governing_law' AND p.currency = s.currency AND p.since <= s.advanced_on
    AND s.terms->'legal_maximum' <> 'null'
  ORDER BY p.since = (s.terms->'legal_maximum'->>'since')::date DESC, p.since DESC LIMIT 1) m ON true""",
        {"terms.legal_maximum": ("s.terms->'legal_maximum'", "coalesce(m.maximum, 'null')")},
        _BASIS,
    )


def _applied(published: str) -> Comparison:
    return Comparison(
        "legal_maximum_applied",
        "concat_ws('/', a.governing_law, a.currency, a.since)",
        f"""legal_maximum_applied a LEFT JOIN {published}
  ON p.law = a.governing_law AND p.currency = a.currency AND p.since = a.since""",
        {
            "contract_millionths": ("a.contract_millionths", "p.contract::bigint"),
            "default_millionths": ("a.default_millionths", "p.default_rate::bigint"),
        },
        _BASIS,
        wanted="p.law IS NOT NULL",
    )


# What has been applied is in the log of every loan that runs under that law and was agreed on an earlier maximum, or on
# none: of the changes before its advance the last, and of the events of one day the last that was recorded.
_LIMITED = Comparison(
    "servicing_event",
    "concat_ws('/', a.loan_id, 'legal_maximum_change', a.since)",
    f"""(SELECT DISTINCT ON (l.loan_id, greatest(a.since, l.advanced_on)) l.loan_id,
    greatest(a.since, l.advanced_on) AS since, a.contract_millionths, a.default_millionths
  FROM legal_maximum_applied a JOIN serviced_loan l ON l.currency = a.currency AND l.closed_on IS NULL
    AND l.terms->>'governing_law' = a.governing_law AND {AGREED_SINCE} < a.since
  ORDER BY l.loan_id, greatest(a.since, l.advanced_on), a.since DESC) a
LEFT JOIN LATERAL (SELECT * FROM servicing_event e WHERE e.loan_id = a.loan_id AND e.kind = 'legal_maximum_change'
  AND e.effective_date = a.since ORDER BY e.number DESC LIMIT 1) e ON true""",
    {
        "contract": ("(e.data->'contract'->>'millionths')::bigint", "a.contract_millionths"),
        "default": ("(e.data->'default'->>'millionths')::bigint", "a.default_millionths"),
    },
    "the law's maximum rates of that day",
    present="e.loan_id IS NOT NULL",
)


def _known(published: str) -> Comparison:
    """No log has a change that the law does not know."""
    return Comparison(
        "servicing_event",
        "concat_ws('/', e.loan_id, e.number)",
        f"""(SELECT * FROM servicing_event WHERE kind = 'legal_maximum_change') e
JOIN serviced_loan l ON l.loan_id = e.loan_id
LEFT JOIN {published} ON p.law = l.terms->>'governing_law' AND p.currency = l.currency
  AND p.contract = (e.data->'contract'->>'millionths')::bigint
  AND p.default_rate = (e.data->'default'->>'millionths')::bigint
  AND greatest(p.since, l.advanced_on) = e.effective_date""",
        {},
        _BASIS,
        wanted="p.law IS NOT NULL",
    )
