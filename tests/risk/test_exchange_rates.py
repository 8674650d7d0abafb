"""Units in a euro: one table, and one setting that replaces it, for the marketplace and for assessments."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halfpenny.entrypoints.setting_formats import WrongSettings
from halfpenny.entrypoints.settings import Settings
from halfpenny.primitives.money import UNITS_PER_EUR, Currency
from halfpenny_messages import currencies, exchange_rates
from halfpenny_risk.application import read_application
from halfpenny_risk.assess import assess
from halfpenny_risk.borrower import facts_row
from halfpenny_risk.errors import BadSettings
from halfpenny_risk.models import load_models
from halfpenny_risk.narrative import TemplateNarrator
from halfpenny_risk.policy import load_policies
from halfpenny_risk.service.serve import make_service
from halfpenny_risk.settings import read_settings
from support.risk_applications import changed

OTHERS = sorted(set(exchange_rates.UNITS_PER_EUR) - {"EUR"})
RATES = st.decimals("0.0001", 9_999_999, places=4)
BUILT_IN = load_policies().policies[-1]


def both(monkeypatch: pytest.MonkeyPatch, text: str) -> tuple[dict[str, Decimal], dict[str, float]]:
    """The units of every currency in a euro as the marketplace compares by them, and as the risk service does."""
    monkeypatch.setenv("HALFPENNY_UNITS_PER_EUR", text)
    market = Settings.load().lending.rules.units_per_eur
    risk = load_policies(units_per_eur=read_settings().units_per_eur).policies[-1].exchange_rates
    return {currency.value: rate for currency, rate in market.items()}, risk


def test_both_programs_compare_amounts_by_the_same_table() -> None:
    assert set(exchange_rates.UNITS_PER_EUR) == set(Currency) == set(BUILT_IN.reference_rates)
    assert UNITS_PER_EUR == exchange_rates.UNITS_PER_EUR
    assert {code: float(rate) for code, rate in UNITS_PER_EUR.items()} == BUILT_IN.exchange_rates
    assert "USD" in BUILT_IN.exchange_rates and BUILT_IN.units_per_euro("USD") == 1.16086


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.dictionaries(st.sampled_from(OTHERS), RATES), st.booleans())
def test_the_setting_replaces_a_rate_in_both(
    monkeypatch: pytest.MonkeyPatch, rates: dict[str, Decimal], as_text: bool
) -> None:
    members = ", ".join(f'"{code}": "{rate}"' if as_text else f'"{code}": {rate}' for code, rate in rates.items())
    market, risk = both(monkeypatch, f"{{{members}}}")
    assert market == {**exchange_rates.UNITS_PER_EUR, **rates}
    assert risk == {code: float(rate) for code, rate in market.items()}


@pytest.mark.parametrize(
    "text",
    [
        *("zloty", "[]", '[["PLN", "4"]]', "4.31", "null", '{"PLN"}', '{"PLN": null}', '{"PLN": [4]}'),
        *('{"EUR": 1}', '{"CHF": "0.95"}', '{"PLN": "4", "PLN": "5"}', '{"pln": 4}', '{"PLN": true}'),
        *('{"PLN": 0}', '{"PLN": "-4"}', '{"PLN": NaN}', '{"PLN": Infinity}', '{"PLN": 1e3}', '{"PLN": "٤"}'),
    ],
)
def test_both_refuse_the_same_rates_by_the_settings_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("HALFPENNY_UNITS_PER_EUR", text)
    with pytest.raises(WrongSettings, match="HALFPENNY_UNITS_PER_EUR") as market:
        Settings.load()
    with pytest.raises(BadSettings, match="HALFPENNY_UNITS_PER_EUR") as risk:
        read_settings()
    for refused in (market, risk):
        assert exchange_rates.EXAMPLE in str(refused.value) and "\n" not in str(refused.value)
    assert exchange_rates.read_units_per_eur(exchange_rates.EXAMPLE) == {"PLN": Decimal("4.31"), "GBP": Decimal("0.87")}


@given(st.sampled_from(OTHERS), st.integers(1, 50))
def test_a_borrower_of_the_same_worth_in_euros_has_the_same_facts(currency: str, rate: int) -> None:
    policy = load_policies(units_per_eur={currency: Decimal(rate)}).policies[-1]
    euros = {"amount": 270_000, "income": 95_000, "assets": 350_000, "debts": 40_000, "yearly_costs": 20_000}
    facts: list[Any] = [
        facts_row(
            read_application(changed(currency=code, **{n: f"{v * units}.00" for n, v in euros.items()}), policy),
            0.6,
            policy,
        )
        for code, units in (("EUR", 1), (currency, rate))
    ]
    assert facts[0] == pytest.approx(facts[1])


def test_reports_say_where_their_rates_come_from() -> None:
    table = exchange_rates.source_of(exchange_rates.UNITS_PER_EUR)
    assert table.startswith("National Bank of Poland") and table.endswith(currencies.RATES_ON.isoformat())
    replaced = {**exchange_rates.UNITS_PER_EUR, "USD": Decimal("1.2"), "PLN": Decimal("4.24")}
    assert exchange_rates.source_of(replaced) == f"{table}; PLN, USD: HALFPENNY_UNITS_PER_EUR"


def test_an_assessment_at_other_rates_says_so_in_its_version() -> None:
    models = load_models("champion")

    def assessed(**rates: str) -> Any:
        policies = load_policies(units_per_eur={code: Decimal(rate) for code, rate in rates.items()})
        return assess(UUID(int=1), changed(currency="PLN"), models, policies)

    plain, other = assessed(), assessed(PLN="8.4866")
    assert plain.model_version == f"{models.version}+{BUILT_IN.version}"
    assert assessed(PLN="4.24330").model_version == plain.model_version
    assert other.model_version.startswith(f"{plain.model_version}+rates-")
    assert len({plain.model_version, other.model_version, assessed(PLN="8.4867").model_version}) == 3
    # Half as much of everything in euros is another borrower.
    assert Decimal(other.probability_of_default) != Decimal(plain.probability_of_default)


def test_the_service_assesses_at_the_rates_of_the_setting() -> None:
    environment = {"HALFPENNY_RISK_MODEL": "scorecard", "HALFPENNY_UNITS_PER_EUR": '{"GBP": "0.91"}'}
    assessor, _ = make_service(read_settings(environment), TemplateNarrator())
    [policy] = assessor.policies.policies
    assert policy.exchange_rates == BUILT_IN.exchange_rates | {"GBP": 0.91}


@given(st.sampled_from(OTHERS), RATES)
def test_other_rates_than_the_tables_are_another_policy(currency: str, rate: Decimal) -> None:
    """The version is what distinguishes answers. That of an edited table is in tests/risk/test_artefacts.py."""
    for stated, is_plain in (
        (rate, rate == UNITS_PER_EUR[Currency(currency)]),
        (UNITS_PER_EUR[Currency(currency)], True),
    ):
        version = load_policies(units_per_eur={currency: stated}).policies[-1].version
        assert (version == BUILT_IN.version) is is_plain


def test_every_currency_has_a_rate_above_zero_and_a_euro_is_one() -> None:
    assert UNITS_PER_EUR[Currency.EUR] == 1
    assert all(rate > 0 for rate in UNITS_PER_EUR.values())


def test_the_table_states_its_day_and_its_source() -> None:
    assert currencies.RATES_ON.isoformat() == "2026-06-03" and currencies.RATES_SOURCE
    assert json.loads(exchange_rates.EXAMPLE)
