"""The path from the application to the decision: whatever is made worse, or left out, never comes out better."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import pytest

from halfpenny_messages import (
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    LoanSubmitted,
    Premises,
    PropertyKind,
    ValuationSource,
)
from halfpenny_messages.bounds import LEAST_AREA_PER_BED_M2
from halfpenny_risk.assess import ModelSet, score_application
from halfpenny_risk.models import load_models
from halfpenny_risk.valuation import NORMAL_90
from support.risk_applications import changed
from support.risk_path import (
    BOUGHT,
    CONDITIONS,
    HOMES,
    POLICIES,
    TODAY,
    TRIALS,
    WARSAW,
    CachedMarket,
    money,
    outcomes,
    scored,
)


def draw(dice: random.Random) -> LoanSubmitted:
    """Any application that the API takes, most of them near the limits of the policy."""
    value = 100_000.0 * 2.0 ** dice.uniform(0.0, 4.0)
    works = value * dice.choice((0.0, 0.0, 0.05, 0.3, 0.9)) * dice.random()
    rank = dice.choice((1, 1, 1, 2, 3))
    amount = value * dice.uniform(0.05, 1.2)
    purpose = dice.choice(tuple(LoanPurpose))
    return changed(
        **dice.choice(HOMES),
        valuation=money(value),
        valuation_source=dice.choice((*ValuationSource, ValuationSource.SURVEY)),
        report_verified=dice.random() < 0.7,
        valued_on=TODAY - timedelta(days=dice.choice((0, 30, 91, 150, 184, 400, 900))),
        purchase_price=money(value * dice.uniform(0.6, 1.3)),
        purchased_on=None if purpose is LoanPurpose.PURCHASE else TODAY - timedelta(days=dice.choice(BOUGHT)),
        renovation_cost=money(works),
        gdv=money(value * dice.uniform(1.0, 2.5)) if dice.random() < 0.5 else None,
        income=money(10_000.0 * 2.0 ** dice.uniform(-2.0, 6.0)),
        assets=money(50_000.0 * 2.0 ** dice.uniform(-3.0, 6.0)),
        debts=money(20_000.0 * 2.0 ** dice.uniform(-4.0, 6.0) * dice.choice((0.0, 1.0))),
        adverse_records=dice.choice((0, 0, 0, 1, 2, 3, 7, 100)),
        years_trading=dice.choice((None, 0, 1, 3, 6, 11, 25, 120)),
        yearly_costs=dice.choice((None, money(10_000.0 * 2.0 ** dice.uniform(-3.0, 6.0)))),
        premises=dice.choice((None, *Premises)),
        charge_rank=rank,
        prior_debt=money(value * dice.uniform(0.01, 0.6)) if rank > 1 else "0",
        amount=money(amount),
        currency=dice.choice(("EUR", "PLN", "USD")),
        term_months=dice.randint(3, 24),
        purpose=purpose,
        exit_strategy=dice.choice(tuple(ExitStrategy)),
        interest_mode=dice.choice(tuple(LoanInterestMode)),
    )


Worse = Callable[[LoanSubmitted, random.Random], dict[str, Any] | None]


def _scaled(name: str, low: float, high: float) -> Worse:
    def worse(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
        place = next(part for part in (loan, loan.property, loan.borrower) if name in part.__struct_fields__)
        now = getattr(place, name)
        return None if now is None else {name: money(float(now) * dice.uniform(low, high))}

    return worse


def _left_out(*names: str) -> Worse:
    return lambda loan, dice: dict.fromkeys(names)


def _raise_value(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    value = float(loan.property.valuation) * dice.uniform(0.5, 1.0)
    return {"valuation": money(value)}


def _next_rank(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    if loan.charge_rank == 1:
        return {"charge_rank": 2, "prior_debt": money(float(loan.amount) * dice.uniform(0.01, 1.0))}
    return {"charge_rank": loan.charge_rank + 1}


def _more_prior(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    return None if loan.charge_rank == 1 else {"prior_debt": money(float(loan.prior_debt) * dice.uniform(1.0, 2.0))}


def _more_works(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    value = float(loan.property.valuation)
    return {"renovation_cost": money(float(loan.property.renovation_cost) * 1.5 + value * dice.choice((0.0, 0.1)))}


def _more_records(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    return {"adverse_records": (loan.borrower.adverse_records or 0) + dice.choice((1, 2, 20))}


def _fewer_years(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    years = loan.borrower.years_trading
    return None if years is None else {"years_trading": int(years * dice.random())}


def _rented(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    return {"premises": Premises.RENTED} if loan.borrower.premises is Premises.OWNED else None


def _older(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    return {"valued_on": loan.property.valued_on - timedelta(days=dice.randint(1, 300))}


def _weaker_source(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    weaker = {ValuationSource.SURVEY: ValuationSource.DESKTOP, ValuationSource.DESKTOP: ValuationSource.OWNER}
    source = weaker.get(loan.property.valuation_source)
    return None if source is None else {"valuation_source": source}


def _not_verified(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    return {"report_verified": False} if loan.property.report_verified else None


def _another_kind(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    """A kind that no model values, with every other fact as it is."""
    outside = (PropertyKind.FLAT, PropertyKind.COMMERCIAL, PropertyKind.LAND, PropertyKind.MIXED_USE)
    return None if loan.property.kind in outside else {"kind": dice.choice(outside)}


def _worse_condition(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    worse = [condition for condition in Condition if CONDITIONS.index(condition) < _condition_of(loan)]
    return {"condition": dice.choice(worse)} if worse else None


def _condition_of(loan: LoanSubmitted) -> int:
    return 0 if loan.property.condition is None else CONDITIONS.index(loan.property.condition)


def _bought_later(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    bought = loan.property.purchased_on
    return None if bought is None else {"purchased_on": min(TODAY, bought + timedelta(days=dice.randint(1, 400)))}


def _no_such_area(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    """A floor area that no home of a market has, with room for the bedrooms."""
    return {"area_m2": dice.choice((31.0, 1_300.0, 9_000.0, 99_999.0, dice.uniform(1_200.0, 100_000.0)))}


def _no_such_year(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    return {"year_built": dice.randint(1300, 1850)}


def _no_such_beds(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    most = int(loan.property.area_m2 / LEAST_AREA_PER_BED_M2)
    return {"beds": dice.randint(10, most)} if most >= 10 else None


def _absurd(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    """What the platform refuses, in a message."""
    return dice.choice(
        (
            {"area_m2": dice.choice((0.0, 4.9, -1.0, 100_001.0, 1e9, math.inf, math.nan))},
            {"year_built": dice.choice((-1, 0, 1001, 1299, TODAY.year + 6, 9999))},
            {"beds": dice.choice((-1, 99, 1_000))},
            {"years_trading": dice.choice((-1, 201, 500))},
            {"assets": "9999999999999.00"},
            {"valuation": "9000000000000.00"},
            {"income": "80000000000.00"},
        )
    )


def _exit_not_stated(loan: LoanSubmitted, dice: random.Random) -> dict[str, Any] | None:
    return {"exit_strategy": ExitStrategy.OTHER}


# Leaving these out is refused wherever they count, and what no property has is refused.
LEFT_OUT = frozenset({"price left out", "condition left out", "absurd fact"})
WORSE: dict[str, Worse] = {
    "lower value": _raise_value,
    "lower price": _scaled("purchase_price", 0.5, 1.0),
    "lower value after the works": _scaled("gdv", 0.4, 1.0),
    "value after the works left out": _left_out("gdv"),
    "price left out": _left_out("purchase_price"),
    "bought later": _bought_later,
    "day of purchase left out": _left_out("purchased_on"),
    "report not verified": _not_verified,
    "kind outside of every model": _another_kind,
    "worse condition": _worse_condition,
    "condition left out": _left_out("condition"),
    "lower income": _scaled("income", 0.0, 1.0),
    "income left out": _left_out("income"),
    "lower assets": _scaled("assets", 0.0, 1.0),
    "assets left out": _left_out("assets"),
    "more debts": _scaled("debts", 1.0, 3.0),
    "debts left out": _left_out("debts"),
    "more records": _more_records,
    "records left out": _left_out("adverse_records"),
    "fewer years of trading": _fewer_years,
    "years of trading left out": _left_out("years_trading"),
    "higher costs": _scaled("yearly_costs", 1.0, 4.0),
    "costs left out": _left_out("yearly_costs"),
    "premises rented": _rented,
    "premises left out": _left_out("premises"),
    "every fact of the borrower left out": _left_out("income", "assets", "debts", "adverse_records"),
    "every optional fact left out": _left_out("years_trading", "yearly_costs", "premises"),
    "larger amount": _scaled("amount", 1.0, 1.5),
    "next rank": _next_rank,
    "more debt before us": _more_prior,
    "more works": _more_works,
    "older valuation": _older,
    "weaker source": _weaker_source,
    "another exit": _exit_not_stated,
    "area of no home": _no_such_area,
    "year of no home": _no_such_year,
    "bedrooms of no home": _no_such_beds,
    "absurd fact": _absurd,
}


@pytest.fixture(scope="module")
def models() -> ModelSet:
    loaded = load_models("champion")
    return replace(loaded, markets=tuple(CachedMarket(market) for market in loaded.markets))


def pushes(trials: int, seed: int) -> list[tuple[str, LoanSubmitted, LoanSubmitted]]:
    """What was pushed, the application, and the worse one."""
    dice = random.Random(seed)
    found = []
    for number in range(trials):
        name = list(WORSE)[number % len(WORSE)]
        loan = draw(dice)
        changes = WORSE[name](loan, dice)
        if changes is not None:
            found.append((name, loan, changed(loan, **changes)))
    return found


def test_row_4_no_application_improves_by_being_made_worse_or_poorer_in_facts(models: ModelSet) -> None:
    tried: dict[str, int] = dict.fromkeys(WORSE, 0)
    refused: dict[str, int] = dict.fromkeys(WORSE, 0)
    improved = []
    pushed = pushes(TRIALS, seed=20261125)
    before = outcomes([loan for _, loan, _ in pushed], models)
    after = outcomes([loan for _, _, loan in pushed], models)
    for (name, loan, worse), one, other in zip(pushed, before, after, strict=True):
        assert other is None or name != "absurd fact", worse
        if one is None or other is None:
            # Refused is no better than anything: what is left out must not open a door that was shut.
            assert one is not None or other is None or name not in LEFT_OUT, (name, loan)
            refused[name] += one is not None
            continue
        tried[name] += 1
        in_range = name == "lower value" and one.above_model and not other.above_model
        # A value far above the model's is looked at by a person; one in the model's range need not be.
        if other.without_decision().better_than(one.without_decision()) if in_range else other.better_than(one):
            improved.append((name, one.figures, other.figures, loan, worse))
    assert improved == []
    assert min(tried[name] + refused[name] for name in WORSE) > TRIALS // len(WORSE) // 4, (tried, refused)
    assert min(tried[name] for name in WORSE if name not in LEFT_OUT) > TRIALS // len(WORSE) // 4, tried


def test_row_1_an_owner_cannot_talk_a_house_up_past_its_model(models: ModelSet) -> None:
    """The ordinary house, which the model values at about 620,000 of today, reported to be worth 900,000."""
    talked_up = {"valuation": "900000.00", "amount": "520000.00", "valuation_source": ValuationSource.OWNER}
    inside = scored(models, **talked_up)
    assert inside.security.used < 650_000.0 and inside.recommendation == "decline"
    # The same where no model looks: the owner's word alone approves nothing, at any loan to value.
    for amount in ("40000.00", "200000.00", "450000.00"):
        alone = scored(models, **WARSAW, **{**talked_up, "amount": amount})
        assert "owner_value_unchecked" in alone.flags and alone.recommendation != "approve"
    # Coordinates in the sea make nobody's report a report of this house.
    surveyed = {**talked_up, "valuation_source": ValuationSource.SURVEY}
    at_sea = scored(models, **{**surveyed, "lat": 0.0, "lon": 0.0})
    assert at_sea.application.valuation_source is ValuationSource.OWNER and at_sea.recommendation != "approve"


def test_row_1_most_ordinary_applications_are_decided_without_a_person(models: ModelSet) -> None:
    dice, median = random.Random(11), POLICIES.policies[-1].borrower_scale
    decided = 0
    for _ in range(500):
        home = dice.choice([home for home in HOMES if home["country"] in ("US", "PL")])
        value = 150_000.0 * 2.0 ** dice.uniform(0.0, 2.0)
        decided += (
            scored(
                models,
                **home,
                valuation=money(value),
                valued_on=TODAY - timedelta(days=dice.randint(0, 91)),
                amount=money(0.6 * value),
                term_months=dice.randint(6, 18),
                income=money(median.income_euro_a_year * 2.0 ** dice.uniform(-0.5, 1.0)),
                assets=money(median.assets_euro * 2.0 ** dice.uniform(-0.5, 1.0)),
                exit_strategy=dice.choice((ExitStrategy.SALE, ExitStrategy.SALE, ExitStrategy.REFINANCE)),
            ).recommendation
            != "refer"
        )
    print(f"decided without a person: {decided} of 500 ordinary applications")
    assert decided >= 350


@pytest.mark.parametrize("purpose", list(LoanPurpose))
def test_row_2_the_price_of_what_was_just_bought_counts_whatever_the_purpose(
    models: ModelSet, purpose: LoanPurpose
) -> None:
    """90,000 paid five months ago, reported to be worth 210,000 today, 100,000 asked for."""
    bought = date(2025, 10, 2)
    deal = {**WARSAW, "valuation": "210000.00", "purchase_price": "90000.00", "amount": "100000.00"}
    loan = scored(models, **deal, purpose=purpose, purchased_on=bought)
    assert loan.security.used == 90_000.0 and loan.recommendation == "decline"
    long_ago = scored(models, **deal, purpose=purpose, purchased_on=date(2021, 10, 2))
    assert (long_ago.security.used == 90_000.0) == (purpose is LoanPurpose.PURCHASE)


def test_row_3_no_source_is_surer_outside_of_a_model_than_the_models_widest_fifth(models: ModelSet) -> None:
    # On a day on which the model is of its day, so that its own widths count.
    then = {"submitted_at": datetime(2017, 6, 1, tzinfo=UTC), "valued_on": date(2017, 5, 20)}
    homes = [{**home, "year_built": min(home["year_built"], 2016)} for home in HOMES if home["country"] == "US"]
    known = [scored(models, **home, **then) for home in homes]
    assert not any("market_stale" in one.flags for one in known)
    widths = sorted(
        math.log(one.security.model.high / one.security.model.low) / (2.0 * NORMAL_90)
        for one in known
        if one.security.model is not None
    )
    assert len(widths) >= 10
    widest = widths[-max(1, len(widths) // 5) :]
    mean = sum(widest) / len(widest)
    for source in (ValuationSource.OWNER, ValuationSource.DESKTOP):
        outside = scored(models, **WARSAW, **then, valuation_source=source)
        assert outside.security.sd >= mean
    sds = [scored(models, **WARSAW, valuation_source=source).security.sd for source in ValuationSource]
    assert sds == sorted(set(sds), reverse=True)


def test_row_5_a_thin_charge_behind_a_thick_one_is_not_lent_on(models: ModelSet) -> None:
    """15,000 behind 190,000 on 260,000: everything is lost before the first of it is safe."""
    thin = scored(models, **WARSAW, valuation="260000.00", amount="15000.00", charge_rank=2, prior_debt="190000.00")
    assert thin.loss_given_default > 0.9 and thin.recommendation == "decline"
    assert "declines_lgd" in thin.flags
    first = scored(models, **WARSAW, valuation="260000.00", amount="15000.00")
    assert first.loss_given_default == POLICIES.policies[0].exit.lgd_floor
    whole = scored(models, **WARSAW, valuation="260000.00", amount="120000.00", charge_rank=2, prior_debt="110000.00")
    assert "declines_ltv" in whole.flags and whole.recommendation == "decline"


def test_row_6_works_have_a_cost_and_old_valuations_are_referred(models: ModelSet) -> None:
    plain = scored(models, **WARSAW, amount="250000.00")
    works = scored(models, **WARSAW, amount="250000.00", renovation_cost="120000.00", gdv="720000.00")
    assert works.probability_of_default > plain.probability_of_default
    assert works.loss_given_default > plain.loss_given_default
    ages = [
        scored(models, **WARSAW, amount="250000.00", valued_on=TODAY - timedelta(days=days))
        for days in (60, 90, 110, 200, 2_500)
    ]
    widths = [one.security.sd for one in ages]
    assert widths == sorted(widths) and widths[2] > widths[1] == widths[0]
    assert [one.recommendation for one in ages] == ["approve", "approve", "approve", "refer", "decline"]


def test_row_9_no_loan_defaults_less_often_than_its_exit_falls_short(models: ModelSet) -> None:
    floored = 0
    dice = random.Random(3)
    for _ in range(300):
        one = score_application(draw(dice), models, POLICIES)
        assert one.probability_of_default >= float(one.scores.shortfall[0]) - 1e-12
        assert one.expected_loss == pytest.approx(one.probability_of_default * one.loss_given_default)
        floored += one.scores.exit_floor[0] > 0.0
    assert floored > 30
    refinanced = scored(
        models, **WARSAW, valuation="500000.00", amount="370000.00", exit_strategy=ExitStrategy.REFINANCE
    )
    assert refinanced.probability_of_default >= 0.3 and refinanced.recommendation == "decline"


@pytest.mark.parametrize("records", [6, 40, 9_999])
def test_row_10_records_have_a_limit_with_a_name(models: ModelSet, records: int) -> None:
    loan = scored(models, **WARSAW, amount="230000.00", adverse_records=records)
    assert "declines_adverse_records" in loan.flags and loan.recommendation == "decline"


def test_expected_loss_over_the_life_does_not_fall_as_the_term_grows(models: ModelSet) -> None:
    for changes in ({}, {"amount": "320000.00"}, {"interest_mode": LoanInterestMode.ROLLED_UP}, {"income": "5000.00"}):
        by_term = [scored(models, **WARSAW, **changes, term_months=term) for term in range(3, 25)]
        losses = [round(one.expected_loss, 6) for one in by_term]
        assert losses == sorted(losses)
        defaults = [round(one.probability_of_default, 6) for one in by_term]
        assert defaults == sorted(defaults)


@pytest.mark.parametrize("choice", ["champion", "scorecard"])
def test_row_14_withholding_is_never_better_than_any_value_that_is_accepted(
    choice: Literal["champion", "scorecard"],
) -> None:
    both = load_models(choice)
    dice = random.Random(1401)
    values: dict[str, tuple[Any, ...]] = {
        "years_trading": (0, 1, 2, 4, 9, 33, 500),
        "yearly_costs": ("0.00", "180.00", "26000.00", "77000.00", "940000.00", "9999999999999.99"),
        "premises": tuple(Premises),
    }
    for _ in range(40):
        loan = changed(
            income=money(10_000.0 * 2.0 ** dice.uniform(-2.0, 5.0)) if dice.random() < 0.9 else "0.00",
            amount=money(dice.uniform(90_000.0, 380_000.0)),
            adverse_records=dice.choice((0, 2)),
        )
        for name, stated in values.items():
            loans = [changed(loan, **{name: None}), *(changed(loan, **{name: value}) for value in stated)]
            withheld, *others = outcomes(loans, both)
            assert withheld is not None
            assert [
                value for value, other in zip(stated, others, strict=True) if other and withheld.better_than(other)
            ] == []


def test_row_14_what_is_stated_counts(models: ModelSet) -> None:
    withheld, owned, rented, old, young, cheap, dear = outcomes(
        [
            changed(),
            changed(years_trading=14, premises=Premises.OWNED),
            changed(years_trading=14, premises=Premises.RENTED),
            changed(years_trading=31),
            changed(years_trading=1),
            changed(years_trading=6, yearly_costs="19000.00"),
            changed(years_trading=6, yearly_costs="171000.00"),
        ],
        models,
    )
    assert withheld and owned and rented and old and young and cheap and dear
    probabilities = [one.figures[0] for one in (withheld, owned, rented, old, young, cheap, dear)]
    assert probabilities[1] < probabilities[2] and probabilities[3] < probabilities[4] <= probabilities[0]
    assert probabilities[5] < probabilities[6]
