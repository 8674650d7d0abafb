"""Money moves at the same cost in a grown market as in an empty one, on connections that are as old as the market."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from funding.world import make_world, open_desk
from halfpenny import funding, ledger, loans, servicing
from halfpenny.platform.database import Database
from halfpenny.platform.idempotency import RequestKey, claim, remember
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency, Money
from servicing import world
from support.growth import grow
from support.tuples import all_reads

ROWS = 12_000
TIMES = 10
# What the close of a day looks at once: each account, and the newest snapshot of each.
ONCE_A_DAY = {
    ("daily_close", name): 1.2 for name in ("account", "pk_account", "balance_snapshot", "pk_balance_snapshot")
}
# What an act may read beyond what it read while the tables were small: a few index entries a row that it touches.
MORE_PER_ACT = 60


async def deposits(database: Database, made: world.Drawn) -> None:
    for _ in range(TIMES):
        async with database.unit_of_work() as connection:
            await funding.request_deposit(connection, made.borrower, Money(1_000, Currency.EUR))
        await funding.settle_payments(database)


async def withdrawals(database: Database, made: world.Drawn) -> None:
    for _ in range(TIMES):
        async with database.unit_of_work() as connection:
            await funding.request_withdrawal(connection, made.borrower, Money(100, Currency.EUR))
        await funding.settle_payments(database)


async def keys(database: Database, made: world.Drawn) -> None:
    for _ in range(TIMES):
        request = RequestKey(made.borrower, uuid7().hex, b"fingerprint")
        async with database.unit_of_work() as connection:
            assert await claim(connection, request) is None
            await remember(connection, request, 200, {"well": True})


async def repayment(database: Database, made: world.Drawn) -> None:
    await world.repay(database, made, 100_000)
    assert await servicing.pay_distributions(database) > 0


async def jobs(database: Database, made: world.Drawn) -> None:
    await funding.expire(database)
    async with database.unit_of_work() as connection:
        await loans.public_funding(connection, [made.loan.id])
        await ledger.wallets(connection, made.borrower)
        await loans.get(connection, made.loan.id)


async def ledger_pages(database: Database, made: world.Drawn) -> None:
    """The whole ledger of one loan, a few transfers at a time."""
    before = None
    async with database.reading() as connection:
        while page := await ledger.transfers_of(connection, made.loan.id, before, TIMES):
            before = page[-1][1]


async def revocations(database: Database, made: world.Drawn) -> None:
    """A loan is offered and funded, and every ticket taken back."""
    taken = await make_world(database, investors=TIMES)
    async with open_desk(database) as desk:
        answered = [await desk.invest(taken.ticket(number, 50_000)) for number in range(TIMES)]
    for confirmation in answered:
        async with database.unit_of_work() as connection:
            await funding.revoke(connection, UserId(confirmation.investor_id), confirmation.investment_id)


async def daily_close(database: Database, made: world.Drawn) -> None:
    """One business day: accruals, arrears and snapshots of all loans that run."""
    await world.advance(database, timedelta(days=1))
    assert len(await servicing.close_days(database)) == 1


async def listings(database: Database, made: world.Drawn) -> None:
    """What the marketplace reads from PostgreSQL for its document of a loan."""
    async with database.reading() as connection:
        for _ in range(TIMES):
            await loans.get_many(connection, [made.loan.id])


async def relay(database: Database, made: world.Drawn) -> None:
    """Everything that the acts before this one reported, given to a queue and handled."""
    async with database.unit_of_work() as connection:
        await connection.execute("SELECT queue_subscribe('counted', ARRAY['deposit.settled', 'investment.made'])")
        while await connection.fetchval("SELECT outbox_fan_out(20)"):
            pass
        while claimed := await connection.fetch("SELECT event_id FROM queue_claim('counted', 20, 60)"):
            for row in claimed:
                await connection.execute("SELECT queue_done('counted', $1)", row["event_id"])


ACTS: list[Callable[[Database, world.Drawn], Awaitable[None]]] = [
    deposits, withdrawals, keys, repayment, jobs, ledger_pages, revocations, daily_close, listings, relay
]  # fmt: skip


@pytest.mark.parametrize("statistics", ["never_analysed", "analysed_while_empty"])
async def test_every_act_reads_as_much_in_a_grown_market(database_url: str, statistics: str) -> None:
    owner = await asyncpg.connect(database_url)
    if statistics == "analysed_while_empty":
        await owner.execute("ANALYZE")
    await owner.close()
    database = await Database.connect(database_url, max_size=2)
    try:
        made = [await world.drawn(database, [5_000] * TIMES) for _ in range(4)]
        async with database.unit_of_work() as connection:
            for each in made:
                await world.deposit(connection, each.borrower, 100_000)
        await servicing.close_days(database)
        for act in ACTS:
            await act(database, made[0])  # every plan that is kept is made here
        small = await read_by(database, database_url, made[1])
        grown = await grow(database_url, ROWS)
        assert {"investment", "transfer", "account", "outbox", "idempotency", "distribution_share"} <= grown.keys()
        large = await read_by(database, database_url, made[2])
    finally:
        await database.close()
    grew = {
        (act, name): (small[act].get(name, 0), read)
        for act, found in large.items()
        for name, read in found.items()
        if read > small[act].get(name, 0) * 1.5 + MORE_PER_ACT * TIMES + ONCE_A_DAY.get((act, name), 0) * ROWS
    }
    print("GREW", grew)
    assert grew == {}


async def read_by(database: Database, database_url: str, made: world.Drawn) -> dict[str, dict[str, int]]:
    """Tuples read by each act, by table and index."""
    found = {}
    for act in ACTS:
        before = await all_reads(database, database_url)
        await act(database, made)
        after = await all_reads(database, database_url)
        found[act.__name__] = {
            name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)
        }
    return found
