"""One application in, one answer out: reasons and price that add up, odd input with a name, text that moves nothing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from halfpenny_messages import (
    EARLIEST_YEAR_BUILT,
    RESIDENTIAL_KINDS,
    Condition,
    ExitStrategy,
    LoanAssessed,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    PropertyKind,
    ValuationSource,
    decode_payload,
    to_builtins,
)
from halfpenny_messages.bounds import LEAST_AREA_M2, LEAST_AREA_PER_BED_M2, MOST_AREA_M2
from halfpenny_risk.assess import EXTRA_MONTHS, PRICE_CHANGES_PERCENT, RATE_SHIFTS, ModelSet, assess
from halfpenny_risk.batch import score_batch
from halfpenny_risk.errors import BadApplication
from halfpenny_risk.models import load_models
from halfpenny_risk.policy import load_policies
from halfpenny_risk.wording import REASONS
from support.risk_applications import ORDINARY, changed
from support.risk_hostile import hostile_descriptions

REQUEST = UUID(int=99)
POLICIES = load_policies()


@pytest.fixture(scope="module", params=["champion", "scorecard"])
def models(request: pytest.FixtureRequest) -> ModelSet:
    return load_models(request.param)


def answer(models: ModelSet, **changes: Any) -> LoanAssessed:
    return assess(REQUEST, changed(**changes), models, POLICIES)


def pd_of(assessed: LoanAssessed) -> float:
    return float(assessed.probability_of_default)


def amounts(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low * 100, high * 100).map(lambda minor: f"{minor // 100}.{minor % 100:02d}")


def with_charge(behind: tuple[int, str] | None, left_out: bool, **changes: Any) -> LoanSubmitted:
    rank, prior_debt = behind or (1, "0")
    changes["beds"] = min(changes["beds"], int(changes["area_m2"] / LEAST_AREA_PER_BED_M2))
    if left_out and changes["kind"] not in RESIDENTIAL_KINDS:
        changes |= {"beds": None, "year_built": None, "condition": None}
    return changed(charge_rank=rank, prior_debt=prior_debt, **changes)


ANY_LOAN = st.builds(
    with_charge,
    valuation=amounts(0, 3_000_000),
    amount=amounts(1, 3_000_000),
    behind=st.none() | st.tuples(st.integers(2, 9), amounts(1, 1_000_000)),
    purchase_price=amounts(1, 3_000_000),
    gdv=st.none() | amounts(0, 5_000_000),
    renovation_cost=amounts(0, 500_000),
    income=st.none() | amounts(0, 10_000_000),
    assets=st.none() | amounts(0, 10_000_000),
    debts=st.none() | amounts(0, 10_000_000),
    adverse_records=st.none() | st.integers(0, 10_000),
    term_months=st.integers(1, 120),
    currency=st.sampled_from(["EUR", "PLN", "GBP", "USD", "ILS"]),
    lat=st.floats(allow_nan=True, allow_infinity=True) | st.just(47.7),
    lon=st.floats(-200.0, 200.0) | st.just(-122.3),
    area_m2=st.floats(LEAST_AREA_M2, MOST_AREA_M2) | st.floats(30.0, 300.0),
    left_out=st.booleans(),
    beds=st.integers(0, 10**6) | st.integers(0, 6),
    year_built=st.integers(EARLIEST_YEAR_BUILT, 2031),
    kind=st.sampled_from(PropertyKind),
    condition=st.sampled_from(Condition),
    report_verified=st.booleans(),
    valued_on=st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    valuation_source=st.sampled_from(ValuationSource),
    purchased_on=st.none() | st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    purpose=st.sampled_from(LoanPurpose),
    exit_strategy=st.sampled_from(ExitStrategy),
    interest_mode=st.sampled_from(LoanInterestMode),
)


@settings(max_examples=200)
@given(loan=ANY_LOAN)
@pytest.mark.parametrize("choice", ["champion", "scorecard"])
def test_any_application_gets_an_answer_that_adds_up(choice: str, loan: LoanSubmitted) -> None:
    assessed = assess(REQUEST, loan, _loaded(choice), POLICIES)
    total = Decimal(assessed.base_score) + sum(Decimal(reason.contribution) for reason in assessed.reasons)
    assert abs(total - Decimal(assessed.score)) <= Decimal("1e-9")
    price = sum(Decimal(term.rate_percent) for term in assessed.price_terms)
    assert price == Decimal(assessed.suggested_rate_percent)
    assert 0.0 <= pd_of(assessed) <= 1.0
    assert float(assessed.loss_given_default) >= POLICIES.policies[0].exit.lgd_floor
    assert abs(float(assessed.expected_loss) - pd_of(assessed) * float(assessed.loss_given_default)) < 2e-6
    value = assessed.valuation
    assert 0.0 <= float(value.low) <= float(value.value) <= float(value.high)
    # The answer travels: its own schema accepts it.
    assert decode_payload("loan.assessed", 1, msgspec.json.decode(msgspec.json.encode(assessed))) == assessed


_MODELS: dict[str, ModelSet] = {}


def _loaded(choice: str) -> ModelSet:
    if choice not in _MODELS:
        _MODELS[choice] = load_models(choice)  # type: ignore[arg-type]
    return _MODELS[choice]


def test_the_answer_is_the_same_every_time(models: ModelSet) -> None:
    first, second = (msgspec.json.encode(answer(models)) for _ in range(2))
    assert first == second


def test_every_reason_has_both_languages_and_private_ones_are_not_for_investors(models: ModelSet) -> None:
    assessed = answer(
        models, adverse_records=3, gdv="700000.00", renovation_cost="90000.00", prior_debt="10000.00", charge_rank=2
    )
    assert {reason.code for reason in assessed.reasons} >= {"ltv", "exit_leverage", "exit_prior_debt", "adverse"}
    for reason in assessed.reasons:
        assert reason.text.en and reason.text.pl and reason.text.en != reason.text.pl
        assert "{" not in reason.text.en + reason.text.pl
    for_investors = {reason.code for reason in assessed.reasons if "investor" in reason.audience}
    assert not for_investors & {"income", "assets", "debts", "adverse", "further_records", "amount_to_income"}
    assert {reason.code for reason in assessed.reasons} <= set(REASONS)


def test_two_hundred_hostile_descriptions_move_nothing(models: ModelSet) -> None:
    descriptions = hostile_descriptions()
    assert len(descriptions) == len(set(descriptions)) == 200
    plain = answer(models)
    for text in descriptions:
        hostile = answer(models, description=text)
        assert msgspec.json.encode(hostile) == msgspec.json.encode(plain)
    assert msgspec.json.encode(answer(models, description="x" * 1_000_000)) == msgspec.json.encode(plain)
    elsewhere = answer(models, address=descriptions[0], city=descriptions[1], company=descriptions[2])
    assert msgspec.json.encode(elsewhere) == msgspec.json.encode(plain)


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"lat": 95.0}, "position_absurd"),
        ({"lon": float("nan")}, "position_absurd"),
        ({"valuation": "0"}, "valuation_absurd"),
        ({"valued_on": date(2030, 1, 1)}, "valued_in_the_future"),
        ({"valued_on": date(2024, 1, 1)}, "valuation_stale"),
        ({"gdv": "1000.00", "renovation_cost": "20000.00"}, "gdv_below_valuation"),
        ({"adverse_records": 3}, "refers_adverse_records"),
        ({"adverse_records": 8}, "declines_adverse_records"),
        ({"charge_rank": 3, "prior_debt": "1000.00"}, "refers_charge_rank"),
        ({"debts": "600000.00"}, "refers_debts_to_assets"),
        ({"exit_strategy": ExitStrategy.OTHER}, "exit_unknown"),
        ({"lat": 0.0, "lon": 0.0}, "position_absurd"),
        ({"income": None}, "income_missing"),
        ({"assets": None}, "assets_missing"),
        ({"debts": None}, "debts_missing"),
        ({"adverse_records": None}, "adverse_records_missing"),
        ({"lat": 52.23, "lon": 21.01, "country": "PL"}, "outside_market"),
    ],
)
def test_odd_input_has_a_name(models: ModelSet, changes: dict[str, Any], flag: str) -> None:
    assert flag not in answer(models).flags or flag == "outside_market"
    assert flag in answer(models, **changes).flags


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "0"},
        {"charge_rank": 9},
        {"charge_rank": 2, "prior_debt": "0.00"},
        {"prior_debt": "5000.00"},
        {"purpose": LoanPurpose.PURCHASE, "purchase_price": None},
        {"purchased_on": None, "purchase_price": None},
        {"purchased_on": date(2025, 12, 1), "purchase_price": "0"},
        # And what no property or business has.
        {"area_m2": 0.0},
        {"area_m2": 4.99},
        {"area_m2": 100_000.5},
        {"area_m2": float("inf")},
        {"area_m2": float("nan")},
        {"beds": -1},
        {"beds": 31},
        {"year_built": 3000},
        {"year_built": 2032},
        {"year_built": 1299},
        {"years_trading": 201},
        {"valuation": "2000000000.01"},
        {"debts": "7000000000000.00"},
        {"yearly_costs": "30000000000.00", "currency": "PLN"},
    ],
)
def test_what_contradicts_itself_has_no_score(models: ModelSet, changes: dict[str, Any]) -> None:
    with pytest.raises(BadApplication):
        answer(models, **changes)


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"area_m2": 70_000.0}, "assumed_log_area"),
        ({"area_m2": 1_200.0}, "assumed_log_area"),
        ({"area_m2": 30.0}, "assumed_log_area"),
        ({"beds": 30}, "assumed_beds"),
        ({"beds": 10}, "assumed_beds"),
        ({"year_built": 1740}, "assumed_age"),
        ({"year_built": 1300}, "assumed_age"),
    ],
)
def test_row_10_facts_that_no_home_of_a_market_has_are_not_known_and_go_to_a_person(
    changes: dict[str, Any], flag: str
) -> None:
    models, small = _loaded("champion"), {"amount": "100000.00"}
    plain, odd = answer(models, **small), answer(models, **small, **changes)
    assert plain.recommendation == "approve" and flag not in plain.flags
    assert odd.recommendation == "refer" and flag in odd.flags
    assert float(odd.valuation.value) < float(plain.valuation.value)
    assert Decimal(odd.valuation.high) / Decimal(odd.valuation.low) > 20


def test_outside_every_market_the_valuer_carries_it_with_a_wider_margin() -> None:
    models = load_models("champion")
    inside = answer(models)
    outside = answer(models, lat=52.23, lon=21.01, country="PL", city="Warszawa")
    assert inside.valuation.source == "both" and inside.valuation.market == "seattle"
    assert outside.valuation.source == "valuer" and outside.valuation.market is None
    assert "outside_market" in {reason.code for reason in outside.reasons}
    assert not outside.valuation.comparables
    assert float(outside.valuation.low) < float(outside.valuation.value) < float(outside.valuation.high)


def test_what_is_worse_costs_more(models: ModelSet) -> None:
    ordinary = answer(models)
    for changes in (
        {"amount": "330000.00"},
        {"adverse_records": 2},
        {"adverse_records": None},
        {"income": "20000.00"},
        {"prior_debt": "60000.00", "charge_rank": 2},
        {"exit_strategy": ExitStrategy.OTHER},
    ):
        worse = answer(models, **changes)
        assert pd_of(worse) > pd_of(ordinary), changes
        assert float(worse.suggested_rate_percent) >= float(ordinary.suggested_rate_percent), changes


def test_the_stress_grid_is_whole_and_worse_in_every_direction(models: ModelSet) -> None:
    assessed = answer(models)
    cells = {(cell.price_change_percent, cell.extra_months, cell.rate_change_points): cell for cell in assessed.stress}
    assert set(cells) == {(p, m, r) for p in PRICE_CHANGES_PERCENT for m in EXTRA_MONTHS for r in RATE_SHIFTS}
    for (price, months, rate), cell in cells.items():
        loss = float(cell.expected_loss)
        for worse in ((price - 10, months, rate), (price, months, rate + 2)):
            if worse in cells:
                assert float(cells[worse].expected_loss) >= loss
        assert float(cell.exit_shortfall_probability) >= float(assessed.exit_shortfall_probability)


def test_the_limits_of_the_policy_decline_and_oddities_refer(models: ModelSet) -> None:
    assert answer(models, amount="500000.00").recommendation == "decline"
    works = {"gdv": "470000.00", "renovation_cost": "50000.00"}
    assert answer(models, amount="345000.00", **works).recommendation == "decline"
    assert answer(models, amount="200000.00", adverse_records=8).recommendation == "decline"
    assert answer(models, lat=0.0, lon=0.0, amount="150000.00").recommendation == "refer"


def test_a_price_is_held_between_its_floor_and_its_cap(models: ModelSet) -> None:
    safe = answer(models, amount="20000.00", income="900000.00", assets="9000000.00")
    policy = POLICIES.policies[0]
    bands, reference = policy.price.bands, policy.reference_rates["EUR"].percent
    assert float(safe.suggested_rate_percent) >= reference + bands[0].floor_margin
    awful = answer(models, amount="600000.00", adverse_records=9, income="1.00")
    assert float(awful.suggested_rate_percent) <= reference + bands[-1].cap_margin
    assert "cap" in {term.code for term in awful.price_terms}


def test_a_book_scored_at_once_equals_its_loans_one_by_one(models: ModelSet) -> None:
    loans = [
        changed(amount=f"{100_000 + 7_000 * i}.00", adverse_records=i % 3, lat=47.0 if i % 4 else 47.702138)
        for i in range(40)
    ] + [changed(amount="0")]
    rows = score_batch(loans, models, POLICIES)
    assert rows[-1] == {"loan_id": str(ORDINARY.loan_id), "error": "bad_application"}
    for loan, row in zip(loans[:-1], rows, strict=False):
        alone = assess(REQUEST, loan, models, POLICIES)
        for name in ("grade", "probability_of_default", "loss_given_default", "expected_loss", "ltv"):
            assert row[name] == getattr(alone, name), name
        assert abs(float(row["score"]) - float(alone.score)) < 1e-9
        assert float(row["suggested_rate_percent"]) == float(alone.suggested_rate_percent)


def test_a_book_with_kept_valuations_is_not_valued_anew(models: ModelSet) -> None:
    loans = [changed(amount=f"{150_000 + 9_000 * i}.00") for i in range(10)]
    alone = [assess(REQUEST, loan, models, POLICIES) for loan in loans]
    without_markets = ModelSet(models.version, models.borrower)
    kept = {place: answered.valuation for place, answered in enumerate(alone)}
    for row, answered in zip(score_batch(loans, without_markets, POLICIES, kept), alone, strict=True):
        # An answer rounds its valuation to whole units, so the figures agree to a few parts in a thousand.
        assert float(row["probability_of_default"]) == pytest.approx(pd_of(answered), rel=5e-3)
        assert row["ltv"] == answered.ltv


def test_the_challenger_answers_beside_the_champion_and_changes_nothing() -> None:
    models = load_models("champion")
    with_challenger = answer(models)
    alone = answer(ModelSet(models.version, models.borrower, models.markets))
    assert with_challenger.challenger is not None and with_challenger.challenger.model_version.startswith("scorecard-")
    assert alone == msgspec.structs.replace(with_challenger, challenger=None)


def test_the_message_of_an_answer_is_plain_json(models: ModelSet) -> None:
    content = msgspec.json.decode(msgspec.json.encode(to_builtins(answer(models))))
    assert isinstance(content["probability_of_default"], str)
    assert isinstance(content["suggested_rate_percent"], str)
