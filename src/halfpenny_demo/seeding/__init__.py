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
from halfpenny_demo.seeding.cast import Company, make_cast
from halfpenny_demo.seeding.history import History
from halfpenny_demo.seeding.homes import read_homes
from halfpenny_demo.seeding.plan import Story, given_to, make_stories
from halfpenny_demo.seeding.scenes import Stage

# The same dice every time: two people who talk about their demos talk about the same loans.
_DICE = 2016
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
class Players:
    """Those of the demo who can sign in; they exist already."""

    investor: UserId
    borrower: UserId
    administrators: tuple[UserId, UserId]


async def seed_marketplace(
    database: Database,
    players: Players,
    rules: LendingRules,
    told: Callable[[int, int], None] = lambda done, whole: None,
) -> None:
    """Fill a migrated database that holds only the ``players``. ``told`` hears of the days played: (done, of).

    Must run before the worker and the risk service start: it moves the business clock, and ends with the real time.
    """
    dice = random.Random(_DICE)  # noqa: S311 - a story to be told alike every time, nothing to be guessed
    cast = make_cast(dice)
    async with database.unit_of_work() as connection:
        await identity.create_users(connection, cast.rows)
        now = await clock.business_now(connection)
    stories = make_stories(dice, read_homes(), cast.companies)
    desk = funding.FundingDesk(database)
    desk.start()
    try:
        history = History(database, desk, Stage(rules, players.administrators), dice, now)
        history.cast(_with_own_loans(stories, players.borrower), cast.investors)
        history.hand_tickets_to(players.investor, dict(_OWN_TICKETS))
        await history.play(told)
    finally:
        await desk.stop()
    async with database.unit_of_work() as connection:
        # The last commit waits for the disk whatever the ones before it did, and takes them along.
        await store.wait_for_the_disk(connection)
        await funding.request_deposit(connection, players.investor, _POCKET_MONEY)
        # These stay where their stories end: asked about, they would be assessed as soon as the risk service starts.
        # An administrator asks for them with POST /loans/{id}/assessment.
        await store.keep_unasked(connection, history.unasked())


def _with_own_loans(stories: list[Story], borrower: UserId) -> list[Story]:
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
    for story in stories:
        amount = wanted.pop(story.target, None)
        mine.append(story if amount is None else given_to(story, company, amount))
    return mine


__all__ = ["Players", "seed_marketplace"]
