"""What an application states and nobody has proven improves nobody's position: reports, kinds, prices, conditions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from halfpenny_messages import (
    PRICE_DISREGARDED_DAYS,
    LoanPurpose,
    PropertyKind,
    ValuationSource,
    purchase_price_counts,
)
from halfpenny_risk.application import read_application
from halfpenny_risk.assess import ModelSet
from halfpenny_risk.errors import BadApplication
from halfpenny_risk.models import load_models
from halfpenny_risk.policy import load_policies
from support.risk_applications import changed
from support.risk_path import TODAY, WARSAW, CachedMarket, outcome, scored


@pytest.fixture(scope="module")
def models() -> ModelSet:
    loaded = load_models("champion")
    return replace(loaded, markets=tuple(CachedMarket(market) for market in loaded.markets))


@pytest.mark.parametrize("source", [ValuationSource.SURVEY, ValuationSource.DESKTOP])
@pytest.mark.parametrize("place", [{}, WARSAW])
def test_row_1_a_report_that_nobody_verified_is_the_owners_word(
    models: ModelSet, source: ValuationSource, place: dict[str, Any]
) -> None:
    deal = {**place, "valuation": "940000.00", "amount": "500000.00"}
    owner = scored(models, **deal, valuation_source=ValuationSource.OWNER)
    claimed = scored(models, **deal, valuation_source=source, report_verified=False)
    assert outcome(claimed).figures == outcome(owner).figures
    assert claimed.recommendation != "approve" and "report_unverified" in claimed.flags
    verified = scored(models, **deal, valuation_source=source, report_verified=True)
    assert "report_unverified" not in verified.flags
    assert verified.probability_of_default < claimed.probability_of_default


@pytest.mark.parametrize("source", list(ValuationSource))
@pytest.mark.parametrize("kind", list(PropertyKind))
def test_row_1_a_report_far_above_an_old_model_is_looked_at_by_a_person(
    models: ModelSet, source: ValuationSource, kind: PropertyKind
) -> None:
    deal = {"amount": "90000.00", "kind": kind, "valuation_source": source, "report_verified": True}
    near, far = (scored(models, **deal, valuation=value) for value in ("560000.00", "1100000.00"))
    assert "valuation_above_model" in far.flags and far.recommendation == "refer"
    assert "valuation_above_model" not in near.flags
    assert (near.recommendation == "approve") == (source is not ValuationSource.OWNER)


@pytest.mark.parametrize("kind", list(PropertyKind))
def test_row_1_no_kind_is_better_for_being_outside_of_the_model(models: ModelSet, kind: PropertyKind) -> None:
    for value, amount in (("900000.00", "540000.00"), ("1250000.00", "500000.00"), ("600000.00", "300000.00")):
        deal = {"valuation": value, "amount": amount, "valuation_source": ValuationSource.OWNER}
        house, other = (outcome(scored(models, **deal, kind=one)) for one in (PropertyKind.HOUSE, kind))
        assert kind is PropertyKind.TOWNHOUSE or not other.better_than(house)


def test_row_2_a_price_fades_from_day_to_day_and_must_be_known_until_then(models: ModelSet) -> None:
    """140,000 paid, 400,000 reported: never a step that waiting one day would be worth."""
    deal = {**WARSAW, "valuation": "400000.00", "purchase_price": "140000.00", "amount": "100000.00"}
    used = [
        scored(models, **deal, purchased_on=TODAY - timedelta(days=days)).security.used
        for days in (200, 364, 365, 366, 367, 450, 600, 729, 730, 731, 900)
    ]
    assert used == sorted(used) and used[0] == 140_000.0 and used[-1] == 400_000.0
    for days in (364, 365, 366, 729, 730):
        one, next_day = (scored(models, **deal, purchased_on=TODAY - timedelta(days=days + more)) for more in (0, 1))
        assert next_day.security.used <= 1.004 * one.security.used
    # Years later no price makes a difference; before, none at all is refused.
    for days in (366, 500, 729):
        with pytest.raises(BadApplication, match="price"):
            scored(models, **{**deal, "purchase_price": None}, purchased_on=TODAY - timedelta(days=days))
    long_ago = {**deal, "purchased_on": TODAY - timedelta(days=740)}
    prices = (None, "1.00", "390000.00")
    figures = {outcome(scored(models, **{**long_ago, "purchase_price": price})).figures for price in prices}
    assert len(figures) == 1


@given(days=st.integers(0, 1_500), purpose=st.sampled_from(LoanPurpose))
@example(days=PRICE_DISREGARDED_DAYS - 1, purpose=LoanPurpose.WORKS)
@example(days=PRICE_DISREGARDED_DAYS, purpose=LoanPurpose.WORKS)
def test_row_2_the_platform_asks_for_a_price_exactly_where_it_has_a_weight(days: int, purpose: LoanPurpose) -> None:
    bought = TODAY - timedelta(days=days)
    loan = changed(purpose=purpose, purchased_on=bought, purchase_price="300000.00")
    read = read_application(loan, load_policies().on(loan.submitted_at.date()))
    assert (read.price_weight > 0.0) == purchase_price_counts(purpose, bought, loan.submitted_at.date())
    assert (read.purchase_price is None) == (read.price_weight == 0.0)


@pytest.mark.parametrize("fact", ["condition", "beds", "year_built"])
def test_row_3_a_dwelling_with_a_fact_left_out_is_refused(models: ModelSet, fact: str) -> None:
    with pytest.raises(BadApplication, match="dwelling"):
        scored(models, **{fact: None})
