"""Proof of the books: everything is computed again from the transfers and compared with what is kept.

Works through the table in blocks, so its memory does not grow with the history: ten million transfers
are read twice (once for the totals, once for the seals) with progress after each block.
"""

from __future__ import annotations

from collections.abc import Callable

from halfpenny.platform.database import Connection
from halfpenny.primitives.money import format_minor

BLOCKS_A_STEP = 8_192
Progress = Callable[[str, int, int], None]

TOTALS_OF_BLOCKS = """
INSERT INTO recomputed
SELECT account_id, sum(debit), sum(credit), count(*), max(version) FROM (
  SELECT debit_account_id AS account_id, amount AS debit, 0::bigint AS credit, debit_version AS version
  FROM transfer WHERE ctid >= $1::tid AND ctid < $2::tid
  UNION ALL
  SELECT credit_account_id, 0, amount, credit_version FROM transfer WHERE ctid >= $1::tid AND ctid < $2::tid
) legs GROUP BY account_id
"""
DIFFERENCES = """
WITH totals AS (
  SELECT account_id, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits,
         sum(legs)::bigint AS legs, max(version) AS version
  FROM recomputed GROUP BY account_id
)
SELECT coalesce(a.id, t.account_id) AS id, a.kind, a.owner_id, a.currency, a.debits, a.credits, a.version,
       coalesce(t.debits, 0) AS true_debits, coalesce(t.credits, 0) AS true_credits,
       coalesce(t.legs, 0) AS legs, coalesce(t.version, 0) AS last_version
FROM account a FULL JOIN totals t ON t.account_id = a.id
WHERE a.id IS NULL OR a.debits <> coalesce(t.debits, 0) OR a.credits <> coalesce(t.credits, 0)
   OR a.version <> coalesce(t.legs, 0) OR a.version <> coalesce(t.version, 0)
LIMIT 100
"""
UNBALANCED = "SELECT currency, sum(debits) AS debits, sum(credits) AS credits FROM account GROUP BY currency"
OVERDRAWN = """
SELECT id, kind, owner_id, currency FROM account
WHERE NOT account_is_covered(kind, debits, credits, pending_debits, pending_credits) LIMIT 100
"""
# One currency on both sides of every transfer, and the last balance on an account is the account's own.
MIXED = """
SELECT t.journal_id, t.ordinal FROM transfer t
JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
WHERE (d.currency <> t.currency OR c.currency <> t.currency) AND t.ctid >= $1::tid AND t.ctid < $2::tid LIMIT 100
"""
LAST_BALANCE = """
SELECT a.id, a.kind FROM account a
LEFT JOIN transfer d ON d.debit_account_id = a.id AND d.debit_version = a.version
LEFT JOIN transfer c ON c.credit_account_id = a.id AND c.credit_version = a.version
WHERE a.version > 0 AND coalesce(d.debit_balance, c.credit_balance) IS DISTINCT FROM a.credits - a.debits LIMIT 100
"""
PENDING = """
WITH held AS (
  SELECT h.debit_account_id, h.credit_account_id, h.amount FROM hold h
  WHERE NOT EXISTS (SELECT FROM hold_outcome o WHERE o.hold_id = h.id)
), sums AS (
  SELECT account_id, sum(out)::bigint AS out, sum(into_it)::bigint AS into_it FROM (
    SELECT debit_account_id AS account_id, amount AS out, 0 AS into_it FROM held
    UNION ALL SELECT credit_account_id, 0, amount FROM held) legs GROUP BY account_id
)
SELECT a.id, a.kind FROM account a LEFT JOIN sums s ON s.account_id = a.id
WHERE a.pending_debits <> coalesce(s.out, 0) OR a.pending_credits <> coalesce(s.into_it, 0) LIMIT 100
"""
CLAIMS = """
SELECT r.owner_id, r.currency, r.debits - r.credits AS owed, coalesce(c.credits - c.debits, 0) AS owned
FROM account r LEFT JOIN account c
  ON c.kind = 'investor_claims' AND c.owner_id = r.owner_id AND c.currency = r.currency
WHERE r.kind = 'loan_receivable' AND r.debits - r.credits <> coalesce(c.credits - c.debits, 0) LIMIT 100
"""


async def check(connection: Connection, progress: Progress | None = None) -> list[str]:
    """Verify the whole ledger; returns one sentence for each thing that is wrong, none when all is well.

    ``progress`` is called as (what, done, whole). Must run outside a transaction that writes.
    """
    tell = progress or (lambda what, done, whole: None)
    problems: list[str] = []
    # One snapshot for everything, or money in motion would look like a difference.
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute("SET LOCAL work_mem = '64MB'")
        await connection.execute(
            "CREATE TEMP TABLE recomputed (account_id uuid, debits bigint, credits bigint, legs bigint, "
            "version bigint) ON COMMIT DROP"
        )
        problems += await _accounts(connection, tell)
        problems += await _balances(connection)
        problems += await _chain(connection, tell)
    return problems


async def _accounts(connection: Connection, tell: Progress) -> list[str]:
    problems = []
    blocks = await connection.fetchval("SELECT pg_relation_size('transfer') / 8192")
    for first in range(0, blocks, BLOCKS_A_STEP):
        bounds = (first, 0), (first + BLOCKS_A_STEP, 0)
        await connection.execute(TOTALS_OF_BLOCKS, *bounds, timeout=600)
        problems += [
            f"transfer {row['journal_id']}/{row['ordinal']} is in another currency than its accounts"
            for row in await connection.fetch(MIXED, *bounds, timeout=600)
        ]
        tell("transfers", min(first + BLOCKS_A_STEP, blocks), blocks)
    for row in await connection.fetch(DIFFERENCES, timeout=600):
        problems.append(_difference(row))
    return problems


def _difference(row: object) -> str:
    r: dict[str, object] = dict(row)  # type: ignore[call-overload]
    if r["kind"] is None:
        return f"transfers name account {r['id']}, which does not exist"
    kept = format_minor(int(str(r["credits"])) - int(str(r["debits"])))
    true = format_minor(int(str(r["true_credits"])) - int(str(r["true_debits"])))
    return (
        f"account {r['id']} ({r['kind']} of {r['owner_id'] or 'the platform'}, {r['currency']}) keeps {kept}, "
        f"its {r['legs']} transfers add up to {true} (version {r['version']}, last leg {r['last_version']})"
    )


async def _balances(connection: Connection) -> list[str]:
    problems = [
        f"{row['currency']} does not balance: debits {format_minor(int(row['debits']))}, "
        f"credits {format_minor(int(row['credits']))}"
        for row in await connection.fetch(UNBALANCED)
        if row["debits"] != row["credits"]
    ]
    problems += [
        f"account {row['id']} ({row['kind']} of {row['owner_id'] or 'the platform'}) is overdrawn"
        for row in await connection.fetch(OVERDRAWN)
    ]
    problems += [
        f"account {row['id']} ({row['kind']}) and the balance in its last transfer differ"
        for row in await connection.fetch(LAST_BALANCE, timeout=600)
    ]
    problems += [
        f"account {row['id']} ({row['kind']}) keeps pending amounts that its open holds do not add up to"
        for row in await connection.fetch(PENDING, timeout=600)
    ]
    problems += [
        f"loan {row['owner_id']} owes {format_minor(row['owed'])} {row['currency']}, "
        f"its investors own {format_minor(row['owned'])}"
        for row in await connection.fetch(CLAIMS)
    ]
    return problems


async def _chain(connection: Connection, tell: Progress) -> list[str]:
    problems = []
    segments = await connection.fetch(
        "SELECT place, from_xid, to_xid, transfers, hash FROM ledger_segment ORDER BY place"
    )
    head, next_xid, expected = bytes(32), 0, 0
    for segment in segments:
        expected += 1
        if segment["place"] != expected or segment["from_xid"] != next_xid:
            problems.append(f"ledger chain: the segment before {segment['place']} is missing")
            expected = segment["place"]
        row = await connection.fetchrow(
            "SELECT * FROM segment_hash($1, $2, $3)",
            head,
            segment["from_xid"],
            segment["to_xid"],
            timeout=600,
        )
        if row is None or row["hash"] != segment["hash"]:
            found = row["transfers"] if row else 0
            problems.append(
                f"ledger chain: segment {segment['place']} was sealed over {segment['transfers']} transfers "
                f"and does not match the {found} that are there now (transactions {segment['from_xid']} "
                f"to {segment['to_xid']})"
            )
        head, next_xid = segment["hash"], segment["to_xid"]
        tell("seals", expected, len(segments))
    return problems
