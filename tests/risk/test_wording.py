"""What reasons say: whose value a figure is measured against, and each figure once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from halfpenny_messages import ValuationSource
from halfpenny_risk import wording
from halfpenny_risk.assess import REFER_FLAGS, assess
from halfpenny_risk.models import load_models
from halfpenny_risk.policy import load_policies
from halfpenny_risk.wording import (
    FIGURE_OF,
    FLAGGED,
    LIMITS,
    REASONS,
    REFERENCE_RATES_PL,
    change_worded,
    reference_note,
    sentence,
)
from support.risk_applications import SUBMITTED_AT, changed

OWNERS = re.compile(
    r"the value that the risk assessment uses|gross development value that the borrower states"
    r"|wartości przyjętej w ocenie ryzyka|wartość przyjęta w ocenie ryzyka"
    r"|wartości po zakończeniu prac, którą podaje pożyczkobiorca",
    re.IGNORECASE,
)
VALUE = re.compile(r"(?<!\{)\bvalue\b(?!\})|\bwartoś\w+", re.IGNORECASE)


def every_text() -> list[str]:
    changes = [change_worded(group, "55") for group in wording._CHANGES]
    return [text for one in (*REASONS.values(), *LIMITS.values(), *changes) for text in (one.en, one.pl)]


@pytest.mark.parametrize("text", [text for text in every_text() if VALUE.search(text)])
def test_a_value_is_named_with_its_owner(text: str) -> None:
    assert OWNERS.search(text), text


def test_there_are_values_to_look_at() -> None:
    assert len([text for text in every_text() if VALUE.search(text)]) >= 20


@pytest.mark.parametrize("code", FIGURE_OF)
def test_a_figure_that_another_reason_shows_is_left_out(code: str) -> None:
    with_figure, without = sentence(code, 0.6543), sentence(code, None)
    for one, other in ((with_figure.en, without.en), (with_figure.pl, without.pl)):
        assert re.search(r"65[.,]4", one) and not re.search(r"\d|\?", other)


@pytest.mark.parametrize(("up", "down_percent", "up_percent"), [(0.7786, 43.8, 77.9), (0.1787, 15.2, 17.9)])
def test_row_3_the_interval_of_a_value_is_said_with_both_of_its_ends(
    up: float, down_percent: float, up_percent: float
) -> None:
    text = sentence("exit_uncertainty", up)
    assert f"between {down_percent}% less and {up_percent}% more" in text.en
    assert f"od {down_percent}% mniej do {up_percent}% więcej".replace(".", ",") in text.pl


@pytest.mark.parametrize("source", list(ValuationSource))
@pytest.mark.parametrize(
    "place", [{"lat": 53.35, "lon": -6.26, "country": "IE"}, {"lat": 48.2, "lon": 16.37, "country": "AT"}]
)
def test_row_3_outside_every_model_the_sentence_names_the_deduction_that_the_formula_makes(
    source: ValuationSource, place: dict[str, Any]
) -> None:
    loan = changed(
        **place,
        currency="EUR",
        valuation="400000.00",
        valuation_source=source,
        report_verified=source is ValuationSource.SURVEY,
    )
    assessed = assess(UUID(int=3), loan, load_models("champion"), load_policies())
    [reason] = [reason for reason in assessed.reasons if reason.code == "outside_market"]
    deducted = 100.0 * (1.0 - float(assessed.valuation.used) / 400_000.0)
    assert "margin" not in reason.text.en and "margines" not in reason.text.pl
    if deducted < 0.01:
        assert "nothing is taken off the stated figure" in reason.text.en
    else:
        assert f"counts less {deducted:.1f}%" in reason.text.en
        assert f"po odjęciu {deducted:.1f}%".replace(".", ",") in reason.text.pl


UP_TO = ("but no more than the purchase price", "lecz nie więcej niż cena zakupu")
TOWARDS = ("brought down towards the purchase price", "obniżona w stronę ceny zakupu")


@pytest.mark.parametrize(
    ("source", "bought", "price", "en", "pl"),
    [
        (ValuationSource.SURVEY, 30, "300000.00", f"the stated figure counts, {UP_TO[0]}", UP_TO[1]),
        (ValuationSource.DESKTOP, 90, "250000.00", f"counts less 5.0%, {UP_TO[0]}", f"po odjęciu 5,0%, {UP_TO[1]}"),
        (
            ValuationSource.OWNER,
            500,
            "200000.00",
            f"counts less 10.0%, {TOWARDS[0]}",
            f"po odjęciu 10,0%, {TOWARDS[1]}",
        ),
        (ValuationSource.SURVEY, 500, "390000.00", f"the stated figure counts, {TOWARDS[0]}", TOWARDS[1]),
        (ValuationSource.DESKTOP, 90, "385000.00", "counts less 5.0%", "po odjęciu 5,0%"),
        (
            ValuationSource.SURVEY,
            900,
            "100000.00",
            "nothing is taken off the stated figure",
            "niczego się nie odejmuje",
        ),
    ],
)
def test_row_3_the_sentence_says_where_a_purchase_price_counts(
    source: ValuationSource, bought: int, price: str, en: str, pl: str
) -> None:
    loan = changed(
        lat=53.35, lon=-6.26, country="IE", valuation="400000.00", valuation_source=source, purchase_price=price,
        purchased_on=SUBMITTED_AT.date() - timedelta(days=bought),
    )  # fmt: skip
    assessed = assess(UUID(int=3), loan, load_models("champion"), load_policies())
    [reason] = [reason for reason in assessed.reasons if reason.code == "outside_market"]
    assert en in reason.text.en and pl in reason.text.pl
    used, haircut = float(assessed.valuation.used), {"owner": 0.1, "desktop": 0.05, "survey": 0.0}[source]
    assert ("purchase price" in reason.text.en) == (used < 399_999.0 * (1.0 - haircut))


def test_row_9_the_name_of_every_reference_rate_is_in_the_readers_language() -> None:
    for policy in load_policies().policies:
        for rate in policy.reference_rates.values():
            note = reference_note(rate)
            assert rate.name in note.en and REFERENCE_RATES_PL[rate.name] in note.pl and rate.name not in note.pl


def test_row_9_every_flag_for_a_person_has_words_in_both_languages() -> None:
    assert all(words.en and words.pl and words.en != words.pl for words in FLAGGED.values())
    assert set(FLAGGED) <= REFER_FLAGS


def test_row_12_the_day_on_which_an_index_ends_is_said_where_it_is_used() -> None:
    """Of an index that ends in January 2019, in 2026: beside the estimate and among the reasons."""
    assessed = assess(UUID(int=3), changed(), load_models("champion"), load_policies())
    assert assessed.valuation.index_as_of is not None and assessed.valuation.note is not None
    day = assessed.valuation.index_as_of.isoformat()
    assert day == "2019-01-31"
    assert (
        f"to {day}" in assessed.valuation.note.en
        and "what prices did since then is not in" in assessed.valuation.note.en
    )
    assert f"na {day}" in assessed.valuation.note.pl and "późniejszych zmian cen" in assessed.valuation.note.pl
    [reason] = [reason for reason in assessed.reasons if reason.code == "outside_market"]
    assert f"up to {day} only" in reason.text.en and f"tylko do {day}" in reason.text.pl
