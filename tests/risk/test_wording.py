"""What reasons say: whose value a figure is measured against, and each figure once."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest

from halfpenny_messages import ValuationSource
from halfpenny_risk import wording
from halfpenny_risk.assess import assess
from halfpenny_risk.models import load_models
from halfpenny_risk.policy import load_policies
from halfpenny_risk.wording import FIGURE_OF, LIMITS, REASONS, change_worded, sentence
from support.risk_applications import changed

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
