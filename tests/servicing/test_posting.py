"""Drawdown, receipts and distributions on a real database: every cent where the chart states."""

from __future__ import annotations

from datetime import timedelta

import pytest

from halfpenny import ledger, loans, servicing
from halfpenny.ledger import AccountKind
from halfpenny.loans import LoanInterestMode, Status
from halfpenny.platform.database import Database
from halfpenny.primitives.money import Money
from halfpenny.servicing import errors
from halfpenny.servicing.store import serviced_loans
from servicing import world
from support import bank

STAKES = [333_333, 333_333, 333_334]


async def test_drawdown_waits_for_the_last_investors_reflection(database: Database) -> None:
    made = await world.ready(database, STAKES)
    before = await world.balances(database, made.loan.id, AccountKind.ESCROW, AccountKind.LOAN_RECEIVABLE)
    with pytest.raises(errors.ReflectionRunning):
        async with database.unit_of_work() as connection:
            await servicing.draw_down(connection, made.loan.id, made.staff)
    assert await world.balances(database, made.loan.id, AccountKind.ESCROW, AccountKind.LOAN_RECEIVABLE) == before
    assert before == [1_000_000, 0]


async def test_drawdown_pays_the_borrower_net_and_posts_the_gross(database: Database) -> None:
    made = await world.drawn(database, STAKES, mode=LoanInterestMode.RETAINED)
    kinds = (AccountKind.ESCROW, AccountKind.INTEREST_RESERVE, AccountKind.LOAN_RECEIVABLE, AccountKind.INVESTOR_CLAIMS)
    escrow, reserve, receivable, claims = await world.balances(database, made.loan.id, *kinds)
    assert made.loan.offer is not None
    fee = sum(fee.charge_minor(1_000_000) for fee in made.loan.offer.fees)
    assert fee == 20_000
    assert (escrow, receivable, claims) == (0, 1_000_000, 1_000_000)
    # 10,000.00 at 10.25 % for twelve months of a twelfth each.
    assert reserve == 12 * 8_542
    assert await world.wallets(database, [made.borrower]) == [1_000_000 - fee - reserve]
    assert made.loan.status is Status.ACTIVE
    assert await world.problems(database) == []


async def test_a_second_drawdown_is_refused_and_posts_nothing(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    before = await world.wallets(database, [made.borrower])
    with pytest.raises(loans.WrongStatus):
        async with database.unit_of_work() as connection:
            await servicing.draw_down(connection, made.loan.id, made.staff)
    assert await world.wallets(database, [made.borrower]) == before


async def test_serviced_interest_and_redemption_reach_the_investors_to_the_cent(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    investors = list(made.stakes)
    total = 0
    async with database.reading() as connection:
        due = [row["due_on"] for row in await serviced_loans.instalments(connection, made.loan.id)]
    for day in due[:3]:
        await world.go_to(database, day)
        await servicing.close_days(database)
        done = await world.repay(database, made, 8_542)
        assert (done.moved.interest, done.moved.principal, done.moved.returned) == (8_542, 0, 0)
        assert await servicing.pay_distributions(database) == 3
        total += 8_542
    assert sum(await world.wallets(database, investors)) == total
    async with database.reading() as connection:
        serviced = await serviced_loans.find(connection, made.loan.id)
    assert serviced is not None
    done = await world.repay(database, made, 1_100_000)
    assert done.loan.status is Status.REPAID
    assert done.moved.principal == 1_000_000
    await servicing.pay_distributions(database)
    received = await world.wallets(database, investors)
    interest = total + done.moved.interest
    assert sum(received) == 1_000_000 + interest
    for stake, wallet in zip(made.stakes.values(), received, strict=True):
        assert abs((wallet - stake) - interest * stake / 1_000_000) < 5
    assert (await world.balances(database, made.loan.id, *_EMPTY)) == [0] * len(_EMPTY)
    assert await world.problems(database) == []


_EMPTY = (
    AccountKind.ESCROW,
    AccountKind.COLLECTIONS,
    AccountKind.DISTRIBUTION_PAYABLE,
    AccountKind.LOAN_RECEIVABLE,
    AccountKind.INVESTOR_CLAIMS,
    AccountKind.INTEREST_RESERVE,
)


async def test_the_reserve_pays_of_an_early_redemption_what_was_not_earned(database: Database) -> None:
    made = await world.drawn(database, STAKES, mode=LoanInterestMode.RETAINED)
    await world.go_to(database, made.drawn_on + timedelta(days=100))
    closed = await servicing.close_days(database)
    assert sum(day.released for day in closed) == 3
    before = (await world.wallets(database, [made.borrower]))[0]
    done = await world.repay(database, made, 1_000_000)
    assert done.loan.status is Status.REPAID
    # The reserve paid of the debt what was not earned, so that much too much was sent.
    assert done.moved.released == 9 * 8_542
    assert done.moved.returned == done.moved.released - done.moved.interest > 0
    assert (await world.wallets(database, [made.borrower]))[0] == before + done.moved.returned
    await servicing.pay_distributions(database)
    assert await world.balances(database, made.loan.id, *_EMPTY) == [0] * len(_EMPTY)
    assert sum(await world.wallets(database, list(made.stakes))) == 1_000_000 + 3 * 8_542 + done.moved.interest
    assert await world.problems(database) == []


@pytest.mark.parametrize("amount_minor", [1, 8_541])
async def test_a_closed_loan_takes_no_more_money(database: Database, amount_minor: int) -> None:
    made = await world.drawn(database, STAKES)
    await world.repay(database, made, 1_100_000)
    before = await world.wallets(database, [made.borrower, *made.stakes])
    with pytest.raises(errors.LoanClosed):
        await world.repay(database, made, amount_minor)
    assert await world.wallets(database, [made.borrower, *made.stakes]) == before


async def test_a_repayment_without_money_changes_nothing(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    before = await world.wallets(database, [made.borrower])
    with pytest.raises(ledger.InsufficientAvailable):
        async with database.unit_of_work() as connection:
            await servicing.repay(connection, made.loan.id, made.borrower, Money(50_000_000, world.EUR))
    assert await world.wallets(database, [made.borrower]) == before
    async with database.reading() as connection:
        assert await serviced_loans.events(connection, made.loan.id) == []


async def test_somebody_elses_loan_cannot_be_repaid(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    with pytest.raises(loans.LoanNotFound):
        async with database.unit_of_work() as connection:
            await servicing.repay(connection, made.loan.id, next(iter(made.stakes)), Money(100, world.EUR))


async def test_a_backdated_receipt_is_a_replay(database: Database) -> None:
    """Paid on the due date, received nine days later: as if it had been posted on the day."""
    made = await world.drawn(database, STAKES)
    async with database.reading() as connection:
        first_due = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"]
    await world.go_to(database, first_due + timedelta(days=9))
    await servicing.close_days(database)
    async with database.reading() as connection:
        late = await serviced_loans.find(connection, made.loan.id)
    assert late is not None
    assert late.days_past_due == 8
    done = await bank.receive(database, made.loan.id, 8_542, first_due, made.administrator)
    assert (done.moved.interest, done.moved.default_interest, done.position.days_past_due) == (8_542, 0, 0)
    await servicing.pay_distributions(database)
    assert await world.problems(database) == []


async def test_more_than_ninety_days_late_is_a_default_and_a_loss_is_shared(database: Database) -> None:
    made = await world.drawn(database, STAKES)
    async with database.reading() as connection:
        first_due = (await serviced_loans.instalments(connection, made.loan.id))[0]["due_on"]
    await world.go_to(database, first_due + timedelta(days=91))
    await servicing.close_days(database)
    async with database.reading() as connection:
        assert (await loans.get(connection, made.loan.id)).status is Status.ACTIVE
    await world.go_to(database, first_due + timedelta(days=92))
    await servicing.close_days(database)
    async with database.reading() as connection:
        assert (await loans.get(connection, made.loan.id)).status is Status.DEFAULTED
    assert await world.problems(database) == []


async def test_closing_twice_posts_nothing_twice(database: Database) -> None:
    made = await world.drawn(database, STAKES, mode=LoanInterestMode.RETAINED)
    await world.go_to(database, made.drawn_on + timedelta(days=40))
    await servicing.close_days(database)
    async with database.reading() as connection:
        counts = "SELECT (SELECT count(*) FROM transfer), (SELECT count(*) FROM accrual), (SELECT count(*) FROM outbox)"
        before = await connection.fetchrow(counts)
    assert await servicing.close_days(database) == []
    async with database.reading() as connection:
        assert await connection.fetchrow(counts) == before
