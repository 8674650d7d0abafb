"""The engine on loans whose figures can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import (
    Acceleration,
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
    Redemption,
    WriteOff,
)
from halfpenny.servicing.model.payoff import payoff, receive
from halfpenny.servicing.model.position import InstalmentState, LoanStanding
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
    assert corrected.returned == 101_000
    assert corrected.days_past_due == 0


def test_overpayment_goes_back() -> None:
    position = replay(SERVICED, [Receipt(date(2025, 2, 15), eur(150_000))], date(2025, 2, 15))
    assert (position.interest_repaid, position.returned) == (100_000, 50_000)


def test_retained_interest_pays_itself_from_the_reserve() -> None:
    position = replay(RETAINED, [], date(2025, 4, 20))
    assert position.reserve_held == 900_000
    assert position.interest_repaid == 300_000
    assert (position.total_due, position.days_past_due) == (0, 0)
    assert [move.kind for move in position.reserve_moves] == [ReserveMoveKind.RETAINED] + [ReserveMoveKind.RELEASED] * 3


def test_redeeming_a_retained_loan_gives_back_what_was_not_earned() -> None:
    on = date(2025, 4, 25)
    figure = payoff(RETAINED, [], on)
    assert (figure.principal, figure.interest, figure.rebate) == (10_000_000, 0, 866_667)
    events = receive(RETAINED, [], on, eur(figure.payable))
    assert events == (Redemption(on), Receipt(on, eur(10_000_000)))
    position = replay(RETAINED, events, on)
    assert position.closed_on == on
    assert position.reserve_held == 0
    assert position.interest_repaid == 333_333


def test_without_a_rebate_the_retained_interest_is_kept() -> None:
    terms = replace(RETAINED, rebate_of_retained_interest=False)
    on = date(2025, 4, 25)
    position = replay(terms, [Redemption(on), Receipt(on, eur(10_000_000))], on)
    assert position.interest_repaid == 1_200_000
    assert position.closed_on == on
    assert not [move for move in position.reserve_moves if move.kind is ReserveMoveKind.REBATED]


def test_partial_redemption_gives_back_the_interest_of_the_part() -> None:
    """A quarter repaid after three months: nine months' interest on it goes back."""
    on = date(2025, 4, 15)
    position = replay(RETAINED, [Redemption(on, eur(2_500_000)), Receipt(on, eur(2_500_000))], on)
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


def test_a_pause_leaves_a_surplus_that_goes_back_at_the_end() -> None:
    pause = Pause(date(2025, 2, 16), date(2025, 3, 15))
    paid = Receipt(date(2026, 1, 15), eur(10_000_000))
    position = replay(RETAINED, [pause, paid], date(2026, 1, 15))
    rebates = [move for move in position.reserve_moves if move.kind is ReserveMoveKind.REBATED]
    assert [(move.on, move.amount) for move in rebates] == [(date(2026, 1, 15), 100_000)]
    assert position.closed_on == date(2026, 1, 15)


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
    assert applied.from_reserve
    assert (applied.principal, position.reserve_held) == (1_000_000, 0)
    assert position.principal_outstanding == 9_000_000


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        # Less than what is due is only a receipt.
        (60_000, None),
        # More than that repays principal early.
        (1_100_000, eur(1_000_000)),
    ],
)
def test_what_a_payment_means(amount: int, expected: Money | None) -> None:
    on = date(2025, 2, 15)
    *redemptions, receipt = receive(SERVICED, [], on, eur(amount))
    assert receipt == Receipt(on, eur(amount))
    assert redemptions == ([] if expected is None else [Redemption(on, expected)])
    position = replay(SERVICED, [*redemptions, receipt], on)
    assert position.returned == 0
    assert position.principal_outstanding == 10_000_000 - (expected.minor if expected else 0)


def test_a_payment_of_more_than_the_whole_debt_goes_back_in_part() -> None:
    on = date(2025, 2, 15)
    events = receive(SERVICED, [], on, eur(20_000_000))
    position = replay(SERVICED, events, on)
    assert position.closed_on == on
    assert position.returned == 20_000_000 - 10_000_000 - 100_000


def test_a_payment_of_the_principal_alone_redeems_and_leaves_the_interest_due() -> None:
    """Ten of 28 days have accrued: 357.14. Interest is paid first, so that much of the principal is missing."""
    on = date(2025, 2, 25)
    paid = Receipt(date(2025, 2, 15), eur(100_000))
    events = receive(SERVICED, [paid], on, eur(10_000_000))
    assert events == (Redemption(on), Receipt(on, eur(10_000_000)))
    position = replay(SERVICED, [paid, *events], on)
    assert (position.principal_outstanding, position.total_due, position.returned) == (35_714, 35_714, 0)
    assert (position.closed_on, position.days_past_due) == (None, 0)
    rest = Receipt(on, eur(35_714))
    assert replay(SERVICED, [paid, *events, rest], on).closed_on == on


def test_a_payment_of_a_cent_less_than_the_principal_repays_just_that() -> None:
    on = date(2025, 2, 25)
    paid = Receipt(date(2025, 2, 15), eur(100_000))
    events = receive(SERVICED, [paid], on, eur(9_999_999))
    position = replay(SERVICED, [paid, *events], on)
    assert (position.principal_outstanding, position.total_due, position.returned) == (1, 0, 0)
    assert position.accrued_interest == 35_714
