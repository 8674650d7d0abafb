"""Posting, holding, reversing and reading. Every call runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from halfpenny.ledger import store
from halfpenny.ledger.errors import UnknownJournal
from halfpenny.ledger.model import (
    Account,
    AccountKind,
    AccountStatement,
    Balance,
    Entry,
    Hold,
    Journal,
    Transfer,
    TransfersBefore,
    merge_newest,
)
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import JournalId
from halfpenny.primitives.money import Currency


async def post(connection: Connection, journal: Journal) -> bool:
    """Post one journal: True when it is new, False when the same journal is there already.

    Raises JournalConflict (the id is there with other contents), InsufficientAvailable (an account that
    may not be overdrawn would be), FutureEffectiveDate, CurrencyMismatch. After any error the
    transaction is spent: let it roll back.
    """
    return journal.id in await store.post(connection, [journal])


async def post_many(connection: Connection, journals: Sequence[Journal]) -> set[UUID]:
    """Post many journals with one statement, all or none; returns the ids of those that are new.

    Overdrafts are judged on the state after the last journal, not between them.
    """
    return await store.post(connection, journals) if journals else set()


async def lock(connection: Connection, accounts: Sequence[Account]) -> dict[Account, Balance]:
    """Lock accounts in id order until the transaction ends, and return what stands on each.

    Take the locks of loans first: loans, then accounts, is the order of every writer.
    """
    return await store.lock(connection, accounts)


async def balances(connection: Connection, accounts: Sequence[Account]) -> dict[Account, Balance]:
    """What stands on each account now; an account that never moved stands at zero."""
    return await store.balances(connection, accounts)


async def wallets(connection: Connection, owner_id: UUID) -> dict[Account, Balance]:
    """All wallets of a user that ever moved, by currency."""
    return await store.owned(connection, owner_id, AccountKind.WALLET)


async def entries(
    connection: Connection, account: Account, *, before_version: int | None = None, limit: int = 50
) -> list[Entry]:
    """The latest movements first; ``before_version`` of the last one seen pages on."""
    return await store.entries(connection, account, before_version or 2**62, limit)


async def balance_at(connection: Connection, account: Account, day: date) -> int:
    """The balance by transfers that took effect on or before the business date, in minor units."""
    return await store.balance_at(connection, account, day)


async def statement(connection: Connection, account: Account, first: date, last: date) -> AccountStatement:
    """Every movement that took effect from ``first`` to ``last``, with the balances before and after."""
    moved = await store.entries_between(connection, account, first, last)
    closing = await store.balance_at(connection, account, last)
    return AccountStatement(account, first, last, closing - sum(entry.amount for entry in moved), closing, moved)


async def transfers_of(
    connection: Connection, owner_id: UUID, before: TransfersBefore | None = None, limit: int = 50
) -> list[tuple[Record, TransfersBefore]]:
    """Transfers on any account of an owner (such as a loan), newest first, each with where the page after it begins.

    Reads as much as a page holds, however long the books and the owner's accounts are: a page goes on below the
    versions that ``before`` names, and accounts that it does not name have opened since and hold newer transfers only.
    """
    accounts = await store.versions_of(connection, owner_id)
    if before is None:
        below = {account_id: version + 1 for account_id, (_, version) in accounts.items()}
    else:
        below = {
            account_id: before[account.kind, account.currency]
            for account_id, (account, _) in accounts.items()
            if (account.kind, account.currency) in before
        }
    merged = list(merge_newest(await store.latest_legs(connection, below, limit), below, limit))
    rows = await store.transfers(connection, [(leg.journal_id, leg.ordinal) for leg, _ in merged])
    names = {account_id: (account.kind, account.currency) for account_id, (account, _) in accounts.items()}
    return [
        (row, {names[account_id]: version for account_id, version in bounds.items()})
        for row, (_, bounds) in zip(rows, merged, strict=True)
    ]


async def hold(connection: Connection, held: Hold) -> bool:
    """Reserve an amount for later: available falls, the balance does not. True when new."""
    return await store.hold(connection, held)


async def settle(connection: Connection, hold_id: UUID, journal_id: JournalId, effective_date: date) -> bool:
    """Post what was held, as a journal of its own. True when the hold ended now, False when it had already."""
    return await store.end_hold(connection, hold_id, journal_id, effective_date)


async def void(connection: Connection, hold_id: UUID) -> bool:
    """Void a hold: the amount is available again. True when the hold ended now, False when it had already."""
    return await store.end_hold(connection, hold_id, None, None)


async def reverse(connection: Connection, journal_id: UUID, reversing_id: JournalId, effective_date: date) -> bool:
    """Take a whole journal back by a journal that names it. A journal is reversed once.

    Raises UnknownJournal, InsufficientAvailable (the money has moved on), JournalConflict.
    """
    original = await store.journal(connection, journal_id)
    if original is None:
        raise UnknownJournal(journal_id=str(journal_id))
    back = tuple(Transfer(t.credit, t.debit, t.amount) for t in original.transfers)
    return await post(
        connection,
        Journal(
            reversing_id,
            f"{original.event}_reversed",
            back,
            effective_date,
            original.reference,
            JournalId(journal_id),
        ),
    )


@dataclass(frozen=True, slots=True)
class LedgerDayLine:
    """What one event moved on an account in one day: ``journals`` of them, sums in minor units."""

    day: date
    event: str
    journals: int
    debits: int
    credits: int


@dataclass(frozen=True, slots=True)
class LedgerAccountPeriod:
    """All accounts of one kind and currency over some days. Balances are debits less credits, minor units."""

    kind: AccountKind
    currency: Currency
    opening: int
    lines: list[LedgerDayLine] = field(default_factory=list)

    @property
    def closing(self) -> int:
        return self.opening + sum(line.debits - line.credits for line in self.lines)


@dataclass(frozen=True, slots=True)
class TrialLine:
    kind: AccountKind
    currency: Currency
    debits: int
    credits: int
    accounts: int


async def trial_balance(connection: Connection) -> list[TrialLine]:
    """All accounts by kind and currency; the debits and credits of each currency are equal."""
    return [
        TrialLine(
            AccountKind(row["kind"]),
            Currency(row["currency"]),
            row["debits"],
            row["credits"],
            row["accounts"],
        )
        for row in await store.trial_balance(connection)
    ]


async def general_ledger(connection: Connection, first: date, last: date) -> list[LedgerAccountPeriod]:
    """Every account by kind and currency over the business days from ``first`` to ``last``, both included.

    In each currency the debits and credits of every day are equal, and so are the balances on both sides.
    """
    found: list[LedgerAccountPeriod] = []
    for row in await store.general_ledger(connection, first, last):
        kind, currency = AccountKind(row["kind"]), Currency(row["currency"])
        if row["day"] is None:
            found.append(LedgerAccountPeriod(kind, currency, row["debits"] - row["credits"]))
        else:
            found[-1].lines.append(
                LedgerDayLine(row["day"], row["event"], row["journals"], row["debits"], row["credits"])
            )
    return [period for period in found if period.lines or period.opening]


async def seal(connection: Connection, max_transfers: int = 20_000) -> int:
    """Seal what finished transactions have written into the chain; returns how many transfers.

    Runs in a transaction of its own, in the background: no writer ever waits for it.
    """
    return int(await connection.fetchval("SELECT ledger_seal($1)", max_transfers))


async def snapshot(connection: Connection) -> int:
    """Keep today's state of the accounts that moved; returns how many. Part of the daily close."""
    return await store.snapshot(connection)


async def chain_head(connection: Connection) -> tuple[int, str]:
    """The newest seal, to be kept elsewhere: (segments, hex digest of the last)."""
    row = await connection.fetchrow("SELECT place, hash FROM ledger_segment ORDER BY place DESC LIMIT 1")
    return (row["place"], row["hash"].hex()) if row else (0, bytes(32).hex())
