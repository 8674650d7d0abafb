"""The letter to a borrower whose application was declined, in English or Polish: facts in, a paper out.

What it holds is what 12 CFR 1002.9(a)(2) and (b)(2) ask of a notice of adverse action: the action, the creditor's name
and address, and the specific principal reasons, at most four (the official comment's measure), in order. Beside it
stand the rights to a person's review, to state one's view and to contest (GDPR art. 22(3)) and to an explanation of the
part that an automated assessment played (Regulation (EU) 2024/1689, annex III 5(b) and art. 86, where the borrower is a
natural person). Not legal advice: an operator's counsel decides on the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from halfpenny.platform import figures, papers
from halfpenny.platform.papers import PaperLanguage
from halfpenny.underwriting.reviews.model import ANSWER_WITHIN_DAYS, REQUEST_WITHIN_DAYS
from halfpenny_messages import MOST_PRINCIPAL_REASONS

_TEMPLATE = Path(__file__).with_name("templates") / "decision_letter.typ"


@dataclass(frozen=True, slots=True)
class LetterReason:
    """One principal reason, and what would change it, in the letter's language."""

    text: str
    change: str | None


@dataclass(frozen=True, slots=True)
class DeclinedApplication:
    """What the letter is about. ``amount`` is ``{"amount": "410000.00", "currency": "PLN"}``.

    ``model_version`` is None where no model had assessed the terms that were decided on, ``recommended`` whether the
    model recommended the loan. ``reasons`` are in order.
    """

    creditor: str
    creditor_address: str
    company: str
    secured_on: str
    amount: dict[str, str]
    applied_on: date
    declined_on: date
    reference: str
    model_version: str | None
    recommended: bool
    reasons: Sequence[LetterReason]

    @property
    def principal_reasons(self) -> Sequence[LetterReason]:
        """Those that are stated, on the letter and on pages: at most four."""
        return self.reasons[:MOST_PRINCIPAL_REASONS]


@dataclass(frozen=True, slots=True)
class _Words:
    """The letter's own words in one language. ``facts`` name its facts in their order."""

    title: str
    action: str
    reasons: str
    facts: tuple[str, ...]
    reference: str
    assessed_by: str
    how: str
    how_by_model: str
    how_by_person: str
    how_against_model: str
    never_asked: str
    rights: str
    review: str
    explanation_by_model: str
    explanation_by_person: str


_WORDS = {
    PaperLanguage.ENGLISH: _Words(
        title="Your application was declined",
        action="We have looked at your application for the loan named above and have decided not to grant it.",
        reasons="The principal reasons",
        facts=("Property", "Amount", "Applied on", "Decided on", "Reference"),
        reference="Reference",
        assessed_by="assessed by",
        how="How it was assessed",
        how_by_model="A risk model assessed the application from its figures; a person of ours took the decision. "
        "Under a reason of the model stands what the same model would have said with that one thing changed. It is no "
        "promise: a new application is assessed anew.",
        how_by_person="A person of ours took the decision on the application itself; no model's assessment of its "
        "terms was used.",
        how_against_model="A risk model assessed the application from its figures and recommended the loan; a person "
        "of ours decided otherwise, for the reason above.",
        never_asked="Sex, age, origin, marital status, religion and the like are asked for nowhere and are part of no "
        "model.",
        rights="Your rights",
        review="You may ask that a person who did not take this decision reviews it, state your view and send what "
        "we did not know, and contest the outcome: with the reference, in writing to the address above or on the "
        "page of your application, within {request_days} days. It costs nothing, and you are answered in writing "
        "within {answer_days} days.",
        explanation_by_model="You may ask what part the automated assessment played and which facts it used, and have "
        "wrong facts corrected.",
        explanation_by_person="You may ask which facts the decision rests on, and have wrong facts corrected.",
    ),
    PaperLanguage.POLISH: _Words(
        title="Odmowa udzielenia pożyczki",
        action="Rozpatrzyliśmy wniosek o pożyczkę wskazaną wyżej i postanowiliśmy jej nie udzielić.",
        reasons="Główne przyczyny",
        facts=("Nieruchomość", "Kwota", "Data wniosku", "Data decyzji", "Sygnatura"),
        reference="Sygnatura",
        assessed_by="ocena:",
        how="Jak oceniono wniosek",
        how_by_model="Model ryzyka ocenił wniosek na podstawie jego danych; decyzję podjął nasz pracownik. Pod "
        "przyczyną z modelu podano, co ten sam model powiedziałby po zmianie tego jednego elementu. Nie jest to "
        "obietnica: nowy wniosek oceniamy od nowa.",
        how_by_person="Decyzję podjął nasz pracownik na podstawie samego wniosku; nie korzystano z oceny jego warunków "
        "przez model.",
        how_against_model="Model ryzyka ocenił wniosek na podstawie jego danych i zalecił pożyczkę; nasz pracownik "
        "zdecydował inaczej, z przyczyny podanej wyżej.",
        never_asked="O płeć, wiek, pochodzenie, stan cywilny, wyznanie i podobne cechy nigdzie nie pytamy i nie ma ich "
        "w żadnym modelu.",
        rights="Państwa prawa",
        review="Mogą Państwo żądać, aby decyzję sprawdziła osoba, która jej nie podjęła, przedstawić własne "
        "stanowisko i przesłać to, czego nie wiedzieliśmy, oraz zakwestionować wynik: z podaniem sygnatury, pisemnie "
        "na adres podany wyżej albo na stronie wniosku, w ciągu {request_days} dni. Jest to bezpłatne, a odpowiedź "
        "otrzymają Państwo na piśmie w ciągu {answer_days} dni.",
        explanation_by_model="Mogą Państwo zapytać, jaką rolę odegrała automatyczna ocena i jakich danych użyła, oraz "
        "żądać sprostowania błędnych danych.",
        explanation_by_person="Mogą Państwo zapytać, na jakich danych oparto decyzję, oraz żądać sprostowania błędnych "
        "danych.",
    ),
}


def letter_data(application: DeclinedApplication, language: PaperLanguage) -> dict[str, Any]:
    """What the template sets, in the language asked for: words, amounts and dates."""
    words = _WORDS[language]
    by_model = application.model_version is not None
    how = words.how_by_model if by_model else words.how_by_person
    if application.recommended:
        how = words.how_against_model
    values = (
        application.secured_on,
        figures.exact_money(application.amount, language),
        figures.long_day(application.applied_on, language),
        figures.long_day(application.declined_on, language),
        application.reference,
    )
    review = words.review.format(request_days=REQUEST_WITHIN_DAYS, answer_days=ANSWER_WITHIN_DAYS)
    footer = f"{words.reference} {application.reference}"
    return {
        "language": language.value,
        "creditor": application.creditor,
        "creditor_address": application.creditor_address,
        "addressee": application.company,
        "title": words.title,
        "action": words.action,
        "facts": [{"name": name, "value": value} for name, value in zip(words.facts, values, strict=True)],
        "reasons_heading": words.reasons,
        "reasons": [{"text": reason.text, "change": reason.change} for reason in application.principal_reasons],
        "sections": [
            {
                "heading": words.how,
                "text": f"{how} {words.never_asked}",
            },
            {
                "heading": words.rights,
                "text": f"{review} {words.explanation_by_model if by_model else words.explanation_by_person}",
            },
        ],
        "footer": f"{footer} · {words.assessed_by} {application.model_version}" if by_model else footer,
    }


def render(application: DeclinedApplication, language: PaperLanguage) -> bytes:
    """The letter as PDF."""
    return papers.render_pdf(_TEMPLATE, letter_data(application, language))
