"""Row 17 in the engine: what an extension after the maturity moves, and what a waiver takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing import errors
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import (
    Acceleration,
    CostAdvanced,
    Event,
    Extension,
    FeeDue,
    PenaltyDue,
    Receipt,
    Waiver,
)
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.model.payoff import payoff
from halfpenny.servicing.model.terms import Fee, InterestMode, LoanTerms, Repayment
from halfpenny.servicing.model.waterfall import Component, WaivedComponent
from support.lending_strategies import loan_histories

EUR = Currency.EUR

LOAN = LoanTerms(
    principal=Money(10_000_000, EUR),
    rate=Rate.parse_annual("12"),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=3,
    advanced_on=date(2026, 1, 15),
    default_rate=Rate.parse_annual("17"),
)
MATURITY = date(2026, 4, 15)
LATE = MATURITY + timedelta(days=32)


def test_an_extension_32_days_after_maturity_moves_the_principal_and_nothing_else() -> None:
    before = replay(LOAN, (), LATE)
    after = replay(LOAN, [Extension(LATE, 3)], LATE)
    assert before.principal_due == 10_000_000 and after.principal_due == 0
    assert after.interest_due == before.interest_due == 300_000
    assert after.default_interest_due == before.default_interest_due > 0
    assert after.principal_outstanding == 10_000_000
    # The oldest interest is still unpaid, since 15 February.
    assert after.days_past_due == before.days_past_due == (LATE - date(2026, 2, 15)).days
    rows = [(row.due_on, row.principal, row.interest) for row in after.schedule.instalments]
    # 29 of the 31 days of the month to 15 June bear contract interest: default interest ran to 17 May.
    assert rows == [
        (date(2026, 2, 15), 0, 100_000),
        (date(2026, 3, 15), 0, 100_000),
        (date(2026, 4, 15), 0, 100_000),
        (date(2026, 6, 15), 0, 93_548),
        (date(2026, 7, 15), 10_000_000, 100_000),
    ]
    # From the next day on only the interest in arrears bears default interest.
    later = replay(LOAN, (), LATE + timedelta(days=10), recorded=[Extension(LATE, 3)])
    grown = later.default_interest_due - after.default_interest_due
    assert abs(grown - 300_000 * 0.17 * 10 / 365) <= 1


def test_what_was_paid_of_the_principal_since_the_maturity_stays_paid() -> None:
    paid: list[Event] = [Receipt(MATURITY + timedelta(days=10), Money(4_000_000, EUR))]
    before = replay(LOAN, (), LATE, recorded=paid)
    after = replay(LOAN, [Extension(LATE, 3)], LATE, recorded=paid)
    assert after.principal_outstanding == before.principal_outstanding < 10_000_000
    assert after.interest_due == 0 and after.principal_due == 0
    assert after.default_interest_due == before.default_interest_due > 0
    assert (before.days_past_due, after.days_past_due) == (32, 0)
    assert after.schedule.instalments[-1].principal == before.principal_outstanding


@pytest.mark.parametrize("months", [1, 2])
def test_an_extension_that_would_be_over_is_refused(months: int) -> None:
    """A month after the maturity was 15 May; one agreed on 17 May for a month is over before it begins."""
    extension = Extension(LATE, months)
    if months == 1:
        with pytest.raises(errors.EventAfterMaturity):
            replay(LOAN, [extension], LATE)
        assert replay(LOAN, (), LATE, recorded=[extension]).principal_due == 10_000_000
    else:
        assert replay(LOAN, [extension], LATE).schedule.ends_on == date(2026, 6, 15)


@pytest.mark.parametrize("paid", [4_000_000, 10_000_001])
def test_what_is_paid_on_the_day_of_a_late_extension_is_not_sent_back(paid: int) -> None:
    """It pays what was due, and the extension moves the principal that it left, whichever was recorded first."""
    default_interest = replay(LOAN, (), LATE).default_interest_due
    receipt, extension = Receipt(LATE, Money(paid, EUR)), Extension(LATE, 3)
    known = replay(LOAN, (), LATE, recorded=[receipt])
    after = replay(LOAN, [extension], LATE, recorded=[receipt])
    assert after.returned == 0
    assert after.principal_outstanding == known.principal_due == 10_300_000 + default_interest - paid
    assert (after.principal_due, after.schedule.instalments[-1].principal) == (0, known.principal_due)
    assert replay(LOAN, [receipt], LATE, recorded=[extension]) == after


def test_a_second_extension_after_a_second_maturity() -> None:
    known: list[Event] = [Extension(LATE, 2), Extension(date(2026, 7, 1), 4)]
    position = replay(LOAN, (), date(2026, 7, 1), recorded=known)
    assert position.schedule.ends_on == date(2026, 10, 15)
    assert position.principal_due == 0
    assert position.interest_due == 300_000 + 93_548
    assert sum(row.principal for row in position.schedule.instalments) == 10_000_000


OWED_STILL = ("interest_due", "default_interest_due", "penalties_due", "recovery_costs_due", "principal_outstanding")


@settings(max_examples=200)
@given(loan_histories(receipts_only=True), st.integers(1, 120), st.integers(5, 12), st.permutations(range(3)))
def test_a_late_extension_changes_what_is_owed_by_the_last_principal_and_its_fees_alone(
    history: tuple[LoanTerms, list[Event], date], days: int, months: int, places: Sequence[int]
) -> None:
    terms, events, _ = history
    on = terms.due_dates(terms.periods)[-1] + timedelta(days=days)
    known = [event for event in events if event.effective_date <= on]
    before = replay(terms, (), on, recorded=known)
    assume(before.closed_on is None and before.schedule.ends_on == terms.due_dates(terms.periods)[-1])
    last = before.instalments[-1]
    assume(last.principal)
    extension = Extension(on, months)
    after = replay(terms, [extension], on, recorded=known)
    assert {name: getattr(after, name) for name in OWED_STILL} == {name: getattr(before, name) for name in OWED_STILL}
    assert after.principal_due == before.principal_due - last.principal
    assert after.fees_due == before.fees_due - last.fees
    # No money has moved, and no cent of the loan is lost or doubled.
    assert flows_of(terms, after) == flows_of(terms, before)
    rows = after.schedule.instalments
    assert sum(row.principal for row in rows) == after.drawn
    ahead = [row for row in rows if row.due_on > on]
    assert sum(row.principal for row in ahead) + after.principal_due == after.principal_outstanding
    assert sum(row.fees for row in rows) == sum(row.fees for row in before.schedule.instalments)
    assert all(row.due_on > on or row.due_on <= before.schedule.ends_on for row in rows)
    # What redeems it on the day is all that is owed, and paying it closes the loan.
    figure = payoff(terms, [*known, extension], on)
    receipt = Receipt(on, Money(figure.payable, terms.currency))
    closed = replay(terms, [receipt], on, recorded=[*known, extension])
    assert (closed.closed_on, closed.principal_outstanding, closed.returned - after.returned) == (on, 0, 0)
    # In whatever order they were recorded.
    mixed = [[*known, extension, receipt], [receipt, *known, extension], [extension, receipt, *known]]
    assert replay(terms, (), on, recorded=mixed[places[0]]) == closed


@pytest.mark.parametrize("called_in_after_days", [32, 75])
def test_what_an_acceleration_makes_due_can_be_waived_on_its_day(called_in_after_days: int) -> None:
    """The amount due that a page shows at the end of the day is what a waiver may take, in whatever order recorded."""
    exit_fee = Fee("exit", FeeTime.REDEMPTION, percent_millionths=1_250_000)
    terms = replace(LOAN, periods=6, fees=(exit_fee,))
    on = terms.advanced_on + timedelta(days=called_in_after_days)
    called_in, survey = Acceleration(on), FeeDue(on, Money(30_000, EUR), "survey")
    before = replay(terms, (), on, recorded=[called_in, survey])
    assert before.fees_due == 125_000 + 30_000
    with pytest.raises(errors.WaiverExceedsDue):
        replay(terms, [Waiver(on, Component.FEE, Money(155_001, EUR))], on, recorded=[called_in, survey])
    waiver = Waiver(on, Component.FEE, Money(155_000, EUR))
    after = replay(terms, [waiver], on, recorded=[called_in, survey])
    assert (after.fees_due, after.waived) == (0, 155_000)
    assert replay(terms, (), on, recorded=[waiver, survey, called_in]) == after


@settings(max_examples=200)
@given(loan_histories(), st.sampled_from(WaivedComponent), st.data())
def test_a_waiver_takes_its_amount_of_its_component_and_nothing_else(
    history: tuple[LoanTerms, list[Event], date], waived: WaivedComponent, data: st.DataObject
) -> None:
    terms, events, on = history
    known = [event for event in events if event.effective_date <= on]
    # Something of each kind may be due.
    small = Money(data.draw(st.integers(1, 5_000)), terms.currency)
    known += [FeeDue(on, small, "survey"), PenaltyDue(on, small, "late"), CostAdvanced(on, small, "lawyer")]
    before = replay(terms, (), on, recorded=known)
    component = Component(waived.value)
    due = before.owed[component]
    too_much = Waiver(on, component, Money(due + 1, terms.currency))
    if before.closed_on is None:
        with pytest.raises(errors.WaiverExceedsDue):
            replay(terms, [too_much], on, recorded=known)
    # One in the log that a late receipt has overtaken takes what there is.
    assert replay(terms, (), on, recorded=[*known, too_much]).owed[component] == 0
    assume(due and before.closed_on is None)
    amount = data.draw(st.integers(1, due))
    after = replay(terms, [Waiver(on, component, Money(amount, terms.currency))], on, recorded=known)
    assert after.owed == before.owed | {component: due - amount}
    assert after.waived == amount
    assert after.principal_outstanding == before.principal_outstanding
    moved = flows_of(terms, after).since(flows_of(terms, before))
    assert moved.costs_waived == (amount if component is Component.RECOVERY_COST else 0)
    assert moved.received == moved.to_investors == 0
    later = replay(terms, (), on, recorded=[*known, Waiver(on, component, Money(amount, terms.currency))])
    assert later == after


def test_principal_is_never_waived() -> None:
    with pytest.raises(errors.WaiverOfPrincipal):
        replay(LOAN, [Waiver(LATE, Component.PRINCIPAL, Money(1, EUR))], LATE)
