"""The rules of loans without a database: the table, the terms, the decision, the evidence."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.approvals import FourEyes
from halfpenny.loans import diagram, errors
from halfpenny.loans.application_rules import check_application, check_evidence
from halfpenny.loans.decision import Decision, DecisionFacts, FirstApproval, Verdict, decide, reasons_open_to
from halfpenny.loans.decision_reasons import DecisionReason
from halfpenny.loans.model import (
    TRANSITIONS,
    Actor,
    ActorKind,
    Charge,
    Insurance,
    Loan,
    Status,
    Valuation,
    check_transition,
    ltv_percent,
)
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.primitives.fees import FeeKind, OfferedFee
from halfpenny.primitives.ids import LoanId, UserId, uuid7
from halfpenny.primitives.money import Currency
from halfpenny_messages import PRICE_DISREGARDED_DAYS, LoanPurpose, PropertyKind, ValuationSource
from support.lending import RULES, application, risk

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = date(2026, 3, 2)
BORROWER, ANNA, BARTEK = (UserId(uuid7()) for _ in range(3))
PAGE = Path(__file__).parents[2] / "docs" / "loan-lifecycle.md"


def loan(status: Status = Status.ASSESSED, **changes: object) -> Loan:
    made = Loan(
        id=LoanId(uuid7()),
        borrower_id=BORROWER,
        entered_by=BORROWER,
        status=status,
        version=3,
        terms_version=2,
        application=application(),
        created_at=NOW,
        changed_at=NOW,
        risk=risk(2),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def facts(**changes: object) -> DecisionFacts:
    made = DecisionFacts(NOW, NOW.date(), frozenset({BORROWER}), related=False, raised_minor=0, first=None)
    return replace(made, **changes)  # type: ignore[arg-type]


def approval(version: int = 3, **changes: object) -> Decision:
    if changes.get("verdict") is Verdict.DECLINE:
        changes = {"reason_code": DecisionReason.EXIT} | changes
    return replace(Decision(Verdict.APPROVE, version, DecisionReason.WITHIN_POLICY, "Clear exit."), **changes)  # type: ignore[arg-type]


def test_every_status_is_reached_from_a_draft() -> None:
    reached, before = {Status.DRAFT}, set[Status]()
    while reached != before:
        before = set(reached)
        reached |= {edge.target for edge in TRANSITIONS.values() if edge.sources & reached}
    assert reached == set(Status)


def test_no_event_reports_two_transitions() -> None:
    names = [edge.event for edge in TRANSITIONS.values()]
    assert len(set(names)) == len(names)


def test_the_diagram_in_the_docs_is_current() -> None:
    assert PAGE.read_text("utf-8") == diagram.render()


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_transition_is_permitted_exactly_where_the_table_has_it(name: str) -> None:
    edge = TRANSITIONS[name]
    permissions = set()
    for status, kind in itertools.product(Status, ActorKind):
        try:
            check_transition(loan(status), edge, Actor(kind, ANNA))
        except errors.NotYourTransition:
            assert kind not in edge.actor_kinds
        except errors.WrongStatus:
            assert status not in edge.sources
        else:
            permissions.add((status, kind))
    assert permissions == set(itertools.product(edge.sources, edge.actor_kinds))


def test_loan_to_value_counts_the_debt_that_ranks_before() -> None:
    assert ltv_percent(application()) == Decimal("60.00")
    assert ltv_percent(application(charge_rank=2, prior_debt_minor=5_000_000)) == Decimal("70.00")


_HOUSE = application().property
LONG_AGO = date(2019, 5, 17)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount_minor": 0}, "amount_too_small"),
        ({"amount_minor": 4_999}, "amount_too_small"),
        ({"term_months": 2}, "term_out_of_range"),
        ({"term_months": 25}, "term_out_of_range"),
        ({"charge_rank": 0}, "charge_rank_out_of_range"),
        ({"property": replace(_HOUSE, valuation_minor=0)}, "valuation_not_positive"),
        ({"property": replace(_HOUSE, valued_on=date(2026, 3, 3))}, "valued_in_future"),
        ({"property": replace(_HOUSE, lat=90.5)}, "coordinates_out_of_range"),
        ({"property": replace(_HOUSE, lon=-181.0)}, "coordinates_out_of_range"),
        ({"property": replace(_HOUSE, area_m2=Decimal(0))}, "area_out_of_range"),
        ({"property": replace(_HOUSE, area_m2=Decimal("4.99"), beds=0)}, "area_out_of_range"),
        ({"property": replace(_HOUSE, area_m2=Decimal("100000.01"))}, "area_out_of_range"),
        ({"property": replace(_HOUSE, area_m2=Decimal(7_000_000))}, "area_out_of_range"),
        ({"property": replace(_HOUSE, year_built=2150)}, "year_built_out_of_range"),
        ({"property": replace(_HOUSE, year_built=1001)}, "year_built_out_of_range"),
        ({"property": replace(_HOUSE, year_built=1299)}, "year_built_out_of_range"),
        ({"property": replace(_HOUSE, beds=100, area_m2=Decimal(6))}, "beds_exceed_area"),
        ({"property": replace(_HOUSE, beds=4, area_m2=Decimal("19.99"))}, "beds_exceed_area"),
        ({"property": replace(_HOUSE, valuation_minor=9 * 10**14, gdv_minor=None)}, "amount_implausible"),
        ({"property": replace(_HOUSE, gdv_minor=10**11 + 1)}, "amount_implausible"),
        ({"property": replace(_HOUSE, renovation_cost_minor=10**12)}, "amount_implausible"),
        ({"borrower": replace(application().borrower, income_minor=9 * 10**14)}, "amount_implausible"),
        ({"borrower": replace(application().borrower, yearly_costs_minor=2 * 10**11)}, "amount_implausible"),
        ({"borrower": replace(application().borrower, years_trading=500)}, "years_trading_out_of_range"),
        ({"borrower": replace(application().borrower, years_trading=201)}, "years_trading_out_of_range"),
        ({"charge_rank": 2}, "prior_debt_missing"),
        ({"charge_rank": 7}, "prior_debt_missing"),
        ({"prior_debt_minor": 1}, "prior_debt_before_first_charge"),
        ({"property": replace(_HOUSE, country="USA")}, "country_unknown"),
        ({"property": replace(_HOUSE, country="XX")}, "country_unknown"),
        ({"property": replace(_HOUSE, country="us")}, "country_unknown"),
        ({"property": replace(_HOUSE, lat=0.0, lon=0.0)}, "coordinates_outside_country"),
        ({"property": replace(_HOUSE, lat=-47.5)}, "coordinates_outside_country"),
        ({"property": replace(_HOUSE, lat=49.28, lon=-122.9)}, "coordinates_outside_country"),
        ({"property": replace(_HOUSE, country="PL")}, "coordinates_outside_country"),
        ({"property": replace(_HOUSE, beds=None)}, "dwelling_facts_missing"),
        ({"property": replace(_HOUSE, kind=PropertyKind.FLAT, condition=None)}, "dwelling_facts_missing"),
        ({"property": replace(_HOUSE, kind=PropertyKind.MULTI_FAMILY, year_built=None)}, "dwelling_facts_missing"),
        ({"property": replace(_HOUSE, valuer=None)}, "surveyor_missing"),
        ({"property": replace(_HOUSE, gdv_minor=49_999_999)}, "gdv_below_valuation"),
        ({"property": replace(_HOUSE, purchase_price_minor=0)}, "purchase_price_not_positive"),
        ({"property": replace(_HOUSE, purchase_price_minor=None)}, "purchase_price_missing"),
        ({"property": replace(_HOUSE, purchase_price_minor=None, purchased_on=LONG_AGO)}, "purchase_price_missing"),
        ({"property": replace(_HOUSE, purchased_on=TODAY + timedelta(days=1))}, "purchased_in_future"),
        (
            {
                "property": replace(
                    _HOUSE, purchase_price_minor=None, purchased_on=TODAY - timedelta(days=PRICE_DISREGARDED_DAYS - 1)
                ),
                "purpose": LoanPurpose.WORKS,
            },
            "purchase_price_missing",
        ),
    ],
)
def test_impossible_terms_are_named(changes: dict[str, object], code: str) -> None:
    with pytest.raises(errors.Malformed) as refusal:
        check_application(application(**changes), RULES, TODAY)
    assert refusal.value.code == code


def test_the_bounds_of_terms_are_inside() -> None:
    for changes in (
        {"term_months": 3},
        {"term_months": 24},
        {"amount_minor": 5_000},
        {"charge_rank": 9, "prior_debt_minor": 1},
        {"property": replace(_HOUSE, gdv_minor=50_000_000)},
        {"property": replace(_HOUSE, gdv_minor=None, renovation_cost_minor=0)},
        {"property": replace(_HOUSE, kind=PropertyKind.LAND, beds=None, year_built=None, condition=None)},
        {"property": replace(_HOUSE, valuation_source=ValuationSource.OWNER, valuer=None)},
        {"property": replace(_HOUSE, area_m2=Decimal(100_000))},
        {"property": replace(_HOUSE, area_m2=Decimal(5), beds=1)},
        # The border with Canada lies a little to the north of this house.
        {"property": replace(_HOUSE, lat=48.99, lon=-122.75)},
        {
            "property": replace(_HOUSE, purchase_price_minor=None, purchased_on=TODAY - timedelta(days=732)),
            "purpose": LoanPurpose.REFINANCE,
        },
    ):
        terms = application(**changes)
        check_application(terms, RULES, TODAY)
        assert terms.amount_minor >= RULES.minimum_ticket_minor


def test_an_approval_takes_the_suggested_rate_and_thirty_days_by_default() -> None:
    outcome = decide(loan(), approval(), ANNA, facts(), RULES)
    assert outcome.final
    assert outcome.offer is not None
    assert outcome.offer.annual_rate == Decimal("10.25")
    assert outcome.offer.funding_deadline == NOW + timedelta(days=30)
    assert outcome.offer.fees == (OfferedFee(FeeKind.ARRANGEMENT, Decimal(2)),)


@pytest.mark.parametrize(
    ("the_loan", "decision", "the_facts", "by", "code"),
    [
        (loan(), approval(), facts(), BORROWER, "self_dealing"),
        (loan(), approval(), facts(related=True), ANNA, "self_dealing"),
        (loan(), approval(), facts(touched_by=frozenset({BORROWER, ANNA})), ANNA, "four_eyes"),
        (loan(), approval(version=2), facts(), ANNA, "stale_version"),
        (loan(Status.SUBMITTED), approval(), facts(), ANNA, "not_assessed"),
        (loan(Status.OFFERED), approval(), facts(), ANNA, "wrong_status"),
        (loan(Status.OFFERED), approval(verdict=Verdict.DECLINE), facts(), ANNA, "wrong_status"),
        (loan(), approval(annual_rate=Decimal(0)), facts(), ANNA, "rate_out_of_range"),
        (loan(), approval(annual_rate=Decimal("60.000001")), facts(), ANNA, "rate_out_of_range"),
        (loan(risk=None), approval(), facts(), ANNA, "rate_missing"),
        (loan(), approval(funding_deadline=NOW), facts(), ANNA, "deadline_out_of_range"),
        (
            loan(),
            approval(funding_deadline=NOW + timedelta(days=180, microseconds=1)),
            facts(),
            ANNA,
            "deadline_out_of_range",
        ),
        (loan(), approval(), facts(raised_minor=470_000_001), ANNA, "borrower_ceiling"),
    ],
)
def test_a_decision_is_refused_by_name(
    the_loan: Loan, decision: Decision, the_facts: DecisionFacts, by: UserId, code: str
) -> None:
    with pytest.raises((errors.Refused, errors.Forbidden, errors.Malformed)) as refusal:
        decide(the_loan, decision, by, the_facts, RULES)
    assert refusal.value.code == code


def test_the_ceiling_itself_may_be_raised() -> None:
    assert decide(loan(), approval(), ANNA, facts(raised_minor=470_000_000), RULES).final


def test_the_ceiling_is_in_euros_whatever_the_currency() -> None:
    zloty = loan(application=application(currency=Currency.PLN, amount_minor=30_000_000 * 4))
    assert decide(zloty, approval(), ANNA, facts(raised_minor=470_000_000), RULES).final


LONGEST = NOW + timedelta(days=RULES.maximum_funding_days)


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"annual_rate": RULES.maximum_annual_rate}, (RULES.maximum_annual_rate, NOW + timedelta(days=30))),
        ({"annual_rate": Decimal("0.000001")}, (Decimal("0.000001"), NOW + timedelta(days=30))),
        ({"funding_deadline": LONGEST}, (Decimal("10.25"), LONGEST)),
        (
            {"funding_deadline": NOW + timedelta(microseconds=1)},
            (Decimal("10.25"), NOW + timedelta(microseconds=1)),
        ),
    ],
)
def test_the_bounds_of_a_decisions_terms_are_inside(
    terms: dict[str, object], expected: tuple[Decimal, datetime]
) -> None:
    offer = decide(loan(), approval(**terms), ANNA, facts(), RULES).offer
    assert offer is not None and (offer.annual_rate, offer.funding_deadline) == expected


def test_the_limit_of_one_approval_is_inside() -> None:
    limit = RULES.second_approval_above_minor
    for amount_minor, final in ((limit - 1, True), (limit, True), (limit + 1, False)):
        asked = loan(application=application(amount_minor=amount_minor))
        assert decide(asked, approval(), ANNA, facts(), RULES).final is final


def test_a_decline_may_come_before_the_assessment() -> None:
    outcome = decide(loan(Status.SUBMITTED), approval(verdict=Verdict.DECLINE), ANNA, facts(), RULES)
    assert outcome.final
    assert outcome.offer is None


BIG = loan(application=application(amount_minor=100_000_001))
FIRST = FirstApproval(uuid7(), BIG.id, 3, ANNA, Decimal("9.5"), NOW + timedelta(days=14), "Low LTV.", NOW)


def test_above_the_limit_two_people_approve_the_same_terms() -> None:
    assert not decide(BIG, approval(), ANNA, facts(), RULES).final
    second = decide(BIG, approval(), BARTEK, facts(first=FIRST), RULES)
    assert second.final
    assert second.offer is not None
    assert (second.offer.annual_rate, second.offer.funding_deadline) == (Decimal("9.5"), FIRST.funding_deadline)


def test_the_first_approver_is_not_the_second() -> None:
    with pytest.raises(FourEyes):
        decide(BIG, approval(), ANNA, facts(first=FIRST), RULES)


def test_the_second_approval_cannot_change_the_terms() -> None:
    with pytest.raises(errors.TermsDiffer):
        decide(BIG, approval(annual_rate=Decimal("9.25")), BARTEK, facts(first=FIRST), RULES)


AGAINST = [
    ("refer", ()),
    ("decline", ()),
    ("decline", ("declines_lgd", "income_missing")),
    ("approve", ("refers_ltv",)),
    ("approve", ("outside_market", "declines_charge_rank")),
]


@pytest.mark.parametrize(("recommendation", "flags"), AGAINST)
@pytest.mark.parametrize("amount_minor", [5_000, 30_000_000, 100_000_001])
def test_what_the_assessment_does_not_carry_is_not_within_the_policy_and_takes_two_people(
    recommendation: str, flags: tuple[str, ...], amount_minor: int
) -> None:
    assessed = risk(2, recommendation=recommendation, flags=flags)
    asked = replace(loan(application=application(amount_minor=amount_minor)), risk=assessed)
    with pytest.raises(errors.NotWithinPolicy) as refusal:
        decide(asked, approval(), ANNA, facts(), RULES)
    limits = [flag for flag in flags if flag.startswith(("refers_", "declines_"))]
    assert refusal.value.data == {"recommendation": recommendation, "limits": limits}
    assert DecisionReason.WITHIN_POLICY not in dict(reasons_open_to(asked))
    against = approval(reason_code=DecisionReason.COMPENSATING_FACTS)
    assert not decide(asked, against, ANNA, facts(), RULES).final
    first = replace(FIRST, loan_id=asked.id)
    with pytest.raises(FourEyes):
        decide(asked, against, ANNA, facts(first=first), RULES)
    with pytest.raises(errors.NotWithinPolicy):
        decide(asked, approval(), BARTEK, facts(first=first), RULES)
    assert decide(asked, against, BARTEK, facts(first=first), RULES).final
    assert decide(asked, approval(verdict=Verdict.DECLINE), ANNA, facts(), RULES).final


@pytest.mark.parametrize("flags", [(), ("outside_market", "income_missing")])
def test_what_is_recommended_within_the_limits_takes_one_person(flags: tuple[str, ...]) -> None:
    asked = replace(loan(), risk=risk(2, flags=flags))
    assert decide(asked, approval(), ANNA, facts(), RULES).final
    assert DecisionReason.WITHIN_POLICY in dict(reasons_open_to(asked))


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (Charge(2, date(2026, 2, 1)), "charge_rank_too_low"),
        (Charge(1, date(2026, 3, 3)), "registered_in_future"),
        (Valuation(0, TODAY, "Alder & Finch"), "valuation_not_positive"),
        (Valuation(1, date(2026, 3, 3), "Alder & Finch"), "valued_in_future"),
        (Valuation(10**11 + 1, TODAY, "Alder & Finch"), "amount_implausible"),
        (Insurance("Nordhaus", "P-1", TODAY, 50_000_000), "insurance_expired"),
        (Insurance("Nordhaus", "P-1", date(2027, 1, 1), 29_999_999), "insurance_too_small"),
    ],
)
def test_evidence_that_does_not_fit_is_refused(evidence: Charge | Valuation | Insurance, code: str) -> None:
    with pytest.raises((errors.Refused, errors.Malformed)) as refusal:
        check_evidence(application(), evidence, TODAY)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "evidence",
    [
        Charge(1, TODAY),
        Valuation(1, TODAY, "Alder & Finch"),
        Valuation(10**11, TODAY, "Alder & Finch"),
        Insurance("Nordhaus", "P-1", TODAY + timedelta(days=1), 30_000_000),
    ],
)
def test_evidence_of_today_and_insurance_until_tomorrow_fit(evidence: Charge | Valuation | Insurance) -> None:
    check_evidence(application(), evidence, TODAY)


PEOPLE = [BORROWER, ANNA, BARTEK, UserId(uuid7())]


def test_row_10_the_oldest_narrowest_and_largest_that_are_taken() -> None:
    house = replace(_HOUSE, year_built=1300, beds=4, area_m2=Decimal(20), gdv_minor=10**11)
    taken = application(property=house, borrower=replace(application().borrower, years_trading=200))
    check_application(taken, RULES, TODAY)
    beyond: dict[str, dict[str, Any]] = {
        "year_built_out_of_range": {"property": replace(house, year_built=1299)},
        "beds_exceed_area": {"property": replace(house, area_m2=Decimal("19.99"))},
        "amount_implausible": {"property": replace(house, gdv_minor=10**11 + 1)},
        "years_trading_out_of_range": {"borrower": replace(taken.borrower, years_trading=201)},
    }
    for code, change in beyond.items():
        with pytest.raises(errors.Malformed) as refusal:
            check_application(replace(taken, **change), RULES, TODAY)
        assert refusal.value.code == code


@given(
    st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.integers(2, 4), st.sampled_from([None, Decimal("9.5"), Decimal("9.25")])),
        max_size=8,
    ),
    st.sets(st.sampled_from(PEOPLE)),
)
def test_a_large_offer_has_two_approvers_who_did_not_edit_it(
    attempts: list[tuple[UserId, int, Decimal | None]], touched: set[UserId]
) -> None:
    first: FirstApproval | None = None
    approved_by: list[UserId] = []
    for person, version, rate in attempts:
        try:
            known = facts(first=first, touched_by=frozenset(touched))
            outcome = decide(BIG, approval(version, annual_rate=rate), person, known, RULES)
        except HalfpennyError:
            continue
        assert outcome.offer is not None
        assert version == BIG.version
        assert person != BORROWER
        assert person not in touched
        approved_by.append(person)
        if outcome.final:
            assert first is not None
            assert outcome.offer.annual_rate == first.annual_rate
            assert len(set(approved_by)) == 2
            return
        assert first is None
        first = FirstApproval(
            uuid7(),
            BIG.id,
            version,
            person,
            outcome.offer.annual_rate,
            outcome.offer.funding_deadline,
            "Sound.",
            NOW,
        )
