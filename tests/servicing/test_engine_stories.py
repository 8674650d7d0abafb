"""The engine on loans whose figures can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import (
    Acceleration,
    Apply,
    CostAdvanced,
    Cure,
    Default,
    Drawdown,
    Event,
    Extension,
    FeeDue,
    Pause,
    RateChange,
    Receipt,
    WriteOff,
)
from halfpenny.servicing.model.payoff import payoff, receive
from halfpenny.servicing.model.position import InstalmentState, LoanStanding, MoneySource
from halfpenny.servicing.model.reserve import ReserveMoveKind
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment

ADVANCED = date(2025, 1, 15)


def eur(minor: int) -> Money:
    return Money(minor, Currency.EUR)


# 100,000.00 at 1 % a month for a year: 1,000.00 each month.
SERVICED = LoanTerms(
    principal=eur(10_000_000),
    rate=Rate.parse_monthly("1"),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=12,
    advanced_on=ADVANCED,
    default_rate=Rate.parse_annual("36.5"),
)
RETAINED = replace(SERVICED, interest_mode=InterestMode.RETAINED)


def test_a_late_instalment_bears_default_interest_until_it_is_paid() -> None:
    """1,000.00 at 36.5 % is 1.00 a day: ten days late is 10.00."""
    late = replay(SERVICED, [], date(2025, 2, 25))
    assert (late.interest_due, late.default_interest_due, late.days_past_due) == (100_000, 1_000, 10)
    assert late.standing is LoanStanding.LATE
    paid = replay(SERVICED, [Receipt(date(2025, 2, 25), eur(101_000))], date(2025, 3, 1))
    assert (paid.interest_due, paid.default_interest_due, paid.days_past_due) == (0, 0, 0)
    assert (paid.default_interest_paid, paid.interest_repaid, paid.returned) == (1_000, 100_000, 0)
    assert paid.instalments == (InstalmentState(1, date(2025, 2, 15), 0, 0, 0, settled_on=date(2025, 2, 25)),)
    assert late.instalments == (InstalmentState(1, date(2025, 2, 15), 0, 100_000, 0, settled_on=None),)
    # 14 of the 28 days of the second month have accrued and are not yet due.
    assert paid.accrued_interest == 50_000


def test_a_backdated_receipt_is_a_replay() -> None:
    """Found in suspense on the 25th, but received on the 15th: the default interest never was."""
    events: list[Event] = [Receipt(date(2025, 2, 25), eur(101_000))]
    assert replay(SERVICED, events, date(2025, 2, 25)).default_interest_paid == 1_000
    events.append(Receipt(date(2025, 2, 15), eur(100_000), "found in suspense"))
    corrected = replay(SERVICED, events, date(2025, 2, 25))
    assert corrected.default_interest_paid == 0
    # So the 1,010.00 were early: an instalment of it waits, the ten that nobody owed go back.
    assert (corrected.advance_held, corrected.returned) == (100_000, 1_000)
    assert corrected.days_past_due == 0


def test_what_is_beyond_the_next_instalment_goes_back() -> None:
    position = replay(SERVICED, [Receipt(date(2025, 2, 15), eur(250_000))], date(2025, 2, 15))
    assert (position.interest_repaid, position.advance_held, position.returned) == (100_000, 100_000, 50_000)


def test_retained_interest_pays_itself_from_the_reserve() -> None:
    position = replay(RETAINED, [], date(2025, 4, 20))
    assert position.reserve_held == 900_000
    assert position.interest_repaid == 300_000
    assert (position.total_due, position.days_past_due) == (0, 0)
    assert [move.kind for move in position.reserve_moves] == [ReserveMoveKind.RETAINED] + [ReserveMoveKind.RELEASED] * 3


def test_the_reserve_pays_of_a_redemption_what_was_not_earned() -> None:
    on = date(2025, 4, 25)
    figure = payoff(RETAINED, [], on)
    # Ten days' interest and what is left of 9,000.00: all of it from the reserve.
    assert (figure.principal, figure.interest, figure.from_reserve) == (10_000_000, 33_333, 900_000)
    assert (figure.owed, figure.payable) == (10_033_333, 9_133_333)
    receipt = receive(RETAINED, [], on, eur(figure.payable))
    position = replay(RETAINED, [receipt], on)
    assert position.returned == 0
    assert position.closed_on == on
    assert position.reserve_held == 0
    assert position.interest_repaid == 333_333


def test_without_a_rebate_the_retained_interest_is_kept() -> None:
    terms = replace(RETAINED, rebate_of_retained_interest=False)
    on = date(2025, 4, 25)
    assert payoff(terms, [], on).payable == 10_000_000
    position = replay(terms, [Receipt(on, eur(10_000_000))], on)
    assert position.interest_repaid == 1_200_000
    assert position.closed_on == on
    assert not [move for move in position.reserve_moves if move.kind is ReserveMoveKind.REBATED]


def test_partial_redemption_gives_back_the_interest_of_the_part() -> None:
    """A quarter repaid after three months: nine months' interest on it goes back."""
    on = date(2025, 4, 15)
    position = replay(RETAINED, [Receipt(on, eur(2_500_000), apply=Apply.PREPAY)], on)
    rebates = [move.amount for move in position.reserve_moves if move.kind is ReserveMoveKind.REBATED]
    assert rebates == [225_000]
    assert position.principal_outstanding == 7_500_000
    assert position.reserve_held == 675_000


def test_a_tranche_of_a_retained_loan_retains_its_own() -> None:
    on = date(2025, 4, 15)
    position = replay(RETAINED, [Drawdown(on, eur(1_000_000))], on)
    kept = [move.amount for move in position.reserve_moves if move.kind is ReserveMoveKind.RETAINED]
    assert kept == [1_200_000, 90_000]


def test_an_extension_moves_the_maturity_even_on_its_day() -> None:
    events: list[Event] = [Extension(date(2026, 1, 15), 3)]
    position = replay(SERVICED, events, date(2026, 1, 15))
    assert position.principal_due == 0
    assert position.schedule.ends_on == date(2026, 4, 15)
    # Without it the principal is due that day, though not late before the next.
    due = replay(SERVICED, [], date(2026, 1, 15))
    assert due.principal_due == 10_000_000


def test_an_extended_retained_loan_is_serviced_in_the_added_months() -> None:
    position = replay(RETAINED, [Extension(date(2025, 12, 1), 2)], date(2026, 2, 20))
    assert position.reserve_held == 0
    assert position.interest_due == 100_000


def test_a_pause_leaves_a_surplus_that_pays_of_the_principal_at_the_end() -> None:
    pause = Pause(date(2025, 2, 16), date(2025, 3, 15))
    paid = Receipt(date(2026, 1, 15), eur(9_900_000))
    position = replay(RETAINED, [pause, paid], date(2026, 1, 15))
    applied = [move for move in position.reserve_moves if move.kind is ReserveMoveKind.APPLIED]
    assert [(move.on, move.amount) for move in applied] == [(date(2026, 1, 15), 100_000)]
    assert (position.closed_on, position.returned) == (date(2026, 1, 15), 0)


def test_a_new_rate_holds_from_the_next_day() -> None:
    position = replay(SERVICED, [RateChange(date(2025, 3, 1), Rate.parse_monthly("2"))], date(2025, 3, 15))
    # 14 days at 1 % and 14 at 2 % of a month of 28.
    assert position.schedule.instalments[1].interest == 150_000


def default_story() -> list[Event]:
    """Nothing is paid; default after 91 days, called in, costs, a sale that falls short, written off, a late find."""
    return [
        FeeDue(date(2025, 3, 1), eur(30_000), "reminder"),
        Default(date(2025, 5, 17), "more than 90 days past due"),
        Acceleration(date(2025, 5, 17)),
        CostAdvanced(date(2025, 6, 1), eur(250_000), "lawyer"),
        Receipt(date(2025, 9, 1), eur(8_000_000), "sale"),
        WriteOff(date(2025, 10, 1)),
        Receipt(date(2026, 2, 1), eur(400_000), "guarantor"),
    ]


def test_a_default_from_the_first_missed_payment_to_the_last_recovery() -> None:
    events = default_story()
    before = replay(SERVICED, events, date(2025, 5, 16))
    assert before.days_past_due == 90
    assert before.standing is LoanStanding.LATE
    called = replay(SERVICED, events, date(2025, 5, 17))
    assert called.standing is LoanStanding.DEFAULTED
    assert called.principal_due == 10_000_000
    # Four months and two of the 31 days of the fifth.
    assert called.interest_due == 406_452
    sold = replay(SERVICED, events, date(2025, 9, 1))
    (sale,) = sold.allocations
    assert (sale.recovery_cost, sale.principal) == (250_000, 7_750_000)
    assert sale.interest == sale.default_interest == sale.fee == 0
    lost = replay(SERVICED, events, date(2025, 10, 1))
    assert (lost.written_off, lost.principal_outstanding) == (2_250_000, 0)
    assert lost.standing is LoanStanding.WRITTEN_OFF
    found = replay(SERVICED, events, date(2026, 2, 1))
    assert (found.recovered, found.principal_outstanding) == (400_000, 0)
    assert found.allocations[-1].recovery
    # Nothing has accrued on the loss since.
    assert found.default_interest_due == lost.default_interest_due


def test_a_cured_default_pays_in_the_ordinary_order_again() -> None:
    events: list[Event] = [
        FeeDue(date(2025, 3, 1), eur(30_000), "reminder"),
        Default(date(2025, 3, 2)),
        Cure(date(2025, 3, 10)),
        Receipt(date(2025, 3, 11), eur(30_000)),
    ]
    (paid,) = replay(SERVICED, events, date(2025, 3, 11)).allocations
    assert paid.fee == 30_000
    (early,) = replay(SERVICED, [*events[:2], Receipt(date(2025, 3, 9), eur(30_000))], date(2025, 3, 9)).allocations
    assert early.fee == 0
    assert early.interest == 30_000


def test_the_reserve_of_a_loan_that_is_called_in_pays_its_debts() -> None:
    on = date(2025, 3, 15)
    position = replay(RETAINED, [Default(on), Acceleration(on)], on)
    (applied,) = position.allocations
    assert applied.source is MoneySource.RESERVE
    assert (applied.principal, position.reserve_held) == (1_000_000, 0)
    assert position.principal_outstanding == 9_000_000


@pytest.mark.parametrize(
    ("amount", "how", "waits", "early"),
    [
        # Less than what is due is only a receipt.
        (60_000, None, 0, 0),
        # More than that waits for the next instalment, or repays principal where somebody says so.
        (170_000, None, 70_000, 0),
        (170_000, Apply.DUE, 70_000, 0),
        (170_000, Apply.PREPAY, 0, 70_000),
        (1_100_000, Apply.PREPAY, 0, 1_000_000),
    ],
)
def test_what_a_payment_means(amount: int, how: Apply | None, waits: int, early: int) -> None:
    on = date(2025, 2, 15)
    receipt = receive(SERVICED, [], on, eur(amount), apply=how)
    position = replay(SERVICED, [receipt], on)
    assert (position.returned, position.advance_held) == (0, waits)
    assert position.principal_outstanding == 10_000_000 - early


def test_more_than_the_next_instalment_is_a_question() -> None:
    on = date(2025, 2, 20)
    paid = [Receipt(date(2025, 2, 15), eur(100_000))]
    with pytest.raises(errors.ApplyNeeded) as asked:
        receive(SERVICED, paid, on, eur(345_678))
    assert asked.value.data == {
        "due": {
            "pays_due": "0.00",
            "waits_as_advance_payment": "1000.00",
            "repays_principal": "0.00",
            "goes_back": "2456.78",
        },
        "prepay": {
            "pays_due": "0.00",
            "waits_as_advance_payment": "0.00",
            "repays_principal": "3456.78",
            "goes_back": "0.00",
        },
    }


def test_a_payment_of_more_than_the_whole_debt_goes_back_in_part() -> None:
    on = date(2025, 2, 15)
    position = replay(SERVICED, [receive(SERVICED, [], on, eur(20_000_000))], on)
    assert position.closed_on == on
    assert position.returned == 20_000_000 - 10_000_000 - 100_000


def test_a_prepayment_of_the_principal_alone_redeems_and_leaves_the_interest_due() -> None:
    """Ten of 28 days have accrued: 357.14. Interest is paid first, so that much of the principal is missing."""
    on = date(2025, 2, 25)
    paid = Receipt(date(2025, 2, 15), eur(100_000))
    prepaid = receive(SERVICED, [paid], on, eur(10_000_000), apply=Apply.PREPAY)
    position = replay(SERVICED, [paid, prepaid], on)
    assert (position.principal_outstanding, position.total_due, position.returned) == (35_714, 35_714, 0)
    assert (position.closed_on, position.days_past_due) == (None, 0)
    rest = Receipt(on, eur(35_714))
    assert replay(SERVICED, [paid, prepaid, rest], on).closed_on == on


def test_a_prepayment_of_a_cent_less_than_the_principal_repays_just_that() -> None:
    on = date(2025, 2, 25)
    paid = Receipt(date(2025, 2, 15), eur(100_000))
    prepaid = receive(SERVICED, [paid], on, eur(9_999_999), apply=Apply.PREPAY)
    position = replay(SERVICED, [paid, prepaid], on)
    assert (position.principal_outstanding, position.total_due, position.returned) == (1, 0, 0)
    assert position.accrued_interest == 35_714
