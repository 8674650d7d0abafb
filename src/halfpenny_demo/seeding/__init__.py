"""The demo's marketplace: 200 loans in three currencies, in every status, with a history that adds up."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from halfpenny import funding, identity
from halfpenny.loans import LendingRules, Status
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency, Money
from halfpenny.underwriting import valuation_reports
from halfpenny_demo.seeding import store
from halfpenny_demo.seeding.history import AssessLoans, History
from halfpenny_demo.seeding.people import Company, make_people
from halfpenny_demo.seeding.plan import HISTORY_DAYS, SURVEYOR, LoanScenario, make_scenarios, reassigned_to
from halfpenny_demo.seeding.properties import DemoProperty, read_sales
from halfpenny_demo.seeding.steps import SeedContext
from halfpenny_demo.seeding.synthetic import make_properties

# The same seed every time: two people who talk about their demos talk about the same loans.
_SEED = 2016
# What the demo's investor has in loans of these statuses, and in the wallet.
_OWN_TICKETS: tuple[tuple[Status, int], ...] = (
    (Status.FUNDING, 2),
    (Status.FUNDED, 1),
    (Status.ACTIVE, 4),
    (Status.MATURED, 1),
    (Status.IN_RECOVERY, 1),
    (Status.REPAID, 3),
)
_WALLET_BALANCES = (Money(2_500_000, Currency.EUR), Money(8_000_000, Currency.PLN), Money(1_000_000, Currency.USD))
# The demo's borrower is at several points of the journey, below amounts that leave room under the yearly ceiling.
_OWN_LOANS = (Status.DRAFT, Status.OFFERED, Status.FUNDING, Status.ACTIVE, Status.REPAID)
_OWN_LOAN_AT_MOST_MINOR = {Currency.EUR: 60_000_000, Currency.PLN: 250_000_000}
# Invented properties beside the real sales.
_INVENTED = ((Currency.EUR, 78), (Currency.PLN, 62))


@dataclass(frozen=True, slots=True)
class DemoUsers:
    """Those of the demo who can sign in; they exist already."""

    investor: UserId
    borrower: UserId
    administrators: tuple[UserId, UserId]


async def seed_marketplace(
    database: Database,
    users: DemoUsers,
    rules: LendingRules,
    assess_loans: AssessLoans,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> None:
    """Fill a migrated database that holds only the ``users``. ``progress`` is called after each day: (done, of).

    ``assess_loans`` puts applications to the risk service, so that every grade, rate and reason is its own.

    Must run before the worker and the risk service start: it moves the business clock, and ends with the real time.
    """
    rng = random.Random(_SEED)  # noqa: S311 - the same marketplace every time, nothing to be guessed
    people = make_people(rng)
    async with database.unit_of_work() as connection:
        await identity.create_users(connection, people.rows)
        # The market's wall clock: shortly after midnight there it is still yesterday in UTC.
        now = (await clock.business_now(connection)).astimezone(clock.MARKET_ZONE)
    scenarios = make_scenarios(rng, demo_properties(rng), people.companies, now.date())
    desk = funding.FundingDesk(database)
    desk.start()
    try:
        valuers = await _panel(database, users.administrators[0], scenarios, now - timedelta(days=HISTORY_DAYS))
        history = History(database, desk, SeedContext(rules, users.administrators, valuers), assess_loans, rng, now)
        history.plan(_with_own_loans(scenarios, users.borrower), people.investors)
        history.assign_tickets_to(users.investor, dict(_OWN_TICKETS))
        await history.run(progress)
    finally:
        await desk.stop()
    async with database.unit_of_work() as connection:
        # The last commit waits for the disk whatever the ones before it did, and takes them along.
        await store.require_durable_commit(connection)
        for pocket_money in _WALLET_BALANCES:
            await funding.request_deposit(connection, users.investor, pocket_money)
        # What was answered is not asked again; what was only submitted is assessed as soon as the worker starts.
        await store.mark_submissions_published(connection, history.answered())


async def _panel(
    database: Database, administrator: UserId, scenarios: Sequence[LoanScenario], first: datetime
) -> dict[str, UUID]:
    """The valuer of each country, on the panel before the first application."""
    countries = sorted({scenario.application.property.country for scenario in scenarios})
    async with database.unit_of_work() as connection:
        await clock.simulate_time(connection, first)
        added = [
            await valuation_reports.add_valuer(
                connection,
                administrator,
                SURVEYOR,
                f"{country} register of valuers (synthetic)",
                f"V-{number:04}",
                country,
            )
            for number, country in enumerate(countries, start=1)
        ]
    return {valuer.country: valuer.id for valuer in added}


def demo_properties(rng: random.Random) -> list[DemoProperty]:
    """The real sales, and the invented properties of the other markets."""
    invented = [made for currency, count in _INVENTED for made in make_properties(rng, currency, count)]
    return [*read_sales(), *invented]


def _with_own_loans(scenarios: list[LoanScenario], borrower: UserId) -> list[LoanScenario]:
    company = Company(
        borrower,
        "Zieliński Kamienice sp. z o.o.",
        "PL",
        income_minor=31_000_000,
        assets_minor=140_000_000,
        debts_minor=38_000_000,
        adverse_records=0,
    )
    wanted = set(_OWN_LOANS)
    mine = []
    for scenario in scenarios:
        terms = scenario.application
        fits = terms.amount_minor <= _OWN_LOAN_AT_MOST_MINOR.get(terms.currency, 0)
        if scenario.target in wanted and fits:
            wanted.remove(scenario.target)
            mine.append(reassigned_to(scenario, company))
        else:
            mine.append(scenario)
    if wanted:
        raise LookupError(f"no scenario that the demo's borrower could have: {sorted(wanted)}")
    return mine


__all__ = ["DemoUsers", "seed_marketplace"]
