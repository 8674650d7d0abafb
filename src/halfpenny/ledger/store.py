"""The ledger's SQL. Writing goes only through the database's own functions (migration 0002)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from halfpenny.ledger.errors import (
    AlreadyReversed,
    FutureEffectiveDate,
    InsufficientAvailable,
    JournalConflict,
    LedgerCurrencyMismatch,
    NotInChart,
    UnknownHold,
)
from halfpenny.ledger.model import (
    DEBIT_NORMAL,
    Account,
    AccountKind,
    Balance,
    Entry,
    Hold,
    Journal,
    Leg,
    Transfer,
)
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import JournalId
from halfpenny.primitives.money import Currency

_NAMED = {
    "HP001": JournalConflict,
    "HP002": FutureEffectiveDate,
    "HP003": LedgerCurrencyMismatch,
    "HP004": UnknownHold,
    "HP005": NotInChart,
}

POST = "SELECT ledger_post($1::posting[])"
LOCK = "SELECT * FROM ledger_lock($1::account_name[])"
HOLD = "SELECT ledger_hold($1, $2, $3, $4::account_name, $5::account_name, $6)"
BALANCES = "SELECT id, debits, credits, pending_debits, pending_credits, version FROM account WHERE id = ANY ($1)"
WALLETS = "SELECT * FROM account WHERE owner_id = $1 AND kind = $2 ORDER BY currency"
LIST_ENTRIES = """
SELECT * FROM (
  (SELECT debit_version AS version, journal_id, event, reference, credit_account_id AS other_id,
          -amount AS amount, debit_balance AS balance, effective_date, recorded_at
   FROM transfer WHERE debit_account_id = $1 AND debit_version < $2 ORDER BY debit_version DESC LIMIT $3)
  UNION ALL
  (SELECT credit_version, journal_id, event, reference, debit_account_id, amount, credit_balance,
          effective_date, recorded_at
   FROM transfer WHERE credit_account_id = $1 AND credit_version < $2 ORDER BY credit_version DESC LIMIT $3)
) entry ORDER BY version DESC LIMIT $3
"""
# The legs after the nearest snapshot; the snapshot's own legs all took effect on or before its date.
BALANCE_AT = """
WITH kept AS (
  SELECT version, debits, credits FROM balance_snapshot
  WHERE account_id = $1 AND as_of <= $2 ORDER BY as_of DESC LIMIT 1
)
SELECT coalesce((SELECT credits - debits FROM kept), 0)
  + coalesce((SELECT sum(amount) FROM transfer WHERE credit_account_id = $1 AND effective_date <= $2
      AND credit_version > coalesce((SELECT version FROM kept), 0)), 0)
  - coalesce((SELECT sum(amount) FROM transfer WHERE debit_account_id = $1 AND effective_date <= $2
      AND debit_version > coalesce((SELECT version FROM kept), 0)), 0)
"""
ENTRIES_BETWEEN = """
SELECT * FROM (
  SELECT debit_version AS version, journal_id, event, reference, credit_account_id AS other_id,
         -amount AS amount, debit_balance AS balance, effective_date, recorded_at
  FROM transfer WHERE debit_account_id = $1 AND effective_date BETWEEN $2 AND $3
  UNION ALL
  SELECT credit_version, journal_id, event, reference, debit_account_id, amount, credit_balance,
         effective_date, recorded_at
  FROM transfer WHERE credit_account_id = $1 AND effective_date BETWEEN $2 AND $3
) entry ORDER BY effective_date, version
"""
JOURNAL = """
SELECT t.ordinal, t.event, t.reference, t.amount, t.effective_date, t.reverses,
       d.kind AS debit_kind, d.owner_id AS debit_owner, c.kind AS credit_kind, c.owner_id AS credit_owner, t.currency
FROM transfer t JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
WHERE t.journal_id = $1 ORDER BY t.ordinal
"""
VERSIONS_OF_OWNER = "SELECT id, kind, currency, version FROM account WHERE owner_id = $1 ORDER BY kind, currency"
# The latest legs of each account below its bound: nothing is read but these.
LATEST_LEGS = """
SELECT wanted.account_id, leg.* FROM unnest($1::uuid[], $2::bigint[]) AS wanted (account_id, below)
CROSS JOIN LATERAL (
  SELECT * FROM (
    (SELECT debit_version AS version, journal_id, ordinal, recorded_at, debit_account_id, credit_account_id
     FROM transfer WHERE debit_account_id = wanted.account_id AND debit_version < wanted.below
     ORDER BY debit_version DESC LIMIT $3)
    UNION ALL
    (SELECT credit_version, journal_id, ordinal, recorded_at, debit_account_id, credit_account_id
     FROM transfer WHERE credit_account_id = wanted.account_id AND credit_version < wanted.below
     ORDER BY credit_version DESC LIMIT $3)
  ) side ORDER BY version DESC LIMIT $3
) leg
"""
TRANSFERS = """
SELECT t.journal_id, t.ordinal, t.event, t.reference, t.reverses, t.amount, t.currency, t.effective_date,
       t.recorded_at, d.kind AS debit_kind, d.owner_id AS debit_owner, c.kind AS credit_kind,
       c.owner_id AS credit_owner
FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS wanted (journal_id, ordinal, place)
JOIN transfer t ON t.journal_id = wanted.journal_id AND t.ordinal = wanted.ordinal
JOIN account d ON d.id = t.debit_account_id JOIN account c ON c.id = t.credit_account_id
ORDER BY wanted.place
"""
TRIAL_BALANCE = """
SELECT kind, currency, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits, count(*) AS accounts
FROM account GROUP BY kind, currency ORDER BY currency, kind
"""

# The general ledger of the days $1 to $2, by account, day and event; rows without a day are opening balances, debits
# less credits: what stands now less all since. One statement, so that all of it is of one moment. The business dates
# of transfers grow with them but for a few, which the index by blocks is made for.
GENERAL_LEDGER = """
WITH since AS MATERIALIZED (
  SELECT journal_id, event, effective_date, amount, currency, debit_account_id, credit_account_id
  FROM transfer WHERE effective_date >= $1
), legs AS MATERIALIZED (
  SELECT a.kind, s.currency, s.effective_date, s.event, s.journal_id, s.amount AS debit, 0::bigint AS credit
  FROM since s JOIN account a ON a.id = s.debit_account_id
  UNION ALL
  SELECT a.kind, s.currency, s.effective_date, s.event, s.journal_id, 0, s.amount
  FROM since s JOIN account a ON a.id = s.credit_account_id
), changed AS (
  SELECT kind, currency, sum(debit - credit)::bigint AS net FROM legs GROUP BY kind, currency
), opening AS (
  SELECT a.kind, a.currency, sum(a.debits - a.credits)::bigint - coalesce(min(c.net), 0) AS balance
  FROM account a LEFT JOIN changed c ON c.kind = a.kind AND c.currency = a.currency GROUP BY a.kind, a.currency
)
SELECT kind, currency, NULL::date AS day, '' AS event, 0 AS journals, greatest(balance, 0)::bigint AS debits,
       greatest(-balance, 0)::bigint AS credits
FROM opening
UNION ALL
SELECT kind, currency, effective_date, event, count(DISTINCT journal_id)::int, sum(debit)::bigint, sum(credit)::bigint
FROM legs WHERE effective_date <= $2 GROUP BY kind, currency, effective_date, event
ORDER BY currency, kind, day NULLS FIRST, event
"""


def named_error(error: asyncpg.PostgresError) -> HalfpennyError | None:
    """The ledger's own name for an error that its functions raised, or None for anything else."""
    if isinstance(error, asyncpg.CheckViolationError) and error.constraint_name == "ck_account_no_overdraft":
        return InsufficientAvailable()
    if isinstance(error, asyncpg.UniqueViolationError):
        # Two journals with one id met before either was visible: their accounts differ, so they conflict.
        if error.constraint_name == "pk_transfer":
            return JournalConflict()
        if error.constraint_name == "uq_transfer_reverses_ordinal":
            return AlreadyReversed()
    named = _NAMED.get(error.sqlstate or "")
    return named(str(error)) if named else None


def account_name(account: Account) -> tuple[UUID, str, UUID | None, str]:
    """An account as the database's type of that name."""
    return (account.id, account.kind.value, account.owner_id, account.currency.value)


def postings(journals: Iterable[Journal]) -> list[tuple[Any, ...]]:
    """The transfers of journals as ``ledger_post`` takes them, one ``posting`` each."""
    return [
        (journal.id, ordinal, journal.event, journal.reference, journal.reverses, journal.effective_date,
         account_name(transfer.debit), account_name(transfer.credit), transfer.amount)
        for journal in journals
        for ordinal, transfer in enumerate(journal.transfers)
    ]  # fmt: skip


async def post(connection: Connection, journals: Sequence[Journal]) -> set[UUID]:
    try:
        rows = await connection.fetch(POST, postings(journals))
    except asyncpg.PostgresError as error:
        raise named_error(error) or error from error
    return {row[0] for row in rows}


def _balance(kind: AccountKind, row: Record) -> Balance:
    if kind in DEBIT_NORMAL:
        return Balance(row["debits"] - row["credits"], row["pending_credits"], row["version"])
    return Balance(row["credits"] - row["debits"], row["pending_debits"], row["version"])


async def lock(connection: Connection, accounts: Sequence[Account]) -> dict[Account, Balance]:
    by_id = {account.id: account for account in accounts}
    try:
        rows = await connection.fetch(LOCK, [account_name(account) for account in accounts])
    except asyncpg.PostgresError as error:
        raise named_error(error) or error from error
    return {by_id[row["id"]]: _balance(by_id[row["id"]].kind, row) for row in rows}


async def balances(connection: Connection, accounts: Sequence[Account]) -> dict[Account, Balance]:
    by_id = {account.id: account for account in accounts}
    found = {account: Balance(0, 0) for account in accounts}
    for row in await connection.fetch(BALANCES, list(by_id)):
        account = by_id[row["id"]]
        found[account] = _balance(account.kind, row)
    return found


async def owned(connection: Connection, owner_id: UUID, kind: AccountKind) -> dict[Account, Balance]:
    return {
        Account(kind, owner_id, Currency(row["currency"])): _balance(kind, row)
        for row in await connection.fetch(WALLETS, owner_id, kind.value)
    }


async def _entries(connection: Connection, account: Account, rows: Sequence[Record]) -> list[Entry]:
    kinds = {
        row["id"]: AccountKind(row["kind"])
        for row in await connection.fetch(
            "SELECT id, kind FROM account WHERE id = ANY ($1)", list({row["other_id"] for row in rows})
        )
    }
    sign = -1 if account.kind in DEBIT_NORMAL else 1
    return [
        Entry(
            version=row["version"],
            journal_id=JournalId(row["journal_id"]),
            event=row["event"],
            reference=row["reference"],
            counterparty=kinds[row["other_id"]],
            amount=sign * row["amount"],
            balance=sign * row["balance"],
            effective_date=row["effective_date"],
            recorded_at=row["recorded_at"],
        )
        for row in rows
    ]


async def entries(connection: Connection, account: Account, before_version: int, limit: int) -> list[Entry]:
    rows = await connection.fetch(LIST_ENTRIES, account.id, before_version, limit)
    return await _entries(connection, account, rows)


async def entries_between(connection: Connection, account: Account, first: date, last: date) -> list[Entry]:
    rows = await connection.fetch(ENTRIES_BETWEEN, account.id, first, last)
    return await _entries(connection, account, rows)


async def balance_at(connection: Connection, account: Account, day: date) -> int:
    signed = int(await connection.fetchval(BALANCE_AT, account.id, day))
    return -signed if account.kind in DEBIT_NORMAL else signed


async def versions_of(connection: Connection, owner_id: UUID) -> dict[UUID, tuple[Account, int]]:
    """Every account of an owner and how many legs it has, by the account's id."""
    rows = await connection.fetch(VERSIONS_OF_OWNER, owner_id)
    return {
        row["id"]: (Account(AccountKind(row["kind"]), owner_id, Currency(row["currency"])), row["version"])
        for row in rows
    }


async def latest_legs(connection: Connection, below: Mapping[UUID, int], limit: int) -> list[Leg]:
    """The ``limit`` latest legs of each account before the version that stands beside it."""
    rows = await connection.fetch(LATEST_LEGS, list(below), list(below.values()), limit)
    return [Leg(**row) for row in rows]


async def transfers(connection: Connection, places: Sequence[tuple[UUID, int]]) -> list[Record]:
    """Transfers by (journal, ordinal), in the order asked for, with the kinds and owners of both sides."""
    return await connection.fetch(TRANSFERS, [place[0] for place in places], [place[1] for place in places])


async def journal(connection: Connection, journal_id: UUID) -> Journal | None:
    rows = await connection.fetch(JOURNAL, journal_id)
    if not rows:
        return None
    transfers = tuple(
        Transfer(
            Account(AccountKind(row["debit_kind"]), row["debit_owner"], Currency(row["currency"])),
            Account(AccountKind(row["credit_kind"]), row["credit_owner"], Currency(row["currency"])),
            row["amount"],
        )
        for row in rows
    )
    first = rows[0]
    return Journal(
        JournalId(journal_id),
        first["event"],
        transfers,
        first["effective_date"],
        first["reference"],
        first["reverses"],
    )


async def hold(connection: Connection, held: Hold) -> bool:
    try:
        new: bool = await connection.fetchval(
            HOLD, held.id, held.event, held.reference, account_name(held.debit), account_name(held.credit), held.amount
        )
    except asyncpg.PostgresError as error:
        raise named_error(error) or error from error
    return new


async def end_hold(connection: Connection, hold_id: UUID, journal_id: UUID | None, day: date | None) -> bool:
    try:
        ended: bool = await connection.fetchval("SELECT ledger_end_hold($1, $2, $3)", hold_id, journal_id, day)
    except asyncpg.PostgresError as error:
        raise named_error(error) or error from error
    return ended


async def trial_balance(connection: Connection) -> list[Record]:
    return await connection.fetch(TRIAL_BALANCE)


async def general_ledger(connection: Connection, first: date, last: date) -> list[Record]:
    return await connection.fetch(GENERAL_LEDGER, first, last, timeout=120)


async def snapshot(connection: Connection) -> int:
    """Looks at every account once; at a million of them that takes longer than a request may."""
    return int(await connection.fetchval("SELECT ledger_snapshot()", timeout=600))
