"""Row 22: the borrower and every holder are notified of what becomes of a loan, once and without delay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from halfpenny import servicing
from halfpenny.funding.service import tickets
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Money
from halfpenny.realtime import NotificationKind
from halfpenny.servicing import errors
from halfpenny.servicing.model.events import Event, FeeDue, PenaltyDue
from halfpenny.servicing.model.waterfall import Component
from halfpenny.servicing.service import arrears, forbearing
from servicing import world
from support import lending
from support.notices import deliver, notices

STATES = tuple(kind for kind in NotificationKind if kind.startswith("loan_"))


async def _kinds(database: Database, made: world.Drawn) -> list[list[str]]:
    """Of each holder and the borrower, in their order; delivered twice, notified once."""
    for _ in range(2):
        await deliver(database, [servicing.SUBSCRIPTION])
    people = [*sorted(made.stakes), made.borrower]
    return [[kind for kind, _ in await notices(database, person, *STATES)] for person in people]


async def test_from_the_drawdown_to_the_loss(database: Database) -> None:
    made = await world.drawn(database, [300_000, 100_000])
    assert await _kinds(database, made) == [["loan_drawn_down"]] * 3
    await world.advance(database, timedelta(days=10))
    async with database.unit_of_work() as connection:
        await forbearing.extend(connection, made.loan.id, 2, forbearing.Decided(made.staff, "The sale takes longer."))
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent.")
    async with database.unit_of_work() as connection:
        await arrears.accelerate(connection, made.loan.id, made.staff, "In default.")
    expected = ["loan_drawn_down", "loan_extended", "loan_defaulted", "loan_accelerated"]
    assert await _kinds(database, made) == [expected] * 3
    await world.repay(database, made, 150_000)
    async with database.unit_of_work() as connection:
        await arrears.write_off(connection, made.loan.id, made.staff, "Nothing more will come.")
    assert await _kinds(database, made) == [[*expected, "loan_written_off"]] * 3
    async with database.reading() as connection:
        lost = dict(await connection.fetch("SELECT investor_id, lost_minor FROM holding"))
    assert sum(lost.values()) > 0
    for person, minor in lost.items():
        [(_, data)] = await notices(database, person, NotificationKind.LOAN_WRITTEN_OFF)
        assert data["lost"] == f"{minor // 100}.{minor % 100:02}"
        assert data["stake"] == f"{made.stakes[person] // 100}.00"
        assert data["title"] == made.loan.title
        assert "outstanding" not in data
        [(_, extended)] = await notices(database, person, NotificationKind.LOAN_EXTENDED)
        assert extended["matures_on"] > made.loan.matures_on.isoformat()  # type: ignore[union-attr]
    # A borrower sees no investor's figures.
    [(_, data)] = await notices(database, made.borrower, NotificationKind.LOAN_WRITTEN_OFF)
    assert data.keys() == {"loan_id", "title", "currency", "matures_on"}
    assert await world.problems(database) == []


async def test_everything_falls_due_once(database: Database) -> None:
    made = await world.drawn(database, [200_000])
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent.")
        await arrears.accelerate(connection, made.loan.id, made.staff, "In default.")
    await world.advance(database, timedelta(days=1))
    with pytest.raises(errors.AlreadyAccelerated):
        async with database.unit_of_work() as connection:
            await arrears.accelerate(connection, made.loan.id, made.staff, "Once more.")
    assert (await _kinds(database, made))[0] == ["loan_drawn_down", "loan_defaulted", "loan_accelerated"]
    async with database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM servicing_event WHERE kind = 'acceleration'") == 1


async def test_a_default_that_was_cured_and_a_loan_that_was_repaid(database: Database) -> None:
    made = await world.drawn(database, [200_000])
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent, it seemed.")
    async with database.unit_of_work() as connection:
        await arrears.cure(connection, made.loan.id, False, made.staff, "It was another company.")
    async with database.reading() as connection:
        figure = (await servicing.redemption_on(connection, made.loan.id, None)).payable
    await world.repay(database, made, figure)
    assert await _kinds(database, made) == [["loan_drawn_down", "loan_defaulted", "loan_cured", "loan_repaid"]] * 2


async def test_the_borrower_and_every_holder_are_notified_of_a_pause(database: Database) -> None:
    made = await world.drawn(database, [300_000, 100_000])
    first = made.drawn_on + timedelta(days=20)
    async with database.unit_of_work() as connection:
        decided = forbearing.Decided(made.staff, "The road to the site was closed.")
        await forbearing.pause_interest(connection, made.loan.id, first, first + timedelta(days=9), decided)
    assert await _kinds(database, made) == [["loan_drawn_down", "loan_interest_paused"]] * 3
    for person in (*made.stakes, made.borrower):
        [(_, data)] = await notices(database, person, NotificationKind.LOAN_INTEREST_PAUSED)
        assert data["title"] == made.loan.title
        assert data["paused_from"] == first.isoformat()
        assert data["paused_to"] == (first + timedelta(days=9)).isoformat()
        assert ("stake" in data) is (person != made.borrower)
    assert await world.problems(database) == []


@pytest.mark.parametrize(
    ("component", "holders_too"),
    [
        (Component.INTEREST, True),
        (Component.DEFAULT_INTEREST, True),
        (Component.PENALTY, False),
        (Component.RECOVERY_COST, False),
        (Component.FEE, False),
    ],
)
async def test_the_borrower_and_holders_whose_money_it_was_are_notified_of_a_waiver(
    database: Database, component: Component, holders_too: bool
) -> None:
    """Of the interest that is theirs; fees, penalties and costs are the platform's."""
    made = await world.drawn(database, [3_000_000, 1_000_000], term_months=3)
    await world.advance(database, timedelta(days=130))
    await servicing.close_days(database)
    charges: dict[Component, Event] = {}
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        amount = Money(5_000, world.EUR)
        charges[Component.PENALTY] = PenaltyDue(today, amount, "late")
        charges[Component.FEE] = FeeDue(today, amount, "inspection")
        if component is Component.RECOVERY_COST:
            await arrears.start_recovery(connection, made.loan.id, made.staff, "An agent was appointed to sell.")
            await arrears.advance_cost(connection, made.loan.id, amount, "court fees", made.staff, "Costs.")
        elif component in charges:
            await servicing.post_events(connection, made.loan.id, [charges[component]], made.staff)
    before = await _kinds(database, made)
    for minor in (700, 700):
        async with database.unit_of_work() as connection:
            decided = forbearing.Decided(made.staff, "Charged twice.")
            await forbearing.waive(connection, made.loan.id, component, Money(minor, world.EUR), decided)
    after = await _kinds(database, made)
    *of_holders, of_borrower = [new[len(old) :] for old, new in zip(before, after, strict=True)]
    assert of_borrower == ["loan_waived"] * 2
    assert of_holders == [["loan_waived"] * 2 if holders_too else []] * 2
    [(_, data), _] = await notices(database, made.borrower, NotificationKind.LOAN_WAIVED)
    assert (data["component"], data["amount"], data["currency"]) == (component.value, "7.00", "EUR")
    assert await world.problems(database) == []


async def test_nobody_is_notified_of_a_waiver_that_is_refused(database: Database) -> None:
    made = await world.drawn(database, [200_000])
    decided = forbearing.Decided(made.staff, "More than is due.")
    with pytest.raises(errors.WaiverExceedsDue):
        async with database.unit_of_work() as connection:
            await forbearing.waive(connection, made.loan.id, Component.INTEREST, Money(1, world.EUR), decided)
    assert await _kinds(database, made) == [["loan_drawn_down"]] * 2


async def test_nobody_waits_for_a_loan_that_was_drawn_down(database: Database) -> None:
    made = await world.ready(database, [50_000, 50_000])
    async with database.unit_of_work() as connection:
        waiting = await lending.person(connection, "investor")
        await tickets.join_waiting_list(connection, waiting, made.loan.id, Money(6_000, world.EUR))
    await world.advance(database, world.REFLECTION)
    async with database.unit_of_work() as connection:
        await servicing.draw_down(connection, made.loan.id, made.staff)
    [(kind, data)] = await notices(database, waiting)
    assert (kind, data["amount"], data["reason"]) == (NotificationKind.WAITING_LIST_ENDED, "60.00", "loan_active")
    async with database.reading() as connection:
        [row] = await connection.fetch("SELECT status, refusal FROM waiting_ticket")
    assert tuple(row) == ("refused", "loan_active")
    assert await world.problems(database) == []
