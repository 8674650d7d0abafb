"""Late messages on loans that have defaulted since, been called in, sold and written off: always booked, by replay."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from halfpenny import servicing
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import Status
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Money
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.service import arrears, bank_receipts, reversing
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
