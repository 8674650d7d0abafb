"""Texts that people see: number agreement, no word of a library's, the trade's words and not a figure of speech."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from uuid import UUID

import pytest
from babel.messages.pofile import read_po
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from halfpenny import web
from halfpenny.entrypoints.books import BooksReport
from halfpenny.entrypoints.error_codes import every_error
from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.funding.requests import BulkRequest, InvestRequest
from halfpenny.identity import InvalidCredentials
from halfpenny.identity.rest import RegisterRequest
from halfpenny.loans import PropertyKind
from halfpenny.marketplace import TEMPLATES, labels
from halfpenny.platform.http.problems import problem, validation_problem
from halfpenny.primitives.wording import counted
from halfpenny.web.language import translations
from halfpenny_risk import wording
from halfpenny_risk.policy import load_policies

# What stood on pages and in messages before, and its like: none of them is a term of the trade or of the craft.
FIGURES_OF_SPEECH = re.compile(
    r"way out|kept back|more than nothing|interface for programs|real bricks|the owner's word|from a desk"
    r"|chance of default|believable|somebody else's to|is being put in order|a ticket\b",
    re.IGNORECASE,
)
SZANSA = re.compile(r"szans|umorzon|\budział", re.IGNORECASE)


def texts_of_pages() -> dict[str, str]:
    """Every text of the pages in English, with its Polish."""
    file = web.STATIC.parent / "translations" / "pl" / "LC_MESSAGES" / "messages.po"
    with file.open("rb") as opened:
        catalogue = read_po(opened, locale="pl")
    return {str(message.id): str(message.string) for message in catalogue if message.id}


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 problems"), (1, "1 problem"), (2, "2 problems"), (21, "21 problems")]
)
def test_a_number_agrees_with_its_noun(number: int, text: str) -> None:
    assert counted(number, "problem") == text
    assert counted(1_000_000, "transfer") == "1,000,000 transfers"
    assert counted(1, "entry", "entries") == "1 entry" and counted(3, "entry", "entries") == "3 entries"


def test_the_report_of_the_books_counts_in_english() -> None:
    assert BooksReport(1, 1, {"ledger": "ab"}, ()).lines == ["1 finding: 1 transfer; chain heads: ledger ab"]
    assert BooksReport(2, 0, {}, ()).lines == ["2 findings: 0 transfers; chain heads: none"]
    assert BooksReport(0, 12, {}, ()).lines == ["The books are right: 12 transfers; chain heads: none"]


@pytest.mark.parametrize(("name", "value"), [("AMQP_URL", "http://x"), ("HALFPENNY_MAIL_URL", "ftp://x")])
def test_a_wrong_setting_is_named_in_our_own_words(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        Settings.load()
    assert str(wrong.value).startswith(f"{name}: ") and "Value error" not in str(wrong.value)


class Flat(BaseModel):
    floor: int

    @field_validator("floor")
    @classmethod
    def _high(cls, floor: int) -> int:
        raise ValueError("is above the roof")


def test_a_fault_of_a_body_is_described_in_our_own_words() -> None:
    with pytest.raises(ValidationError) as refused:
        Flat(floor=9)
    body = validation_problem(refused.value.errors(), "/x").body.decode()
    assert "is above the roof" in body and "Value error" not in body


class _Everything(BaseModel):
    """A field of every kind that requests have."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=3, max_length=5)]
    kind: PropertyKind
    count: Annotated[int, Field(ge=1, le=9)]
    ratio: Annotated[float, Field(gt=0, lt=1)]
    on: date
    known: bool
    id: UUID
    items: Annotated[list[int], Field(min_length=1, max_length=2)]


@pytest.mark.parametrize(
    "change",
    [{"name": value} for value in ("ab", "abcdef", 7, None)]
    + [{"kind": value} for value in ("castle", 1)]
    + [{"count": value} for value in (0, 10, "x", 1.5, None)]
    + [{"ratio": value} for value in (0, 1, "x", [])]
    + [{"on": value} for value in ("yesterday", 1.5, "2026-02-30", [])]
    + [{"known": value} for value in ("perhaps", 7, [])]
    + [{"id": value} for value in ("x", 1)]
    + [{"items": value} for value in ([], [1, 2, 3], "x")]
    + [{"more": 1}],
    ids=str,
)
def test_what_does_not_fit_is_said_in_our_own_words(change: dict[str, object]) -> None:
    fitting = {"name": "abc", "kind": "flat", "count": 1, "ratio": 0.5, "on": "2026-05-31", "known": True}
    fitting |= {"id": "01a216be-fea4-7c76-9594-49ed32206aea", "items": [1]}
    with pytest.raises(ValidationError) as refused:
        _Everything.model_validate(fitting | change)
    body = validation_problem(refused.value.errors(), "/").body.decode()
    details = re.findall(r'"detail":"(should|is) ', body)
    assert not re.search(r"\b1 (characters|items|digits)\b", body), body
    assert details and not re.search(r"Input should|String should|Value error|valid (integer|string|date)", body), body


class _Few(BaseModel):
    """Limits of one, whose nouns are in the singular or are not needed."""

    name: Annotated[str, Field(min_length=1, max_length=1)] = "a"
    items: Annotated[list[int], Field(min_length=1, max_length=1)] = [1]
    share: Annotated[Decimal, Field(max_digits=2, decimal_places=1)] = Decimal("0.5")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": ""}, "should not be empty"),
        ({"items": []}, "should not be empty"),
        ({"name": "ab"}, "should have at most 1 character"),
        ({"items": [1, 2]}, "should have at most 1 item"),
        ({"share": "0.25"}, "should have at most 1 decimal place"),
        ({"share": "x"}, "should be a number"),
    ],
)
def test_a_limit_of_one_is_said_in_the_singular(change: dict[str, object], text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _Few.model_validate(change)
    assert f'"detail":"{text}"' in validation_problem(refused.value.errors(), "/").body.decode()


def test_a_registration_without_a_name_and_a_bulk_without_investments() -> None:
    for model, values, pointer in (
        (
            RegisterRequest,
            {"email": "a@b.example", "password": "x" * 20, "full_name": "", "role": "investor"},
            "full_name",
        ),
        (BulkRequest, {"investments": []}, "investments"),
    ):
        with pytest.raises(ValidationError) as refused:
            model.model_validate(values)
        body = validation_problem(refused.value.errors(), "/").body.decode()
        assert f'"pointer":"/{pointer}","code":"malformed","detail":"should not be empty"' in body


def test_zero_is_not_a_malformed_amount() -> None:
    codes = {}
    for amount in ("0.00", "1e3"):
        with pytest.raises(ValidationError) as refused:
            InvestRequest(amount=amount)
        found = re.search(
            r'"code":"([a-z_]+)","detail":"([^"\\]*)',
            validation_problem(refused.value.errors(), "/").body.decode().split('"errors"')[1],
        )
        assert found is not None
        codes[amount] = (found[1], found[2])
    assert codes["0.00"] == ("amount_not_positive", "The amount must be above zero.")
    assert codes["1e3"][0] == "malformed_amount" and "decimal string" in codes["1e3"][1]


def test_a_wrong_password_is_not_answered_with_sign_in_first() -> None:
    body = problem(InvalidCredentials(), "/api/v1/auth/login").body.decode()
    assert '"title":"Not authenticated"' in body and "first" not in body.lower()


def test_errors_are_one_plain_line() -> None:
    for kind in every_error():
        assert not FIGURES_OF_SPEECH.search(kind.message), (kind.code, kind.message)
        assert kind.message[0].isupper() and kind.message.endswith("."), (kind.code, kind.message)


def test_pages_use_the_words_of_the_trade_in_both_languages() -> None:
    texts = texts_of_pages()
    assert texts["Exit strategy"] == "Źródło spłaty"
    assert texts["retained at drawdown"] == "potrącone z góry"
    assert texts["Probability of default"] == "Prawdopodobieństwo niewykonania zobowiązania"
    assert texts[labels.STATUS["written_off"]] == "Spisana w straty"
    for english, polish in texts.items():
        assert not FIGURES_OF_SPEECH.search(english), english
        assert not SZANSA.search(polish), polish


def test_a_filter_speaks_of_many_loans_and_a_badge_of_one() -> None:
    """In Polish each has its number and gender: feminine singular on a loan, plural in what is chosen from."""
    polish = translations("pl")
    offered = {code: polish.pgettext("loans", text) for code, text in labels.STATUS_CHOICES.items()}
    assert offered["funded"] == "W pełni sfinansowane" and offered["repaid"] == "Spłacone"
    assert polish.gettext(labels.STATUS["repaid"]) == "Spłacona"
    assert not [text for text in offered.values() if re.search(r"(ana|ona)\b", text)], offered
    assert not set(offered.values()) & {polish.gettext(text) for text in labels.STATUS.values()}


def test_the_method_calls_the_exit_strategy_by_its_name() -> None:
    from halfpenny.risk_reporting import labels as risk_labels

    assert risk_labels.FACTOR["exit"] == "Exit strategy"
    for english, polish in texts_of_pages().items():
        assert not re.search(r"the exit with one|loan like the reference|be repaid$|jak silny", f"{english}\n{polish}")


def test_every_reference_rate_of_the_policy_has_its_name_in_polish() -> None:
    polish = translations("pl")
    names = {rate.name for policy in load_policies().policies for rate in policy.reference_rates.values()}
    assert names and not [name for name in names if polish.gettext(name) == name]


def test_no_published_figure_names_a_file_of_ours_as_its_source() -> None:
    for policy in load_policies().policies:
        for anchor in policy.anchors:
            assert re.search(r"\.[a-z]{2,3}\b", anchor.source), anchor
            assert not re.search(r"\.(md|py|json)\b|\b(docs|src)/", anchor.source), anchor


def test_the_texts_of_reasons_are_english_of_the_trade() -> None:
    texts = [wording.NO_CHANGE, *wording.REASONS.values(), *wording.LIMITS.values(), *wording.PRICE_TERMS.values()]
    for text in texts:
        assert not re.search(r"better the|set against|of what it owns|surprises|the (least|most) for", text.en), text


def test_no_amount_stands_in_a_template_without_its_currency() -> None:
    for folder in (TEMPLATES, web.STATIC.parent / "templates"):
        for file in sorted(Path(folder).rglob("*.html")):
            for text in re.findall(r'_\("([^"]*)"', file.read_text()):
                assert not re.search(r"\d[\d,]*\.\d\d|\b\d{2,}\b", text), (file.name, text)
