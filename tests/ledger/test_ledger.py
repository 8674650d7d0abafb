"""The ledger against a real PostgreSQL: exact, exactly once, and closed to everybody but its own functions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import pytest

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Hold, Journal, Transfer
from halfpenny.platform.clock import advance, business_date
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency
from support import lending

BANK = Account(AccountKind.CLIENT_BANK, None, Currency.EUR)


def wallet(owner: UUID | None = None, currency: Currency = Currency.EUR) -> Account:
    return Account(AccountKind.WALLET, owner or uuid7(), currency)


def escrow() -> Account:
    return Account(AccountKind.ESCROW, uuid7(), Currency.EUR)


def journal(*transfers: Transfer, day: date, event: str = "deposit", id: UUID | None = None) -> Journal:
    return Journal(JournalId(id or uuid7()), event, transfers, day)


async def deposit(connection: Connection, account: Account, amount: int) -> Journal:
    bank = Account(AccountKind.CLIENT_BANK, None, account.currency)
    posted = journal(Transfer(bank, account, amount), day=await business_date(connection))
    assert await ledger.post(connection, posted)
    return posted


async def everything(database: Database) -> list[object]:
    """All that the ledger keeps, to prove that a refusal changed nothing."""
    async with database.reading() as connection:
        tables = ("account", "transfer", "hold", "hold_outcome")
        return [await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


async def test_a_transfer_moves_both_balances_and_leaves_them_in_the_row(database: Database) -> None:
    investor = wallet()
    async with database.unit_of_work() as connection:
        await deposit(connection, investor, 10_000)
        await deposit(connection, investor, 2_550)
    async with database.reading() as connection:
        found = await ledger.balances(connection, [investor, BANK, wallet()])
        lines = await ledger.entries(connection, investor)
    assert [balance.posted for balance in found.values()] == [12_550, 12_550, 0]
    assert [(line.amount, line.balance, line.version) for line in lines] == [(2_550, 12_550, 2), (10_000, 10_000, 1)]


async def test_the_same_journal_posts_once_and_other_contents_conflict(database: Database) -> None:
    investor = wallet()
    async with database.unit_of_work() as connection:
        posted = await deposit(connection, investor, 500)
    before = await everything(database)
    async with database.unit_of_work() as connection:
        assert not await ledger.post(connection, posted)
    changed = journal(Transfer(BANK, investor, 501), day=posted.effective_date, id=posted.id)
    with pytest.raises(ledger.JournalConflict):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, changed)
    # Another reference alone makes it another journal: the same money for something else.
    elsewhere = replace(posted, reference=uuid7())
    with pytest.raises(ledger.JournalConflict):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, elsewhere)
    longer = Journal(posted.id, posted.event, posted.transfers * 2, posted.effective_date)
    with pytest.raises(ledger.JournalConflict):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, longer)
    assert await everything(database) == before


async def test_an_overdraft_is_refused_and_nothing_changes(database: Database) -> None:
    investor, loan = wallet(), escrow()
    async with database.unit_of_work() as connection:
        await deposit(connection, investor, 100)
        today = await business_date(connection)
    before = await everything(database)
    with pytest.raises(ledger.InsufficientAvailable):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, journal(Transfer(investor, loan, 101), day=today, event="invest"))
    assert await everything(database) == before


async def test_another_currency_or_a_future_date_is_refused(database: Database) -> None:
    euros, zlotys = wallet(), wallet(currency=Currency.PLN)
    async with database.unit_of_work() as connection:
        await deposit(connection, euros, 100)
        today = await business_date(connection)
    before = await everything(database)
    with pytest.raises(ledger.LedgerCurrencyMismatch):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, journal(Transfer(euros, zlotys, 1), day=today))
    with pytest.raises(ledger.FutureEffectiveDate):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, journal(Transfer(BANK, euros, 1), day=today + timedelta(days=1)))
    assert await everything(database) == before


@pytest.mark.parametrize("amounts", [(), (0,), (-5,)])
def test_a_journal_without_a_positive_amount_cannot_be_made(amounts: tuple[int, ...]) -> None:
    with pytest.raises(ledger.EmptyJournal):
        journal(*(Transfer(BANK, wallet(), amount) for amount in amounts), day=date(2026, 1, 1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE transfer SET amount = amount + 1",
        "DELETE FROM transfer",
        "TRUNCATE transfer",
        "UPDATE account SET credits = credits + 1",
        "DELETE FROM account",
        "INSERT INTO account (id, kind, currency) VALUES (gen_random_uuid(), 'wallet', 'EUR')",
        "DELETE FROM hold_outcome",
        "DELETE FROM ledger_segment",
    ],
)
async def test_the_application_cannot_rewrite_the_books(database: Database, statement: str) -> None:
    async with database.unit_of_work() as connection:
        await deposit(connection, wallet(), 100)
    before = await everything(database)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.unit_of_work() as connection:
            await connection.execute(statement)
    assert await everything(database) == before


@pytest.mark.parametrize("statement", ["UPDATE transfer SET amount = 1", "DELETE FROM transfer", "TRUNCATE transfer"])
async def test_not_even_the_owner_of_the_tables_rewrites_transfers(
    database: Database, database_url: str, statement: str
) -> None:
    async with database.unit_of_work() as connection:
        await deposit(connection, wallet(), 100)
    before = await everything(database)
    owner = await asyncpg.connect(database_url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="history is only ever added to"):
        await owner.execute(statement)
    await owner.close()
    assert await everything(database) == before


async def test_a_hold_lowers_what_is_available_and_ends_once(database: Database) -> None:
    investor = wallet()
    transit = Account(AccountKind.PAYOUTS_IN_TRANSIT, None, Currency.EUR)
    held = Hold(uuid7(), "withdraw", investor, transit, 700)
    async with database.unit_of_work() as connection:
        await deposit(connection, investor, 1_000)
        assert await ledger.hold(connection, held)
        assert not await ledger.hold(connection, held)
        balance = (await ledger.balances(connection, [investor]))[investor]
        today = await business_date(connection)
    assert (balance.posted, balance.available) == (1_000, 300)
    with pytest.raises(ledger.InsufficientAvailable):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, journal(Transfer(investor, escrow(), 301), day=today, event="invest"))
    settled = JournalId(uuid7())
    async with database.unit_of_work() as connection:
        assert await ledger.settle(connection, held.id, settled, today)
        assert not await ledger.settle(connection, held.id, settled, today)
        found = await ledger.balances(connection, [investor, transit])
    assert [(b.posted, b.available) for b in found.values()] == [(300, 300), (700, 700)]
    with pytest.raises(ledger.JournalConflict):
        async with database.unit_of_work() as connection:
            await ledger.void(connection, held.id)
    second = Hold(uuid7(), "withdraw", investor, transit, 300)
    async with database.unit_of_work() as connection:
        await ledger.hold(connection, second)
        assert await ledger.void(connection, second.id)
        assert (await ledger.balances(connection, [investor]))[investor].available == 300
    with pytest.raises(ledger.UnknownHold):
        async with database.unit_of_work() as connection:
            await ledger.void(connection, uuid7())


async def test_a_journal_is_reversed_whole_and_once(database: Database) -> None:
    investor, loan = wallet(), escrow()
    async with database.unit_of_work() as connection:
        await deposit(connection, investor, 1_000)
        today = await business_date(connection)
        invested = journal(Transfer(investor, loan, 600), day=today, event="invest")
        await ledger.post(connection, invested)
        assert await ledger.reverse(connection, invested.id, JournalId(uuid7()), today)
        found = await ledger.balances(connection, [investor, loan])
        assert [balance.posted for balance in found.values()] == [1_000, 0]
    with pytest.raises(ledger.AlreadyReversed):
        async with database.unit_of_work() as connection:
            await ledger.post(connection, journal(Transfer(investor, loan, 600), day=today, event="invest"))
            await ledger.reverse(connection, invested.id, JournalId(uuid7()), today)
    with pytest.raises(ledger.UnknownJournal):
        async with database.unit_of_work() as connection:
            await ledger.reverse(connection, uuid7(), JournalId(uuid7()), today)


async def test_five_hundred_transfers_each_way_at_once_end_where_they_began(database: Database) -> None:
    async with database.unit_of_work() as connection:
        borrower, staff = [await lending.person(connection, role) for role in ("borrower", "administrator")]
        loan = await lending.funding(connection, borrower, staff)
        one, other = wallet(borrower), Account(AccountKind.ESCROW, loan.id, Currency.EUR)
        await deposit(connection, one, 20_000)
        today = await business_date(connection)
        await ledger.post(connection, journal(Transfer(one, other, 10_000), day=today, event="invest"))
        await connection.execute("UPDATE loan SET status = 'conditions_met'")

    async def move(debit: Account, credit: Account, event: str) -> None:
        async with database.unit_of_work() as connection:
            await ledger.post(connection, journal(Transfer(debit, credit, 7), day=today, event=event))

    await asyncio.gather(*(move(*one_way) for one_way in [(one, other, "invest"), (other, one, "drawdown")] * 500))
    async with database.reading() as connection:
        found = await ledger.balances(connection, [one, other])
        problems = await collect(connection, ledger.check)
    assert [balance.posted for balance in found.values()] == [10_000, 10_000]
    assert problems == []


async def test_two_sessions_posting_one_journal_at_once_post_it_once(database: Database) -> None:
    investor = wallet()
    async with database.unit_of_work() as connection:
        today = await business_date(connection)
    same = journal(Transfer(BANK, investor, 5), day=today)

    async def post() -> bool:
        async with database.unit_of_work() as connection:
            return await ledger.post(connection, same)

    assert sorted(await asyncio.gather(*(post() for _ in range(12)))) == [False] * 11 + [True]


async def test_balances_in_the_past_equal_the_statement_with_and_without_snapshots(database: Database) -> None:
    investor = wallet()
    days = []
    for amount in (100, 250, 75):
        async with database.unit_of_work() as connection:
            await deposit(connection, investor, amount)
            days.append(await business_date(connection))
            if amount == 250:
                await ledger.snapshot(connection)
            await advance(connection, timedelta(days=30))
    # A correction that takes effect in the past counts from its date on, snapshot or not.
    async with database.unit_of_work() as connection:
        await ledger.post(connection, journal(Transfer(BANK, investor, 9), day=days[1]))
    async with database.reading() as connection:
        at = [await ledger.balance_at(connection, investor, day) for day in days]
        before = await ledger.balance_at(connection, investor, days[0] - timedelta(days=1))
        answer = await ledger.statement(connection, investor, days[1], days[2])
    assert (before, at) == (0, [100, 359, 434])
    assert (answer.opening, answer.closing, [entry.amount for entry in answer.entries]) == (100, 434, [250, 9, 75])


async def test_check_names_what_was_tampered_with(database: Database, database_url: str) -> None:
    investor = wallet()
    async with database.unit_of_work() as connection:
        posted = await deposit(connection, investor, 100)
    async with database.unit_of_work() as connection:
        assert await ledger.seal(connection) == 1
    async with database.reading() as connection:
        assert await collect(connection, ledger.check) == []
        place, head = await ledger.chain_head(connection)
    assert place == 1
    assert len(head) == 64
    owner = await asyncpg.connect(database_url)
    await owner.execute("ALTER TABLE transfer DISABLE TRIGGER transfer_is_append_only")
    await owner.execute("UPDATE transfer SET amount = 90 WHERE journal_id = $1", posted.id)
    await owner.close()
    async with database.reading() as connection:
        problems = await collect(connection, ledger.check)
    answer = [(found.table, found.row, found.column, found.found, found.expected) for found in problems]
    assert ("transfer", f"{posted.id}/0", "amount", "90", "100") in answer
    assert [row for table, row, column, *_ in answer if (table, column) == ("ledger_segment", "hash")] == ["1"]


async def test_seals_cover_each_transfer_once_and_wait_for_running_transactions(database: Database) -> None:
    async with database.unit_of_work() as slow:
        await deposit(slow, wallet(), 1)
        async with database.unit_of_work() as connection:
            await deposit(connection, wallet(currency=Currency.PLN), 2)
        async with database.unit_of_work() as connection:
            sealed_early = await ledger.seal(connection)
    async with database.unit_of_work() as connection:
        sealed_late = await ledger.seal(connection)
    # The later transaction committed first; it is sealed with or after the earlier one, never in between.
    assert (sealed_early, sealed_late) == (0, 2)
    async with database.reading() as connection:
        assert await collect(connection, ledger.check) == []


async def test_the_trial_balance_adds_up(database: Database) -> None:
    async with database.unit_of_work() as connection:
        await deposit(connection, wallet(), 100)
        await deposit(connection, wallet(currency=Currency.ILS), 300)
        lines = await ledger.trial_balance(connection)
    for currency in (Currency.EUR, Currency.ILS):
        of = [line for line in lines if line.currency is currency]
        assert sum(line.debits for line in of) == sum(line.credits for line in of) > 0
