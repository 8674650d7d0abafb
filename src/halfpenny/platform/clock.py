"""The business clock. It lives in PostgreSQL so that every process has the same lending time.

``business_now()`` is the server's time plus an offset that only a sandbox may set; tokens and
time-outs use real time instead. The business date is the date in the market's time zone (Europe/Warsaw).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from halfpenny.platform.database import Connection
from halfpenny.primitives.errors import Refused

MARKET_ZONE = ZoneInfo("Europe/Warsaw")


class ClockIsFixed(Refused):
    code = "clock_is_fixed"
    message = "The business clock moves only in a sandbox, and only forward."


def market_date(moment: datetime) -> date:
    """The date of a moment in the market's time zone."""
    return moment.astimezone(MARKET_ZONE).date()


async def business_now(connection: Connection) -> datetime:
    """The moment of lending, in UTC."""
    now: datetime = await connection.fetchval("SELECT business_now()")
    return now


async def business_date(connection: Connection) -> date:
    """The day of lending in the market's time zone."""
    today: date = await connection.fetchval("SELECT business_date()")
    return today


async def advance(connection: Connection, by: timedelta) -> datetime:
    """Move the sandbox's clock forward; returns the new business time. Raises ClockIsFixed in production.

    Days are days of the market's calendar: 126 days on is the same hour there, also where summer time begins between.
    """
    if by <= timedelta(0):
        raise ClockIsFixed()
    moved = await connection.fetchval(
        'UPDATE business_clock SET "offset" = "offset" + (date_add(business_now(), $1, $2) - business_now()) '
        "WHERE sandbox RETURNING business_now()",
        by,
        MARKET_ZONE.key,
    )
    if moved is None:
        raise ClockIsFixed()
    # The UPDATE's own RETURNING still sees the old row through the function, so read it again.
    return await business_now(connection)


async def simulate_time(connection: Connection, moment: datetime | None) -> None:
    """Put a sandbox's clock to a moment of the past, or with None back to the real time.

    For the seed alone, which plays its history with it from the first day on; raises ClockIsFixed in production.
    """
    moved = await connection.fetchval(
        """UPDATE business_clock SET "offset" = coalesce($1 - statement_timestamp(), '0')
        WHERE sandbox RETURNING true""",
        moment,
    )
    if moved is None:
        raise ClockIsFixed()


async def offset_of(connection: Connection) -> timedelta:
    """How far the business clock runs ahead of the server's; zero wherever no sandbox has moved it."""
    offset: timedelta = await connection.fetchval('SELECT "offset" FROM business_clock')
    return offset


async def fix_at_real_time(connection: Connection) -> None:
    """No sandbox moves this clock any more: called at the start of every production process, whose offset is zero."""
    await connection.execute("UPDATE business_clock SET sandbox = false WHERE sandbox")
