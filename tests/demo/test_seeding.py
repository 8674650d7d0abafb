"""The demo's marketplace: every status, books that add up, believable names, and a clock that tells the real time."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from halfpenny import funding, identity, ledger, loans
from halfpenny.entrypoints.books import CHECKS
from halfpenny.loans import Status
from halfpenny.platform.clock import business_date
from halfpenny.platform.consistency import collect
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import UserId
from halfpenny.primitives.money import Currency
from halfpenny_demo.seeding import DemoUsers, seed_marketplace
from halfpenny_demo.seeding.homes import read_homes
from halfpenny_demo.seeding.people import make_people
from halfpenny_demo.seeding.plan import HISTORY_DAYS, make_scenarios, split_into_tickets
from support.people import PASSWORD

RULES = loans.LendingRules()


async def _users(database: Database) -> DemoUsers:
    async with database.unit_of_work() as connection:

        async def person(email: str, name: str, role: identity.Role) -> UserId:
            return await identity.create_user(
                connection, email=email, full_name=name, role=role, password_hash=PASSWORD
            )

        return DemoUsers(
            await person("ida@example.com", "Ida Nowak", identity.Role.INVESTOR),
            await person("bruno@example.com", "Bruno Zieliński", identity.Role.BORROWER),
            (
                await person("ada@example.com", "Ada Winter", identity.Role.ADMINISTRATOR),
                await person("zofia@example.com", "Zofia Marek", identity.Role.ADMINISTRATOR),
            ),
        )


async def test_the_seeded_marketplace_is_whole(database: Database) -> None:
    users = await _users(database)
    heard: list[int] = []
    await seed_marketplace(database, users, RULES, lambda day, _days: heard.append(day))
    assert heard == list(range(HISTORY_DAYS + 1))
    while await funding.settle_payments(database):
        pass

    async with database.reading() as connection:
        rows = await connection.fetch("SELECT status, count(*) AS loans FROM loan GROUP BY status")
        found = {Status(row["status"]): row["loans"] for row in rows}
        assert set(found) == set(Status)
        assert sum(found.values()) == 200
        assert found[Status.FUNDING] == 40
        assert found[Status.ACTIVE] == 52
        assert found[Status.REPAID] == 38

        assert await collect(connection, *CHECKS) == []

        # The scenario ends today, and every day before it is closed.
        assert await connection.fetchval('SELECT "offset" FROM business_clock') == timedelta(0)
        closed = await connection.fetchval("SELECT max(business_date) FROM business_day")
        assert await business_date(connection) - closed == timedelta(days=1)
        assert not await connection.fetchval(
            "SELECT count(*) FROM loan WHERE created_at > now() OR changed_at > now() OR drawn_down_on > current_date"
        )

        named = await connection.fetch(
            "SELECT company AS name FROM loan UNION SELECT full_name FROM app_user UNION SELECT purpose FROM loan"
        )
        assert not [row["name"] for row in named if "test" in row["name"].lower()]

        # Those who can sign in find something of their own at several points of the journey.
        own = await connection.fetch("SELECT status FROM loan WHERE borrower_id = $1", users.borrower)
        assert {row["status"] for row in own} >= {"draft", "offered", "funding", "active"}
        assert len(await _positions(database, users.investor)) >= 6
        wallet = ledger.Account(ledger.AccountKind.WALLET, users.investor, Currency.EUR)
        assert (await ledger.balances(connection, [wallet]))[wallet].available >= 2_500_000

        # A large loan waits for its second administrator, and what stays submitted was not asked about.
        waiting = await loans.awaiting_decision(connection, None, 50)
        assert len([first for _, first in waiting if first is not None]) == 1
        asked = await connection.fetch(
            "SELECT aggregate_id FROM outbox WHERE name = 'loan.submitted' AND published_at IS NULL"
        )
        submitted = {loan.id for loan, _ in waiting if loan.status is Status.SUBMITTED}
        assert submitted
        assert not submitted & {row["aggregate_id"] for row in asked}


async def _positions(database: Database, investor: UserId) -> list[str]:
    async with database.reading() as connection:
        rows = await connection.fetch("SELECT loan_id FROM position WHERE investor_id = $1", investor)
    return [str(row["loan_id"]) for row in rows]


def test_the_plan_is_the_same_every_time() -> None:
    def plan() -> list[tuple[object, ...]]:
        rng = random.Random(7)
        people = make_people(rng)
        scenarios = make_scenarios(rng, read_homes(), people.companies)
        return [
            (scenario.target, scenario.company.name, scenario.application.amount_minor, scenario.applied_days_ago)
            for scenario in scenarios
        ]

    assert plan() == plan()


def test_every_home_has_one_loan_within_its_value() -> None:
    rng = random.Random(7)
    scenarios = make_scenarios(rng, read_homes(), make_people(rng).companies)
    assert len(scenarios) == len({scenario.application.property.address for scenario in scenarios}) == 200
    assert set(Counter(scenario.target for scenario in scenarios)) == set(Status)
    for scenario in scenarios:
        assert scenario.application.amount_minor < scenario.application.property.valuation_minor
        assert 0 < scenario.applied_days_ago < HISTORY_DAYS


@pytest.mark.parametrize("seed", range(50))
def test_tickets_add_up_and_none_is_too_small(seed: int) -> None:
    rng = random.Random(seed)
    total = rng.randrange(5_000, 90_000_000)
    tickets = split_into_tickets(rng, total, range(rng.randint(1, 60)))
    assert sum(amount for _, amount in tickets) == total
    assert min(amount for _, amount in tickets) >= RULES.minimum_ticket_minor
    assert len({investor for investor, _ in tickets}) == len(tickets)
