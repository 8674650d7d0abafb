"""The desk against a real database: exact under a crowd, once per key, and honest about failure."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from funding.world import (
    World,
    another_loan,
    check_books,
    escrow,
    make_ticket,
    make_world,
    open_desk,
    outcomes,
    state,
    wallet,
)
from halfpenny import ledger, loans
from halfpenny.funding.desk.queue import FairQueue, QueuedTicket
from halfpenny.funding.errors import DeskFull
from halfpenny.funding.model import InvestmentConfirmation
from halfpenny.platform.database import Database
from halfpenny.primitives.errors import HalfpennyError


async def test_a_ticket_moves_money_once_and_its_answer_is_repeated(database: Database) -> None:
    world = await make_world(database)
    async with open_desk(database) as desk:
        answer = await desk.invest(world.ticket(0, 25_000))
    assert (answer.funded_minor, answer.investors, answer.version - world_version(world)) == (25_000, 1, 1)
    assert answer.revocable_until is not None
    async with database.reading() as connection:
        balances = await ledger.balances(connection, [wallet(world.investors[0]), escrow(world.loan.id)])
    assert [balance.posted for balance in balances.values()] == [975_000, 25_000]
    await check_books(database)


def world_version(world: World) -> int:
    assert world.loan.funding is not None
    return world.loan.funding.version


async def test_a_crowd_on_a_hot_loan_funds_it_to_the_cent(database: Database) -> None:
    world = await make_world(database, target_minor=1_000_000, investors=500, balance_minor=10_000)
    async with open_desk(database, batch_tickets=64) as desk:
        outcome = await outcomes(desk, [world.ticket(number, 5_000) for number in range(500)])
    taken = [one for one in outcome if isinstance(one, InvestmentConfirmation)]
    assert len(taken) == 200
    assert {one for one in outcome if isinstance(one, str)} == {"loan_fully_funded"}
    assert max(answer.funded_minor for answer in taken) == 1_000_000
    # Every answer saw a state of its own: no two share a version.
    assert len({answer.version for answer in taken}) == 200
    await check_books(database)
    async with database.reading() as connection:
        loan = await loans.get(connection, world.loan.id)
    assert loan.status is loans.Status.FUNDED


async def test_two_processes_share_one_hot_loan(database: Database, database_url: str) -> None:
    world = await make_world(database, target_minor=500_000, investors=200, balance_minor=10_000)
    other = await Database.connect(database_url)
    async with open_desk(database, batch_tickets=16) as one, open_desk(other, batch_tickets=16) as two:
        outcome = await asyncio.gather(
            outcomes(one, [world.ticket(number, 5_000) for number in range(0, 200, 2)]),
            outcomes(two, [world.ticket(number, 5_000) for number in range(1, 200, 2)]),
        )
    await other.close()
    assert sum(isinstance(answer, InvestmentConfirmation) for answer in outcome[0] + outcome[1]) == 100
    await check_books(database)


async def test_one_key_sent_to_two_processes_at_once_has_one_effect(database: Database, database_url: str) -> None:
    world = await make_world(database)
    loan = await another_loan(database, world)
    other = await Database.connect(database_url)
    async with open_desk(database) as one, open_desk(other) as two:
        for number in range(30):
            asked = [world.ticket(0, 5_000, f"key {number}"), world.ticket(0, 5_000, f"key {number}")]
            # The same key on another loan is another request: one of the two wins, the other gets a refusal.
            crossed = [
                world.ticket(1, 5_000, f"key {number}"),
                world.ticket(1, 5_000, f"key {number}", loan_id=loan.id),
            ]
            same, different = await asyncio.gather(
                asyncio.gather(one.invest(asked[0]), two.invest(asked[1])),
                asyncio.gather(outcomes(one, crossed[:1]), outcomes(two, crossed[1:])),
            )
            assert same[0] == same[1]
            outcome = [*different[0], *different[1]]
            assert sorted(isinstance(answer, InvestmentConfirmation) for answer in outcome) == [False, True]
            assert "idempotency_key_reused" in outcome
    await other.close()
    await check_books(database)


async def test_the_stored_answer_is_the_first_one_even_much_later(database: Database) -> None:
    world = await make_world(database)
    async with open_desk(database) as desk:
        first = await desk.invest(world.ticket(0, 5_000, "k"))
        await desk.invest(world.ticket(1, 7_000))
        again = await desk.invest(world.ticket(0, 5_000, "k"))
        assert again == first
        before = await state(database, world)
        with pytest.raises(HalfpennyError) as refused:
            await desk.invest(world.ticket(0, 6_000, "k"))
        assert refused.value.code == "idempotency_key_reused"
        assert await state(database, world) == before
        mine = await desk.invest(world.ticket(1, 5_000, "k"))
        assert mine != first


async def test_refusals_change_nothing(database: Database) -> None:
    world = await make_world(database, balance_minor=20_000)
    borrower = make_ticket(world.loan.id, world.borrower, 5_000)
    staff = make_ticket(world.loan.id, world.administrator, 5_000)
    before = await state(database, world)
    asked = [
        world.ticket(0, 4_999),
        world.ticket(0, 1_000_001),
        world.ticket(0, 20_001),
        world.ticket(0, 5_000, currency="PLN"),
        make_ticket(world.investors[0], world.investors[0], 5_000),
        borrower,
        staff,
    ]
    async with open_desk(database) as desk:
        assert await outcomes(desk, asked) == [
            "below_minimum",
            "exceeds_remaining",
            "insufficient_available",
            "currency_mismatch",
            "loan_not_found",
            "self_dealing",
            "self_dealing",
        ]
    assert await state(database, world) == before


async def test_related_people_may_not_invest(database: Database) -> None:
    world = await make_world(database)
    async with database.unit_of_work() as connection:
        await connection.execute(
            "INSERT INTO related_party (user_id, related_user_id) VALUES ($1, $2)", world.investors[0], world.borrower
        )
    async with open_desk(database) as desk:
        assert await outcomes(desk, [world.ticket(0, 5_000)]) == ["self_dealing"]


async def test_the_deadline_is_the_databases(database: Database) -> None:
    world = await make_world(database)
    async with database.unit_of_work() as connection:
        await connection.execute("""UPDATE business_clock SET "offset" = '31 days'""")
    before = await state(database, world)
    async with open_desk(database) as desk:
        assert await outcomes(desk, [world.ticket(0, 5_000)]) == ["loan_not_open"]
    assert await state(database, world) == before


async def test_a_poison_ticket_fails_alone(database: Database) -> None:
    world = await make_world(database, investors=20)
    tickets = [world.ticket(number, 5_000) for number in range(20)]
    # No rule of the desk looks at the bytes of a key, and the database refuses a whole batch for a zero among them.
    async with open_desk(database) as desk:
        await desk.invest(world.ticket(0, 5_000))
        poison = tickets[7]
        tickets[7] = replace(poison, key="poison\0")
        found = await asyncio.gather(*(desk.invest(ticket) for ticket in tickets), return_exceptions=True)
    failed = [number for number, one in enumerate(found) if isinstance(one, BaseException)]
    assert failed == [7]
    await check_books(database)


async def test_whoever_hangs_up_before_their_turn_has_no_ticket(database: Database) -> None:
    world = await make_world(database)
    async with open_desk(database) as desk:
        first = desk.submit(world.ticket(0, 5_000))
        gone = desk.submit(world.ticket(1, 5_000))
        gone.cancel()
        await first
        await desk.invest(world.ticket(2, 5_000))
    async with database.reading() as connection:
        who = await connection.fetch("SELECT investor_id FROM investment")
    assert {row["investor_id"] for row in who} == {world.investors[0], world.investors[2]}


async def test_a_stopped_desk_answers_desk_closed(database: Database) -> None:
    world = await make_world(database)
    async with open_desk(database) as desk:
        pass
    with pytest.raises(HalfpennyError) as refused:
        desk.submit(world.ticket(0, 5_000))
    assert refused.value.code == "desk_closed"


async def test_one_batch_takes_six_round_trips(database: Database) -> None:
    world = await make_world(database)
    asked: list[str] = []
    async with open_desk(database) as desk:
        await desk.invest(world.ticket(0, 5_000))
        connection = desk._connection
        assert connection is not None
        connection.add_query_logger(lambda record: asked.append(record.query))
        await asyncio.gather(*(desk.invest(world.ticket(number % 3, 5_000)) for number in range(50)))
        batches = asked.count("COMMIT")
        assert batches >= 1
        assert len([query for query in asked if query not in ("BEGIN", "COMMIT")]) == 6 * batches


def waiting(loop: asyncio.AbstractEventLoop, loan: int, investor: int, since_s: float = 0.0) -> QueuedTicket:
    return QueuedTicket(make_ticket(UUID(int=loan), UUID(int=investor), 5_000), loop.create_future(), since_s)


async def test_the_queue_takes_turns_over_loans_and_keeps_arrival_order() -> None:
    loop = asyncio.get_running_loop()
    queue = FairQueue(1_000, 1_000, 64)
    hot = [waiting(loop, 1, number) for number in range(90)]
    cold = [waiting(loop, 2, 100 + number) for number in range(10)]
    for one in hot + cold:
        queue.put(one)
    batch = queue.take(20)
    assert [one for one in batch if one.ticket.loan_id == cold[0].ticket.loan_id] == cold
    assert [one.number for one in batch] == sorted(one.number for one in batch)
    assert [len(queue.take(50)), len(queue.take(50)), len(queue)] == [50, 30, 0]


async def test_one_investor_has_only_a_share_while_others_wait() -> None:
    loop = asyncio.get_running_loop()
    queue = FairQueue(1_000, 200, 4)
    for _ in range(50):
        queue.put(waiting(loop, 1, 1))
    others = [waiting(loop, 1, 2 + number) for number in range(6)]
    for one in others:
        queue.put(one)
    batch = queue.take(10)
    assert len(batch) == 10 and all(one in batch for one in others)
    # Alone, the same investor has all the room there is.
    assert [len(queue.take(40)), len(queue.take(40))] == [40, 6]


async def test_the_queue_is_bounded() -> None:
    loop = asyncio.get_running_loop()
    queue = FairQueue(3, 2, 4)
    queue.put(waiting(loop, 1, 1))
    queue.put(waiting(loop, 1, 1))
    with pytest.raises(DeskFull) as refused:
        queue.put(waiting(loop, 1, 1))
    assert refused.value.data["retry_after_s"] == 1
    queue.put(waiting(loop, 1, 2))
    with pytest.raises(DeskFull):
        queue.put(waiting(loop, 1, 3))
    assert len(queue) == 3


async def test_who_has_waited_too_long_leaves_the_queue() -> None:
    loop = asyncio.get_running_loop()
    queue = FairQueue(100, 100, 64)
    old = [waiting(loop, number % 2, number, 1.0) for number in range(4)]
    new = [waiting(loop, number % 2, number, 2.0) for number in range(4)]
    for one in old + new:
        queue.put(one)
    assert sorted(one.number for one in queue.expire(1.5)) == [one.number for one in old]
    assert queue.take(10) == new and len(queue) == 0
