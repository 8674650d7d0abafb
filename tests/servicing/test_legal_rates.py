"""Row 10 in the engine: the contract rate and a margin, day by day at most what the law allows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from halfpenny import loans
from halfpenny.loans import LoanInterestMode
from halfpenny.primitives import legal_maximum
from halfpenny.primitives.legal_maximum import LegalMaximum, MaximumRates
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import replay
from halfpenny.servicing.model.events import Event, LegalMaximumChange
from halfpenny.servicing.model.legal_changes import legal_changes
from halfpenny.servicing.model.product import loan_terms
from halfpenny.servicing.model.rates import rates_in_force
from halfpenny.servicing.model.terms import InterestMode, LoanTerms, Repayment

PLN = Currency.PLN

LOAN = LoanTerms(
    principal=Money(10_000_000, PLN),
    rate=Rate.parse_annual("16"),
    repayment=Repayment.BULLET,
    interest_mode=InterestMode.SERVICED,
    periods=3,
    advanced_on=date(2025, 1, 15),
    default_rate=Rate.parse_annual("24"),
    default_interest_on_interest=False,
    governing_law="PL",
    legal_maximum=MaximumRates(date(2023, 10, 5), Rate.parse_annual("18.5"), Rate.parse_annual("22.5")),
)


def test_default_interest_follows_the_maximum_day_by_day_and_overdue_interest_bears_none() -> None:
    """100,000.00 fall due on 15 April: 22 days at 22.5 %, from 8 May on at 21.5 %, on principal alone."""
    changes = legal_changes(LOAN, [], date(2025, 5, 20), legal_maximum.published())
    assert changes == [
        LegalMaximumChange(date(2025, 5, 8), Rate.parse_annual("17.5"), Rate.parse_annual("21.5")),
    ]
    before = replay(LOAN, (), date(2025, 5, 7), recorded=changes)
    assert before.default_interest_due == round(10_000_000 * 0.225 * 22 / 365)
    after = replay(LOAN, (), date(2025, 5, 20), recorded=changes)
    assert after.default_interest_due == round(10_000_000 * (0.225 * 22 + 0.215 * 13) / 365)
    assert after.interest_due == 3 * 133_333


def test_a_falling_maximum_lowers_the_contract_rate_too_and_a_rising_one_gives_it_back() -> None:
    """A month of 30/360 at 16 % is 1,333.33; a maximum of 12 % for the second month makes it 1,000.00."""
    known: list[Event] = [
        LegalMaximumChange(date(2025, 2, 16), Rate.parse_annual("12"), Rate.parse_annual("16")),
        LegalMaximumChange(date(2025, 3, 16), Rate.parse_annual("19"), Rate.parse_annual("23")),
    ]
    rows = replay(LOAN, (), date(2025, 4, 15), recorded=known).schedule.instalments
    assert [row.interest for row in rows] == [133_333, 100_000, 133_333]
    rates = [rates_in_force(LOAN, known, day) for day in (date(2025, 2, 15), date(2025, 2, 16), date(2025, 3, 16))]
    assert [str(one.contract) for one in rates] == ["16", "12", "16"]
    assert [str(one.default) for one in rates] == ["22.5", "16", "23"]


@settings(deadline=None)
@given(
    st.integers(1, 14_500_000), st.integers(0, 99_000_000), st.sampled_from(LoanInterestMode), st.sampled_from(Currency)
)
def test_default_interest_never_costs_less_than_paying(
    rate: int, margin: int, mode: LoanInterestMode, currency: Currency
) -> None:
    """Whatever the margin, and whatever the law leaves of it: the default rate is not below the contract rate."""
    product = loans.ProductSettings(default_margin=Decimal(margin).scaleb(-6))
    terms = loan_terms(
        Money(100_000, currency),
        Decimal(rate).scaleb(-6),
        (),
        12,
        mode,
        date(2026, 4, 1),
        product.offered(mode, 12, currency, Decimal(1)),
    )
    found = rates_in_force(terms, (), terms.advanced_on)
    assert found.contract == terms.rate
    assert found.default >= found.contract
    assert found.default.millionths <= rate + margin
    if currency is PLN:
        assert found.default <= Rate.parse_annual("18.5")


@given(st.lists(st.integers(0, 500), unique=True, max_size=5), st.integers(0, 500), st.integers(0, 600))
def test_a_loan_learns_each_change_of_the_law_once(days: list[int], advanced: int, to: int) -> None:
    first = date(2020, 1, 1)
    rows = tuple(MaximumRates(first + timedelta(days=n), Rate(n), Rate(n + 4)) for n in sorted(days))
    law = LegalMaximum("PL", PLN, "made up", False, rows)
    table = {("PL", PLN): law}
    on = first + timedelta(days=advanced)
    terms = replace(LOAN, advanced_on=on, legal_maximum=law.on(on))
    day = first + timedelta(days=max(advanced, to))
    found = legal_changes(terms, [], day, table)
    assert [event.effective_date for event in found] == [row.since for row in rows if on < row.since <= day]
    assert legal_changes(terms, found, day, table) == []
    assert legal_changes(replace(terms, governing_law="DE"), [], day, table) == []


def test_a_row_published_late_counts_from_the_advance() -> None:
    law = LegalMaximum("PL", PLN, "made up", False, (MaximumRates(date(2025, 1, 10), Rate(1), Rate(5)),))
    found = legal_changes(LOAN, [], date(2025, 2, 1), {("PL", PLN): law})
    assert found == [LegalMaximumChange(LOAN.advanced_on, Rate(1), Rate(5))]
