"""Row 11: free phrasings that a language model may choose, and hostile ones that look like them.

Both files were written before the grammar took any of their words; the even lines of the good ones were kept back while
it was extended by the odd ones.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from halfpenny_risk.narrative.checking import WrittenSentence, fault_of
from halfpenny_risk.narrative.drivers import DriverWords, driver_phrases
from halfpenny_risk.narrative.english import english
from halfpenny_risk.narrative.english_drivers import ENGLISH_DRIVERS
from halfpenny_risk.narrative.facts import Fact, Facts
from halfpenny_risk.narrative.polish import polish
from halfpenny_risk.narrative.polish_drivers import POLISH_DRIVERS

LINES = Path(__file__).parent / "data" / "narratives"


def lines(name: str) -> list[list[str]]:
    return [line.split(" | ") for line in (LINES / name).read_text(encoding="utf-8").splitlines() if line]


GOOD, HOSTILE = lines("good_free.txt"), lines("hostile_free.txt")
ENGLISH, POLISH = english(), polish()


# What must stand before a good phrasing that points back.
BEFORE = {
    "expected_loss": ("loss_given_default", "probability_of_default"),
    "loan_to_value": ("value_used",),
}


def refused(sentence: WrittenSentence) -> bool:
    return fault_of(sentence, Facts("C", (Fact(sentence.fact),))) is not None


@pytest.mark.parametrize("half", [0, 1], ids=["extended by", "kept back"])
@pytest.mark.parametrize("language", ["en", "pl"])
def test_row_11_fewer_than_one_in_ten_free_phrasings_is_refused(half: int, language: str) -> None:
    grammar = ENGLISH if language == "en" else POLISH
    own = GOOD[half::2]
    text = 1 if language == "en" else 2
    lost = [line for line in own if not grammar.derives(line[0], line[text], BEFORE.get(line[0], ()))]
    print(f"{language}: refused {len(lost)} of {len(own)} good phrasings")
    assert len(lost) < 0.1 * len(own), lost


def test_row_11_the_phrasings_are_about_every_fact() -> None:
    facts = {line[0] for line in GOOD}
    assert len(GOOD) >= 60 and len(facts) >= 25
    assert {name.partition(":")[2] for name in facts if ":" in name} >= {
        *("exit_leverage", "exit_prior_debt", "exit_uncertainty", "exit_term", "exit_strategy", "exit_interest"),
        *("income", "debts", "adverse"),
    }


def test_row_11_no_hostile_phrasing_passes() -> None:
    assert len(HOSTILE) >= 60
    passed = [line for line in HOSTILE if not refused(WrittenSentence(*line[1:]))]
    assert passed == []


def test_row_11_the_hostile_lines_are_refused_for_their_hostile_side_alone() -> None:
    """The other side is good, or the line would show nothing."""
    grammars = (ENGLISH, POLISH)
    derived = [
        any(grammar.derives(line[1], text) for grammar, text in zip(grammars, line[2:], strict=True))
        for line in HOSTILE
    ]
    assert sum(derived) >= len(HOSTILE) - 2


def test_row_11_a_direction_is_said_of_its_own_direction_only() -> None:
    swap = {"against": "for", "for": "against"}
    turned = []
    for fact, en, pl in GOOD:
        side, found, code = fact.partition(":")
        if found and (ENGLISH.derives(f"{swap[side]}:{code}", en) or POLISH.derives(f"{swap[side]}:{code}", pl)):
            turned.append((fact, en, pl))
    assert turned == []


def test_row_11_a_figures_phrase_is_taken_for_no_other_figure() -> None:
    """With the placeholder of another fact in it, a good sentence follows from neither."""
    figures = sorted({fact for fact, _, _ in GOOD if ":" not in fact and fact != "value_range"})
    wrong = []
    for fact, en, pl in GOOD:
        for other in figures:
            if fact in figures and other != fact:
                texts = (text.replace(f"{{{fact}}}", f"{{{other}}}") for text in (en, pl))
                wrong += [
                    (other, text)
                    for grammar, text in zip((ENGLISH, POLISH), texts, strict=True)
                    if grammar.derives(other, text) and (fact, other) not in SAME_WORDS
                ]
    assert wrong == []


def answers() -> list[list[WrittenSentence]]:
    text = (LINES / "good_in_order.txt").read_text(encoding="utf-8").strip()
    return [[WrittenSentence(*line.split(" | ")) for line in answer.split("\n")] for answer in text.split("\n\n")]


@pytest.mark.parametrize("answer", answers(), ids=lambda answer: answer[0].fact)
def test_row_11_a_whole_answer_in_its_order_passes(answer: list[WrittenSentence]) -> None:
    facts = Facts("E", tuple(Fact(sentence.fact) for sentence in answer))
    named = [sentence.fact for sentence in answer]
    faults = [fault_of(sentence, facts, named[:place]) for place, sentence in enumerate(answer)]
    assert faults == [None] * len(answer)


POINTING = [
    ("expected_loss", "From both follows an expected loss of {expected_loss}.", "Oczekiwana strata: {expected_loss}."),
    ("expected_loss", "Expected loss: {expected_loss}.", "Z obu wynika oczekiwana strata {expected_loss}."),
    ("expected_loss", "Together they make an expected loss of {expected_loss}.", "Oczekiwana strata: {expected_loss}."),
]


@pytest.mark.parametrize("sentence", [WrittenSentence(*line) for line in POINTING])
@pytest.mark.parametrize(
    ("before", "passes"),
    [
        (("probability_of_default", "loss_given_default"), True),
        (("amount", "loss_given_default", "probability_of_default"), True),
        ((), False),
        (("amount", "term"), False),
        (("loss_given_default",), False),
        (("amount", "probability_of_default"), False),
        (("probability_of_default", "loss_given_default", "amount"), False),
    ],
)
def test_row_11_from_both_is_said_only_directly_behind_both(
    sentence: WrittenSentence, before: tuple[str, ...], passes: bool
) -> None:
    facts = Facts("E", tuple(Fact(name) for name in (*before, "expected_loss")))
    assert (fault_of(sentence, facts, before) is None) is passes


JUDGING = re.compile(
    r"\b(low|lower|moderate|narrow|short|shorter|high|higher|small|sound|comfortable|certainty|certain|safe|good|"
    r"nisk\w+|umiarkowan\w+|wąsk\w+|krót\w+|wysok(i|a|ie)|mał\w+|pewn\w+|dobr\w+|bezpieczn\w+)\b"
)


@pytest.mark.parametrize("words", [ENGLISH_DRIVERS, POLISH_DRIVERS], ids=["en", "pl"])
def test_row_11_no_driver_in_favour_is_named_with_a_judging_adjective(words: DriverWords) -> None:
    phrases = driver_phrases(words)
    named = {name: text for name, text in phrases.items() if name.startswith(("for_", "states_for_"))}
    assert len(named) >= 18
    assert {name: found[0] for name, text in named.items() if (found := JUDGING.search(text))} == {}


# The loan to value at the low end is a loan to value: its sentence names the low end.
SAME_WORDS: set[tuple[str, str]] = set()


@pytest.mark.parametrize(
    ("fact", "right", "wrong"),
    [
        ("against:exit_leverage", "Dźwignia, która zwiększa ryzyko.", "Dźwignia, który zwiększa ryzyko."),
        ("against:exit_leverage", "Wskaźnik LTV, który podnosi ryzyko.", "Wskaźnik LTV, która podnosi ryzyko."),
        ("against:debts", "Długi, które zwiększają ryzyko.", "Długi, który zwiększają ryzyko."),
        ("for:exit_strategy", "Strategia wyjścia, która obniża ryzyko.", "Strategia wyjścia, które obniża ryzyko."),
        ("against:adverse", "Negatywne wpisy, które zwiększają ryzyko.", "Negatywne wpisy, który zwiększają ryzyko."),
    ],
)  # fmt: skip
def test_row_9_a_polish_pronoun_has_the_gender_of_its_subject(fact: str, right: str, wrong: str) -> None:
    assert POLISH.derives(fact, right) and not POLISH.derives(fact, wrong)
