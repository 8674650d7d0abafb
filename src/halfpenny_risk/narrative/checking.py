"""Does this prose follow from the facts? Everything that a language model wrote passes here, or is not used.

A language model answers with sentences that name a fact each, with placeholders where figures go. A sentence is used
when the grammar of its language derives it for that fact (``english``, ``polish``): no figure and no verdict can be
written in it, a driver can only be named with its own direction, and what points back ("from both follows") stands only
behind the facts that it points to. Figures are put in afterwards, by us.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from halfpenny_messages import LocalisedText
from halfpenny_risk.errors import NarrativeRefused
from halfpenny_risk.narrative.english import english
from halfpenny_risk.narrative.facts import Facts, joined, plainly, with_figures
from halfpenny_risk.narrative.grammar import Grammar
from halfpenny_risk.narrative.polish import polish

FEWEST, MOST = 2, 12
LONGEST_SENTENCE = 200


class WrittenSentence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence about one fact, in both languages."""

    fact: str
    en: str
    pl: str


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The schema that the language model must answer in."""

    sentences: tuple[WrittenSentence, ...]


_TEXT = {"type": "string"}
JSON_SCHEMA = {
    "name": "narrative",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {
            "sentences": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"fact": _TEXT, "en": _TEXT, "pl": _TEXT},
                    "required": ["fact", "en", "pl"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["sentences"],
        "additionalProperties": False,
    },
}


@lru_cache(maxsize=1)
def _grammars() -> tuple[Grammar, Grammar]:
    return english(), polish()


def checked(content: str, facts: Facts) -> LocalisedText:
    """The prose in ``content`` with its figures, once every sentence has passed; raises ``NarrativeRefused``.

    What no prose may leave out and this one does is added at the end, in the template's words.
    """
    try:
        written = msgspec.json.decode(content, type=Written)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeEncodeError, RecursionError):
        raise NarrativeRefused("not the JSON that was asked for") from None
    if not FEWEST <= len(written.sentences) <= MOST:
        raise NarrativeRefused("too few or too many sentences")
    by_id = facts.by_id()
    named = [sentence.fact for sentence in written.sentences]
    if len(set(named)) != len(named):
        raise NarrativeRefused("a fact that stands twice")
    sentences = []
    for place, sentence in enumerate(written.sentences):
        fault = fault_of(sentence, facts, named[:place])
        if fault:
            raise NarrativeRefused(fault)
        sentences.append(with_figures(LocalisedText(sentence.en, sentence.pl), by_id[sentence.fact]))
    sentences += [plainly(by_id[name]) for name in facts.obligatory if name in by_id and name not in named]
    return joined(sentences)


def fault_of(sentence: WrittenSentence, facts: Facts, before: Sequence[str] = ()) -> str | None:
    """The first reason not to show one sentence, or None; ``before`` are the facts of those that stand before it."""
    if sentence.fact not in facts.by_id():
        return f"the fact {sentence.fact[:40]!r} is none of this loan's"
    for language, text, grammar in zip(("en", "pl"), (sentence.en, sentence.pl), _grammars(), strict=True):
        if len(text) > LONGEST_SENTENCE or not grammar.derives(sentence.fact, text, before):
            return f"{language}: {text[:80]!r} does not follow from {sentence.fact}"
    return None
