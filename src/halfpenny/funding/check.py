"""Funding's part of the proof of the books: tickets, totals, positions and escrow agree, each key has one effect."""

from __future__ import annotations

from halfpenny.platform.database import Connection
from halfpenny.primitives.money import format_minor

TOTALS = """
SELECT f.loan_id, f.status, f.currency, f.target_minor, f.funded_minor, f.investors, i.minor, i.people,
       coalesce(p.minor, 0) AS positions
FROM loan_funding f
LEFT JOIN LATERAL (SELECT coalesce(sum(amount_minor), 0)::bigint AS minor, count(DISTINCT investor_id)::int AS people
  FROM investment WHERE loan_id = f.loan_id AND status = 'committed') i ON true
LEFT JOIN LATERAL (SELECT sum(invested_minor)::bigint AS minor FROM position WHERE loan_id = f.loan_id) p ON true
WHERE f.funded_minor > f.target_minor OR f.funded_minor <> i.minor OR f.investors <> i.people
   OR coalesce(p.minor, 0) <> i.minor
LIMIT 100
"""
# Until drawdown the escrow holds the tickets; afterwards, and when they went back, it is empty.
ESCROW = """
SELECT f.loan_id, l.status, f.funded_minor, coalesce(sum(a.credits - a.debits), 0)::bigint AS escrow
FROM loan_funding f JOIN loan l ON l.id = f.loan_id
LEFT JOIN account a ON a.kind = 'escrow' AND a.owner_id = f.loan_id
GROUP BY f.loan_id, l.status, f.funded_minor
HAVING coalesce(sum(a.credits - a.debits), 0) <> CASE WHEN l.status IN
  ('offered', 'accepted', 'funding', 'funded', 'conditions_met') THEN f.funded_minor ELSE 0 END
LIMIT 100
"""
# A ticket's journal has the ticket's own id: exactly one transfer each way, and none without a ticket.
TICKETS = """
SELECT coalesce(i.id, t.journal_id) AS id, i.id IS NULL AS stray
FROM investment i
FULL JOIN (SELECT journal_id, amount FROM transfer WHERE event = 'invest') t ON t.journal_id = i.id
WHERE i.id IS NULL OR t.amount IS DISTINCT FROM i.amount_minor
LIMIT 100
"""
PAYMENTS = """
SELECT p.id, p.direction, p.status FROM wallet_payment p
LEFT JOIN transfer t ON t.journal_id = p.id AND t.ordinal = 0
WHERE p.direction = 'deposit' AND (p.status = 'settled') <> (t.journal_id IS NOT NULL)
LIMIT 100
"""


async def check(connection: Connection) -> list[str]:
    """One sentence for each thing that is wrong, none when all is well."""
    problems = [
        f"loan {row['loan_id']} keeps {format_minor(row['funded_minor'])} of {format_minor(row['target_minor'])} "
        f"{row['currency']} from {row['investors']} investors; its tickets say {format_minor(row['minor'])} from "
        f"{row['people']}, its positions {format_minor(row['positions'])}"
        for row in await connection.fetch(TOTALS, timeout=600)
    ]
    problems += [
        f"loan {row['loan_id']} ({row['status']}) is funded with {format_minor(row['funded_minor'])}, its escrow "
        f"holds {format_minor(row['escrow'])}"
        for row in await connection.fetch(ESCROW, timeout=600)
    ]
    problems += [
        f"journal {row['id']} moved money for a ticket that does not exist"
        if row["stray"]
        else f"ticket {row['id']} and its transfer differ"
        for row in await connection.fetch(TICKETS, timeout=600)
    ]
    problems += [
        f"{row['direction']} {row['id']} is {row['status']}, the ledger says otherwise"
        for row in await connection.fetch(PAYMENTS, timeout=600)
    ]
    return problems
