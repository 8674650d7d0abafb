"""How many two-year loans the servicing engine replays in a second on one core.

    PYTHONPATH=src python bench/servicing_engine.py

Every replay is a loan of its own (terms, dates and delays at random, from a fixed seed) with 24 receipts, most of
them late or in part: schedule, waterfall, default interest and position, from nothing. Times are of the process's
own CPU, so that a busy machine does not count against it; the ratio is against the wanted 1,500 a second.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from datetime import date, timedelta

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event, Receipt
from halfpenny.servicing.model.schedule import build_schedule
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment

WANTED_A_SECOND = 1_500
LOANS = 1_500
ROUNDS = 5


def make_loan(random_: random.Random, repayment: Repayment) -> tuple[LoanTerms, list[Event], date]:
    advanced_on = date(2022, 1, 1) + timedelta(days=random_.randrange(730))
    terms = LoanTerms(
        principal=Money(random_.randrange(2_000_000, 90_000_000), Currency.EUR),
        rate=Rate(random_.randrange(6_000_000, 18_000_000)),
        repayment=repayment,
        interest_mode=InterestMode.SERVICED,
        periods=24,
        advanced_on=advanced_on,
        day_count=random_.choice(list(DayCount)),
        default_rate=Rate(18_000_000),
    )
    events: list[Event] = []
    for row in build_schedule(terms).instalments:
        paid = row.total if random_.random() < 0.8 else row.total // 2 + 1
        on = row.due_on + timedelta(days=random_.choice((0, 0, 0, 1, 4, 17, 35)))
        events.append(Receipt(on, Money(paid, Currency.EUR)))
    random_.shuffle(events)
    return terms, events, terms.due_dates(24)[-1] + timedelta(days=40)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    random_ = random.Random(20240105)
    for repayment in Repayment:
        loans = [make_loan(random_, repayment) for _ in range(LOANS)]
        rates = []
        for _ in range(ROUNDS):
            started = time.process_time()
            for terms, events, as_of in loans:
                replay(terms, events, as_of)
            rates.append(LOANS / (time.process_time() - started))
        a_second = statistics.median(rates)
        print(
            f"{repayment.value:16} {a_second:8,.0f} replays a second of CPU"
            f"  ({a_second / WANTED_A_SECOND:.2f} x the wanted {WANTED_A_SECOND:,}; median of {ROUNDS})"
        )


if __name__ == "__main__":
    main()
