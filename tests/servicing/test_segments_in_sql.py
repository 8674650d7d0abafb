"""The daily close only multiplies and sums: PostgreSQL and the engine agree on every day of random loans."""

from __future__ import annotations

import random
from datetime import date, timedelta

from halfpenny.platform.database import Database
from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.events import Drawdown, Event, Pause
from halfpenny.servicing.model.schedule import build_schedule
from halfpenny.servicing.model.segments import accrued_minor
from halfpenny.servicing.model.terms import Compounding, InterestMode, LoanTerms, Repayment

ACCRUED = """
WITH segment AS (
  SELECT * FROM unnest($1::int[], $2::date[], $3::date[], $4::numeric[], $5::numeric[], $6::numeric[])
    AS s (loan, from_on, to_on, before, per_day, scale)
)
SELECT loan, day::date AS on,
       div(2 * (before + per_day * (day::date - from_on)) + scale, 2 * scale)::bigint AS accrued
FROM segment, generate_series(from_on + 1, to_on, interval '1 day') AS day
"""


def random_loan(random_: random.Random) -> tuple[LoanTerms, list[Event]]:
    repayment = random_.choice(list(Repayment))
    rolled = repayment is Repayment.BULLET and random_.random() < 0.5
    advanced_on = date(2023, 1, 1) + timedelta(days=random_.randrange(800))
    terms = LoanTerms(
        principal=Money(random_.randrange(1, 10**9), Currency.EUR),
        rate=Rate(random_.randrange(0, 30_000_000)),
        repayment=repayment,
        interest_mode=InterestMode.ROLLED_UP if rolled else InterestMode.SERVICED,
        periods=random_.randrange(1, 19),
        advanced_on=advanced_on,
        day_count=random_.choice(list(DayCount)),
        compounding=Compounding.MONTHLY if rolled and random_.random() < 0.7 else Compounding.NONE,
    )
    inside = advanced_on + timedelta(days=random_.randrange(27))
    events: list[Event] = []
    if random_.random() < 0.5:
        events.append(Drawdown(inside, Money(random_.randrange(1, 10**8), Currency.EUR)))
    if random_.random() < 0.5:
        events.append(Pause(inside, inside + timedelta(days=random_.randrange(40))))
    return terms, events


async def test_sql_accrues_what_the_engine_accrues(database: Database) -> None:
    random_ = random.Random("segments")
    schedules = [build_schedule(*random_loan(random_)) for _ in range(120)]
    rows = [(loan, segment) for loan, schedule in enumerate(schedules) for segment in schedule.segments]
    async with database.reading() as connection:
        found = await connection.fetch(
            ACCRUED,
            [loan for loan, _ in rows],
            [segment.start for _, segment in rows],
            [segment.end for _, segment in rows],
            [segment.before for _, segment in rows],
            [segment.per_day for _, segment in rows],
            [segment.scale for _, segment in rows],
        )
    in_sql = {(row["loan"], row["on"]): row["accrued"] for row in found}
    assert len(in_sql) > 20_000
    for (loan, on), accrued in in_sql.items():
        assert accrued_minor(schedules[loan].segments, on) == accrued
    # Each loan has each of its days once, and ends with all the interest that ever falls due.
    for loan, schedule in enumerate(schedules):
        first = schedule.segments[0].start
        assert in_sql[loan, schedule.ends_on] == schedule.interest
        assert sum(key[0] == loan for key in in_sql) == (schedule.ends_on - first).days
