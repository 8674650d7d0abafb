"""The sandbox's clock: days on it are days of the market's calendar, also where summer time begins or ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from halfpenny.platform import clock
from halfpenny.platform.database import Database

# Half past eleven in the evening, one minute past midnight and noon, in Warsaw.
LATE_IN_WINTER = datetime(2027, 1, 15, 22, 30, tzinfo=UTC)
EARLY_IN_SUMMER = datetime(2027, 9, 30, 22, 1, tzinfo=UTC)
NOON = datetime(2028, 3, 20, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("moment", [LATE_IN_WINTER, EARLY_IN_SUMMER, NOON])
@pytest.mark.parametrize("days", [1, 35, 75, 126, 365])
async def test_so_many_days_on_is_the_same_hour_so_many_days_later(
    database: Database, moment: datetime, days: int
) -> None:
    async with database.unit_of_work() as connection:
        await clock.simulate_time(connection, moment)
        today = await clock.business_date(connection)
        moved = await clock.advance(connection, timedelta(days=days))
        assert await clock.business_date(connection) == today + timedelta(days=days)
    there, before = moved.astimezone(clock.MARKET_ZONE), moment.astimezone(clock.MARKET_ZONE)
    assert abs((there.replace(tzinfo=None) - before.replace(tzinfo=None)) - timedelta(days=days)) < timedelta(minutes=1)


async def test_hours_are_hours_whatever_the_season(database: Database) -> None:
    async with database.unit_of_work() as connection:
        await clock.simulate_time(connection, datetime(2027, 3, 28, 0, 30, tzinfo=UTC))
        moved = await clock.advance(connection, timedelta(hours=2))
    assert abs(moved - datetime(2027, 3, 28, 2, 30, tzinfo=UTC)) < timedelta(minutes=1)
