"""Late messages on loans that have defaulted since, been called in, sold and written off: always booked, by replay."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from uuid import UUID

import pytest

from halfpenny import ledger, servicing
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import Status
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Money
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.model.waterfall import Component
from halfpenny.servicing.service import arrears, bank_receipts, forbearing, reversing
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support.bank import receive

STAKES = [250_000, 250_000, 500_000]


async def book(
    database: Database, made: world.Drawn, minor: int, received_on: date, apply: Apply | None = None
) -> servicing.PostingResult:
    """What the bank reports today as received on an earlier day."""
    async with database.unit_of_work() as connection:
        await world.deposit(connection, made.borrower, minor)
        wallet = Account(AccountKind.WALLET, made.borrower, world.EUR)
        return await servicing.receive_from_bank(
            connection, made.loan.id, Money(minor, world.EUR), received_on, made.staff, source=wallet, apply=apply
        )


async def due_dates(database: Database, made: world.Drawn) -> list[date]:
    async with database.reading() as connection:
        return [row["due_on"] for row in await serviced_loans.instalments(connection, made.loan.id)]


async def written_off(database: Database, recovered: int) -> world.Drawn:
    """Defaulted forty days on, called in, a part of it recovered on the next day, the rest given up."""
    made = await world.drawn(database, STAKES)
    await world.advance(database, timedelta(days=40))
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent.")
        await arrears.accelerate(connection, made.loan.id, made.staff, "Notice served.")
        await arrears.start_recovery(connection, made.loan.id, made.staff, "An agent sells.")
    await world.advance(database, timedelta(days=1))
    if recovered:
        await world.repay(database, made, recovered)
    async with database.unit_of_work() as connection:
        await arrears.write_off(connection, made.loan.id, made.staff, "Sold.")
    await servicing.pay_distributions(database)
    return made


@pytest.mark.parametrize(
    ("recovered", "days", "late"),
    [(612_000, 10, 8_000), (0, 35, 250_000), (300_001, 0, 700_000), (612_000, 39, 1), (50_000, 41, 7_777)],
)
async def test_a_late_message_is_booked_on_a_loan_written_off_since(
    database: Database, recovered: int, days: int, late: int
) -> None:
    made = await written_off(database, recovered)
    done = await book(database, made, late, made.drawn_on + timedelta(days=days))
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []
    assert (done.moved.returned, done.position.written_off) == (0, sum(STAKES) - done.position.principal_repaid)
    paid = sum(await world.wallets(database, list(made.stakes)))
    flows = flows_of(done.serviced.terms, done.position)
    assert paid == recovered + late - flows.fees - flows.default_income
    # What the early money repaid of the principal was never lost; the rest of what came is a recovery.
    assert done.moved.lost == -done.moved.principal and done.loan.status is Status.WRITTEN_OFF


@pytest.mark.parametrize(("recovered", "days"), [(0, 12), (650_003, 33)])
async def test_a_loan_that_was_redeemed_before_its_default_was_never_written_off(
    database: Database, recovered: int, days: int
) -> None:
    """The bank reports the redemption weeks late, and takes it back after that."""
    made = await written_off(database, recovered)
    on = made.drawn_on + timedelta(days=days)
    async with database.reading() as connection:
        figure = await bank_receipts.owed_on(connection, made.loan.id, on)
    done = await receive(database, made.loan.id, figure, on, made.administrator)
    # What had been recovered was not owed by then.
    assert (done.loan.status, done.position.written_off, done.moved.returned) == (Status.REPAID, 0, recovered)
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []
    assert done.receipt_id is not None
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        [back] = await reversing.reverse_receipt(
            connection, UUID(done.receipt_id), today, made.staff, "Recalled.", reference="RTRN/8"
        )
    assert back.loan.status is Status.WRITTEN_OFF
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []


async def _with_costs(database: Database, cost_minor: int) -> world.Drawn:
    """In default, with so much advanced to recover it."""
    made = await world.drawn(database, STAKES)
    async with database.unit_of_work() as connection:
        await arrears.mark_unlikely_to_pay(connection, made.loan.id, made.staff, "Insolvent.")
        await arrears.advance_cost(
            connection, made.loan.id, Money(cost_minor, world.EUR), "court", made.staff, "Costs."
        )
    return made


async def _waive(database: Database, made: world.Drawn, minor: int) -> None:
    async with database.unit_of_work() as connection:
        decided = forbearing.Decided(made.staff, "Agreed with the buyer.")
        await forbearing.waive(connection, made.loan.id, Component.RECOVERY_COST, Money(minor, world.EUR), decided)


async def _fee_income(database: Database) -> int:
    account = Account(AccountKind.FEE_INCOME, None, world.EUR)
    async with database.reading() as connection:
        return (await ledger.balances(connection, [account]))[account].posted


@pytest.mark.parametrize("part", [Fraction(1), Fraction(2, 3), Fraction(1, 97)])
async def test_a_bounced_receipt_is_booked_where_the_fees_cannot_bear_the_waiver_that_it_brings_back(
    database: Database, part: Fraction
) -> None:
    """It had paid, as of its day, what was waived since; the fees have borne the costs of another loan meanwhile."""
    made, other = [await _with_costs(database, 1) for _ in range(2)]
    fees = await _fee_income(database)
    async with database.unit_of_work() as connection:
        for one in (made, other):
            cost = Money(2 * fees, world.EUR)
            await arrears.advance_cost(connection, one.loan.id, cost, "court", one.staff, "Costs.")
    async with database.reading() as connection:
        day = await clock.business_date(connection)
    await world.advance(database, timedelta(days=2))
    await _waive(database, made, fees)
    late = await receive(database, made.loan.id, fees + 1 + int(part * fees), day, made.administrator)
    assert late.receipt_id is not None and await _fee_income(database) == int(part * fees)
    await _waive(database, other, await _fee_income(database))
    await servicing.pay_distributions(database)
    assert await _fee_income(database) == 0
    # What people decide on is refused, and nothing has changed.
    with pytest.raises(ledger.InsufficientAvailable):
        await _waive(database, other, 1)
    assert await _fee_income(database) == 0 and await world.problems(database) == []
    async with database.unit_of_work() as connection:
        today = await clock.business_date(connection)
        await reversing.reverse_receipt(connection, UUID(late.receipt_id), today, made.staff, "Recalled.")
    await servicing.pay_distributions(database)
    assert await _fee_income(database) < 0
    assert await world.problems(database) == []
    # The next fees make up for it.
    before = await _fee_income(database)
    await world.drawn(database, STAKES)
    assert await _fee_income(database) > before
    assert await world.problems(database) == []
