"""A loan pays each holder their part of what it has declared: no line of the chart leads from one holder to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halfpenny import ledger
from halfpenny.ledger import Account, AccountKind, Journal, Transfer
from halfpenny.platform.clock import business_date
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import JournalId, uuid7
from halfpenny.primitives.money import Currency, split
from support import holding, lending

K = AccountKind
# A declaration may bring a holder so many minor units more than their exact part.
ROUNDING = 3


def platform(kind: AccountKind) -> Account:
    return Account(kind, None, Currency.EUR)


@dataclass(frozen=True)
class Drawn:
    """A drawn loan, its borrower and its holders; ``outsider`` has the row of a holding and has invested nothing."""

    connection: Connection
    id: UUID
    borrower: UUID
    holders: list[UUID]
    outsider: UUID

    def account(self, kind: AccountKind) -> Account:
        return Account(kind, self.id, Currency.EUR)

    async def journal(self, event: str, *transfers: Transfer, reverses: UUID | None = None) -> Journal:
        today = await business_date(self.connection)
        return Journal(
            JournalId(uuid7()), event, transfers, today, self.id, reverses=JournalId(reverses) if reverses else None
        )

    async def post(self, *journals: Journal) -> None:
        await ledger.post_many(self.connection, journals)

    async def refused(self, *journals: Journal, one_call: bool = True) -> None:
        """The ledger refuses the last of them, or the one call with all; the transaction goes on."""
        savepoint = self.connection.transaction()
        await savepoint.start()
        if not one_call:
            for journal in journals[:-1]:
                await self.post(journal)
        with pytest.raises(ledger.NotInChart):
            await self.post(*(journals if one_call else journals[-1:]))
        await savepoint.rollback()

    async def pay(self, person: UUID, minor: int) -> Journal:
        wallet = Account(K.WALLET, person, Currency.EUR)
        return await self.journal("distribution", Transfer(self.account(K.DISTRIBUTION_PAYABLE), wallet, minor))

    async def give_back(self, person: UUID, minor: int) -> Journal:
        wallet = Account(K.WALLET, person, Currency.EUR)
        return await self.journal("overpaid_settled", Transfer(wallet, self.account(K.OVERPAID_DISTRIBUTION), minor))

    async def correct(self, minor: int) -> Journal:
        way = Transfer(self.account(K.OVERPAID_DISTRIBUTION), self.account(K.DISTRIBUTION_PAYABLE), minor)
        return await self.journal("distribution_corrected", way)

    async def declare(self, minor: int) -> None:
        collections, payable = self.account(K.COLLECTIONS), self.account(K.DISTRIBUTION_PAYABLE)
        received = Transfer(platform(K.CLIENT_BANK), collections, minor)
        await self.post(await self.journal("receipt", received, Transfer(collections, payable, minor)))

    async def balance(self, person: UUID) -> int:
        wallet = Account(K.WALLET, person, Currency.EUR)
        return (await ledger.balances(self.connection, [wallet]))[wallet].posted

    async def bounce(self, minor: int) -> None:
        """A receipt of ``minor`` that had been declared and paid goes back to the bank."""
        collections, payable = self.account(K.COLLECTIONS), self.account(K.DISTRIBUTION_PAYABLE)
        taken = Transfer(payable, collections, minor)
        await self.post(
            await self.correct(minor),
            await self.journal("receipt_reversed", taken, Transfer(collections, platform(K.CLIENT_BANK), minor)),
        )


async def draw_down(connection: Connection, stakes: Sequence[int], fee: int = 0, late: int = 0) -> Drawn:
    """Each holder invests, revokes a second investment, and after the drawdown the last one pays in ``late`` more."""
    borrower, staff, outsider = [
        await lending.person(connection, role) for role in ("borrower", "administrator", "investor")
    ]
    loan = await lending.funding(connection, borrower, staff)
    await connection.execute("UPDATE loan SET status = 'conditions_met' WHERE id = $1", loan.id)
    holders = [await lending.person(connection, "investor") for _ in stakes]
    drawn = Drawn(connection, loan.id, borrower, holders, outsider)
    escrow = drawn.account(K.ESCROW)
    for person, stake in zip(holders, stakes, strict=True):
        await holding.deposit(connection, person, 2 * stake + late)
        kept, revoked = [await holding.invest(connection, loan.id, person, stake, uuid7()) for _ in "ab"]
        back = Transfer(escrow, Account(K.WALLET, person, Currency.EUR), stake)
        await drawn.post(kept, revoked)
        await drawn.post(await drawn.journal("revoke", back, reverses=revoked.id))
    # Whoever acts as the application writes such a row for anybody.
    for person in (*holders, outsider):
        await holding.hold(connection, loan.id, person, sum(stakes))
    owed = Transfer(drawn.account(K.LOAN_RECEIVABLE), drawn.account(K.INVESTOR_CLAIMS), sum(stakes))
    out = [Transfer(escrow, Account(K.WALLET, borrower, Currency.EUR), sum(stakes) - fee), owed]
    if fee:
        out.append(Transfer(escrow, platform(K.FEE_INCOME), fee))
    await drawn.post(await drawn.journal("drawdown", *out))
    if late:
        await drawn.post(await holding.invest(connection, loan.id, holders[-1], late, uuid7()))
    return drawn


@pytest.fixture
async def drawn(connection: Connection) -> Drawn:
    """Stakes of 400.00 and 100.00; 50.00 have been declared and paid."""
    loan = await draw_down(connection, (40_000, 10_000), fee=6_000)
    await loan.declare(5_000)
    for person, minor in zip(loan.holders, (4_000, 1_000), strict=True):
        await loan.post(await loan.pay(person, minor))
    return loan


@pytest.mark.parametrize("one_call", [True, False])
@pytest.mark.parametrize("minor", [ROUNDING + 1, 37, 1_000, 3_999])
async def test_no_way_leads_from_one_holder_to_another(drawn: Drawn, minor: int, one_call: bool) -> None:
    """What is called too much for one goes out to the other, and the first is made to give it back: in any order."""
    first, second = drawn.holders
    for giver, taker in ((first, second), (second, first), (first, drawn.outsider)):
        steps = [await drawn.correct(minor), await drawn.give_back(giver, minor), await drawn.pay(taker, minor)]
        for order in permutations(steps):
            if one_call:
                await drawn.refused(*order)
        if not one_call:
            had = 4_000 if giver == first else 1_000
            await drawn.refused(*(steps if minor <= had else steps[:2]), one_call=False)
            await drawn.refused(steps[0], steps[2], one_call=False)


@pytest.mark.parametrize("minor", [ROUNDING + 1, 4_000])
async def test_a_payment_taken_back_cannot_go_to_somebody_else(drawn: Drawn, minor: int) -> None:
    payable, first = drawn.account(K.DISTRIBUTION_PAYABLE), Account(K.WALLET, drawn.holders[0], Currency.EUR)
    await drawn.declare(5_000)
    paid = await drawn.journal("distribution", Transfer(payable, first, minor))
    await drawn.post(paid)
    back = await drawn.journal("distribution_reversed", Transfer(first, payable, minor), reverses=paid.id)
    await drawn.post(back)
    await drawn.post(await drawn.pay(drawn.holders[1], 1_000))
    for person in (drawn.holders[1], drawn.outsider):
        await drawn.refused(await drawn.pay(person, ROUNDING * 2 + 1))


async def test_what_is_due_to_one_holder_is_not_paid_to_another(drawn: Drawn) -> None:
    first, second = drawn.holders
    await drawn.declare(10_000)
    await drawn.refused(await drawn.pay(second, 2_000 + 2 * ROUNDING + 1))
    await drawn.refused(await drawn.pay(drawn.outsider, 1))
    await drawn.refused(await drawn.pay(drawn.borrower, 1))
    await drawn.post(await drawn.pay(second, 2_000), await drawn.pay(first, 8_000))


async def test_a_receipt_that_bounced_is_given_back_and_paid_once_more(drawn: Drawn) -> None:
    first, second = drawn.holders
    await drawn.bounce(5_000)
    had = {first: 4_000, second: 1_000}
    before = {person: await drawn.balance(person) for person in had}
    for person, minor in had.items():
        await drawn.refused(await drawn.give_back(person, minor + 1))
    for person, minor in had.items():
        await drawn.post(await drawn.give_back(person, minor))
        assert await drawn.balance(person) == before[person] - minor
    await drawn.declare(5_000)
    await drawn.post(await drawn.pay(first, 4_000), await drawn.pay(second, 1_000))
    assert {person: await drawn.balance(person) for person in had} == before


async def test_nobody_gives_back_what_they_have_not_had(drawn: Drawn) -> None:
    await drawn.bounce(5_000)
    await drawn.refused(await drawn.give_back(drawn.holders[1], 1_001))
    await holding.deposit(drawn.connection, drawn.outsider, 500)
    await drawn.refused(await drawn.give_back(drawn.outsider, 1))


async def test_what_the_platform_has_borne_is_paid_once_more(drawn: Drawn) -> None:
    first, second = drawn.holders
    before = [await drawn.balance(first), await drawn.balance(second)]
    await drawn.bounce(5_000)
    borne = Transfer(platform(K.FEE_INCOME), drawn.account(K.OVERPAID_DISTRIBUTION), 5_000)
    await drawn.post(await drawn.journal("overpaid_settled", borne))
    await drawn.declare(5_000)
    await drawn.post(await drawn.pay(first, 4_000), await drawn.pay(second, 1_000))
    assert [await drawn.balance(first), await drawn.balance(second)] == [before[0] + 4_000, before[1] + 1_000]


async def test_a_loan_that_is_not_drawn_down_pays_no_holder(connection: Connection) -> None:
    loan = await draw_down(connection, (700, 300))
    elsewhere = Drawn(connection, uuid7(), loan.borrower, loan.holders, loan.outsider)
    await holding.hold(connection, elsewhere.id, loan.holders[0], 1_000)
    await elsewhere.declare(500)
    await elsewhere.refused(await elsewhere.pay(loan.holders[0], 1))


async def test_what_is_paid_in_after_the_drawdown_is_no_stake(connection: Connection) -> None:
    loan = await draw_down(connection, (70_000, 30_000), late=50_000)
    await loan.declare(10_000)
    await loan.refused(await loan.pay(loan.holders[1], 3_000 + ROUNDING + 1))
    await loan.post(await loan.pay(loan.holders[1], 3_000), await loan.pay(loan.holders[0], 7_000))


async def test_a_payment_posted_again_is_counted_once(drawn: Drawn) -> None:
    await drawn.declare(5_000)
    paid = await drawn.pay(drawn.holders[0], 4_000)
    for _ in range(3):
        await drawn.post(paid)
    kept = await drawn.connection.fetch("SELECT stake, paid FROM paid_to_holder ORDER BY stake DESC")
    assert [tuple(row) for row in kept] == [(40_000, 8_000), (10_000, 1_000)]


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_every_true_split_is_paid_and_a_cent_too_much_is_not(database: Database, data: Any) -> None:
    """Principal and interest by outstanding principal, split to the cent as servicing splits them."""
    stakes = data.draw(st.lists(st.integers(1, 90_000), min_size=2, max_size=5))
    async with database.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        loan = await draw_down(connection, stakes)
        outstanding, times = list(stakes), data.draw(st.integers(1, 6))
        for _ in range(times):
            whole = sum(outstanding)
            principal = data.draw(st.integers(0, whole))
            interest = data.draw(st.integers(0 if principal else 1, max(whole, 1)))
            repaid = split(principal, outstanding)
            shares = [a + b for a, b in zip(repaid, split(interest, outstanding if whole else stakes), strict=True)]
            outstanding = [before - part for before, part in zip(outstanding, repaid, strict=True)]
            await loan.declare(principal + interest)
            await loan.post(*[await loan.pay(*paid) for paid in zip(loan.holders, shares, strict=True) if paid[1]])
        too_much = 2 * ROUNDING * times
        await loan.refused(await loan.correct(too_much), await loan.pay(loan.holders[0], too_much))
        assert await collect(connection, ledger.check) == []
        await transaction.rollback()
