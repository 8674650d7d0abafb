"""Texts that people see: no names of classes, no jargon of docstrings, plurals right, a currency with every amount."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from halfpenny import underwriting
from halfpenny.entrypoints.api import create_app
from halfpenny.entrypoints.error_codes import document as error_document
from halfpenny.entrypoints.settings import Settings
from halfpenny.ledger import Account, AccountKind, AccountStatement
from halfpenny.marketplace import labels as marketplace_labels
from halfpenny.platform.papers import PaperLanguage
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.investor import YearTotals
from halfpenny.servicing.service.investor_reporting import YearStatement
from halfpenny.servicing.statement import StatementParties, statement_data
from halfpenny.web.language import translations
from halfpenny_messages import ValuationSource
from halfpenny_risk.wording import change_worded, money_in_both, sentence

DAY = date(2026, 12, 31)
SOURCE = Path(__file__).parents[2] / "src"
JARGON = re.compile(r"\b(Raises|Returns|self|kwargs|dataclass|coroutine|subclass|TypeError|ValueError)\b")


def class_names() -> set[str]:
    """Public names of several words, which are no English: ``AccountStatement``, ``RiskSummary``."""
    trees = (ast.parse(path.read_text()) for path in SOURCE.rglob("*.py"))
    names = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return {name for name in names if re.fullmatch(r"([A-Z][a-z]+){2,}", name)}


def described(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(place, text) of each title of an operation and each description in the OpenAPI document."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in {"description", "summary"} and isinstance(value, str):
                yield f"{path}/{name}", value
            else:
                yield from described(value, f"{path}/{name}")
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from described(value, f"{path}/{place}")


def faults(text: str, classes: set[str]) -> list[str]:
    return [*(set(re.findall(r"\w+", text)) & classes), *JARGON.findall(text)]


def test_the_check_itself_finds_both_kinds() -> None:
    classes = class_names()
    assert faults("AccountStatement for 2026. Raises ``nothing``.", classes) == ["AccountStatement", "Raises"]
    assert faults("Statement for 2026: money raised and returned.", classes) == []


def test_no_description_of_the_api_speaks_of_its_code() -> None:
    classes = class_names()
    texts = list(described(create_app(Settings()).openapi()))
    assert len(texts) > 200
    assert {place: found for place, text in texts if (found := faults(text, classes))} == {}


def test_no_error_template_or_translation_names_a_class() -> None:
    classes = class_names()
    shown = {"errors": error_document()}
    for path in SOURCE.glob("halfpenny/**/templates/**/*"):
        if path.is_file():
            shown[str(path)] = re.sub(r"\{[%{#].*?[%}#]\}", "", path.read_text(), flags=re.DOTALL)
    assert len(shown) > 5
    found = {name: set(re.findall(r"\w+", text)) & classes for name, text in shown.items()}
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("number", "month", "loan"),
    [
        (1, "1 miesiąc", "1 pożyczka"),
        (2, "2 miesiące", "2 pożyczki"),
        (4, "4 miesiące", "4 pożyczki"),
        (5, "5 miesięcy", "5 pożyczek"),
        (12, "12 miesięcy", "12 pożyczek"),
        (22, "22 miesiące", "22 pożyczki"),
        (0, "0 miesięcy", "0 pożyczek"),
        (112, "112 miesięcy", "112 pożyczek"),
    ],
)
def test_polish_plurals_follow_their_number(number: int, month: str, loan: str) -> None:
    polish = translations("pl")
    assert polish.ngettext("%(num)s month", "%(num)s months", number) % {"num": number} == month
    assert polish.ngettext("%(num)s loan", "%(num)s loans", number) % {"num": number} == loan


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, "1 month"), (2.0, "2 months"), (11.0, "11 months"), (21.0, "21 months")]
)
def test_english_months_follow_their_number(value: float, expected: str) -> None:
    for code in ("term", "exit_term", "valuation_age"):
        assert re.search(rf"\b{expected}\b", sentence(code, value).en), code
    assert change_worded("term", f"{value:.0f}").en == f"Over {expected}"


def test_amounts_of_a_reason_name_their_currency() -> None:
    assert (money_in_both(1234567.4, "PLN").en, money_in_both(1234567.4, "PLN").pl) == (
        "1,234,567 PLN",
        "1\u00a0234\u00a0567 PLN",
    )


@pytest.mark.parametrize("language", list(PaperLanguage))
def test_the_paper_of_a_year_names_the_currency_of_each_amount(language: PaperLanguage) -> None:
    wallet = AccountStatement(Account(AccountKind.WALLET, uuid7(), Currency.PLN), DAY, DAY, 12_34, 1_567_89, [])
    year = YearStatement(2026, (wallet,), (), (), (YearTotals(Currency.EUR, None, *range(8)),), {}, None)
    data = statement_data(year, StatementParties("Lender", "Street 1", "Ines", DAY), language)
    [shown] = data["wallets"]
    assert shown["balances"].count(" PLN") == 2 and shown["columns"][2].endswith("(PLN)")
    assert data["currencies"][0]["total"][0].endswith(", EUR")


def test_texts_are_marked_for_translation_by_one_function() -> None:
    """A second ``_`` beside the one of platform.http.pages would be a second fact."""
    defined = [
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "_"
    ]
    assert defined == []


def test_the_sources_of_a_valuation_have_one_name_each() -> None:
    assert marketplace_labels.VALUATION_SOURCE is underwriting.VALUATION_SOURCE
    assert set(underwriting.VALUATION_SOURCE) == set(ValuationSource)
    folder = SOURCE / "halfpenny"
    named = {text.lower() for text in underwriting.VALUATION_SOURCE.values()}
    places = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() in named
    ]
    assert places == ["underwriting/labels.py"] * len(named)
