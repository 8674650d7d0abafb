"""Taking back, waiting, returning: where a ticket's money goes when the ticket ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from funding.edge import invest_path, serving, somebody_with_money
from funding.world import (
    bulk_investors,
    check_books,
    escrow,
    give,
    make_world,
    open_desk,
    outcomes,
    state,
    wallet,
)
from halfpenny import funding, ledger, loans
from halfpenny.funding.service import tickets
from halfpenny.platform.clock import advance
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Currency, Money
from support.lending import evidence
from support.people import make_somebody

GOOD = {"amount": "250.00", "currency": "EUR"}


async def test_a_ticket_can_be_taken_back_in_full_for_four_days(database: Database) -> None:
    world = await make_world(database)
    person, other = await somebody_with_money(database, 25_000), await make_somebody(database)
    async with serving(database) as client:
        made = (await client.post(invest_path(world), json=GOOD, headers=person.paying())).json()["investment"]
        path = f"/api/v1/investments/{made['id']}/revoke"
        before = await state(database, world)
        theirs = await client.post(path, headers=other.paying())
        assert (theirs.status_code, theirs.json()["code"]) == (404, "investment_not_found")
        assert await state(database, world) == before
        async with database.unit_of_work() as connection:
            await advance(connection, timedelta(days=3, hours=23))
        back = await client.post(path, headers=person.paying("back"))
        assert (back.status_code, back.json()["investment"]["status"]) == (200, "revoked")
        again = await client.post(path, headers=person.paying("back"))
        assert again.json() == back.json()
        twice = await client.post(path, headers=person.paying())
        assert (twice.status_code, twice.json()["code"]) == (409, "not_revocable")
        [eur] = [
            w for w in (await client.get("/api/v1/wallets", headers=person.headers)).json() if w["currency"] == "EUR"
        ]
        assert eur["available"] == "250.00"
        late = (await client.post(invest_path(world), json=GOOD, headers=person.paying())).json()["investment"]
        async with database.unit_of_work() as connection:
            await advance(connection, timedelta(days=4, minutes=1))
        before = await state(database, world)
        over = await client.post(f"/api/v1/investments/{late['id']}/revoke", headers=person.paying())
        assert (over.status_code, over.json()["code"]) == (409, "reflection_over")
        assert await state(database, world) == before
    await check_books(database)


async def test_a_sophisticated_investors_ticket_stays(database: Database) -> None:
    world = await make_world(database)
    async with database.unit_of_work() as connection:
        [person] = await bulk_investors(connection, 1, sophisticated=True)
        await give(connection, [person], 10_000)
    async with open_desk(database) as desk:
        answer = await desk.invest(world.ticket(0, 5_000))
        world.investors[0] = person
        firm = await desk.invest(world.ticket(0, 5_000))
    assert answer.revocable_until is not None and firm.revocable_until is None
    async with database.reading() as connection:
        assert await funding.reflection_running_until(connection, world.loan.id) == answer.revocable_until


async def test_drawdown_can_see_until_when_reflection_runs(database: Database) -> None:
    world = await make_world(database)
    async with open_desk(database) as desk:
        answer = await desk.invest(world.ticket(0, 5_000))
    async with database.unit_of_work() as connection:
        assert await funding.reflection_running_until(connection, world.loan.id) == answer.revocable_until
        await advance(connection, timedelta(days=4, seconds=1))
        assert await funding.reflection_running_until(connection, world.loan.id) is None


async def test_what_is_released_goes_to_those_who_wait_in_their_order(database: Database) -> None:
    world = await make_world(database, target_minor=100_000, investors=5)
    async with open_desk(database) as desk:
        outcome = await outcomes(desk, [world.ticket(0, 60_000), world.ticket(1, 40_000)])
    async with database.unit_of_work() as connection:
        poor = (await bulk_investors(connection, 1))[0]
        for who, amount in ((poor, 30_000), (world.investors[2], 50_000), (world.investors[3], 50_000)):
            await tickets.join_waiting_list(connection, who, world.loan.id, Money(amount, Currency.EUR))
    async with database.unit_of_work() as connection:
        revoked = await funding.revoke(connection, world.investors[0], outcome[0].investment_id)  # type: ignore[union-attr]
    assert revoked.status == "revoked"
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT investor_id, served_minor, status, refusal FROM waiting_ticket ORDER BY place"
        )
        loan = await loans.get(connection, world.loan.id)
    assert [(row["served_minor"], row["status"], row["refusal"]) for row in rows] == [
        (0, "refused", "insufficient_available"),
        (50_000, "served", None),
        (10_000, "waiting", None),
    ]
    # The loan was full again before anyone could see it short.
    assert loan.status is loans.Status.FUNDED and loan.funding is not None and loan.funding.remaining_minor == 0
    await check_books(database)


async def test_nobody_waits_for_a_loan_that_takes_money_now(database: Database) -> None:
    world = await make_world(database)
    person = await somebody_with_money(database)
    async with serving(database) as client:
        path = f"/api/v1/loans/{world.loan.id}/waiting-list"
        answer = await client.post(path, json=GOOD, headers=person.paying())
        assert (answer.status_code, answer.json()["code"]) == (409, "loan_not_full")


async def test_waiting_over_http_and_leaving(database: Database) -> None:
    world = await make_world(database, target_minor=5_000)
    person, other = await somebody_with_money(database), await make_somebody(database)
    async with serving(database) as client:
        full = await client.post(
            invest_path(world), json={"amount": "50.00", "currency": "EUR"}, headers=person.paying()
        )
        assert full.status_code == 201
        path = f"/api/v1/loans/{world.loan.id}/waiting-list"
        joined = await client.post(path, json=GOOD, headers=person.paying())
        assert joined.status_code == 202
        place = joined.json()["waiting"]["id"]
        [listed] = (await client.get("/api/v1/waiting-list", headers=person.headers)).json()["items"]
        assert (listed["id"], listed["status"]) == (place, "waiting")
        leave = f"/api/v1/waiting-list/{place}/leave"
        assert (await client.post(leave, headers=other.headers)).status_code == 404
        assert (await client.post(leave, headers=person.headers)).status_code == 204
        assert (await client.post(leave, headers=person.headers)).status_code == 404


async def test_a_revoked_ticket_reopens_a_full_loan(database: Database) -> None:
    world = await make_world(database, target_minor=100_000)
    async with open_desk(database) as desk:
        outcome = await outcomes(desk, [world.ticket(0, 60_000), world.ticket(1, 40_000)])
        async with database.unit_of_work() as connection:
            await funding.revoke(connection, world.investors[1], outcome[1].investment_id)  # type: ignore[union-attr]
        async with database.reading() as connection:
            assert (await loans.get(connection, world.loan.id)).status is loans.Status.FUNDING
        assert await outcomes(desk, [world.ticket(2, 40_001)]) == ["exceeds_remaining"]
        await desk.invest(world.ticket(2, 40_000))
    async with database.reading() as connection:
        assert (await loans.get(connection, world.loan.id)).status is loans.Status.FUNDED
    await check_books(database)


async def test_revoking_while_others_invest_stays_exact(database: Database) -> None:
    world = await make_world(database, target_minor=200_000, investors=60, balance_minor=10_000)
    async with open_desk(database, batch_tickets=8) as desk:
        first = await outcomes(desk, [world.ticket(number, 5_000) for number in range(20)])

        async def revoke(number: int) -> None:
            async with database.unit_of_work() as connection:
                await funding.revoke(connection, world.investors[number], first[number].investment_id)  # type: ignore[union-attr]

        others, *_ = await asyncio.gather(
            outcomes(desk, [world.ticket(number, 5_000) for number in range(20, 60)]),
            *(revoke(number) for number in range(20)),
        )
    assert [one for one in first if isinstance(one, str)] == []
    taken = [not isinstance(one, str) for one in others]
    # Half of the loan is free from the beginning; what is refused came before enough had been taken back.
    assert 20 <= sum(taken) <= 40
    refusals = {one for one in others if isinstance(one, str)}
    assert refusals <= {"exceeds_remaining", "loan_fully_funded", "loan_not_open"}
    async with database.reading() as connection:
        held = await ledger.balances(connection, [wallet(who) for who in world.investors] + [escrow(world.loan.id)])
        ended = await connection.fetch("SELECT status, count(*) FROM investment GROUP BY status ORDER BY status")
        funded = await connection.fetchval("SELECT funded_minor FROM loan_funding WHERE loan_id = $1", world.loan.id)
    assert [tuple(row) for row in ended] == [("committed", sum(taken)), ("revoked", 20)]
    expected = [10_000] * 20 + [5_000 if invested else 10_000 for invested in taken]
    assert [balance.posted for balance in held.values()] == [*expected, 5_000 * sum(taken)]
    assert funded == 5_000 * sum(taken)
    await check_books(database)


async def test_cancelling_gives_every_ticket_back(database: Database) -> None:
    world = await make_world(database, investors=4, balance_minor=20_000)
    outsider, staff = await make_somebody(database), await make_somebody(database, "administrator")
    async with open_desk(database) as desk:
        await outcomes(desk, [world.ticket(number % 4, 5_000) for number in range(8)])
    async with serving(database) as client:
        path, body = f"/api/v1/loans/{world.loan.id}/cancel", {"reason": "The purchase fell through."}
        before = await state(database, world)
        refused = await client.post(path, json=body, headers=outsider.paying())
        assert (refused.status_code, refused.json()["code"]) == (404, "loan_not_found")
        assert await state(database, world) == before
        done = await client.post(path, json=body, headers=staff.paying("cancel"))
        assert (done.status_code, done.json()["status"]) == (200, "cancelled")
        again = await client.post(path, json=body, headers=staff.paying("cancel"))
        assert again.json() == done.json()
        twice = await client.post(path, json=body, headers=staff.paying())
        assert twice.status_code == 409
        late = await client.post(invest_path(world), json=GOOD, headers=(await somebody_with_money(database)).paying())
        assert (late.status_code, late.json()["code"]) == (409, "loan_not_open")
    async with database.reading() as connection:
        held = await ledger.balances(connection, [wallet(who) for who in world.investors] + [escrow(world.loan.id)])
        assert await funding.positions(connection, world.loan.id) == []
    assert [balance.posted for balance in held.values()] == [20_000] * 4 + [0]
    await check_books(database)


async def test_expiry_at_the_deadline_happens_once_whoever_runs_it(database: Database) -> None:
    world = await make_world(database, investors=3, balance_minor=20_000)
    async with open_desk(database) as desk:
        await outcomes(desk, [world.ticket(number, 5_000) for number in range(3)])
    assert await funding.expire(database) == 0
    async with database.unit_of_work() as connection:
        await advance(connection, timedelta(days=30, seconds=1))
    ran = await asyncio.gather(*(funding.expire(database) for _ in range(4)))
    assert sum(ran) == 1
    async with database.reading() as connection:
        assert (await loans.get(connection, world.loan.id)).status is loans.Status.EXPIRED
        held = await ledger.balances(connection, [wallet(who) for who in world.investors])
        assert await connection.fetchval("SELECT count(*) FROM outbox WHERE name = 'investment.returned'") == 1
    assert {balance.posted for balance in held.values()} == {20_000}
    await check_books(database)


async def test_cancel_against_fund_one_outcome(database: Database) -> None:
    """The last ticket and the cancellation meet: either way every cent is where the loan's status says."""
    for _ in range(5):
        world = await make_world(database, target_minor=10_000, investors=2, balance_minor=10_000)
        actor = loans.Actor(loans.ActorKind.ADMINISTRATOR, world.administrator)
        async with open_desk(database) as desk:

            async def cancel() -> None:
                async with database.unit_of_work() as connection:
                    await funding.cancel(connection, world.loan.id, actor, "No longer wanted.")  # noqa: B023

            await asyncio.gather(outcomes(desk, [world.ticket(0, 10_000)]), cancel())
        async with database.reading() as connection:
            assert (await loans.get(connection, world.loan.id)).status is loans.Status.CANCELLED
            held = await ledger.balances(connection, [wallet(world.investors[0]), escrow(world.loan.id)])
        assert [balance.posted for balance in held.values()] == [10_000, 0]
    await check_books(database)


async def test_a_loan_that_meets_its_conditions_reopens_when_a_ticket_is_taken_back(database: Database) -> None:
    from halfpenny.loans.service import conditions

    world = await make_world(database, target_minor=100_000)
    async with open_desk(database) as desk:
        outcome = await outcomes(desk, [world.ticket(0, 60_000), world.ticket(1, 40_000)])
        async with database.unit_of_work() as connection:
            terms = world.loan.application
            met = await conditions.record_conditions(connection, world.administrator, world.loan.id, evidence(terms))
            assert met.status is loans.Status.CONDITIONS_MET
            await funding.revoke(connection, world.investors[1], outcome[1].investment_id)  # type: ignore[union-attr]
            assert (await loans.get(connection, world.loan.id)).status is loans.Status.FUNDING
    await check_books(database)
