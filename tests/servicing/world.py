"""Loans brought to drawdown with real tickets and real money: what the tests of servicing start from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from halfpenny import ledger, loans, servicing
from halfpenny.entrypoints.books import CHECKS
from halfpenny.funding.desk.desk import DeskSettings, FundingDesk
from halfpenny.funding.model import Ticket
from halfpenny.ledger import Account, AccountKind
from halfpenny.loans import Actor, ActorKind, LoanInterestMode
from halfpenny.loans.service import conditions
from halfpenny.platform import clock
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.ids import UserId, uuid7
from halfpenny.primitives.money import Currency, Money
from halfpenny.servicing.model.events import Apply
from support import lending
from support.money import pay_in

EUR = Currency.EUR
REFLECTION = timedelta(days=5)


@dataclass(frozen=True)
class Drawn:
    """A loan after its drawdown; ``stakes`` are the investors' tickets in minor units."""

    loan: loans.Loan
    borrower: UserId
    administrator: UserId
    stakes: dict[UserId, int]
    drawn_on: date

    @property
    def staff(self) -> Actor:
        return Actor(ActorKind.ADMINISTRATOR, self.administrator)


async def deposit(connection: Connection, owner: UUID, amount_minor: int, currency: Currency = EUR) -> None:
    await pay_in(connection, [owner], amount_minor, currency)


async def ready(
    database: Database,
    stakes: list[int],
    *,
    mode: LoanInterestMode = LoanInterestMode.SERVICED,
    term_months: int = 12,
    recorded_by_approver: bool = False,
    rules: loans.LendingRules = lending.RULES,
    currency: Currency = EUR,
    annual_rate: Decimal | None = None,
) -> Drawn:
    """A loan that is funded with ``stakes`` and whose conditions are met; reflection is still running."""
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        loan = await lending.funding(
            connection,
            borrower,
            administrator,
            rules=rules,
            annual_rate=annual_rate,
            amount_minor=sum(stakes),
            currency=currency,
            interest_mode=mode,
            term_months=term_months,
        )
        investors = {await lending.person(connection, "investor"): stake for stake in stakes}
        for investor, stake in investors.items():
            await deposit(connection, investor, stake, currency)
    desk = FundingDesk(database, DeskSettings())
    desk.start()
    for investor, stake in investors.items():
        await desk.submit(Ticket(loan.id, investor, stake, currency.value, uuid7().hex, b"fingerprint"))
    await desk.stop()
    async with database.unit_of_work() as connection:
        evidence = lending.evidence(loan.application)
        # Whoever approved a loan does not record its conditions and draw it down as well.
        recorder = administrator if recorded_by_approver else await lending.person(connection, "administrator")
        loan = await conditions.record_conditions(connection, recorder, loan.id, evidence)
        today = await clock.business_date(connection)
    return Drawn(loan, borrower, administrator, investors, today)


async def drawn(
    database: Database,
    stakes: list[int],
    *,
    mode: LoanInterestMode = LoanInterestMode.SERVICED,
    term_months: int = 12,
    rules: loans.LendingRules = lending.RULES,
    currency: Currency = EUR,
    annual_rate: Decimal | None = None,
) -> Drawn:
    made = await ready(
        database,
        stakes,
        mode=mode,
        term_months=term_months,
        rules=rules,
        currency=currency,
        annual_rate=annual_rate,
    )
    await advance(database, REFLECTION)
    async with database.unit_of_work() as connection:
        done = await servicing.draw_down(connection, made.loan.id, made.staff)
        today = await clock.business_date(connection)
    return Drawn(done.loan, made.borrower, made.administrator, made.stakes, today)


async def advance(database: Database, by: timedelta) -> None:
    async with database.unit_of_work() as connection:
        await clock.advance(connection, by)


async def go_to(database: Database, day: date) -> None:
    """Move the business date on to ``day``."""
    async with database.reading() as connection:
        today = await clock.business_date(connection)
    if day > today:
        # Summer time may begin or end on the way, and late in the evening that is another date.
        await advance(database, day - today - timedelta(hours=2))
        async with database.reading() as connection:
            today = await clock.business_date(connection)
        if day > today:
            await advance(database, timedelta(hours=2))


async def balances(database: Database, loan_id: UUID, *kinds: AccountKind) -> list[int]:
    async with database.reading() as connection:
        accounts = [Account(kind, loan_id, EUR) for kind in kinds]
        found = await ledger.balances(connection, accounts)
        return [found[account].posted for account in accounts]


async def wallets(database: Database, owners: list[UserId]) -> list[int]:
    async with database.reading() as connection:
        accounts = [Account(AccountKind.WALLET, owner, EUR) for owner in owners]
        found = await ledger.balances(connection, accounts)
        return [found[account].posted for account in accounts]


async def repay(
    database: Database, made: Drawn, amount_minor: int, apply: Apply | None = Apply.PREPAY
) -> servicing.PostingResult:
    async with database.unit_of_work() as connection:
        currency = made.loan.application.currency
        await deposit(connection, made.borrower, amount_minor, currency)
        return await servicing.repay(connection, made.loan.id, made.borrower, Money(amount_minor, currency), apply)


async def problems(database: Database) -> list[str]:
    """What `check books` finds."""
    async with database.reading() as connection:
        return [str(finding) for finding in await collect(connection, *CHECKS)]
