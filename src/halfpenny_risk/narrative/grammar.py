"""A controlled grammar: the sentences that prose may consist of, as alternatives of phrases for each fact.

A sentence is accepted because it can be derived, word by word, from what its fact may be said with; nothing is
refused by a list of bad words. A rule is text with phrases in angle brackets (``<loan> <is> {amount}``), optional
parts in square brackets and alternatives behind ``|``; phrases are rules of their own. Placeholders stand in braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Phrases = Mapping[str, str]
# Abbreviations keep their capitals; every other word is in small letters but for the first of a sentence.
_ABBREVIATIONS = ("LTV",)
_TOKEN = re.compile(r"(?P<space>\s+)|<(?P<phrase>[a-z_]+)>|(?P<mark>[\[\]|])|(?P<text>[^<>\[\]|\s]+)")


@dataclass(frozen=True)
class After:
    """What must stand directly before a sentence that points back: the last ``count`` facts, all of them ``facts``."""

    facts: frozenset[str]
    count: int = 1

    def holds(self, before: Sequence[str]) -> bool:
        return len(before) >= self.count and set(before[-self.count :]) <= self.facts


Following = Mapping[str, Sequence[tuple[After, Sequence[str]]]]


@dataclass(frozen=True)
class Grammar:
    """One language: compiled sentences by fact id, and those that may only follow other facts."""

    sentences: Mapping[str, re.Pattern[str]]
    following: Mapping[str, Sequence[tuple[After, re.Pattern[str]]]] = field(default_factory=dict)

    def derives(self, fact: str, sentence: str, before: Sequence[str] = ()) -> bool:
        """Whether the whole of ``sentence`` can be derived for the fact; letter case counts but for the first.

        ``before`` are the facts of the sentences that stand before it, in order.
        """
        patterns = [self.sentences[fact]] if fact in self.sentences else []
        patterns += [pattern for after, pattern in self.following.get(fact, ()) if after.holds(before)]
        if not sentence:
            return False
        first = sentence.split(" ", 1)[0]
        if first not in _ABBREVIATIONS:
            sentence = sentence[0].lower() + sentence[1:]
        return any(pattern.fullmatch(sentence) for pattern in patterns)


def compile_grammar(
    phrases: Phrases, sentences: Mapping[str, Iterable[str]], following: Following | None = None
) -> Grammar:
    """Build the patterns; raises KeyError for a phrase that is used and not defined."""
    return Grammar(
        {fact: _pattern(rules, phrases) for fact, rules in sentences.items()},
        {
            fact: [(after, _pattern(rules, phrases)) for after, rules in groups]
            for fact, groups in (following or {}).items()
        },
    )


def _pattern(rules: Iterable[str], phrases: Phrases) -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(_Rule(rule, phrases).expression() for rule in rules) + r")\.")


@dataclass
class _Item:
    """A part of a sequence: its expression, whether it may be left out, and whether a space stands before it."""

    expression: str
    optional: bool
    spaced: bool


class _Rule:
    """One rule read from left to right into a regular expression."""

    def __init__(self, text: str, phrases: Phrases) -> None:
        self._tokens = list(_TOKEN.finditer(text))
        self._phrases = phrases
        self._place = 0

    def expression(self) -> str:
        """The alternatives up to the end of the rule or of the bracket that was opened."""
        alternatives, items, spaced = [], list[_Item](), False
        while self._place < len(self._tokens):
            token = self._tokens[self._place]
            self._place += 1
            if token["space"]:
                spaced = True
                continue
            if token["mark"] == "]":
                break
            if token["mark"] == "|":
                alternatives.append(_sequence(items))
                items, spaced = [], False
                continue
            if token["mark"] == "[":
                items.append(_Item(self.expression(), True, spaced))
            elif token["phrase"]:
                items.append(_Item(_Rule(self._phrases[token["phrase"]], self._phrases).expression(), False, spaced))
            else:
                items.append(_Item(re.escape(token["text"]), False, spaced))
            spaced = False
        alternatives.append(_sequence(items))
        return f"(?:{'|'.join(alternatives)})"


def _sequence(items: list[_Item]) -> str:
    """Items in order. What is left out takes a space along: at the beginning the one after it, else the one before."""
    made, begun = "", False
    for place, item in enumerate(items):
        if not item.optional:
            # Spaces behind optional parts at the beginning went with them.
            made += (" " if item.spaced and begun else "") + item.expression
            begun = True
        elif begun:
            made += f"(?:{' ' if item.spaced else ''}{item.expression})?"
        else:
            follows = place + 1 < len(items) and items[place + 1].spaced
            made += f"(?:{item.expression}{' ' if follows else ''})?"
    return made
