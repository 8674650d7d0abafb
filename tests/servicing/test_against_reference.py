"""Random loans with early, late, partial and bounced receipts, two on a day: the engine against the naive reference.

HALFPENNY_TEST_LIVES sets how many; more find more, and take longer.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.due_dates import MonthEnd
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Drawdown, Event, LegalMaximumChange, Pause, Receipt, ReceiptReversal
from halfpenny.servicing.model.materiality import days_material
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Materiality, Repayment
from support.naive_loans import NaiveLoan, NaiveReceipt, schedule, service

LOANS = int(os.environ.get("HALFPENNY_TEST_LIVES", "600"))
SHARDS = 4
# The second count replays a loan for each day on which something happens, so only some loans are asked for it.
COUNTED = 6


def decimal(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)


def random_loan(random_: random.Random) -> tuple[NaiveLoan, LoanTerms, list[Event], list[NaiveReceipt], date]:
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
        default_interest_on_interest=random_.random() < 0.6,
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
        default_interest_on_interest=terms.default_interest_on_interest,
    )
    # A loan of a few cents may be over before its tranche.
    if principal >= 10_000 and random_.random() < 0.3:
        on, amount = advanced_on + timedelta(days=random_.randrange(days)), random_.randrange(100, 9_000_000)
        loan.drawdowns[on] = decimal(amount)
        events.append(Drawdown(on, Money(amount, Currency.PLN)))
    for since in _days_of_changes(random_, advanced_on, days):
        # A level instalment is worked out anew when its rate changes: the reference knows that of bullets only.
        bullet = terms.repayment is Repayment.BULLET
        contract, default = (
            Rate(random_.randrange(30_000_000) if bullet else 999_000_000),
            Rate(random_.randrange(25_000_000)),
        )
        loan.maxima[since] = (contract.percent, default.percent)
        events.append(LegalMaximumChange(since, contract, default))
    if random_.random() < 0.3:
        first = advanced_on + timedelta(days=random_.randrange(days))
        last = first + timedelta(days=random_.randrange(20))
        loan.pauses.append((first, last))
        events.append(Pause(first, last))
    receipts = []
    for row in schedule(loan):
        if random_.random() < 0.85:
            on = max(advanced_on, row.due_on + timedelta(days=random_.choice((-9, -1, 0, 0, 1, 3, 9, 40))))
            share = random_.choice((1, 1, 1, 0.5, 0.31, 1.7, 3))
            minor = int((row.principal + row.interest) * 100 * Decimal(str(share))) + random_.randrange(3)
            for part in _parts(random_, minor):
                receipt = Receipt(on, Money(part, Currency.PLN), id=f"receipt-{len(events)}")
                events.append(receipt)
                received = NaiveReceipt(on, decimal(part))
                receipts.append(received)
                if random_.random() < 0.1:
                    received.bounced_on = on + timedelta(days=random_.randrange(1, random_.choice((30, 200))))
                    events.append(ReceiptReversal(received.bounced_on, receipt.id))
    random_.shuffle(events)
    as_of = max(ends_on + timedelta(days=random_.choice((-15, 0, 1, 60))), advanced_on)
    return loan, terms, events, receipts, as_of


def _days_of_changes(random_: random.Random, advanced_on: date, days: int) -> set[date]:
    count = random_.choice((0, 0, 1, 3))
    return {advanced_on + timedelta(days=random_.randrange(1, days + 60)) for _ in range(count)}


def _parts(random_: random.Random, minor: int) -> list[int]:
    """One receipt, or two of the same day."""
    if minor > 1 and random_.random() < 0.2:
        first = random_.randrange(1, minor)
        return [first, minor - first]
    return [minor] if minor else []


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_loans_agree_with_the_reference(shard: int) -> None:
    random_ = random.Random(f"reference-{shard}")
    late = paid = ahead = redeemed = looked_back = material = not_material = 0
    for number in range(LOANS // SHARDS):
        loan, terms, events, receipts, as_of = random_loan(random_)
        # The reference knows the future; the engine is given only what is effective by then.
        loan.drawdowns = {on: amount for on, amount in loan.drawdowns.items() if on <= as_of}
        loan.maxima = {since: maximum for since, maximum in loan.maxima.items() if since <= as_of}
        loan.pauses = [pause for pause in loan.pauses if pause[0] <= as_of]
        limit = Materiality(random_.choice((0, 500_00, 20_00)), Rate(random_.choice((0, 1_000_000, 20_000_000))))
        expected = service(loan, receipts, as_of, decimal(limit.above_minor), limit.above_share.percent)
        # In whatever order they were recorded: nothing here was refused when it came.
        position = replay(terms, (), as_of, recorded=events)
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
        assert decimal(position.returned) == expected.returned, (terms, events)
        assert decimal(position.advance_held) == expected.waiting, (terms, events)
        assert position.closed_on == expected.closed_on, (terms, events)
        assert position.days_past_due == expected.days_past_due
        if number % COUNTED == 0:
            limited = replace(terms, materiality=limit)
            assert days_material(limited, events, as_of) == expected.days_material, (terms, events, limit)
            material += expected.days_material > 0
            not_material += expected.days_material < expected.days_past_due
        late += position.days_past_due > 0
        paid += position.default_interest_paid > 0
        ahead += any(part.held for part in position.allocations)
        redeemed += position.schedule.ends_on < terms.due_dates(terms.periods)[-1]
        looked_back += any(one.received_on <= as_of < (one.bounced_on or as_of) for one in receipts)
    # The sample is worth something: many of these loans are late, have paid default interest, or paid ahead; some are
    # looked at on a day on which a receipt that bounced later still seemed to stand, or owe too little to be material.
    assert late > LOANS // SHARDS / 4
    assert paid > LOANS // SHARDS / 4
    assert ahead > LOANS // SHARDS / 4
    assert redeemed > LOANS // SHARDS / 40
    assert looked_back > LOANS // SHARDS / 40
    assert material > LOANS // SHARDS / COUNTED / 10
    assert not_material > LOANS // SHARDS / COUNTED / 20
