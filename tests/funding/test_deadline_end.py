"""The exact moment of a deadline: until then an offer is accepted and a ticket is taken, from then on neither is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from funding.world import make_world, open_desk, outcomes
from halfpenny import funding, loans
from halfpenny.loans.errors import OfferExpired
from halfpenny.loans.service import deciding
from halfpenny.platform.database import Database
from support import lending
from support.frozen_clock import freeze

TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(("later", "open_still"), [(-TICK, True), (timedelta(), False), (TICK, False)])
async def test_funding_ends_at_its_deadline(
    database: Database, database_url: str, later: timedelta, open_still: bool
) -> None:
    world = await make_world(database)
    assert world.loan.funding is not None
    freeze(database_url, world.loan.funding.deadline + later)
    async with open_desk(database) as desk:
        [answer] = await outcomes(desk, [world.ticket(0, 5_000)])
    assert (answer == "loan_not_open") is not open_still
    assert await funding.expire(database) == (0 if open_still else 1)


@pytest.mark.parametrize(("later", "open_still"), [(-TICK, True), (timedelta(), False), (TICK, False)])
async def test_an_offer_lapses_at_its_deadline(
    database: Database, database_url: str, later: timedelta, open_still: bool
) -> None:
    async with database.unit_of_work() as connection:
        borrower = await lending.person(connection, "borrower")
        administrator = await lending.person(connection, "administrator")
        loan = await lending.offered(connection, borrower, administrator)
    freeze(database_url, deadline_of(loan) + later)
    if open_still:
        async with database.unit_of_work() as connection:
            assert (await deciding.accept(connection, borrower, loan.id)).status is loans.Status.FUNDING
        return
    with pytest.raises(OfferExpired):
        async with database.unit_of_work() as connection:
            await deciding.accept(connection, borrower, loan.id)
    assert await funding.expire(database) == 1


def deadline_of(loan: loans.Loan) -> datetime:
    assert loan.offer is not None
    return loan.offer.funding_deadline
