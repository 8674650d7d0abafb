"""The redemption statement as a paper, in English or Polish: what pays a loan off on each day that it holds for.

A figure for one day alone is wrong by the time that money arrives, so the paper says what each further day costs and
until when it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import pairwise
from typing import Any, Final

from halfpenny.platform import figures, papers
from halfpenny.platform.papers import PaperLanguage
from halfpenny.primitives.money import Currency, format_minor
from halfpenny.servicing.model.redemption import Payoff

_TEMPLATE = files("halfpenny.servicing").joinpath("templates", "redemption.typ")
# For how many days the statement gives the figure, the first included.
VALID_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class RedemptionStatement:
    """What the paper is about. ``days`` has at least one day, without a gap."""

    lender: str
    lender_address: str
    borrower: str
    title: str
    secured_on: str
    reference: str
    issued_on: date
    currency: Currency
    days: Sequence[Payoff]


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    intro: str
    facts: tuple[str, ...]
    parts: tuple[str, ...]
    owed: str
    from_reserve: str
    from_advance: str
    payable: str
    by_day: str
    columns: tuple[str, ...]
    each_day: str
    about_each_day: str
    days_differ: str
    holds: str
    how: str
    pay: str


_WORDS = {
    PaperLanguage.ENGLISH: _Words(
        title="Redemption statement",
        intro="On {day}, {amount} redeems the loan: everything owed by then is paid, and the charge on the property "
        "can be released.",
        facts=("Loan", "Property", "Reference", "Issued on", "Holds until"),
        parts=("Principal", "Interest", "Fees and penalties", "Default interest", "Recovery costs"),
        owed="Owed on {day}",
        from_reserve="Paid by retained interest",
        from_advance="Paid by money received in advance",
        payable="To be paid",
        by_day="If the money arrives on another day",
        columns=("Money arrives on", "To be paid ({currency})", "More than the day before ({currency})"),
        each_day="Each further day costs {amount}.",
        about_each_day="Each further day costs {amount} or, as amounts are rounded, {more}.",
        days_differ="What a further day costs changes on the way: the day's own figure counts.",
        holds="The figures are as our books stand on {day}. They hold for money that arrives by {last}, unless until "
        "then another payment, a new charge, a waiver, a pause of interest, an extension, an acceleration or a "
        "write-off is booked, the legal maximum rate changes, or the bank takes a payment back.",
        how="How to pay",
        pay="Pay the figure of the day on which the money arrives, in one amount, in {currency}, with the reference. "
        "What is more than the figure is sent back; what is less does not redeem the loan.",
    ),
    PaperLanguage.POLISH: _Words(
        title="Zestawienie do całkowitej spłaty",
        intro="W dniu {day} kwota {amount} całkowicie spłaca pożyczkę: pokrywa wszystko, co jest do tego dnia należne, "
        "i pozwala wykreślić zabezpieczenie na nieruchomości.",
        facts=("Pożyczka", "Nieruchomość", "Sygnatura", "Data wystawienia", "Ważne do"),
        parts=("Kapitał", "Odsetki", "Opłaty i kary", "Odsetki za opóźnienie", "Koszty odzyskiwania należności"),
        owed="Należne w dniu {day}",
        from_reserve="Zapłacone z odsetek zatrzymanych",
        from_advance="Zapłacone z wpłaty otrzymanej wcześniej",
        payable="Do zapłaty",
        by_day="Jeżeli pieniądze wpłyną innego dnia",
        columns=("Dzień wpływu", "Do zapłaty ({currency})", "Więcej niż dzień wcześniej ({currency})"),
        each_day="Każdy kolejny dzień kosztuje {amount}.",
        about_each_day="Każdy kolejny dzień kosztuje {amount} albo, przez zaokrąglenie, {more}.",
        days_differ="Koszt kolejnego dnia zmienia się po drodze: liczy się kwota danego dnia.",
        holds="Kwoty podano według stanu naszych ksiąg na {day}. Obowiązują dla pieniędzy, które wpłyną do {last}, "
        "chyba że do tego czasu zostanie zaksięgowana inna wpłata, nowa opłata, umorzenie, zawieszenie naliczania "
        "odsetek, przedłużenie, postawienie w stan natychmiastowej wymagalności albo spisanie w straty, zmienią się "
        "odsetki maksymalne albo bank cofnie wpłatę.",
        how="Jak zapłacić",
        pay="Proszę zapłacić kwotę z dnia wpływu pieniędzy, jednym przelewem, w walucie {currency}, z podaniem "
        "sygnatury. Nadwyżkę zwrócimy; mniejsza kwota nie spłaca pożyczki całkowicie.",
    ),
}


def redemption_data(statement: RedemptionStatement, language: PaperLanguage) -> dict[str, Any]:
    """What the template sets, in the language asked for: words, amounts and dates."""
    words = _WORDS[language]
    first, last = statement.days[0], statement.days[-1]
    currency = statement.currency.value

    def amount(minor: int) -> str:
        return figures.exact_amount(minor, language)

    def money(minor: int) -> str:
        return figures.exact_money({"amount": format_minor(minor), "currency": currency}, language)

    def day(on: date) -> str:
        return figures.long_day(on, language)

    facts = (statement.title, statement.secured_on, statement.reference, day(statement.issued_on), day(last.on))
    parts = (first.principal, first.interest, first.fees, first.default_interest, first.recovery_costs)
    steps = [after.payable - before.payable for before, after in pairwise(statement.days)]
    less = [(words.from_reserve, first.from_reserve), (words.from_advance, first.from_advance)]
    return {
        "language": language.value,
        "lender": statement.lender,
        "lender_address": statement.lender_address,
        "addressee": statement.borrower,
        "title": words.title,
        "intro": words.intro.format(day=day(first.on), amount=money(first.payable)),
        "facts": [{"name": name, "value": value} for name, value in zip(words.facts, facts, strict=True)],
        "parts": [[name, amount(part)] for name, part in zip(words.parts, parts, strict=True) if part],
        "owed": [words.owed.format(day=day(first.on)), amount(first.owed)],
        "less": [[name, amount(-part)] for name, part in less if part],
        "payable": [f"{words.payable} ({currency})", amount(first.payable)],
        "by_day": words.by_day,
        "each_day": _each_day(words, steps).format(
            amount=money(min(steps, default=0)), more=money(max(steps, default=0))
        ),
        "columns": [column.format(currency=currency) for column in words.columns],
        "days": [
            [day(one.on), amount(one.payable), "" if step is None else amount(step)]
            for one, step in zip(statement.days, [None, *steps], strict=True)
        ],
        "holds": words.holds.format(day=day(statement.issued_on), last=day(last.on)),
        "how": words.how,
        "pay": words.pay.format(currency=currency),
    }


def _each_day(words: _Words, steps: Sequence[int]) -> str:
    spread = max(steps, default=0) - min(steps, default=0)
    return (words.each_day, words.about_each_day)[spread] if spread <= 1 else words.days_differ


def render(statement: RedemptionStatement, language: PaperLanguage) -> bytes:
    """The statement as PDF."""
    return papers.render_pdf(_TEMPLATE, redemption_data(statement, language))
