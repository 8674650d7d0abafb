"""Servicing's part of the proof of the books: each loan's claims, money and holdings agree."""

from __future__ import annotations

from halfpenny.platform.database import Connection
from halfpenny.primitives.money import format_minor

# What the loan owes is what its holdings have outstanding, but for principal declared and not shared out yet.
OUTSTANDING = """
SELECT l.loan_id, l.principal_outstanding_minor AS owed, h.outstanding - coalesce(d.principal, 0) AS held,
       a.debits - a.credits - coalesce(d.principal, 0) AS receivable
FROM serviced_loan l
JOIN LATERAL (SELECT coalesce(sum(outstanding_minor), 0)::bigint AS outstanding FROM holding
              WHERE loan_id = l.loan_id) h ON true
JOIN LATERAL (SELECT sum(principal_minor)::bigint AS principal FROM distribution
              WHERE loan_id = l.loan_id AND status = 'declared') d ON true
LEFT JOIN account a ON a.id = l.receivable_account_id
WHERE l.principal_outstanding_minor <> h.outstanding - coalesce(d.principal, 0)
   OR l.principal_outstanding_minor <> coalesce(a.debits - a.credits, 0) - coalesce(d.principal, 0)
LIMIT 100
"""
# Collections are emptied by every posting; the payable account holds exactly what is declared and unpaid.
MONEY = """
SELECT l.loan_id, coalesce(c.credits - c.debits, 0) AS collections, coalesce(p.credits - p.debits, 0) AS payable,
       coalesce(u.unpaid, 0) AS unpaid,
       coalesce(r.credits - r.debits, 0) AS reserve,
       (l.posted->>'retained')::bigint - (l.posted->>'released')::bigint - (l.posted->>'rebated')::bigint AS kept
FROM serviced_loan l
LEFT JOIN account c ON c.id = l.collections_account_id
LEFT JOIN account p ON p.id = l.payable_account_id
LEFT JOIN account r ON r.id = l.reserve_account_id
LEFT JOIN LATERAL (
  SELECT sum(CASE d.status
    WHEN 'declared' THEN d.principal_minor + d.interest_minor + d.default_interest_minor + d.recovered_minor
    WHEN 'shared' THEN (SELECT coalesce(sum(s.principal_minor + s.interest_minor + s.default_interest_minor
      + s.recovered_minor), 0) FROM distribution_share s WHERE s.distribution_id = d.id AND NOT s.paid)
    ELSE 0 END)::bigint AS unpaid
  FROM distribution d WHERE d.loan_id = l.loan_id) u ON true
WHERE coalesce(c.credits - c.debits, 0) <> 0 OR coalesce(p.credits - p.debits, 0) <> coalesce(u.unpaid, 0)
   OR coalesce(r.credits - r.debits, 0)
      <> (l.posted->>'retained')::bigint - (l.posted->>'released')::bigint - (l.posted->>'rebated')::bigint
LIMIT 100
"""
SHARES = """
SELECT d.id, d.loan_id FROM distribution d
JOIN LATERAL (SELECT sum(principal_minor) AS principal, sum(interest_minor) AS interest,
    sum(default_interest_minor) AS default_interest, sum(recovered_minor) AS recovered
  FROM distribution_share s WHERE s.distribution_id = d.id) s ON true
WHERE d.status <> 'declared' AND (s.principal, s.interest, s.default_interest, s.recovered)
  IS DISTINCT FROM (d.principal_minor::numeric, d.interest_minor::numeric, d.default_interest_minor::numeric,
                    d.recovered_minor::numeric)
LIMIT 100
"""
# A drawdown turns every stake into one holding of the same amount: nobody else holds anything.
STAKES = """
SELECT coalesce(h.loan_id, p.loan_id) AS loan_id, coalesce(h.investor_id, p.investor_id) AS investor_id,
       coalesce(h.stake_minor, 0) AS stake, coalesce(p.invested_minor, 0) AS invested
FROM holding h
FULL JOIN (SELECT p.* FROM position p JOIN serviced_loan USING (loan_id) WHERE p.invested_minor > 0) p
  USING (loan_id, investor_id)
WHERE h.stake_minor IS DISTINCT FROM p.invested_minor
LIMIT 100
"""
SUSPENSE = """
SELECT a.currency, a.credits - a.debits AS kept, coalesce(u.waiting, 0) AS waiting
FROM account a LEFT JOIN (SELECT currency, sum(amount_minor)::bigint AS waiting FROM unmatched_receipt
  WHERE status = 'unmatched' GROUP BY currency) u ON u.currency = a.currency
WHERE a.kind = 'suspense' AND a.owner_id IS NULL AND a.credits - a.debits < coalesce(u.waiting, 0)
"""


async def check(connection: Connection) -> list[str]:
    """One sentence for each thing that is wrong, none when all is well."""
    problems = [
        f"loan {row['loan_id']} owes {format_minor(row['owed'])} of principal, its holdings have "
        f"{format_minor(row['held'])}, the ledger {format_minor(row['receivable'] or 0)}"
        for row in await connection.fetch(OUTSTANDING, timeout=300)
    ]
    problems += [
        f"loan {row['loan_id']}: collections {format_minor(row['collections'])} (must be zero), payable "
        f"{format_minor(row['payable'])} (unpaid shares {format_minor(row['unpaid'])}), interest reserve "
        f"{format_minor(row['reserve'])} (kept {format_minor(row['kept'])})"
        for row in await connection.fetch(MONEY, timeout=300)
    ]
    problems += [
        f"distribution {row['id']} of loan {row['loan_id']}: its shares do not add up to it"
        for row in await connection.fetch(SHARES, timeout=300)
    ]
    problems += [
        f"investor {row['investor_id']} put {format_minor(row['invested'])} into loan {row['loan_id']}, their holding "
        f"says {format_minor(row['stake'])}"
        for row in await connection.fetch(STAKES, timeout=300)
    ]
    problems += [
        f"suspense holds {format_minor(row['kept'])} {row['currency']}, less than the "
        f"{format_minor(row['waiting'])} of receipts that wait there"
        for row in await connection.fetch(SUSPENSE, timeout=300)
    ]
    return problems
