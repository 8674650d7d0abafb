"""The demo's marketplace: 200 loans on real properties, in every status, with a history that adds up."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from halfpenny import funding, identity
from halfpenny.loans import LendingRules, Status
from halfpenny.platform import clock
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency, Money
from halfpenny_demo.seeding import store
from halfpenny_demo.seeding.history import History
from halfpenny_demo.seeding.homes import read_homes
from halfpenny_demo.seeding.people import Company, make_people
from halfpenny_demo.seeding.plan import LoanScenario, make_scenarios, reassigned_to
from halfpenny_demo.seeding.steps import SeedContext

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
_POCKET_MONEY = Money(2_500_000, Currency.EUR)
# The demo's borrower is at several points of the journey, with amounts that leave room under the yearly ceiling.
_OWN_LOANS: tuple[tuple[Status, int], ...] = (
    (Status.DRAFT, 9_500_000),
    (Status.OFFERED, 14_000_000),
    (Status.FUNDING, 18_000_000),
    (Status.ACTIVE, 12_500_000),
    (Status.REPAID, 11_000_000),
)


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
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> None:
    """Fill a migrated database that holds only the ``users``. ``progress`` is called after each day: (done, of).

    Must run before the worker and the risk service start: it moves the business clock, and ends with the real time.
    """
    rng = random.Random(_SEED)  # noqa: S311 - the same marketplace every time, nothing to be guessed
    people = make_people(rng)
    async with database.unit_of_work() as connection:
        await identity.create_users(connection, people.rows)
        now = await clock.business_now(connection)
    scenarios = make_scenarios(rng, read_homes(), people.companies)
    desk = funding.FundingDesk(database)
    desk.start()
    try:
        history = History(database, desk, SeedContext(rules, users.administrators), rng, now)
        history.plan(_with_own_loans(scenarios, users.borrower), people.investors)
        history.assign_tickets_to(users.investor, dict(_OWN_TICKETS))
        await history.run(progress)
    finally:
        await desk.stop()
    async with database.unit_of_work() as connection:
        # The last commit waits for the disk whatever the ones before it did, and takes them along.
        await store.require_durable_commit(connection)
        await funding.request_deposit(connection, users.investor, _POCKET_MONEY)
        # These stay where their scenarios end: asked about, they would be assessed as soon as the risk service starts.
        # An administrator asks for them with POST /loans/{id}/assessment.
        await store.mark_submissions_published(connection, history.without_assessment())


def _with_own_loans(scenarios: list[LoanScenario], borrower: UserId) -> list[LoanScenario]:
    company = Company(
        borrower,
        "Zieliński Kamienice sp. z o.o.",
        income_minor=31_000_000,
        assets_minor=140_000_000,
        debts_minor=38_000_000,
        adverse_records=0,
    )
    wanted = dict(_OWN_LOANS)
    mine = []
    for scenario in scenarios:
        amount = wanted.pop(scenario.target, None)
        mine.append(scenario if amount is None else reassigned_to(scenario, company, amount))
    return mine


__all__ = ["DemoUsers", "seed_marketplace"]
