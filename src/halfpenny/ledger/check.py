"""The ledger's part of `check books`: every account, leg, hold, snapshot and seal computed again.

The transfers are added up for each account by the database, which spills to disk where there are many accounts, so
memory does not grow with the history. Of an account whose sums disagree, the legs are walked in their order, and the
first that does not follow names the row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from itertools import product
from uuid import UUID

from halfpenny.ledger.model import AccountKind, account_id
from halfpenny.platform.chain import verify_segments
from halfpenny.platform.consistency import LIMIT, TIMEOUT_S, Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.money import Currency

UNCHECKED: Mapping[str, str] = {
    "account.opened_at": "moves nothing",
    "balance_snapshot.as_of": "an earlier day is found; a later one changes no balance, because legs count by version",
    "hold.recorded_at": "moves nothing",
    "hold_outcome.recorded_at": "moves nothing",
    "ledger_segment.sealed_at": "when a seal was made, not what it covers",
}
_WALKED = 20

# A leg's balance is the one before it and its change. So the states after the legs (version and balance) are those
# before them, but for the first and the last: the hashes of both add up to the same, or some leg breaks the row.
RECOMPUTE = """
CREATE TEMP TABLE recomputed ON COMMIT DROP AS
SELECT account_id, sum(debit) AS debits, sum(credit) AS credits, count(*) AS legs,
       sum(hashint8extended(balance, version)) AS after_legs,
       sum(hashint8extended(balance - credit + debit, version - 1)) AS before_legs
FROM (
  SELECT debit_account_id AS account_id, amount AS debit, 0::bigint AS credit, debit_version AS version,
         debit_balance AS balance
  FROM transfer
  UNION ALL
  SELECT credit_account_id, 0, amount, credit_version, credit_balance FROM transfer
) legs GROUP BY account_id
"""
DIFFERENCES = """
WITH different AS MATERIALIZED (
  SELECT coalesce(a.id, t.account_id) AS id, a.id IS NOT NULL AS present, a.debits, a.credits, a.version,
         coalesce(t.debits, 0)::bigint AS true_debits, coalesce(t.credits, 0)::bigint AS true_credits,
         coalesce(t.legs, 0) AS legs
  FROM account a FULL JOIN recomputed t ON t.account_id = a.id
  WHERE a.id IS NULL OR a.debits <> coalesce(t.debits, 0) OR a.credits <> coalesce(t.credits, 0)
     OR a.version <> coalesce(t.legs, 0)
     OR t.after_legs + hashint8extended(0, 0)
        <> t.before_legs + hashint8extended((t.credits - t.debits)::bigint, t.legs)
)
SELECT * FROM different LIMIT 101
"""
# The legs of one account that do not follow from the one before.
WALK = """
WITH legs AS (
  SELECT journal_id, ordinal, 'debit' AS side, debit_version AS version, debit_balance AS balance, -amount AS change
  FROM transfer WHERE debit_account_id = $1
  UNION ALL
  SELECT journal_id, ordinal, 'credit', credit_version, credit_balance, amount
  FROM transfer WHERE credit_account_id = $1
), walked AS (
  SELECT legs.*, lag(version, 1, 0::bigint) OVER w AS version_before, lag(balance, 1, 0::bigint) OVER w AS before,
         lead(balance) OVER w - lead(change) OVER w AS claimed_by_next
  FROM legs WINDOW w AS (ORDER BY version, side)
)
SELECT * FROM walked WHERE version <> version_before + 1 OR balance <> before + change ORDER BY version LIMIT 10
"""
# One currency on both sides, and an event that may move money between these kinds of accounts.
CHART_VIOLATIONS = """
WITH unlawful AS MATERIALIZED (
SELECT t.journal_id, t.ordinal, t.currency, t.event, d.currency AS debit_currency, c.currency AS credit_currency,
       d.kind AS debit_kind, c.kind AS credit_kind
FROM transfer t
JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
LEFT JOIN chart h ON h.event = t.event AND h.debit = d.kind AND h.credit = c.kind
WHERE (d.currency <> t.currency OR c.currency <> t.currency
  -- `ledger.reverse` takes a journal back under a name that has no line: nothing of this release calls it.
  OR h.event IS NULL
  OR (h.one_owner AND d.owner_id IS DISTINCT FROM c.owner_id)
  -- Nothing is looked up for the many transfers that give nothing back.
  OR CASE h.gives_back
    WHEN 'whole' THEN NOT EXISTS (
      SELECT FROM transfer o WHERE o.journal_id = t.reverses AND o.ordinal = t.ordinal
        AND (o.debit_account_id, o.credit_account_id, o.amount) = (t.credit_account_id, t.debit_account_id, t.amount))
    WHEN 'part' THEN NOT EXISTS (
      SELECT FROM transfer o WHERE o.journal_id = t.reverses AND o.credit_account_id = t.debit_account_id
        AND o.amount >= ledger_parts_given_back(t.reverses, t.debit_account_id, '{}'))
    WHEN 'received' THEN NOT EXISTS (
      SELECT FROM transfer o WHERE o.credit_account_id = t.debit_account_id AND o.event = 'receipt'
        AND o.amount >= t.amount)
    ELSE false END)
)
SELECT * FROM unlawful LIMIT 101
"""
FOREIGN_IDS = f"""
SELECT id, kind, owner_id, currency FROM account WHERE id IS DISTINCT FROM account_id_of(kind, owner_id, currency)
LIMIT {LIMIT}
"""
OVERDRAWN = Comparison(
    "account",
    "a.id",
    "account a",
    {"balance": ("account_is_covered(kind, debits, credits, pending_debits, pending_credits)", "true")},
    "its kind may not be overdrawn",
)
PENDING = Comparison(
    "account",
    "a.id",
    """account a LEFT JOIN (
  SELECT account_id, sum(leaving)::bigint AS leaving, sum(coming)::bigint AS coming FROM (
    SELECT debit_account_id AS account_id, amount AS leaving, 0 AS coming FROM hold h
    WHERE NOT EXISTS (SELECT FROM hold_outcome o WHERE o.hold_id = h.id)
    UNION ALL SELECT credit_account_id, 0, amount FROM hold h
    WHERE NOT EXISTS (SELECT FROM hold_outcome o WHERE o.hold_id = h.id)) legs
  GROUP BY account_id) s ON s.account_id = a.id""",
    {
        "pending_debits": ("a.pending_debits", "coalesce(s.leaving, 0)"),
        "pending_credits": ("a.pending_credits", "coalesce(s.coming, 0)"),
    },
    "its open holds",
)
# What a loan owes is what its investors own.
CLAIMS = Comparison(
    "account",
    "r.id",
    """account r LEFT JOIN account c
  ON c.kind = 'investor_claims' AND c.owner_id = r.owner_id AND c.currency = r.currency""",
    {
        "debits - credits": (
            "CASE r.kind WHEN 'loan_receivable' THEN r.debits - r.credits ELSE 0 END",
            "CASE r.kind WHEN 'loan_receivable' THEN coalesce(c.credits - c.debits, 0) ELSE 0 END",
        )
    },
    "the investor_claims of the same loan",
)
# A posted hold became a transfer of the same money, and only ended holds have an outcome.
OUTCOMES = Comparison(
    "hold_outcome",
    "o.hold_id",
    """hold_outcome o LEFT JOIN hold h ON h.id = o.hold_id
LEFT JOIN transfer t ON t.journal_id = o.journal_id AND t.ordinal = 0""",
    {
        "hold_id": ("h.id", "o.hold_id"),
        "outcome": ("o.outcome", "CASE WHEN o.journal_id IS NULL THEN 'voided' ELSE 'posted' END"),
        "journal_id": (
            "CASE WHEN o.journal_id IS NOT NULL THEN "
            "(h.event, h.reference, h.debit_account_id, h.credit_account_id, h.amount, h.currency) END",
            "CASE WHEN o.journal_id IS NOT NULL THEN "
            "(t.event, t.reference, t.debit_account_id, t.credit_account_id, t.amount, t.currency) END",
        ),
    },
    "its hold and the transfer that it became",
)
HOLDS = Comparison(
    "hold",
    "h.id",
    "hold h LEFT JOIN account d ON d.id = h.debit_account_id LEFT JOIN account c ON c.id = h.credit_account_id",
    {
        "debit_account_id": ("h.debit_account_id", "d.id"),
        "credit_account_id": ("h.credit_account_id", "c.id"),
        "currency": ("(h.currency, h.currency)", "(d.currency, c.currency)"),
    },
    "its accounts",
)
# A snapshot holds the sums of all legs up to its version, and none that took effect later. Each leg is put to the first
# snapshot that holds it by a search in the versions of its account, so that no leg is sorted.
SNAPSHOTS = Comparison(
    "balance_snapshot",
    "concat_ws('/', s.account_id, s.as_of)",
    """balance_snapshot s
LEFT JOIN (
  SELECT account_id, version, sum(debit) OVER own AS debits, sum(credit) OVER own AS credits,
         max(last_day) OVER own AS last_day, last_version
  FROM (
    SELECT l.account_id, v.versions[width_bucket(l.version - 1, v.versions) + 1] AS version, sum(l.debit) AS debit,
           sum(l.credit) AS credit, max(l.effective_date) AS last_day, max(l.version) AS last_version
    FROM (SELECT debit_account_id AS account_id, debit_version AS version, amount AS debit, 0 AS credit, effective_date
            FROM transfer
          UNION ALL SELECT credit_account_id, credit_version, 0, amount, effective_date FROM transfer) l
    JOIN (SELECT account_id, array_agg(DISTINCT version) AS versions FROM balance_snapshot GROUP BY account_id) v
      ON v.account_id = l.account_id
    GROUP BY 1, 2) held
  WINDOW own AS (PARTITION BY account_id ORDER BY version)) t
  ON t.account_id = s.account_id AND t.version = s.version""",
    {
        "version": ("s.version", "t.last_version"),
        "debits": ("s.debits", "t.debits::bigint"),
        "credits": ("s.credits", "t.credits::bigint"),
        "as_of": ("s.as_of", "greatest(s.as_of, t.last_day)"),
    },
    "the transfers up to its version",
)
# What the ledger keeps to hold each holder within their part is the sum of what it has posted to and from them.
PAID_TO_HOLDERS = Comparison(
    "paid_to_holder",
    "concat_ws('/', coalesce(h.payable_account_id, t.payable_account_id), "
    "coalesce(h.wallet_account_id, t.wallet_account_id))",
    """paid_to_holder h FULL JOIN (
  SELECT payable_account_id, wallet_account_id, sum(paid)::bigint AS paid FROM (
    SELECT t.debit_account_id AS payable_account_id, t.credit_account_id AS wallet_account_id, t.amount AS paid
    FROM transfer t JOIN account w ON w.id = t.credit_account_id AND w.kind = 'wallet' WHERE t.event = 'distribution'
    UNION ALL
    SELECT p.id, t.debit_account_id, -t.amount
    FROM transfer t JOIN account w ON w.id = t.debit_account_id AND w.kind = 'wallet'
    JOIN account o ON o.id = t.credit_account_id
    JOIN account p ON p.kind = 'distribution_payable' AND p.owner_id = o.owner_id AND p.currency = o.currency
    WHERE t.event = 'overpaid_settled') moved
  GROUP BY payable_account_id, wallet_account_id) t
  ON t.payable_account_id = h.payable_account_id AND t.wallet_account_id = h.wallet_account_id""",
    {"paid": ("h.paid", "t.paid")},
    "the transfers to and from the holder's wallet",
    present="h.paid IS NOT NULL",
    wanted="t.paid IS NOT NULL",
)
# Only migrations add to the chart, so it is what the migration of this release writes: whoever adds a line, and an
# entry of its history with it, has still not changed that.
_CHART = Comparison(
    "chart",
    "concat_ws('/', coalesce(h.event, r.event), coalesce(h.debit, r.debit), coalesce(h.credit, r.credit))",
    """chart h FULL JOIN unnest($TEXTS$) AS r(event, debit, credit, one_owner, wallet_of, gives_back)
  ON r.event = h.event AND r.debit = h.debit AND r.credit = h.credit""",
    {
        "one_owner": ("h.one_owner", "r.one_owner::boolean"),
        "wallet_of": ("h.wallet_of", "nullif(r.wallet_of, '')"),
        "gives_back": ("h.gives_back", "nullif(r.gives_back, '')"),
    },
    "the migration that writes it",
    present="h.event IS NOT NULL",
    wanted="r.event IS NOT NULL",
)


def _chart_of_release() -> Comparison:
    # Alembic and SQLAlchemy take half a second to import, and nothing else that checks needs them.
    from halfpenny.platform import migrations

    columns = zip(*migrations.module("0002").chart_lines(), strict=True)
    texts = ", ".join(f"ARRAY[{', '.join(_quoted(value) for value in column)}]" for column in columns)
    return replace(_CHART, source=_CHART.source.replace("$TEXTS$", texts))


def _quoted(value: str | bool | None) -> str:
    return f"'{'' if value is None else value}'"


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that the ledger keeps, against its transfers. Runs inside one view of the database."""
    async for finding in _accounts(connection, progress):
        yield finding
    comparisons = (_chart_of_release(), OVERDRAWN, PENDING, CLAIMS, OUTCOMES, HOLDS, SNAPSHOTS, PAID_TO_HOLDERS)
    async for finding in compare(connection, comparisons, progress, "accounts"):
        yield finding
    async for finding in _identities(connection):
        yield finding
    async for finding in verify_segments(connection, "ledger", "ledger_segment", "transfers", progress):
        yield finding


async def _accounts(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    await connection.execute("DROP TABLE IF EXISTS recomputed")
    await connection.execute(RECOMPUTE, timeout=TIMEOUT_S)
    progress("transfers", 1, 2)
    for row in await connection.fetch(CHART_VIOLATIONS, timeout=TIMEOUT_S):
        yield _chart_violations(row)
    progress("transfers", 2, 2)
    walked = 0
    for row in (await connection.fetch(DIFFERENCES, timeout=TIMEOUT_S))[:LIMIT]:
        wrong = []
        if walked < _WALKED:
            walked += 1
            if row["present"]:
                wrong = await _walk(connection, row["id"], row["credits"] - row["debits"])
            else:
                wrong = await _orphaned_transfers(connection, row["id"])
        for finding in wrong or _kept(row):
            yield finding


def _chart_violations(row: Record) -> Finding:
    name = f"{row['journal_id']}/{row['ordinal']}"
    if {row["debit_currency"], row["credit_currency"]} != {row["currency"]}:
        expected = f"{row['debit_currency']} and {row['credit_currency']}"
        return Finding("transfer", name, "currency", row["currency"], expected, "its accounts")
    expected = f"an event from {row['debit_kind']} to {row['credit_kind']}"
    return Finding("transfer", name, "event", row["event"], expected, "the chart of the ledger")


def _kept(row: Record) -> list[Finding]:
    """Legs that follow from each other, and an account whose balance differs."""
    if not row["present"]:
        return [Finding("account", str(row["id"]), "row", "missing", "present", f"{row['legs']} transfers name it")]
    pairs = (("debits", "true_debits"), ("credits", "true_credits"), ("version", "legs"))
    gone = [
        Finding("transfer", f"version {version} of account {row['id']}", "row", "missing", "present", "its account")
        for version in range(row["legs"] + 1, min(row["version"], row["legs"] + 3) + 1)
    ]
    return gone + [
        Finding("account", str(row["id"]), kept, str(row[kept]), str(row[true]), "its transfers")
        for kept, true in pairs
        if row[kept] != row[true]
    ]


async def _orphaned_transfers(connection: Connection, account: UUID) -> list[Finding]:
    """The transfers that name an account which is not there."""
    sides = "SELECT journal_id, ordinal, '{0}' AS side FROM transfer WHERE {0}_account_id = $1"
    rows = await connection.fetch(f"{sides.format('debit')} UNION ALL {sides.format('credit')} LIMIT 10", account)
    return [
        Finding("account", str(account), "row", "missing", "present", "its transfers"),
        *(
            Finding(
                "transfer",
                f"{row['journal_id']}/{row['ordinal']}",
                f"{row['side']}_account_id",
                str(account),
                "an account that there is",
                "the accounts",
            )
            for row in rows
        ),
    ]


async def _walk(connection: Connection, account: UUID, balance: int) -> list[Finding]:
    """The legs of an account that break its row of balances, each with what it should have been."""
    found = []
    basis = f"the legs of account {account} in their order"
    for leg in await connection.fetch(WALK, account, timeout=TIMEOUT_S):
        row, side = f"{leg['journal_id']}/{leg['ordinal']}", leg["side"]
        expected_version, gap = leg["version_before"] + 1, leg["balance"] - leg["change"] - leg["before"]
        if leg["version"] > expected_version and gap:
            place = f"version {expected_version} of account {account}"
            found.append(Finding("transfer", place, "row", "missing", f"a transfer of {gap}", basis))
        elif leg["version"] != expected_version:
            found.append(Finding("transfer", row, f"{side}_version", str(leg["version"]), str(expected_version), basis))
        elif (balance if leg["claimed_by_next"] is None else leg["claimed_by_next"]) == leg["balance"]:
            # What follows agrees with this balance, so the amount is what was changed.
            moved = leg["balance"] - leg["before"]
            found.append(Finding("transfer", row, "amount", str(abs(leg["change"])), str(abs(moved)), basis))
        else:
            expected = leg["before"] + leg["change"]
            found.append(Finding("transfer", row, f"{side}_balance", str(leg["balance"]), str(expected), basis))
    return found


async def _identities(connection: Connection) -> AsyncIterator[Finding]:
    """An account's id is made from its kind, owner and currency: none of them can change without it."""
    for row in await connection.fetch(FOREIGN_IDS, timeout=TIMEOUT_S):
        yield await _changed_identity(connection, row)


async def _changed_identity(connection: Connection, row: Record) -> Finding:
    basis = "its id, which is made from kind, owner and currency"
    for kind, currency in product(AccountKind, Currency):
        if row["id"] == account_id(kind, row["owner_id"], currency):
            column, before = ("kind", kind) if kind != row["kind"] else ("currency", currency)
            return Finding("account", str(row["id"]), column, row[column], before.value, basis)
    owners = "SELECT DISTINCT row_key FROM row_history WHERE table_name IN ('app_user', 'loan')"
    async for owner in connection.cursor(owners, prefetch=5_000):
        if row["id"] == account_id(row["kind"], UUID(owner["row_key"]), row["currency"]):
            return Finding("account", str(row["id"]), "owner_id", str(row["owner_id"]), owner["row_key"], basis)
    return Finding("account", str(row["id"]), "owner_id", str(row["owner_id"]), "another", basis)
