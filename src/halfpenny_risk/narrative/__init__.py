"""Prose about the figures. It is written after everything is decided and can change nothing."""

from halfpenny_risk.narrative.facts import Facts, facts_of, template
from halfpenny_risk.narrative.writer import (
    Cache,
    LanguageModelNarrator,
    MongoCache,
    NoCache,
    TemplateNarrator,
    from_template,
)

__all__ = [
    "Cache",
    "Facts",
    "LanguageModelNarrator",
    "MongoCache",
    "NoCache",
    "TemplateNarrator",
    "facts_of",
    "from_template",
    "template",
]
