"""What is typed into the steps of an application: each text read as meant, each bad field named, all at once."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halfpenny.loans.application_forms import AMOUNTS, STEPS, read_form
from halfpenny.platform.figures import exact_amount
from halfpenny.primitives.money import format_minor, parse_minor
from support import lending
from support.typed import typed_application

TODAY = date(2026, 2, 2)


def faults(**changes: str) -> dict[str, str]:
    found = read_form(typed_application(**changes), lending.RULES, TODAY)
    assert (found.application is None) == bool(found.faults)
    return {name: fault.code for name, fault in found.faults.items()}


def test_what_is_typed_is_the_application_that_the_interface_reads() -> None:
    assert read_form(typed_application(), lending.RULES, TODAY).application == lending.application()


@given(minor=st.integers(5_000, 90_000_000_000), language=st.sampled_from(["en", "pl"]))
def test_an_amount_in_either_notation_is_the_same_amount(minor: int, language: str) -> None:
    typed = typed_application(amount=exact_amount(minor, language))
    found = read_form(typed, lending.RULES, TODAY)
    assert found.application is not None and found.application.amount_minor == minor
    assert parse_minor(format_minor(minor)) == minor


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"currency": ""}, {"currency": "missing"}),
        ({"currency": "XAU"}, {"currency": "unlisted_code"}),
        ({"kind": "castle"}, {"kind": "unlisted_code"}),
        ({"address": "  "}, {"address": "missing"}),
        ({"address": "a\x07b"}, {"address": "malformed_text"}),
        ({"city": "x" * 201}, {"city": "text_too_long"}),
        ({"country": "Poland"}, {"country": "country_unknown"}),
        ({"country": "QQ"}, {"country": "country_unknown"}),
        ({"lat": "97"}, {"lat": "number_too_large"}),
        ({"lat": "-91,5"}, {"lat": "number_too_small"}),
        ({"lat": "52.2", "lon": "21.0"}, {"lat": "coordinates_outside_country"}),
        ({"lat": "north"}, {"lat": "malformed_number"}),
        ({"area_m2": "0"}, {"area_m2": "number_not_above"}),
        ({"area_m2": "4,9", "beds": "0"}, {"area_m2": "area_out_of_range"}),
        ({"year_built": "999"}, {"year_built": "number_too_small"}),
        ({"year_built": "19x4"}, {"year_built": "malformed_whole_number"}),
        ({"year_built": "", "condition": ""}, {
            "year_built": "dwelling_facts_missing", "condition": "dwelling_facts_missing"}),
        ({"beds": "77"}, {"beds": "beds_exceed_area"}),
        ({"purchase_price": ""}, {"purchase_price": "purchase_price_missing"}),
        ({"purchase_price": "0"}, {"purchase_price": "purchase_price_not_positive"}),
        ({"purchased_on": "3.02.2026"}, {"purchased_on": "purchased_in_future"}),
        ({"purchased_on": "2026-02-30"}, {"purchased_on": "malformed_date"}),
        ({"valuation": "1.234,56,7"}, {"valuation": "malformed_amount"}),
        ({"valuation": "0"}, {"valuation": "valuation_not_positive"}),
        ({"valued_on": "2026-02-03"}, {"valued_on": "valued_in_future"}),
        ({"valuer": ""}, {"valuer": "surveyor_missing"}),
        ({"gdv": "499 999,99"}, {"gdv": "gdv_below_valuation"}),
        ({"renovation_cost": ""}, {"renovation_cost": "missing"}),
        ({"income": "-5"}, {"income": "malformed_amount"}),
        ({"assets": "9 000 000 000"}, {"assets": "amount_implausible"}),
        ({"years_trading": "201"}, {"years_trading": "years_trading_out_of_range"}),
        ({"adverse_records": "101"}, {"adverse_records": "number_too_large"}),
        ({"premises": "squatted"}, {"premises": "unlisted_code"}),
        ({"amount": "49.99"}, {"amount": "amount_too_small"}),
        ({"term_months": "25"}, {"term_months": "term_out_of_range"}),
        ({"term_months": "0"}, {"term_months": "number_too_small"}),
        ({"charge_rank": "2"}, {"prior_debt": "prior_debt_missing"}),
        ({"prior_debt": "1"}, {"prior_debt": "prior_debt_before_first_charge"}),
        ({"purpose_note": "x" * 5_001}, {"purpose_note": "text_too_long"}),
        ({"interest_mode": ""}, {"interest_mode": "missing"}),
    ],
    ids=str,
)  # fmt: skip
def test_every_field_that_cannot_stand_is_named(changes: dict[str, str], expected: dict[str, str]) -> None:
    assert faults(**changes) == expected


def test_all_bad_fields_are_named_together_in_the_order_of_the_page() -> None:
    """What can be read is held to the rules, whatever else cannot."""
    found = faults(city="", lat="97", gdv="1", income="much", assets="9 000 000 000", amount="1", term_months="99")
    assert list(found) == ["city", "lat", "gdv", "income", "assets", "amount", "term_months"]
    assert faults(kind="house", beds="", year_built="old", valuation="?") == {
        "year_built": "malformed_whole_number", "beds": "dwelling_facts_missing", "valuation": "malformed_amount",
    }  # fmt: skip


def test_a_rule_is_not_asked_where_one_of_its_fields_cannot_be_read() -> None:
    assert faults(valuation="?", gdv="0.01") == {"valuation": "malformed_amount"}
    assert faults(country="??", lat="52.2", lon="21") == {"country": "country_unknown"}
    assert faults(currency="", assets="9 000 000 000") == {"currency": "missing"}
    assert faults(charge_rank="one", prior_debt="5") == {"charge_rank": "malformed_whole_number"}
    assert faults(area_m2="?", beds="99") == {"area_m2": "malformed_number"}


def test_a_step_is_held_to_its_own_rules_before_the_others_are_there() -> None:
    typed = typed_application(gdv="1", valuation="9 999 999 999", purchase_price="")
    found = read_form({name: typed[name] for name in STEPS[1]}, lending.RULES, TODAY)
    assert found.application is None
    assert {name: fault.code for name, fault in found.of_step(1).items()} == {
        "valuation": "amount_implausible", "gdv": "gdv_below_valuation"}  # fmt: skip
    typed = typed_application(debts="9 999 999 999", years_trading="300")
    found = read_form({name: typed[name] for name in (*STEPS[1], *STEPS[2])}, lending.RULES, TODAY)
    assert not found.of_step(1) and list(found.of_step(2)) == ["debts", "years_trading"]


TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(["0", "-1", "1", "9" * 15, "EUR", "house", "2026-02-30", "1,5"])
)


@given(st.dictionaries(st.sampled_from([name for names in STEPS.values() for name in names]), TEXTS))
def test_whatever_is_typed_is_read_or_refused_by_name(typed: dict[str, str]) -> None:
    found = read_form(typed_application(**typed), lending.RULES, TODAY)
    assert (found.application is None) == bool(found.faults)
    assert read_form(typed, lending.RULES, TODAY).faults


def test_every_amount_is_read_as_an_amount() -> None:
    assert {name for names in STEPS.values() for name in names} == typed_application().keys()
    for name in AMOUNTS:
        assert faults(**{name: "a lot"})[name] == "malformed_amount"
