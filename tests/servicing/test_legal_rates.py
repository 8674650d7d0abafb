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
from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.legal_maximum import LegalMaximum, MaximumRates
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.engine import live_through, replay
from halfpenny.servicing.model.events import (
    Acceleration,
    Apply,
    Event,
    LegalMaximumChange,
    Pause,
    RateChange,
    Receipt,
    Redemption,
    WriteOff,
)
from halfpenny.servicing.model.flows import flows_of
from halfpenny.servicing.model.legal_changes import legal_changes
from halfpenny.servicing.model.product import loan_terms
from halfpenny.servicing.model.rates import rates_in_force
from halfpenny.servicing.model.schedule import Instalment
from halfpenny.servicing.model.terms import Fee, InterestMode, LoanTerms, Repayment

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


RETAINED = replace(
    LOAN,
    interest_mode=InterestMode.RETAINED,
    periods=12,
    rebate_of_retained_interest=False,
    fees=(Fee("exit", FeeTime.REDEMPTION, percent_millionths=20_000_000),),
    default_rate=Rate(0),
)


def test_a_maximum_that_falls_after_an_early_redemption_leaves_its_charge_as_it_fell_due() -> None:
    """Redeemed on 10 February with 17,000.00 of the exit fee unpaid; the law changes on 5 March."""
    paid = Receipt(date(2025, 2, 10), Money(10_300_000, PLN), apply=Apply.PREPAY)
    law = LegalMaximumChange(date(2025, 3, 5), Rate.parse_annual("8"), Rate.parse_annual("12"))
    before = replay(RETAINED, (), date(2025, 3, 4), recorded=[paid, law])
    after = replay(RETAINED, (), date(2025, 3, 5), recorded=[paid, law])
    assert before.total_due == after.total_due > 0
    assert after.schedule.instalments == before.schedule.instalments
    flows = flows_of(RETAINED, after)
    assert flows.collected == flows.spent


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(((InterestMode.RETAINED, False), (InterestMode.RETAINED, True), (InterestMode.SERVICED, True))),
    st.integers(0, 12),
    st.integers(0, 30_000_000),
    st.integers(1, 300),
    st.integers(100, 12_500_000),
    st.lists(
        st.tuples(
            st.sampled_from(("law", "pause", "acceleration", "write-off")), st.integers(-40, 200), st.integers(0)
        ),
        max_size=4,
    ),
)
def test_whatever_comes_after_an_early_end_leaves_what_fell_due(
    kind: tuple[InterestMode, bool],
    minimum_months: int,
    exit_percent: int,
    ended: int,
    paid: int,
    drawn: list[tuple[str, int, int]],
) -> None:
    """What came in is spent to the cent, each day's rows stay, and a change known before the end still counts."""
    terms = replace(
        RETAINED,
        interest_mode=kind[0],
        rebate_of_retained_interest=kind[1],
        minimum_interest_months=minimum_months,
        fees=(Fee("exit", FeeTime.REDEMPTION, percent_millionths=exit_percent),),
    )
    end = terms.advanced_on + timedelta(days=ended)
    events: list[Event] = [
        Redemption(end) if paid % 2 else Receipt(end, Money(paid, PLN), apply=Apply.PREPAY),
        Receipt(end + timedelta(days=3), Money(paid // 3 + 1, PLN)),
    ]
    for what, after, rate in drawn:
        on = max(end + timedelta(days=after), terms.advanced_on)
        match what:
            case "law":
                events.append(LegalMaximumChange(on, Rate(rate % 20_000_000), Rate(rate % 24_000_000)))
            case "pause":
                events.append(Pause(on, on + timedelta(days=20)))
            case "acceleration":
                events.append(Acceleration(max(on, end + timedelta(days=1))))
            case _:
                events.append(WriteOff(max(on, end + timedelta(days=1))))
    days = sorted({event.effective_date for event in events} | {end + timedelta(days=240)})
    fallen_due: tuple[Instalment, ...] = ()
    for day in days:
        lived = live_through(terms, (), day, recorded=events)
        assert tuple(lived.rows_due) == lived.schedule.instalments[: len(lived.rows_due)]
        assert tuple(lived.rows_due)[: len(fallen_due)] == fallen_due
        fallen_due = tuple(lived.rows_due)
        position = lived.position(day)
        flows = flows_of(terms, position)
        assert flows.collected == flows.spent
        unpaid = sum(state.unpaid for state in position.instalments)
        assert unpaid == position.principal_due + position.interest_due + position.fees_due


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 3)), unique_by=lambda row: row[0], max_size=5), st.data())
def test_rows_published_late_in_any_order_end_as_if_they_had_been_known(
    drawn: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Days and rates before and after the advance, the same rate twice among them; published one after the other."""
    advanced = date(2025, 1, 15)
    rows = [MaximumRates(advanced + timedelta(days=n - 30), Rate(rate), Rate(rate + 4)) for n, rate in sorted(drawn)]
    terms = replace(LOAN, advanced_on=advanced, legal_maximum=MaximumRates(date(2016, 1, 1), Rate(9), Rate(9)))
    day = advanced + timedelta(days=60)

    def table(published: list[MaximumRates]) -> dict[tuple[str, Currency], LegalMaximum]:
        known = tuple(sorted(published, key=lambda row: row.since))
        return {("PL", PLN): LegalMaximum("PL", PLN, "made up", False, known)}

    log: list[Event] = []
    published: list[MaximumRates] = []
    for row in data.draw(st.permutations(rows)):
        published.append(row)
        log += legal_changes(terms, log, day, table(published))
        assert legal_changes(terms, log, day, table(published)) == []
    for n in range(61):
        on = advanced + timedelta(days=n)
        wanted = [row for row in rows if row.since <= on]
        found = rates_in_force(terms, log, on).maximum
        assert found is not None
        assert (found.contract, found.default) == (
            (wanted[-1].contract, wanted[-1].default) if wanted else (Rate(9), Rate(9))
        )


def test_an_agreed_rate_above_the_maximum_of_the_advance_is_limited_from_the_first_day() -> None:
    """20 % agreed, 18.5 % allowed: the schedule and a later change of the rate go by what the rates say."""
    terms = replace(LOAN, rate=Rate.parse_annual("20"))
    changed: list[Event] = [RateChange(date(2025, 3, 15), Rate.parse_annual("25"))]
    rows = replay(terms, (), date(2025, 4, 15), recorded=changed).schedule.instalments
    assert [row.interest for row in rows] == [154_167] * 3
    assert rates_in_force(terms, changed, date(2025, 4, 1)).contract == Rate.parse_annual("18.5")
