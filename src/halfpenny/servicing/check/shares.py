"""Shares of distributions and losses, recomputed from the first: weights, splits, holdings, and the ledger's payments.

Every step of a holding is a share of a distribution or of a loss. Walking the steps in their order gives what was
outstanding and for how long, which are the weights of the next split; the split's rule gives each amount to the cent.
"""

from __future__ import annotations

from halfpenny.platform.consistency import Comparison

# One row a step, with the state of the holding before it. `accrued` sums principal times days from the advance on. Four
# comparisons read it, so it is made once.
WALK_STEPS = """
CREATE TEMP TABLE walked ON COMMIT DROP AS
WITH steps AS (
  SELECT s.position_id, d.number, 0 AS after, s.distribution_id, d.effective_date, s.principal_minor,
         s.interest_minor + s.default_interest_minor AS interest_minor, s.withheld_minor, s.recovered_minor,
         0::bigint AS lost_minor, s.netted_minor, d.interest_minor > 0 AS shares_interest
  FROM distribution_share s JOIN distribution d ON d.id = s.distribution_id
  UNION ALL
  SELECT position_id, after_distribution, number, NULL, effective_date, 0, 0, 0, 0, lost_minor, 0, false FROM loss_share
  UNION ALL
  -- After the loan has closed, and so after all of its shares and losses.
  SELECT position_id, after_distribution, 1000000 + number, NULL, settled_on, 0, 0, 0, 0, 0, amount_minor, false
  FROM overpaid_settlement
), before AS (
  SELECT t.*, h.loan_id, h.stake_minor - coalesce(sum(t.principal_minor + t.lost_minor) OVER w, 0)::bigint
           AS outstanding_minor,
         coalesce(sum(t.lost_minor - t.recovered_minor) OVER w, 0)::bigint AS loss_minor,
         coalesce(-sum(t.netted_minor) OVER w, 0)::bigint AS overpaid_minor,
         greatest(l.advanced_on, max(t.effective_date) OVER w) AS counted_to, h.stake_minor
  FROM steps t JOIN holding h ON h.position_id = t.position_id JOIN serviced_loan l ON l.loan_id = h.loan_id
  WINDOW w AS (PARTITION BY t.position_id ORDER BY t.number, t.after ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), counted AS (
  SELECT b.*, sum(outstanding_minor * greatest(effective_date - counted_to, 0)) OVER (PARTITION BY position_id
           ORDER BY number, after ROWS UNBOUNDED PRECEDING) AS accrued
  FROM before b
)
SELECT c.*, (accrued - coalesce(max(accrued) FILTER (WHERE shares_interest) OVER (PARTITION BY position_id
           ORDER BY number, after ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint AS principal_days
FROM counted c"""


def _split(name: str, weight: str) -> str:
    """Largest remainder over the shares of each distribution, ties by position: the rule of SHARE_OUT."""
    whole = f"greatest(sum(({weight})::numeric) OVER d, 1)"
    return f"""
{name}_parts AS (
  SELECT distribution_id, position_id, total_{name} AS total, div(total_{name} * ({weight})::numeric, {whole}) AS part,
         total_{name} * ({weight})::numeric - div(total_{name} * ({weight})::numeric, {whole}) * {whole} AS remainder
  FROM weighed WHERE total_{name} > 0 WINDOW d AS (PARTITION BY distribution_id)
), {name}_split AS (
  SELECT distribution_id, position_id, (part + (row_number() OVER (PARTITION BY distribution_id
         ORDER BY remainder DESC, position_id) <= total - sum(part) OVER (PARTITION BY distribution_id))::int)::bigint
         AS minor
  FROM {name}_parts
)"""


_WEIGHED = f"""
weighed AS (
  SELECT w.*, d.principal_minor AS total_principal, d.interest_minor AS total_interest,
         d.default_interest_minor AS total_default, d.recovered_minor AS total_recovered,
         CASE WHEN sum(w.principal_days) OVER d > 0 THEN w.principal_days
              WHEN sum(w.outstanding_minor) OVER d > 0 THEN w.outstanding_minor
              ELSE w.stake_minor END AS interest_weight,
         CASE WHEN sum(w.outstanding_minor) OVER d > 0 THEN w.outstanding_minor ELSE w.stake_minor END AS default_weight
  FROM walked w JOIN distribution d ON d.id = w.distribution_id
  WINDOW d AS (PARTITION BY w.distribution_id)
), {_split("principal", "outstanding_minor")}, {_split("interest", "interest_weight")},
{_split("default", "default_weight")}, {_split("recovered", "loss_minor")}"""

# Once a loan has been corrected, its shares follow from its first day (`check/corrections.py`).
_CORRECTED = "EXISTS (SELECT FROM distribution x WHERE x.loan_id = {loan_id} AND x.correction)"

SPLITS = Comparison(
    "distribution_share",
    "concat_ws('/', s.distribution_id, s.position_id)",
    f"""(WITH {_WEIGHED}
  SELECT w.distribution_id, w.position_id, w.outstanding_minor, w.interest_weight, coalesce(p.minor, 0) AS principal,
         coalesce(i.minor, 0) AS interest, coalesce(f.minor, 0) AS default_interest, coalesce(r.minor, 0) AS recovered
  FROM weighed w
  LEFT JOIN principal_split p USING (distribution_id, position_id)
  LEFT JOIN interest_split i USING (distribution_id, position_id)
  LEFT JOIN default_split f USING (distribution_id, position_id)
  LEFT JOIN recovered_split r USING (distribution_id, position_id)
  WHERE NOT {_CORRECTED.format(loan_id="w.loan_id")}) w
JOIN distribution_share s ON s.distribution_id = w.distribution_id AND s.position_id = w.position_id""",
    {
        "weight_principal": ("s.weight_principal", "w.outstanding_minor"),
        "weight_interest": ("s.weight_interest", "w.interest_weight"),
        "principal_minor": ("s.principal_minor", "w.principal"),
        "interest_minor": ("s.interest_minor", "w.interest"),
        "default_interest_minor": ("s.default_interest_minor", "w.default_interest"),
        "recovered_minor": ("s.recovered_minor", "w.recovered"),
    },
    "the distribution split again over the holdings of its day",
)
HOLDINGS = Comparison(
    "holding",
    "concat_ws('/', h.loan_id, h.investor_id)",
    """holding h JOIN serviced_loan l ON l.loan_id = h.loan_id
LEFT JOIN (SELECT position_id, sum(principal_minor)::bigint AS principal, sum(interest_minor)::bigint AS interest,
         sum(withheld_minor)::bigint AS withheld, sum(recovered_minor)::bigint AS recovered,
         sum(lost_minor)::bigint AS lost, -sum(netted_minor)::bigint AS overpaid, max(effective_date) AS last_day,
         (max(accrued) - coalesce(max(accrued) FILTER (WHERE shares_interest), 0))::bigint AS principal_days
  FROM walked GROUP BY position_id) s ON s.position_id = h.position_id
LEFT JOIN (SELECT reference, min(recorded_at) AS drawn_at FROM transfer WHERE event = 'drawdown' GROUP BY reference) d
  ON d.reference = h.loan_id""",
    {
        # An id carries the moment that it was made, which is its loan's drawdown.
        "position_id": (
            "uuid_extract_version(h.position_id) = 7 AND coalesce(abs(extract(epoch FROM "
            "uuid_extract_timestamp(h.position_id) - d.drawn_at)) < 86400, true)",
            "true",
        ),
        "outstanding_minor": (
            "h.outstanding_minor",
            "h.stake_minor - coalesce(s.principal, 0) - coalesce(s.lost, 0)",
        ),
        "interest_minor": ("h.interest_minor", "coalesce(s.interest, 0)"),
        "withheld_minor": ("h.withheld_minor", "coalesce(s.withheld, 0)"),
        "recovered_minor": ("h.recovered_minor", "coalesce(s.recovered, 0)"),
        "lost_minor": ("h.lost_minor", "coalesce(s.lost, 0)"),
        "overpaid_minor": ("h.overpaid_minor", "coalesce(s.overpaid, 0)"),
        "principal_days": (
            "h.principal_days",
            f"CASE WHEN {_CORRECTED.format(loan_id='l.loan_id')} THEN h.principal_days "
            "ELSE coalesce(s.principal_days, 0) END",
        ),
        "counted_to": (
            "h.counted_to",
            f"CASE WHEN {_CORRECTED.format(loan_id='l.loan_id')} THEN h.counted_to "
            "ELSE greatest(l.advanced_on, s.last_day) END",
        ),
    },
    "its shares of distributions and losses",
)
# The shares of a distribution go to every holding of its loan, once, and add up to it.
UNEQUAL_OR_MISSING_SHARES = Comparison(
    "distribution_share",
    "concat_ws('/', coalesce(s.distribution_id, h.distribution_id), coalesce(s.position_id, h.position_id))",
    """distribution_share s FULL JOIN (
  SELECT d.id AS distribution_id, h.position_id, h.investor_id, h.wallet_account_id
  FROM distribution d JOIN holding h ON h.loan_id = d.loan_id WHERE d.status <> 'declared') h
ON h.distribution_id = s.distribution_id AND h.position_id = s.position_id""",
    {
        "investor_id": ("s.investor_id", "h.investor_id"),
        "wallet_account_id": ("s.wallet_account_id", "h.wallet_account_id"),
    },
    "the holdings of its loan",
    present="s.distribution_id IS NOT NULL",
    wanted="h.distribution_id IS NOT NULL",
)
_TOTAL = "s.principal_minor + s.interest_minor + s.default_interest_minor + s.recovered_minor - s.withheld_minor"
_PAID = f"{_TOTAL} - s.netted_minor"
PAID = Comparison(
    "distribution_share",
    "coalesce(s.distribution_id || '/' || s.position_id, t.journal_id::text)",
    """(SELECT s.*, d.loan_id, d.effective_date, d.currency FROM distribution_share s
  JOIN distribution d ON d.id = s.distribution_id) s
FULL JOIN (
  SELECT t.journal_id, sum(t.amount) FILTER (WHERE c.kind = 'wallet')::bigint AS paid,
         sum(t.amount) FILTER (WHERE c.kind = 'tax_payable')::bigint AS withheld,
         sum(t.amount) FILTER (WHERE c.kind = 'overpaid_distribution')::bigint AS netted,
         min(t.effective_date) AS day, count(*) FILTER (WHERE c.kind = 'wallet') AS wallets,
         (array_agg(t.credit_account_id) FILTER (WHERE c.kind = 'wallet'))[1] AS wallet_id, min(t.currency) AS currency,
         (array_agg(d.owner_id))[1] AS loan_id
  FROM transfer t JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
  WHERE t.event = 'distribution' GROUP BY t.journal_id
  ) t ON t.journal_id = s.journal_id""",
    {
        # Below zero is nothing to pay: it was had too much, or taxed too much.
        "paid": (
            f"s.paid AND ({_PAID} > 0 OR s.withheld_minor > 0 OR s.netted_minor > 0)",
            "t.journal_id IS NOT NULL",
        ),
        "paid amount": (
            f"CASE WHEN t.journal_id IS NOT NULL THEN {_PAID} END",
            "CASE WHEN t.journal_id IS NOT NULL THEN coalesce(t.paid, 0) END",
        ),
        "withheld_minor": (
            "CASE WHEN t.journal_id IS NOT NULL THEN greatest(s.withheld_minor, 0) END",
            "CASE WHEN t.journal_id IS NOT NULL THEN coalesce(t.withheld, 0) END",
        ),
        "netted_minor": (
            "CASE WHEN t.journal_id IS NOT NULL THEN greatest(s.netted_minor, 0) END",
            "CASE WHEN t.journal_id IS NOT NULL THEN coalesce(t.netted, 0) END",
        ),
        # Never two wallets for one share.
        "wallets": ("coalesce(t.wallets, 0)", "least(coalesce(t.wallets, 0), 1)"),
        "wallet_account_id": (
            "CASE WHEN t.paid > 0 THEN s.wallet_account_id END",
            "CASE WHEN t.paid > 0 THEN t.wallet_id END",
        ),
        "distribution_id": (
            "CASE WHEN t.journal_id IS NOT NULL THEN (s.loan_id, s.effective_date, s.currency) END",
            "CASE WHEN t.journal_id IS NOT NULL THEN (t.loan_id, t.day, t.currency) END",
        ),
    },
    "its journal in the ledger",
    present="s.distribution_id IS NOT NULL",
    wanted="true",
)
# What was had too much is netted from the first share above zero; a share below zero is had too much itself.
NETTED = Comparison(
    "distribution_share",
    "concat_ws('/', s.distribution_id, s.position_id)",
    """distribution_share s JOIN (SELECT distribution_id, position_id, overpaid_minor FROM walked) b
ON b.distribution_id = s.distribution_id AND b.position_id = s.position_id""",
    {
        "netted_minor": (
            "s.netted_minor",
            f"CASE WHEN {_TOTAL} > 0 THEN least(b.overpaid_minor, {_TOTAL}) ELSE {_TOTAL} END",
        )
    },
    "what the holder had had too much by then",
)
# Tax is held back by the rate of the profile as it was when the distribution was shared out, half up to the cent. What
# a correction holds back or gives back follows from the loan's first day (`check/corrections.py`).
WITHHELD = Comparison(
    "distribution_share",
    "concat_ws('/', s.distribution_id, s.position_id)",
    """distribution_share s
JOIN distribution o ON o.id = s.distribution_id
JOIN (SELECT row_key::uuid AS id, min(seq) AS seq FROM row_history WHERE table_name = 'distribution'
  AND data->>'status' = 'shared' GROUP BY row_key) d ON d.id = s.distribution_id
LEFT JOIN (SELECT row_key::uuid AS investor_id, (data->>'withholding_millionths')::bigint AS millionths, seq AS since,
    lead(seq, 1, 9223372036854775807) OVER (PARTITION BY row_key ORDER BY seq) AS until
  FROM row_history WHERE table_name = 'tax_profile' AND data ? 'withholding_millionths') t
ON t.investor_id = s.investor_id AND d.seq >= t.since AND d.seq < t.until""",
    {
        "withheld_minor": (
            "s.withheld_minor",
            "CASE WHEN o.correction THEN s.withheld_minor ELSE "
            "div(2 * (s.interest_minor + s.default_interest_minor)::numeric * coalesce(t.millionths, 0) + 100000000, "
            "200000000)::bigint END",
        ),
        "withholding_millionths": ("s.withholding_millionths::bigint", "coalesce(t.millionths, 0)"),
    },
    "the investor's tax profile of that moment",
)
DISTRIBUTIONS = Comparison(
    "distribution",
    "d.id",
    """distribution d JOIN serviced_loan l ON l.loan_id = d.loan_id
LEFT JOIN (SELECT distribution_id, sum(principal_minor)::bigint AS principal, sum(interest_minor)::bigint AS interest,
    sum(default_interest_minor)::bigint AS default_interest, sum(recovered_minor)::bigint AS recovered,
    bool_and(paid) AS paid FROM distribution_share GROUP BY distribution_id) s ON s.distribution_id = d.id""",
    {
        "currency": ("d.currency", "l.currency"),
        "principal_minor": ("d.principal_minor", "coalesce(s.principal, d.principal_minor)"),
        "interest_minor": ("d.interest_minor", "coalesce(s.interest, d.interest_minor)"),
        "default_interest_minor": (
            "d.default_interest_minor",
            "coalesce(s.default_interest, d.default_interest_minor)",
        ),
        "recovered_minor": ("d.recovered_minor", "coalesce(s.recovered, d.recovered_minor)"),
        "status": (
            "d.status",
            "CASE WHEN s.distribution_id IS NULL THEN 'declared' WHEN d.status = 'paid' AND s.paid THEN 'paid' "
            "ELSE 'shared' END",
        ),
    },
    "its shares",
)
DECLARED = Comparison(
    "serviced_loan",
    "l.loan_id",
    """serviced_loan l LEFT JOIN (SELECT loan_id, sum(principal_minor)::bigint AS principal,
    sum(interest_minor)::bigint AS interest, sum(default_interest_minor)::bigint AS default_interest,
    sum(recovered_minor)::bigint AS recovered FROM distribution GROUP BY loan_id) d USING (loan_id)
LEFT JOIN (SELECT loan_id, sum(lost_minor)::bigint AS lost FROM loss_share GROUP BY loan_id) x USING (loan_id)""",
    {
        "posted.principal": ("(l.posted->>'principal')::bigint", "coalesce(d.principal, 0)"),
        "posted.interest": ("(l.posted->>'interest')::bigint", "coalesce(d.interest, 0)"),
        "posted.default_interest": ("(l.posted->>'default_interest')::bigint", "coalesce(d.default_interest, 0)"),
        "posted.recovered": ("(l.posted->>'recovered')::bigint", "coalesce(d.recovered, 0)"),
        "posted.lost": ("(l.posted->>'lost')::bigint", "coalesce(x.lost, 0)"),
    },
    "its distributions and losses",
)
SHARES = (SPLITS, HOLDINGS, UNEQUAL_OR_MISSING_SHARES, PAID, NETTED, WITHHELD, DISTRIBUTIONS, DECLARED)
