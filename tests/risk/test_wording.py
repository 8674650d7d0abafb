"""What reasons say: whose value a figure is measured against, and each figure once."""

from __future__ import annotations

import re

import pytest

from halfpenny_risk import wording
from halfpenny_risk.wording import FIGURE_OF, LIMITS, REASONS, change_worded, sentence

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
