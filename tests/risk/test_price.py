"""The rate a year: a sum of named terms over the reference rate of the loan's currency, inside published anchors."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from halfpenny_messages import ExitStrategy
from halfpenny_risk.assess import ModelSet, Scored, score_application
from halfpenny_risk.batch import score_batch
from halfpenny_risk.errors import BadSettings, UnknownCurrency
from halfpenny_risk.models import load_models
from halfpenny_risk.policy import DEFAULT_POLICY_FILE, LEVELS, load_policies
from support.risk_applications import changed

POLICIES = load_policies()
POLICY = POLICIES.policies[-1]
# Bridging Trends 2025 (policy.json, anchors): points a year above Bank Rate at 54 to 55 % loan-to-value.
ANCHORED_MARGIN = (5.4, 6.1)
WARSAW = {"lat": 52.23, "lon": 21.01, "country": "PL"}


@pytest.fixture(scope="module")
def models() -> ModelSet:
    return load_models("champion")


def clean(models: ModelSet, currency: str, percent: int, **changes: Any) -> Scored:
    """A clean loan: an ordinary borrower of this currency, first in rank, sold after twelve months."""
    rate = POLICY.units_per_euro(currency)
    facts = {"income": 120_000.0, "assets": 700_000.0, "debts": 40_000.0, "valuation": 500_000.0}
    money = {name: f"{value * rate:.2f}" for name, value in facts.items()}
    amount = f"{5_000.0 * percent * rate:.2f}"
    terms = {**WARSAW, "currency": currency, "amount": amount, "exit_strategy": ExitStrategy.SALE}
    return score_application(changed(**terms, **money, **changes), models, POLICIES)


@pytest.mark.parametrize("currency", sorted(POLICY.reference_rates))
def test_row_8_a_clean_loan_is_priced_inside_the_anchors_over_its_own_reference_rate(
    models: ModelSet, currency: str
) -> None:
    reference = Decimal(str(POLICY.reference_rates[currency].percent))
    margins = [clean(models, currency, percent).price.rate - reference for percent in (53, 54, 55)]
    assert all(ANCHORED_MARGIN[0] <= margin <= ANCHORED_MARGIN[1] for margin in margins), margins
    # The margin is the same whatever the currency, but for rounding: no sterling rate for euros.
    in_euros = clean(models, "EUR", 55).price.rate - Decimal("2.00")
    assert abs(margins[-1] - in_euros) <= Decimal("0.05")


def test_row_8_the_terms_add_up_and_name_the_reference_rate(models: ModelSet) -> None:
    for currency in ("PLN", "GBP"):
        price = clean(models, currency, 61, term_months=9).price
        assert sum((rate for _, rate in price.terms), Decimal(0)) == price.rate
        assert dict(price.terms)["reference_rate"] == Decimal("3.75")


@pytest.mark.parametrize("currency", ["XAU", "CHF", "DKK"])
def test_row_8_a_currency_without_a_rate_is_refused_by_its_name(models: ModelSet, currency: str) -> None:
    """Every rate that one could take in its place betters something: income and assets, or debts and the amount."""
    loan = changed(**WARSAW, currency=currency)
    with pytest.raises(UnknownCurrency, match=currency) as refused:
        score_application(loan, models, POLICIES)
    assert refused.value.code == "unknown_currency" and not refused.value.retryable
    [row] = score_batch([loan], models, POLICIES)
    assert row == {"loan_id": str(loan.loan_id), "error": "unknown_currency"}
    for known in (POLICY.units_per_euro, POLICY.reference_rate):
        with pytest.raises(UnknownCurrency, match=currency):
            known(currency)


def test_row_8_the_shares_that_come_late_are_those_of_the_policys_weights() -> None:
    shares = re.search(
        r"(\d+)% of sales, (\d+)% of refinancings and (\d+)% of other", POLICY.judgements["exit.delay_weights"]
    )
    assert shares is not None
    late = [100.0 * (1.0 - POLICY.exit.delay_weights[way][0]) for way in ("sale", "refinance", "unknown")]
    assert [float(share) for share in shares.groups()] == pytest.approx(late)
    assert POLICY.exit.delay_months[0] == 0


def test_row_8_every_level_says_where_it_comes_from(tmp_path: Path) -> None:
    [policy] = json.loads(DEFAULT_POLICY_FILE.read_text())
    explained = {name for anchor in policy["anchors"] for name in anchor["used_for"]} | set(policy["judgements"])
    assert set(LEVELS) <= explained
    for anchor in policy["anchors"]:
        assert anchor["source"] and anchor["figure"] and anchor["read_on"]
    # A level that nobody stands behind is refused at the start, by its name.
    policy["judgements"].pop("overlays")
    folder = tmp_path / "policy.json"
    folder.write_bytes(msgspec.json.encode([policy]))
    with pytest.raises(BadSettings, match="neither an anchor nor a judgement stands behind overlays"):
        load_policies(folder)
