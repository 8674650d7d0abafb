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
from enum import StrEnum
from pathlib import Path
from typing import Any

from halfpenny.platform import papers
from halfpenny.underwriting.reviews.model import ANSWER_WITHIN_DAYS, REQUEST_WITHIN_DAYS

_TEMPLATE = Path(__file__).with_name("templates") / "decision_letter.typ"


class LetterLanguage(StrEnum):
    ENGLISH = "en"
    POLISH = "pl"


@dataclass(frozen=True, slots=True)
class LetterReason:
    """One principal reason, and what would change it, in the letter's language."""

    text: str
    change: str | None


@dataclass(frozen=True, slots=True)
class DeclinedApplication:
    """What the letter is about. ``amount`` reads as people read it, with its currency."""

    creditor: str
    creditor_address: str
    company: str
    title: str
    amount: str
    applied_on: date
    declined_on: date
    reference: str
    model_version: str
    reasons: Sequence[LetterReason]


# The act's own measure: more than four reasons help nobody (official comment on 12 CFR 1002.9(b)(2)).
MOST_REASONS = 4

_WORDS = {
    LetterLanguage.ENGLISH: {
        "title": "Your application was declined",
        "action": "We have looked at your application for the loan named above and have decided not to grant it.",
        "reasons": "The principal reasons",
        "facts": ("Application", "Amount", "Applied on", "Decided on", "Reference"),
        "footer": "Reference {reference} · assessed by {model_version}",
        "none": "No assessment by a model was made; the person who decided gives the reasons on request.",
        "sections": (
            (
                "How it was assessed",
                "A risk model assessed the application from its figures; a person of ours took the decision. "
                "Under each "
                "reason stands what the same model would have said with that one thing changed. It is no "
                "promise: a new "
                "application is assessed anew. Sex, age, origin, marital status, religion and the like are asked for "
                "nowhere and are part of no model.",
            ),
            (
                "Your rights",
                "You may ask that a person who did not take this decision reviews it, state your view and send what "
                "we did not know, and contest the outcome: on the loan's page or in writing to the address above, "
                "within {request_days} days, with the reference. It costs nothing, and you are answered in writing "
                "within {answer_days} days. You may ask what part the automated assessment played and which facts it "
                "used, and have wrong facts corrected.",
            ),
        ),
    },
    LetterLanguage.POLISH: {
        "title": "Odmowa udzielenia pożyczki",
        "action": "Rozpatrzyliśmy wniosek o pożyczkę wskazaną wyżej i postanowiliśmy jej nie udzielić.",
        "reasons": "Główne przyczyny",
        "facts": ("Wniosek", "Kwota", "Data wniosku", "Data decyzji", "Sygnatura"),
        "footer": "Sygnatura {reference} · ocena: {model_version}",
        "none": "Model nie oceniał wniosku; osoba, która podjęła decyzję, poda przyczyny na żądanie.",
        "sections": (
            (
                "Jak oceniono wniosek",
                "Model ryzyka ocenił wniosek na podstawie jego danych; decyzję podjął nasz pracownik. Pod każdą "
                "przyczyną "
                "podano, co ten sam model powiedziałby po zmianie tej jednej rzeczy. Nie jest to obietnica: "
                "nowy wniosek "
                "oceniamy od nowa. O płeć, wiek, pochodzenie, stan cywilny, wyznanie i podobne cechy nigdzie "
                "nie pytamy i "
                "nie ma ich w żadnym modelu.",
            ),
            (
                "Państwa prawa",
                "Mogą Państwo żądać, aby decyzję sprawdziła osoba, która jej nie podjęła, przedstawić własne "
                "stanowisko i przesłać to, czego nie wiedzieliśmy, oraz zakwestionować wynik: na stronie pożyczki "
                "albo pisemnie na adres podany wyżej, w ciągu {request_days} dni, z sygnaturą. Jest to bezpłatne, a "
                "odpowiedź otrzymają Państwo na piśmie w ciągu {answer_days} dni. Mogą Państwo zapytać, jaką rolę "
                "odegrała automatyczna ocena i jakich danych użyła, oraz żądać sprostowania błędnych danych.",
            ),
        ),
    },
}


def letter_data(application: DeclinedApplication, language: LetterLanguage) -> dict[str, Any]:
    """What the template sets, in the language asked for."""
    words: dict[str, Any] = _WORDS[language]
    values = (
        application.title,
        application.amount,
        application.applied_on.isoformat(),
        application.declined_on.isoformat(),
        application.reference,
    )
    reasons = [{"text": reason.text, "change": reason.change} for reason in application.reasons[:MOST_REASONS]]
    return {
        "language": language.value,
        "creditor": application.creditor,
        "creditor_address": application.creditor_address,
        "addressee": application.company,
        "title": words["title"],
        "action": words["action"],
        "facts": [{"name": name, "value": value} for name, value in zip(words["facts"], values, strict=True)],
        "reasons_heading": words["reasons"],
        "reasons": reasons or [{"text": words["none"], "change": None}],
        "sections": [
            {
                "heading": heading,
                "text": text.format(request_days=REQUEST_WITHIN_DAYS, answer_days=ANSWER_WITHIN_DAYS),
            }
            for heading, text in words["sections"]
        ],
        "footer": words["footer"].format(reference=application.reference, model_version=application.model_version),
    }


def render(application: DeclinedApplication, language: LetterLanguage) -> bytes:
    """The letter as PDF."""
    return papers.render_pdf(_TEMPLATE, letter_data(application, language))
