"""The waterfall that investors see is the one that runs."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Receipt
from halfpenny.servicing.model.flows import distributable_of
from halfpenny.servicing.model.position import Allocation, MoneySource
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment
from halfpenny.servicing.model.waterfall import (
    DEFAULT_WATERFALL,
    HALFPENNY_1,
    INVESTORS_COMPONENTS,
    WATERFALLS,
    Component,
    Waterfall,
    simulate,
)
from support.lending_strategies import loan_histories

owed_amounts = st.fixed_dictionaries({component: st.integers(0, 10**6) for component in Component})


def test_the_products_waterfall_is_the_one_of_the_brief() -> None:
    assert HALFPENNY_1.before_default == (
        Component.FEE,
        Component.PENALTY,
        Component.DEFAULT_INTEREST,
        Component.INTEREST,
        Component.PRINCIPAL,
        Component.RECOVERY_COST,
    )
    assert HALFPENNY_1.after_default == (
        Component.RECOVERY_COST,
        Component.PRINCIPAL,
        Component.INTEREST,
        Component.DEFAULT_INTEREST,
        Component.FEE,
        Component.PENALTY,
    )
    assert WATERFALLS[DEFAULT_WATERFALL] is HALFPENNY_1


def test_after_default_the_platform_earns_nothing_before_the_investors_principal() -> None:
    order = HALFPENNY_1.after_default
    earns = (Component.FEE, Component.PENALTY, Component.DEFAULT_INTEREST)
    assert all(order.index(component) > order.index(Component.PRINCIPAL) for component in earns)


@given(owed_amounts, st.integers(0, 10**7), st.booleans(), st.sampled_from(sorted(WATERFALLS)))
def test_a_line_is_paid_only_when_those_before_it_are(
    owed: dict[Component, int], amount: int, defaulted: bool, name: str
) -> None:
    lines, left = simulate(WATERFALLS[name], owed, amount, defaulted=defaulted)
    assert sum(line.paid for line in lines) + left == amount
    assert [line.component for line in lines] == list(WATERFALLS[name].order(defaulted=defaulted))
    for before, after in pairwise(lines):
        assert before.paid == before.owed or after.paid == 0
    assert left == max(0, amount - sum(owed.values()))


@given(loan_histories(), st.integers(1, 10**8))
def test_the_simulator_equals_the_engine(history: tuple[LoanTerms, list[object], date], minor: int) -> None:
    terms, events, as_of = history
    known = [event for event in events if event.effective_date <= as_of]  # type: ignore[attr-defined]
    if any(isinstance(event, Receipt) and event.effective_date == as_of for event in known):
        return
    position = replay(terms, known, as_of)  # type: ignore[arg-type]
    if position.closed_on is not None or any(_comes_after_receipts(event, as_of) for event in known):
        return
    lines, left = simulate(
        WATERFALLS[terms.waterfall], position.owed, minor, defaulted=position.defaulted_on is not None
    )
    after = replay(terms, [*known, Receipt(as_of, Money(minor, Currency.EUR))], as_of)  # type: ignore[list-item]
    if after.schedule != position.schedule:
        # It was enough to redeem the loan, and met what that made due.
        assert after.closed_on == as_of
        return
    paid = after.allocations[-1]
    assert {line.component: line.paid for line in lines} == {c: paid.part(c) for c in Component}
    assert paid.returned + paid.held == left


def _comes_after_receipts(event: object, as_of: date) -> bool:
    """A receipt of the day comes before the day's default, so there the simulator would show the next day's order."""
    late = ("Default", "Cure", "Acceleration", "WriteOff")
    return type(event).__name__ in late and event.effective_date == as_of  # type: ignore[attr-defined]


def test_a_waterfall_names_every_component_once() -> None:
    with pytest.raises(ValueError, match="every component once"):
        Waterfall("short", 1, HALFPENNY_1.before_default[:-1], HALFPENNY_1.after_default)
    with pytest.raises(ValueError, match="every component once"):
        Waterfall("double", 1, (*HALFPENNY_1.before_default, Component.FEE), HALFPENNY_1.after_default)


def test_the_simulator_takes_no_negative_amounts() -> None:
    with pytest.raises(ValueError, match="not negative"):
        simulate(HALFPENNY_1, {}, -1, defaulted=False)
    with pytest.raises(ValueError, match="not negative"):
        simulate(HALFPENNY_1, {Component.FEE: -1}, 1, defaulted=False)


def allocation(**parts: int) -> Allocation:
    names = ("recovery_cost", "fee", "penalty", "default_interest", "interest", "principal", "returned", "held")
    amounts = {name: parts.get(name, 0) for name in names}
    return Allocation(
        date(2025, 1, 1),
        sum(amounts.values()),
        **amounts,
        after_default=False,
        recovery=False,
        source=MoneySource.RECEIPT,
    )


@given(
    st.fixed_dictionaries(
        {
            name: st.integers(0, 10**9)
            for name in (
                "fee",
                "penalty",
                "default_interest",
                "interest",
                "principal",
                "recovery_cost",
                "returned",
                "held",
            )
        }
    )
)
def test_a_receipt_is_divided_without_rest(parts: dict[str, int]) -> None:
    terms = LoanTerms(Money(1, Currency.EUR), Rate(0), Repayment.BULLET, InterestMode.SERVICED, 1, date(2025, 1, 1))
    receipt = allocation(**parts)
    pot = distributable_of(terms, receipt)
    assert pot.to_investors + pot.platform_income + pot.recovery_costs + pot.returned + pot.held == receipt.amount
    assert pot.principal == receipt.principal
    # Nothing of any other part is the investors', and of theirs the platform keeps its stated share at most.
    investors = sum(receipt.part(component) for component in INVESTORS_COMPONENTS)
    assert investors - pot.to_investors == receipt.default_interest - pot.default_interest
    assert pot.interest == receipt.interest
    # The platform's stated share of default interest is 20 %.
    assert abs(5 * (receipt.default_interest - pot.default_interest) - receipt.default_interest) <= 2
