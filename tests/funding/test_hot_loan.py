"""The hot loan and the bank test: exact under a crowd, with a naive control that the same check must catch."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from funding.world import World, check_books, make_world, open_desk, outcomes
from halfpenny import funding
from halfpenny.funding.model import InvestmentConfirmation, Ticket
from halfpenny.platform.database import Database
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency, Money

CALLERS = 500
AMOUNT = 5_000
PLACES = 120


async def taken_minor(database: Database, world: World) -> int:
    """What all accepted tickets add up to, whatever a total says."""
    async with database.reading() as connection:
        return int(
            await connection.fetchval(
                "SELECT coalesce(sum(amount_minor), 0) FROM investment WHERE loan_id = $1", world.loan.id
            )
        )


async def test_five_hundred_at_once_fill_the_loan_to_the_cent(database: Database) -> None:
    world = await make_world(database, target_minor=PLACES * AMOUNT, investors=CALLERS, balance_minor=AMOUNT)
    async with open_desk(database) as desk:
        answer = await outcomes(desk, [world.ticket(place, AMOUNT) for place in range(CALLERS)])
    assert sum(isinstance(one, InvestmentConfirmation) for one in answer) == PLACES
    assert [one for one in answer if isinstance(one, str)] == ["loan_fully_funded"] * (CALLERS - PLACES)
    assert await taken_minor(database, world) == PLACES * AMOUNT
    await check_books(database)


async def naive(database: Database, ticket: Ticket, everybody_has_looked: asyncio.Barrier) -> bool:
    """Check, then insert: how the desk must not work. Each caller looks before any has written."""
    async with database.unit_of_work() as connection:
        funded = await connection.fetchval(
            "SELECT coalesce(sum(amount_minor), 0) FROM investment WHERE loan_id = $1", ticket.loan_id
        )
        target = await connection.fetchval("SELECT target_minor FROM loan_funding WHERE loan_id = $1", ticket.loan_id)
        await everybody_has_looked.wait()
        if funded + ticket.amount_minor > target:
            return False
        await connection.execute(
            "INSERT INTO investment (id, loan_id, investor_id, amount_minor, currency, made_at, idempotency_key, "
            "fingerprint, answer_target_minor, answer_funded_minor, answer_investors, answer_version) "
            "VALUES ($1, $2, $3, $4, 'EUR', now(), $5, $6, $7, $8, 1, 1)",
            uuid7(),
            ticket.loan_id,
            ticket.investor_id,
            ticket.amount_minor,
            ticket.key,
            ticket.fingerprint,
            target,
            funded + ticket.amount_minor,
        )
    return True


async def test_the_naive_control_overfunds_and_is_caught(database: Database) -> None:
    """If this passed the checks above, they would prove nothing."""
    callers = 8
    world = await make_world(database, target_minor=2 * AMOUNT, investors=callers, balance_minor=AMOUNT)
    barrier = asyncio.Barrier(callers)
    answer = await asyncio.gather(*(naive(database, world.ticket(place, AMOUNT), barrier) for place in range(callers)))
    assert sum(answer) == callers
    assert await taken_minor(database, world) == callers * AMOUNT > 2 * AMOUNT
    with pytest.raises(AssertionError):
        await check_books(database)


SUMS = """
SELECT coalesce(sum(debits - credits), 0)::bigint AS difference,
       coalesce(sum(debits - credits) FILTER (WHERE kind = 'client_bank'), 0)::bigint AS bank,
       coalesce(sum(credits - debits) FILTER (
         WHERE kind IN ('wallet', 'escrow', 'payouts_in_transit')), 0)::bigint AS owed,
       (SELECT coalesce(sum(amount_minor), 0)::bigint FROM investment WHERE status = 'committed') AS tickets,
       coalesce(sum(credits - debits) FILTER (WHERE kind = 'escrow'), 0)::bigint AS escrow
FROM account
"""


async def test_every_snapshot_of_the_bank_adds_up(database: Database) -> None:
    """Eight writers move money in every way; four readers look at one snapshot each, again and again."""
    world = await make_world(database, target_minor=50_000_000, investors=8, balance_minor=1_000_000)
    stop = asyncio.Event()
    seen: list[dict[str, Any]] = []

    async def write(place: int) -> None:
        dice = random.Random(place)
        person = world.investors[place]
        mine: list[InvestmentConfirmation] = []
        for _ in range(25):
            try:
                match dice.randrange(4):
                    case 0:
                        mine.append(await desk.invest(world.ticket(place, 5_000 + dice.randrange(5_000))))
                    case 1 if mine:
                        async with database.unit_of_work() as connection:
                            await funding.revoke(connection, person, mine.pop().investment_id)
                    case 2:
                        async with database.unit_of_work() as connection:
                            await funding.request_withdrawal(connection, person, Money(1_000, Currency.EUR))
                    case _:
                        async with database.unit_of_work() as connection:
                            await funding.request_deposit(connection, person, Money(2_000, Currency.EUR))
                        await funding.settle_payments(database)
            except HalfpennyError as refused:
                assert refused.code == "insufficient_available"

    async def read() -> None:
        while not stop.is_set():
            async with database.unit_of_work() as connection:
                await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                seen.append(dict(await connection.fetchrow(SUMS)))  # type: ignore[arg-type]

    async with open_desk(database) as desk:
        readers = [asyncio.create_task(read()) for _ in range(4)]
        await asyncio.gather(*(write(place) for place in range(8)))
        stop.set()
        await asyncio.gather(*readers)
    assert len(seen) >= 4
    assert all(one["difference"] == 0 and one["bank"] == one["owed"] for one in seen)
    assert all(one["tickets"] == one["escrow"] for one in seen)
    assert len({one["bank"] for one in seen}) > 1, "nothing moved while they looked"
    await check_books(database)
