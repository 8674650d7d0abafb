"""Default, recovery, loss and what investors see of it, on a real database."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from halfpenny import loans, marketplace, servicing, web
from halfpenny.ledger import AccountKind
from halfpenny.loans import Status
from halfpenny.marketplace import ListingStore, Marketplace, rebuild
from halfpenny.marketplace.recoveries import recovery_loader
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.platform.documents import DocumentStore
from halfpenny.platform.queue import Message
from halfpenny.primitives.money import Money
from halfpenny.servicing import errors
from halfpenny.servicing.events import DISTRIBUTION_PAID, RECOVERY_UPDATED
from halfpenny.servicing.service import arrears, forbearing
from halfpenny.servicing.service.forbearing import Decided
from halfpenny.servicing.store import recoveries
from servicing import world
from support.edge import client_for

STAKES = [250_000, 250_000, 500_000]


async def defaulted(database: Database) -> world.Drawn:
    made = await world.drawn(database, STAKES)
    await world.advance(database, timedelta(days=40))
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvency proceedings opened.")
    return made


async def in_recovery(database: Database) -> world.Drawn:
    made = await defaulted(database)
    async with database.unit_of_work() as connection:
        await arrears.accelerate(connection, made.loan.id, made.staff, "Notice served.")
        await arrears.start_recovery(connection, made.loan.id, made.staff, "An agent was appointed to sell.")
        await arrears.advance_cost(
            connection, made.loan.id, Money(12_000, world.EUR), "court fees", made.staff, "Enforcement."
        )
    # A day's money comes in before its default: what is received from tomorrow on meets the other waterfall.
    await world.advance(database, timedelta(days=1))
    return made


async def test_every_act_of_a_recovery_is_audited_with_its_reason(database: Database) -> None:
    made = await in_recovery(database)
    async with database.unit_of_work() as connection:
        assert await arrears.publish_recovery_update(connection, made.loan.id, "Two bids are in.", made.staff) == 2
        await arrears.write_off(connection, made.loan.id, made.staff, "The sale is settled.")
        entries = await connection.fetch(
            "SELECT action, data FROM audit_entry WHERE subject_id = $1 AND actor_id = $2 ORDER BY id",
            made.loan.id,
            made.administrator,
        )
    found = [(entry["action"], entry["data"]) for entry in entries]
    # The words that began the recovery are the investors' first update: they stay out of a trail that is never erased.
    assert [data.get("reason") for _, data in found if data.get("reason")][-4:] == [
        "Insolvency proceedings opened.",
        "Notice served.",
        "Enforcement.",
        "The sale is settled.",
    ]
    assert ("loan.advance_cost", {"amount": "120.00", "kind": "court fees", "reason": "Enforcement."}) in found
    assert [data for action, data in found if action == "loan.recovery_update"] == [{"number": 2}]


async def test_after_default_costs_come_first_then_principal(database: Database) -> None:
    made = await in_recovery(database)
    done = await world.repay(database, made, 412_000)
    assert (done.moved.costs, done.moved.principal, done.moved.interest, done.moved.fees) == (12_000, 400_000, 0, 0)
    await servicing.pay_distributions(database)
    assert await world.wallets(database, list(made.stakes)) == [100_000, 100_000, 200_000]
    (advance,) = await world.balances(database, made.loan.id, AccountKind.RECOVERY_ADVANCE)
    assert advance == 0
    assert await world.problems(database) == []


async def test_a_loss_is_shared_and_a_later_recovery_goes_by_the_loss(database: Database) -> None:
    made = await in_recovery(database)
    await world.repay(database, made, 612_000)
    async with database.unit_of_work() as connection:
        done = await arrears.write_off(connection, made.loan.id, made.staff, "The sale is settled.")
    assert done.moved.lost == 400_000
    assert done.loan.status is Status.WRITTEN_OFF
    await servicing.pay_distributions(database)
    assert await world.wallets(database, list(made.stakes)) == [150_000, 150_000, 300_000]
    receivable, claims = await world.balances(
        database, made.loan.id, AccountKind.LOAN_RECEIVABLE, AccountKind.INVESTOR_CLAIMS
    )
    assert (receivable, claims) == (0, 0)
    # Money of the same day that came after the write-off recovers of the loss, and leaves it as it was.
    same_day = await world.repay(database, made, 40_000)
    assert (same_day.moved.lost, same_day.moved.principal, same_day.moved.recovered) == (0, 0, 40_000)
    await world.advance(database, timedelta(days=20))
    later = await world.repay(database, made, 40_000)
    assert (later.moved.lost, later.moved.recovered) == (0, 40_000)
    await servicing.pay_distributions(database)
    assert await world.wallets(database, list(made.stakes)) == [170_000, 170_000, 340_000]
    assert await world.problems(database) == []


async def test_an_overdue_update_shows_after_thirty_days_until_one_is_given(database: Database) -> None:
    made = await in_recovery(database)

    async def overdue() -> bool:
        async with database.reading() as connection:
            case = await recoveries.case(connection, made.loan.id)
            assert case is not None
            return bool(case["overdue"])

    await world.advance(database, timedelta(days=29))
    assert not await overdue()
    await world.advance(database, timedelta(days=1))
    assert await overdue()
    async with database.unit_of_work() as connection:
        assert await arrears.publish_recovery_update(connection, made.loan.id, "Two bids are in.", made.staff) == 2
    assert not await overdue()


async def test_what_needs_a_default_is_refused_without_one(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    before = await world.balances(database, made.loan.id, AccountKind.LOAN_RECEIVABLE, AccountKind.INVESTOR_CLAIMS)
    for act in (arrears.accelerate, arrears.write_off):
        with pytest.raises(errors.NotInDefault):
            async with database.unit_of_work() as connection:
                await act(connection, made.loan.id, made.staff, "Because.")
    with pytest.raises(errors.NoRecoveryCase):
        async with database.unit_of_work() as connection:
            await arrears.publish_recovery_update(connection, made.loan.id, "News.", made.staff)
    with pytest.raises(loans.WrongStatus):
        async with database.unit_of_work() as connection:
            await arrears.start_recovery(connection, made.loan.id, made.staff, "Because.")
    after = await world.balances(database, made.loan.id, AccountKind.LOAN_RECEIVABLE, AccountKind.INVESTOR_CLAIMS)
    assert after == before
    async with database.reading() as connection:
        assert (await loans.get(connection, made.loan.id)).status is Status.ACTIVE
        assert await connection.fetchval("SELECT count(*) FROM servicing_event") == 0


async def test_a_pause_and_an_extension_move_the_schedule(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    async with database.unit_of_work() as connection:
        first = made.drawn_on
        await forbearing.pause_interest(
            connection, made.loan.id, first, first + timedelta(days=9), Decided(made.staff, "Flooded cellar.")
        )
        done = await forbearing.extend(connection, made.loan.id, 3, Decided(made.staff, "The buyer needs time."))
    rows = done.position.schedule.instalments
    assert len(rows) == 15
    assert rows[0].interest < rows[1].interest
    assert done.loan.matures_on == rows[-1].due_on
    assert await world.problems(database) == []


async def test_investors_are_notified_of_payments_and_of_the_recovery_once(database: Database) -> None:
    made = await in_recovery(database)
    await world.repay(database, made, 412_000)
    await servicing.pay_distributions(database)
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT * FROM outbox WHERE name = ANY ($1) ORDER BY seq", [RECOVERY_UPDATED, DISTRIBUTION_PAID]
        )
    messages = [
        Message(row["event_id"], row["name"], row["version"], row["recorded_at"], row["payload"], 1) for row in rows
    ]
    assert [message.name for message in messages] == ["servicing.recovery_updated", "servicing.distribution_paid"]
    # Delivered twice, reported once.
    for message in messages * 2:
        async with database.unit_of_work() as connection:
            await servicing.SUBSCRIPTION.handler(connection, message)
    async with database.reading() as connection:
        answer = await connection.fetch("SELECT user_id, kind, data FROM notification ORDER BY kind, data->>'amount'")
    assert [row["kind"] for row in answer] == ["distribution_paid"] * 3 + ["recovery_update"] * 3
    assert [row["data"].get("amount") for row in answer[:3]] == ["1000.00", "1000.00", "2000.00"]
    assert {row["user_id"] for row in answer} == set(made.stakes)


async def test_a_recovery_case_closes_with_its_loan(client: httpx2.AsyncClient, database: Database) -> None:
    """The last cent came in by a sale that brought enough: nothing is owed, so no update is overdue either."""
    made = await in_recovery(database)
    await world.advance(database, timedelta(days=41))
    path = f"/api/v1/loans/{made.loan.id}/recovery"
    before = (await client.get(path)).json()
    assert (before["closed_on"], before["update_overdue"]) == (None, True)
    async with database.reading() as connection:
        figure = (await servicing.redemption_on(connection, made.loan.id, None)).payable
        today = await clock.business_date(connection)
    done = await world.repay(database, made, figure + 17)
    assert done.loan.status is Status.REPAID
    after = (await client.get(path)).json()
    assert (after["closed_on"], after["update_overdue"]) == (today.isoformat(), False)
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []


@pytest.mark.parametrize(("days", "overdue"), [(29, False), (30, True), (64, True)])
async def test_everybody_sees_on_page_in_graphql_and_in_rest_that_an_update_is_overdue(
    database: Database, documents: DocumentStore, client: httpx2.AsyncClient, days: int, overdue: bool
) -> None:
    made = await in_recovery(database)
    await world.advance(database, timedelta(days=days))
    listings = ListingStore(documents)
    await rebuild(database, listings)
    shown = (await client.get(f"/api/v1/loans/{made.loan.id}/recovery")).json()
    document = "query ($id: ID!) { loan(id: $id) { status recovery { openedOn updateOverdue nextUpdateDueOn } } }"
    request = {"query": document, "variables": {"id": str(made.loan.id)}}

    async def nobody() -> None:
        return None

    recoveries = recovery_loader(lambda: database)
    answer = await Marketplace(introspection=False).answer(request, listings, nobody, recoveries=recoveries)
    assert answer.errors == [] and answer.data is not None
    assert answer.data["loan"]["recovery"] == {
        "openedOn": shown["opened_on"],
        "updateOverdue": overdue,
        "nextUpdateDueOn": shown["next_update_due_on"],
    }
    assert shown["update_overdue"] is overdue
    app = FastAPI(openapi_url=None)
    app.include_router(marketplace.page_router)
    app.state.pages = web.Pages([marketplace.TEMPLATES])
    app.state.listings, app.state.database = listings, database
    async with client_for(app, accept="text/html") as reader:
        page = (await reader.get(f"/loans/{made.loan.id}")).text
        polish = (await reader.get(f"/loans/{made.loan.id}", headers={"accept-language": "pl"})).text
    assert ("An update to the investors is overdue" in page) is overdue
    assert ("Informacja dla inwestorów jest opóźniona" in polish) is overdue
    assert "An agent was appointed to sell." in page
