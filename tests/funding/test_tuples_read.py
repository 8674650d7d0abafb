"""How much a ticket reads is a fixed number: whatever statistics there are, and whenever a plan was made."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest

from funding.world import another_loan, bulk_investors, check_books, give, make_ticket, make_world, open_desk
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.funding.model import Ticket
from halfpenny.platform.database import Database
from support.tuples import per_item, tuples_read, until_reported

TICKETS = 30_000
CROWD = 256
# Four look-ups of one key each is what the worst table costs a ticket (its account, read, locked, posted, updated).
MOST = 12.0


async def crowd(desk: FundingDesk, tickets: list[Ticket]) -> None:
    for start in range(0, len(tickets), CROWD):
        await asyncio.gather(*(desk.invest(ticket) for ticket in tickets[start : start + CROWD]))


async def lift_targets(database_url: str) -> None:
    """Make every loan large enough for all these tickets: no borrower may apply for so much."""
    owner = await asyncpg.connect(database_url)
    await owner.execute("UPDATE loan_funding SET target_minor = 1000000000000")
    await owner.close()


@pytest.mark.parametrize("statistics", ["never_analysed", "analysed_while_empty"])
async def test_a_ticket_reads_as_much_after_thirty_thousand_as_at_the_start(
    database: Database, database_url: str, statistics: str
) -> None:
    if statistics == "analysed_while_empty":
        owner = await asyncpg.connect(database_url)
        await owner.execute("ANALYZE")
        await owner.close()
    world = await make_world(database, investors=1)
    dice = random.Random(7)
    # What is read is counted here, not how long it takes: a busy machine may take its time over a batch.
    async with open_desk(database, attempt_s=30, settle_s=60, wait_s=60) as desk:
        # The first plan is made while every table is as good as empty; then the market arrives.
        await desk.invest(world.ticket(0, 5_000))
        loans = [world.loan, *[await another_loan(database, world) for _ in range(30)]]
        async with database.unit_of_work() as connection:
            people = await bulk_investors(connection, 1_000)
            await give(connection, people, 10_000_000)
        await lift_targets(database_url)
        quarters = []
        await until_reported()
        await desk.invest(world.ticket(0, 5_000))
        before = await tuples_read(database_url)
        for _ in range(4):
            tickets = [make_ticket(dice.choice(loans).id, dice.choice(people), 5_000) for _ in range(TICKETS // 4 - 1)]
            await crowd(desk, tickets)
            await until_reported()
            await desk.invest(world.ticket(0, 5_000))
            after = await tuples_read(database_url)
            quarters.append(per_item(before, after, TICKETS // 4))
            before = after
    first, last = quarters[0], quarters[-1]
    for quarter in quarters:
        assert {name: read for name, read in quarter.items() if read > MOST} == {}
    assert {
        name: (first.get(name, 0), read) for name, read in last.items() if read > first.get(name, 0) * 1.2 + 2
    } == {}
    await check_books(database)
