"""Events that a loan cannot have, and terms that no loan can have: each refused by name, with nothing changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import (
    CostAdvanced,
    Drawdown,
    Event,
    Extension,
    FeeDue,
    Pause,
    PenaltyDue,
    RateChange,
    Receipt,
    Redemption,
)
from halfpenny.servicing.model.loan_replay import LoanReplay
from halfpenny.servicing.model.schedule import build_schedule
from halfpenny.servicing.model.terms import Fee, InterestMode, LoanTerms, Repayment

ADVANCED = date(2024, 1, 10)
MATURITY = date(2024, 7, 10)


def eur(minor: int) -> Money:
    return Money(minor, Currency.EUR)


TERMS = LoanTerms(
    principal=eur(10_000_000),
    rate=Rate(12_000_000),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=6,
    advanced_on=ADVANCED,
)
PAID_OFF: list[Event] = [
    Redemption(date(2024, 2, 20)),
    *(Receipt(on, eur(minor)) for on, minor in ((date(2024, 2, 10), 100_000), (date(2024, 2, 20), 10_034_483))),
]


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([Receipt(ADVANCED - timedelta(days=1), eur(1))], "event_before_advance"),
        ([Receipt(ADVANCED, Money(1, Currency.PLN))], "currency_mismatch"),
        ([FeeDue(ADVANCED, Money(1, Currency.GBP), "x")], "currency_mismatch"),
        ([Drawdown(ADVANCED, Money(1, Currency.USD))], "currency_mismatch"),
        ([Redemption(ADVANCED, Money(1, Currency.USD))], "currency_mismatch"),
        ([Receipt(ADVANCED, eur(0))], "event_amount_not_positive"),
        ([PenaltyDue(ADVANCED, eur(-1), "x")], "event_amount_not_positive"),
        ([Extension(ADVANCED, 0)], "event_amount_not_positive"),
        ([Pause(date(2024, 3, 2), date(2024, 3, 1))], "pause_ends_before_it_starts"),
        ([Redemption(date(2024, 3, 1), eur(10_000_000))], "redemption_exceeds_principal"),
        ([Drawdown(MATURITY, eur(1))], "event_after_maturity"),
        ([RateChange(MATURITY + timedelta(days=3), Rate(1))], "event_after_maturity"),
        ([Extension(MATURITY + timedelta(days=40), 1)], "event_after_maturity"),
        ([Redemption(date(2024, 3, 1)), Drawdown(date(2024, 3, 2), eur(1))], "event_after_maturity"),
        ([*PAID_OFF, Receipt(date(2024, 2, 20), eur(10_034_484))], "loan_closed"),
        ([*PAID_OFF, Receipt(date(2025, 1, 1), eur(1))], "loan_closed"),
        ([*PAID_OFF, FeeDue(date(2024, 2, 21), eur(1), "late")], "loan_closed"),
        ([*PAID_OFF, CostAdvanced(date(2024, 2, 21), eur(1), "lawyer")], "loan_closed"),
    ],
)
def test_events_that_cannot_be(events: list[Event], code: str) -> None:
    as_of = MATURITY + timedelta(days=400)
    with pytest.raises(HalfpennyError) as refused:
        replay(TERMS, events, as_of)
    assert refused.value.code == code
    # Without the event that was refused, the loan stands where it stood.
    assert replay(TERMS, events[:-1], as_of) == replay(TERMS, list(events[:-1]), as_of)


def test_a_refused_receipt_leaves_the_replay_as_it_was() -> None:
    on, refused = date(2024, 2, 20), Receipt(date(2024, 2, 20), eur(11_000_000))
    loan_replay = LoanReplay(TERMS, [refused])
    for event in sorted(PAID_OFF, key=lambda event: event.effective_date):
        loan_replay.process_day(event.effective_date, [event])
    before = loan_replay.position(on)
    with pytest.raises(HalfpennyError):
        loan_replay.process_day(on, [refused])
    assert loan_replay.position(on) == before
    assert before.closed_on == on


@pytest.mark.parametrize(
    "overtaken",
    [
        Drawdown(date(2024, 3, 2), eur(1)),
        RateChange(date(2024, 3, 2), Rate(1)),
        Extension(date(2024, 3, 2), 1),
        Receipt(date(2024, 3, 2), eur(77_700)),
    ],
)
def test_what_an_earlier_redemption_has_overtaken_changes_nothing(overtaken: Event) -> None:
    """Recorded before the bank reported that the loan had been paid off by then: money goes back, terms stay."""
    as_of = MATURITY + timedelta(days=9)
    without = replay(TERMS, [], as_of, recorded=PAID_OFF)
    position = replay(TERMS, [], as_of, recorded=[*PAID_OFF, overtaken])
    assert (position.closed_on, position.schedule) == (without.closed_on, without.schedule)
    assert position.returned == (overtaken.amount.minor if isinstance(overtaken, Receipt) else 0)


def test_a_charge_after_an_earlier_redemption_is_still_owed() -> None:
    cost = CostAdvanced(date(2024, 2, 21), eur(4_000), "lawyer")
    position = replay(TERMS, [], date(2024, 3, 1), recorded=[*PAID_OFF, cost])
    assert (position.closed_on, position.recovery_costs_due) == (None, 4_000)


def test_a_position_before_the_advance_is_refused() -> None:
    with pytest.raises(HalfpennyError) as refused:
        replay(TERMS, [], ADVANCED - timedelta(days=1))
    assert refused.value.code == "event_before_advance"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"principal": eur(0)}, "principal_not_positive"),
        ({"principal": eur(-100)}, "principal_not_positive"),
        ({"periods": 0}, "periods_out_of_range"),
        ({"periods": 361}, "periods_out_of_range"),
        ({"matures_on": ADVANCED - timedelta(days=1)}, "redemption_before_advance"),
        ({"first_due_on": ADVANCED}, "first_due_before_advance"),
        ({"default_day_count": DayCount.THIRTY_360}, "unsupported_default_day_count"),
        ({"waterfall": "halfpenny/0"}, "unknown_waterfall"),
        ({"minimum_interest_months": 7}, "minimum_interest_exceeds_term"),
        ({"advanced_on": date(2201, 1, 1)}, "date_out_of_range"),
    ],
)
def test_terms_that_cannot_be(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(HalfpennyError) as refused:
        replace(TERMS, **changes)
    assert refused.value.code == code


def test_negative_rates_cannot_be_written_down() -> None:
    with pytest.raises(HalfpennyError) as refused:
        Rate(-1)
    assert refused.value.code == "negative_rate"


def test_a_loan_that_matures_inside_a_period_cannot_be_extended() -> None:
    terms = replace(TERMS, matures_on=date(2024, 7, 1))
    with pytest.raises(HalfpennyError) as refused:
        build_schedule(terms, [Extension(date(2024, 5, 1), 2)])
    assert refused.value.code == "event_after_maturity"


def test_a_fee_is_an_amount_or_a_percentage() -> None:
    with pytest.raises(HalfpennyError) as refused:
        Fee("exit", FeeTime.REDEMPTION)
    assert refused.value.code == "malformed_fee"
