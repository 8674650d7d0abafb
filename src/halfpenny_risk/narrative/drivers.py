"""What may be said of each driver of the score in any language: that it raises the risk, or that it lowers it.

A language holds the words (``DriverWords``); which of them belong to which side, and that a statement is said with the
direction of its own side, is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from halfpenny_risk.narrative.grammar import After

# The subjects of one driver, alternatives behind ``|``, by the relative pronoun that follows them.
Subjects = Mapping[str, str]
AGAINST, FOR = "against", "for"
SIDES = (AGAINST, FOR)


@dataclass(frozen=True)
class DriverWords:
    """One language. ``neutral`` can be said of both directions, ``directed`` of one: in favour nothing is said with an
    adjective, since "low" would judge where the sign only says which way a part of the score goes.

    ``clauses`` stand by themselves. ``states`` say what a driver is, and are said with what follows from it.
    ``pronouns`` are the relative pronouns by the key of their subjects. The frames have places for a ``{subject}`` (and
    its ``{pronoun}``) or for ``{states}``, and for the words of a side (``sides``); ``following_frames`` point back to
    a driver of the same side.
    """

    neutral: Mapping[str, Subjects]
    directed: Mapping[str, Mapping[str, Subjects]]
    clauses: Mapping[str, Mapping[str, tuple[str, ...]]]
    states: Mapping[str, Mapping[str, str]]
    sides: Mapping[str, Mapping[str, str]]
    pronouns: Mapping[str, str]
    frames: tuple[str, ...]
    relative_frames: tuple[str, ...]
    stated_frames: tuple[str, ...]
    following_frames: tuple[str, ...] = ()
    phrases: Mapping[str, str] = field(default_factory=dict)


def driver_phrases(words: DriverWords) -> dict[str, str]:
    """The phrases that ``driver_sentences`` uses, and the language's own."""
    found = dict(words.phrases)
    for side in SIDES:
        for code in words.neutral:
            by_pronoun = dict(_subjects(words, side, code))
            found[f"{side}_{code}"] = "|".join(by_pronoun.values())
            found |= {f"{side}_{code}_{key}": subjects for key, subjects in by_pronoun.items()}
        found |= {f"states_{side}_{code}": states for code, states in words.states.get(side, {}).items()}
    return found


def driver_sentences(words: DriverWords) -> dict[str, list[str]]:
    """What may be said of each driver, by its fact id (``against:income``)."""
    return {f"{side}:{code}": list(_sentences(words, side, code)) for code in words.neutral for side in SIDES}


def driver_following(words: DriverWords) -> dict[str, list[tuple[After, list[str]]]]:
    """What may be said of a driver directly after another of the same side, by its fact id."""
    return {
        f"{side}:{code}": [
            (
                After(frozenset(f"{side}:{other}" for other in words.neutral if other != code)),
                [
                    frame.format(subject=f"<{side}_{code}_{key}>", pronoun=words.pronouns[key], **words.sides[side])
                    for key, _ in _subjects(words, side, code)
                    for frame in words.following_frames
                ],
            )
        ]
        for code in words.neutral
        for side in SIDES
        if words.following_frames
    }


def _subjects(words: DriverWords, side: str, code: str) -> Iterator[tuple[str, str]]:
    """The subjects of a driver on one side, by the key of their pronoun."""
    own, directed = words.neutral[code], words.directed.get(side, {}).get(code, {})
    for key in words.pronouns:
        subjects = "|".join(filter(None, (own.get(key), directed.get(key))))
        if subjects:
            yield key, subjects


def _sentences(words: DriverWords, side: str, code: str) -> Iterator[str]:
    wording = words.sides[side]
    yield from (frame.format(subject=f"<{side}_{code}>", **wording) for frame in words.frames)
    for key, _ in _subjects(words, side, code):
        place = {"subject": f"<{side}_{code}_{key}>", "pronoun": words.pronouns[key]}
        yield from (frame.format(**place, **wording) for frame in words.relative_frames)
    yield from words.clauses.get(side, {}).get(code, ())
    if code in words.states.get(side, {}):
        yield from (frame.format(states=f"<states_{side}_{code}>", **wording) for frame in words.stated_frames)
