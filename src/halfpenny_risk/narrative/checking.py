"""Is this prose true to the facts? Everything that a language model wrote passes here, or is not used.

The check is an allow-list: letters, plain punctuation, and only figures that are facts. What it cannot prove
it refuses.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from halfpenny_messages import LocalisedText
from halfpenny_risk.errors import NarrativeRefused
from halfpenny_risk.narrative.facts import Facts, canonical

SHORTEST, LONGEST = 40, 1200
_PUNCTUATION = frozenset(" .,;:%()'\"’‘“”„–—-!?/\u00a0\u202f")
_FIGURE = re.compile(r"\d+(?:[.,\u00a0\u202f ]\d+)*(?:\s*%|\s+(?:percent|per\s+cent|proc))?", re.IGNORECASE)
# An address without its scheme: letters, a point, letters without a space. Sentences have a space after their point.
_ADDRESS = re.compile(r"[^\W\d_]\.[^\W\d_]|www|http|//", re.IGNORECASE)
# Figures in words cannot be checked against the facts, so they are not allowed; promises and decisions are not
# its to make.
_FORBIDDEN = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|twenty|thirty|forty|fifty|sixty|seventy|"
    r"eighty|ninety|hundreds?|thousands?|millions?|half|quarter|double|triple|zero|"
    r"dwa|dwie|dwóch|trzy|cztery|pięć|sześć|siedem|osiem|dziewięć|dziesięć|dwanaście|dwadzieścia|trzydzieści|"
    r"sto|stu|tysiąc\w*|tys|mln|milion\w*|połow\w*|podwój\w*|"
    r"approv\w*|guarante\w*|risk[- ]free|no risk|safe|certain\w*|promis\w*|declin\w*|reject\w*|invest now|ignore\w*|"
    r"zatwierdz\w*|gwaran\w*|bez ryzyka|bezpieczn\w*|pewn\w*|obiec\w*|odrzuc\w*|zignoruj\w*|instruct\w*|instrukcj\w*|"
    r"system|prompt|script|javascript|"
    # A description of figures speaks to nobody, of nobody, and gives no orders.
    r"you|your|yours|me|my|we|us|our|ai|json|administrator\w*|narrative|human|agreed|"
    r"set|say|says|repeat|answer|print|write|put|call|skip|state|tell|"
    r"ty|ci|cię|twój|twoj\w*|mnie|nas|nasz\w*|wam|was|ustaw\w*|napisz\w*|powiedz\w*|powtórz\w*|odpowiedz\w*)\b",
    re.IGNORECASE,
)
_GRADE = re.compile(r"\b(?:[Gg]raded?|[Oo]cen\w*|[Kk]las\w*)\b\W+(?:\w+\W+){0,3}?([A-F])\b(?![’'])")


class ProseInBothLanguages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The schema that the language model must answer in: one text in each language and nothing else."""

    en: str
    pl: str


JSON_SCHEMA = {
    "name": "narrative",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"en": {"type": "string"}, "pl": {"type": "string"}},
        "required": ["en", "pl"],
        "additionalProperties": False,
    },
}


def checked(content: str, facts: Facts) -> LocalisedText:
    """The prose in ``content`` once it has passed every check; raises ``NarrativeRefused`` with the reason."""
    try:
        written = msgspec.json.decode(content, type=ProseInBothLanguages)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError, RecursionError):
        raise NarrativeRefused("not the JSON that was asked for") from None
    for language, text in (("en", written.en), ("pl", written.pl)):
        fault = fault_of(text, facts)
        if fault:
            raise NarrativeRefused(f"{language}: {fault}")
    return LocalisedText(written.en.strip(), written.pl.strip())


def fault_of(text: str, facts: Facts) -> str | None:
    """The first reason not to show ``text``, or None."""
    if not SHORTEST <= len(text.strip()) <= LONGEST:
        return "too short or too long"
    return _fault_of_form(text) or _fault_of_figures(text, facts)


def _fault_of_form(text: str) -> str | None:
    if unicodedata.normalize("NFC", text) != text:
        return "characters that are not composed"
    odd = next((mark for mark in text if not _is_plain(mark)), None)
    if odd is not None:
        return f"the character U+{ord(odd):04X}"
    if _ADDRESS.search(text):
        return "something that looks like an address"
    word = _FORBIDDEN.search(text)
    return f"the word {word.group()!r}" if word else None


def _fault_of_figures(text: str, facts: Facts) -> str | None:
    for claimed in _GRADE.findall(text):
        if claimed != facts.grade:
            return f"the grade {claimed!r}, which is not a fact"
    percents, plain = facts.figures()
    for found in _FIGURE.finditer(text):
        figure = found.group()
        is_percent = not figure[-1].isdigit()
        readings = _readings(re.sub(r"[^\d.,\u00a0\u202f ]|[.,\u00a0\u202f ]+$", "", figure).strip(" \u00a0\u202f"))
        if not readings & (percents if is_percent else plain):
            return f"the figure {figure.strip()!r}, which is not a fact"
    return None


def _is_plain(mark: str) -> bool:
    if mark in _PUNCTUATION or mark in "0123456789":
        return True
    # Latin letters only: a Cyrillic look-alike would read as one thing and be another.
    return mark.isalpha() and ord(mark) < 0x0180


def _readings(figure: str) -> set[str]:
    """What a figure may mean: a comma is a decimal one in Polish and groups thousands in English."""
    compact = re.sub(r"[\u00a0\u202f ]", "", figure)
    readings = {compact.replace(",", ""), compact.replace(",", ".")}
    return {canonical(reading) for reading in readings if reading.count(".") <= 1}
