"""Row 22: everyone whose money moves is notified of it, once, and of milestones in their order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from funding.world import EUR, World, make_world, open_desk, outcomes
from halfpenny import funding, loans
from halfpenny.funding.bank.sandbox import RETURNED_CENTS
from halfpenny.funding.consumers import SUBSCRIPTIONS
from halfpenny.funding.service import tickets
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.platform.queue import Message
from halfpenny.primitives.money import Money
from halfpenny.realtime import NotificationKind
from support.notices import deliver, notices


@pytest.mark.parametrize("stakes", [[25_000, 25_000, 46_000, 4_000], [10_000, 70_000, 20_000], [100_000]])
async def test_milestones_are_read_in_their_order_in_whatever_order_they_arrive(
    database: Database, stakes: list[int]
) -> None:
    world = await make_world(database, target_minor=100_000, investors=len(stakes))
    async with open_desk(database) as desk:
        for investor, amount in enumerate(stakes):
            await outcomes(desk, [world.ticket(investor, amount)])
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT * FROM outbox WHERE name = 'funding.milestone_reached' ORDER BY (payload->>'percent')::int DESC"
        )
    assert len(rows) == 4
    for row in rows:
        message = Message(row["event_id"], row["name"], row["version"], row["recorded_at"], row["payload"])
        async with database.unit_of_work() as connection:
            await SUBSCRIPTIONS[0].handler(connection, message)
    for investor in world.investors:
        found = await notices(database, investor, NotificationKind.MILESTONE)
        assert [data["percent"] for _, data in found] == [25, 50, 75, 100]


async def _full(database: Database, world: World, waiting_minor: dict[int, int]) -> list[object]:
    """The loan is full, and those named by their place wait for more."""
    async with open_desk(database) as desk:
        taken = await outcomes(desk, [world.ticket(0, 60_000), world.ticket(1, 40_000)])
    for place, amount in waiting_minor.items():
        async with database.unit_of_work() as connection:
            await tickets.join_waiting_list(connection, world.investors[place], world.loan.id, Money(amount, EUR))
    return list(taken)


async def test_a_revoked_ticket_and_whoever_is_served_by_it(database: Database) -> None:
    world = await make_world(database, target_minor=100_000, investors=5, balance_minor=50_000)
    async with database.unit_of_work() as connection:
        await funding.request_deposit(connection, world.investors[0], Money(10_000, EUR))
    await funding.settle_payments(database)
    # The third wants more than the wallet holds, the fourth gets a part, the fifth nothing yet.
    taken = await _full(database, world, {2: 55_000, 3: 70_000, 4: 5_000})
    async with database.unit_of_work() as connection:
        await funding.revoke(connection, world.investors[1], taken[1].investment_id)  # type: ignore[attr-defined]
    for _ in range(2):
        await deliver(database, SUBSCRIPTIONS)
    loan = {"loan_id": str(world.loan.id), "title": world.loan.title, "currency": "EUR"}
    revoked = NotificationKind.INVESTMENT_REVOKED
    assert await notices(database, world.investors[1], revoked) == [(revoked, {**loan, "amount": "400.00"})]
    served, ended = NotificationKind.WAITING_LIST_SERVED, NotificationKind.WAITING_LIST_ENDED
    assert await notices(database, world.investors[2], served, ended) == [
        (served, {**loan, "amount": "400.00", "still_wanted": "150.00"})
    ]
    assert await notices(database, world.investors[3], served, ended) == []
    assert await notices(database, world.investors[0], served, ended, revoked) == []

    # The next release finds the third without enough money: its waiting ends, and it is notified.
    async with database.unit_of_work() as connection:
        await funding.revoke(connection, world.investors[0], taken[0].investment_id)  # type: ignore[attr-defined]
    for _ in range(2):
        await deliver(database, SUBSCRIPTIONS)
    assert await notices(database, world.investors[2], ended) == [
        (ended, {**loan, "amount": "150.00", "reason": "insufficient_available"})
    ]
    assert await notices(database, world.investors[3], served, ended) == [
        (ended, {**loan, "amount": "700.00", "reason": "insufficient_available"})
    ]
    assert await notices(database, world.investors[4], served) == [
        (served, {**loan, "amount": "50.00", "still_wanted": "0.00"})
    ]


@pytest.mark.parametrize("how", ["expired", "cancelled"])
async def test_everyone_is_notified_when_a_loan_does_not_come_about(database: Database, how: str) -> None:
    world = await make_world(database, target_minor=100_000, investors=4)
    if how == "cancelled":
        taken = await _full(database, world, {2: 7_000, 3: 9_000})
        assert all(isinstance(one, funding.InvestmentConfirmation) for one in taken)
        async with database.unit_of_work() as connection:
            borrower = loans.Actor(loans.ActorKind.BORROWER, world.borrower)
            await tickets.cancel(connection, world.loan.id, borrower, "Sold meanwhile.")
    else:
        async with open_desk(database) as desk:
            await outcomes(desk, [world.ticket(0, 20_000), world.ticket(0, 40_000), world.ticket(1, 10_000)])
        async with database.unit_of_work() as connection:
            await clock.advance(connection, timedelta(days=31))
        assert await tickets.expire(database) == 1
    for _ in range(2):
        await deliver(database, SUBSCRIPTIONS)
    returned, ended = NotificationKind.INVESTMENT_RETURNED, NotificationKind.WAITING_LIST_ENDED
    loan = {"loan_id": str(world.loan.id), "title": world.loan.title, "currency": "EUR"}
    # Two tickets of one person are one notification with their sum.
    assert await notices(database, world.investors[0], returned) == [
        (returned, {**loan, "amount": "600.00", "reason": how})
    ]
    waited = {2: "70.00", 3: "90.00"} if how == "cancelled" else {}
    for place in (2, 3):
        expected = [(ended, {**loan, "amount": waited[place], "reason": "loan_cancelled"})] if place in waited else []
        assert await notices(database, world.investors[place], ended, returned) == expected


async def test_payments_that_settle_and_come_back(database: Database) -> None:
    world = await make_world(database, investors=2, balance_minor=30_000)
    person = world.investors[0]
    async with database.unit_of_work() as connection:
        await funding.request_deposit(connection, person, Money(1_234, EUR))
        await funding.request_withdrawal(connection, person, Money(5_000, EUR))
        await funding.request_withdrawal(connection, person, Money(7_000 + RETURNED_CENTS, EUR))
    await funding.settle_payments(database)
    for _ in range(2):
        await deliver(database, SUBSCRIPTIONS)
    found = {kind: data["amount"] for kind, data in await notices(database, person) if "payment_id" in data}
    assert found[NotificationKind.DEPOSIT_SETTLED] == "12.34"
    assert found[NotificationKind.WITHDRAWAL_SETTLED] == "50.00"
    assert found[NotificationKind.WITHDRAWAL_RETURNED] == f"70.{RETURNED_CENTS}"
    assert await notices(database, world.investors[1], NotificationKind.WITHDRAWAL_SETTLED) == []
