"""2,000 random loans with late and partial receipts: the engine against the naive reference, figure by figure."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.due_dates import MonthEnd
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Drawdown, Event, Pause, Receipt
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from support.naive_loans import NaiveLoan, schedule, service

LOANS = 2_000
SHARDS = 4


def decimal(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)


def random_loan(random_: random.Random) -> tuple[NaiveLoan, LoanTerms, list[Event], list[tuple[date, Decimal]], date]:
    advanced_on = date(2022, 1, 1) + timedelta(days=random_.randrange(1100))
    month_end = random_.choice(list(MonthEnd))
    # Some are smaller than their instalments can be split into cents.
    principal = random_.choice((random_.randrange(10_000, 50_000_000), random_.randrange(1, 300)))
    terms = LoanTerms(
        principal=Money(principal, Currency.PLN),
        rate=Rate(random_.choice((0, random_.randrange(1, 30_000_000)))),
        repayment=random_.choice(list(Repayment)),
        interest_mode=InterestMode.SERVICED,
        periods=random_.choice((random_.randrange(1, 13), random_.randrange(1, 13), 40)),
        advanced_on=advanced_on,
        day_count=random_.choice(list(DayCount)),
        month_end=month_end,
        default_rate=Rate(random_.randrange(0, 25_000_000)),
        count_due_date=random_.random() < 0.5,
    )
    ends_on = terms.due_dates(terms.periods)[-1]
    days = (ends_on - advanced_on).days
    events: list[Event] = []
    loan = NaiveLoan(
        principal=decimal(terms.principal.minor),
        annual_percent=terms.rate.percent,
        repayment=terms.repayment.value,
        periods=terms.periods,
        advanced_on=advanced_on,
        day_count=terms.day_count.value,
        roll_forward=month_end is MonthEnd.ROLL_FORWARD,
        default_percent=terms.default_rate.percent,
        count_due_date=terms.count_due_date,
    )
    if random_.random() < 0.3:
        on, amount = advanced_on + timedelta(days=random_.randrange(days)), random_.randrange(100, 9_000_000)
        loan.drawdowns[on] = decimal(amount)
        events.append(Drawdown(on, Money(amount, Currency.PLN)))
    if random_.random() < 0.3:
        first = advanced_on + timedelta(days=random_.randrange(days))
        last = first + timedelta(days=random_.randrange(20))
        loan.pauses.append((first, last))
        events.append(Pause(first, last))
    receipts = []
    for row in schedule(loan):
        if random_.random() < 0.85:
            on = row.due_on + timedelta(days=random_.choice((0, 0, 1, 3, 9, 40)))
            share = random_.choice((1, 1, 1, 0.5, 0.31, 1.7))
            minor = int((row.principal + row.interest) * 100 * Decimal(str(share))) + random_.randrange(3)
            # The last instalment stays open, so that the loan is never closed before a receipt.
            if minor and row.balance:
                receipts.append((on, decimal(minor)))
                events.append(Receipt(on, Money(minor, Currency.PLN)))
    random_.shuffle(events)
    as_of = ends_on + timedelta(days=random_.choice((-15, 0, 1, 60)))
    return loan, terms, events, receipts, max(as_of, advanced_on)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_loans_agree_with_the_reference(shard: int) -> None:
    random_ = random.Random(f"reference-{shard}")
    late = paid = 0
    for _ in range(LOANS // SHARDS):
        loan, terms, events, receipts, as_of = random_loan(random_)
        # The reference knows the future; the engine is told only what is effective by then.
        loan.drawdowns = {on: amount for on, amount in loan.drawdowns.items() if on <= as_of}
        loan.pauses = [pause for pause in loan.pauses if pause[0] <= as_of]
        expected = service(loan, sorted(receipts, key=lambda receipt: receipt[0]), as_of)
        position = replay(terms, events, as_of)
        assert [
            (row.due_on, decimal(row.principal), decimal(row.interest), decimal(row.balance))
            for row in position.schedule.instalments
        ] == [(row.due_on, row.principal, row.interest, row.balance) for row in expected.rows], (terms, events)
        assert [(decimal(row.principal), decimal(row.interest)) for row in position.instalments] == [
            (row.unpaid_principal, row.unpaid_interest) for row in expected.rows if row.due_on <= as_of
        ], (terms, events)
        assert decimal(position.principal_outstanding) == expected.outstanding
        assert decimal(position.interest_repaid) == expected.interest_paid
        assert decimal(position.default_interest_due) == expected.default_interest_due, (terms, events)
        assert decimal(position.default_interest_paid) == expected.default_interest_paid
        assert decimal(position.returned) == expected.returned
        assert position.days_past_due == expected.days_past_due
        late += position.days_past_due > 0
        paid += position.default_interest_paid > 0
    # The sample is worth something: many of these loans are late and many have paid default interest.
    assert late > LOANS // SHARDS / 4
    assert paid > LOANS // SHARDS / 4
