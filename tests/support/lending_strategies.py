"""Hypothesis strategies for loans and what happens to them."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from halfpenny.primitives.day_count import DayCount
from halfpenny.primitives.fees import FeeTime
from halfpenny.primitives.legal_maximum import MaximumRates
from halfpenny.primitives.money import Currency, Money
from halfpenny.primitives.rate import Rate
from halfpenny.servicing.model.due_dates import MonthEnd
from halfpenny.servicing.model.events import (
    Acceleration,
    CostAdvanced,
    Cure,
    Default,
    Drawdown,
    Event,
    Extension,
    FeeDue,
    LegalMaximumChange,
    Pause,
    PenaltyDue,
    RateChange,
    Receipt,
    Redemption,
    WriteOff,
)
from halfpenny.servicing.model.terms import (
    Compounding,
    Fee,
    InstalmentRounding,
    InterestMode,
    LoanTerms,
    Repayment,
)

FIRST_DAY = date(2023, 1, 1)
_CHANGES_OF_TERMS = Drawdown | RateChange | Pause | Extension | Redemption

amounts = st.integers(100, 50_000_000).map(lambda minor: Money(minor, Currency.EUR))
rates = st.integers(0, 40_000_000).map(Rate)


@st.composite
def loan_terms(draw: st.DrawFn) -> LoanTerms:
    """Terms of every product there is; principal up to half a million, up to two years."""
    repayment = draw(st.sampled_from(Repayment))
    mode = draw(st.sampled_from(InterestMode)) if repayment is Repayment.BULLET else InterestMode.SERVICED
    periods = draw(st.integers(2, 24))
    rolled = mode is InterestMode.ROLLED_UP
    return LoanTerms(
        principal=draw(amounts),
        rate=draw(rates),
        repayment=repayment,
        interest_mode=mode,
        periods=periods,
        advanced_on=FIRST_DAY + timedelta(days=draw(st.integers(0, 800))),
        day_count=draw(st.sampled_from(DayCount)),
        month_end=draw(st.sampled_from(MonthEnd)),
        instalment_rounding=draw(st.sampled_from(InstalmentRounding)),
        compounding=draw(st.sampled_from(Compounding)) if rolled else Compounding.NONE,
        retained_months=draw(st.integers(1, periods - 1)) if mode is InterestMode.MIXED else 0,
        fees=tuple(draw(st.lists(fees, max_size=2))),
        minimum_interest_months=draw(st.integers(0, periods)),
        rebate_of_retained_interest=draw(st.booleans()),
        count_due_date=draw(st.booleans()),
        default_rate=draw(rates),
        default_interest_on_interest=draw(st.booleans()),
        legal_maximum=draw(st.none() | st.builds(MaximumRates, st.just(FIRST_DAY), st.just(Rate(40_000_000)), rates)),
    )


fees = st.builds(
    Fee,
    kind=st.just("exit"),
    when=st.just(FeeTime.REDEMPTION),
    percent_millionths=st.integers(0, 5_000_000),
)


@st.composite
def loan_histories(draw: st.DrawFn, *, receipts_only: bool = False) -> tuple[LoanTerms, list[Event], date]:
    """Terms, events in any order and a day to look at. Changes of terms stay well inside the term."""
    terms = draw(loan_terms())
    ends_on = terms.due_dates(terms.periods)[-1]
    days = (ends_on - terms.advanced_on).days
    inside = st.integers(0, days - 10).map(lambda n: terms.advanced_on + timedelta(days=n))
    anywhere = st.integers(0, days + 90).map(lambda n: terms.advanced_on + timedelta(days=n))
    # Small enough that no receipt pays the loan off, so that the next one still has a loan to go to.
    small = st.integers(1, max(1, terms.principal.minor // 40)).map(lambda minor: Money(minor, Currency.EUR))
    receipts = st.builds(Receipt, anywhere, small)
    kinds = [receipts] * 4
    if not receipts_only:
        kinds += [
            st.builds(Drawdown, inside, amounts),
            st.builds(RateChange, inside, rates),
            inside.flatmap(lambda on: st.builds(Pause, st.just(on), st.just(on + timedelta(days=9)))),
            st.builds(FeeDue, inside, small, st.just("survey")),
            st.builds(PenaltyDue, inside, small, st.just("late")),
            st.builds(CostAdvanced, inside, small, st.just("lawyer")),
            st.builds(Extension, inside, st.integers(1, 6)),
            st.builds(Redemption, inside, st.just(Money(1, Currency.EUR))),
            st.builds(Default, anywhere),
            st.builds(Cure, anywhere),
        ]
    events = draw(st.lists(st.one_of(kinds), max_size=14))
    if not receipts_only:
        end = draw(st.sampled_from((None, None, Redemption, Acceleration, WriteOff)))
        if end is not None:
            # After the end the agreed terms no longer change, so it comes behind every change of them.
            last = max((event.effective_date for event in events if isinstance(event, _CHANGES_OF_TERMS)), default=None)
            after = (last or terms.advanced_on) - ends_on
            events.append(end(ends_on - timedelta(days=draw(st.integers(5, -after.days - 1)))))
        # The law changes once a day at most; before the end of a loan and after it.
        changes = draw(st.dictionaries(anywhere, st.tuples(rates, rates), max_size=2))
        events += [LegalMaximumChange(on, contract, default) for on, (contract, default) in changes.items()]
    # Of a loan in instalments there may be less than a cent left to redeem.
    if terms.repayment is not Repayment.BULLET:
        events = [event for event in events if not (isinstance(event, Redemption) and event.amount)]
    as_of = terms.advanced_on + timedelta(days=draw(st.integers(0, days + 120)))
    return terms, draw(st.permutations(events)), as_of
