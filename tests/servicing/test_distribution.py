"""Sharing out: the SQL that does it for any number of positions equals the naive reference, case by case."""

from __future__ import annotations

import random
from datetime import date
from uuid import UUID

import pytest

from halfpenny import servicing
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency, format_minor, parse_minor
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.flows import Distributable
from halfpenny.servicing.service import distributing
from halfpenny.servicing.store import distributions
from servicing import world
from support import sharing
from support.naive_distribution import Holding, share_out, withholding_minor
from support.worked_tables import worked_table

DAY = date(2026, 5, 1)


async def test_the_worked_shares(database: Database) -> None:
    for row in worked_table("distribution.md", "Shares"):
        days = row["principal days"].split()
        holdings = [
            Holding(UUID(int=place), parse_minor(amount), int(held))
            for place, (amount, held) in enumerate(zip(row["outstanding"].split(), days, strict=True), start=1)
        ]
        pot = Distributable(parse_minor(row["principal"]), parse_minor(row["interest"]), 0, 0, 0, 0)
        expected = (row["principal shares"].split(), row["interest shares"].split())
        async with database.unit_of_work() as connection:
            in_sql = [share for share, _ in await sharing.share_in_sql(connection, pot, holdings)]
        for shares in (list(share_out(pot, holdings)), in_sql):
            answer = (
                [format_minor(share.principal) for share in shares],
                [format_minor(share.interest) for share in shares],
            )
            assert answer == expected, row["case"]


@pytest.mark.parametrize("seed", range(12))
async def test_sql_shares_as_the_pure_rule_does(database: Database, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        holdings = [
            Holding(uuid7(), chance.randint(1, 10 ** chance.randint(1, 10)), chance.randint(0, 10**11))
            for _ in range(chance.randint(1, 30))
        ]
        whole = sum(holding.outstanding for holding in holdings)
        pot = Distributable(
            chance.choice([0, 1, whole, chance.randint(0, whole)]),
            chance.randint(0, whole),
            chance.choice([0, chance.randint(0, 10**6)]),
            0, 0, 0,
        )  # fmt: skip
        taxes = {holding.position_id: chance.choice([0, 19_000_000, 12_345_678]) for holding in holdings}
        async with database.unit_of_work() as connection:
            found = await sharing.share_in_sql(connection, pot, holdings, taxes)
        assert [share for share, _ in found] == list(share_out(pot, holdings))
        for share, withheld in found:
            interest = share.interest + share.default_interest
            assert withheld == withholding_minor(interest, Rate(taxes[share.position_id]))


async def test_paying_goes_on_after_a_crash_between_chunks(database: Database) -> None:
    """The first chunk is paid, the process dies, the next run pays the rest and nobody twice."""
    made = await world.drawn(database, [5_000] * 11)
    await world.repay(database, made, 100_000)
    async with database.reading() as connection:
        (row,) = await distributions.page_of_loan(connection, made.loan.id, 0, 10)
    async with database.unit_of_work() as connection:
        await distributing.share(connection, row["id"])
    async with database.unit_of_work() as connection:
        assert await distributions.pay_chunk(connection, row["id"], row["loan_id"], Currency.EUR, 4) == 4
    assert sorted(await world.wallets(database, list(made.stakes)))[:7] == [0] * 7
    assert await servicing.pay_distribution(database, row["id"], chunk=4) == 7
    assert await servicing.pay_distribution(database, row["id"], chunk=4) == 0
    assert all(wallet >= 5_000 for wallet in await world.wallets(database, list(made.stakes)))
    assert await world.problems(database) == []
