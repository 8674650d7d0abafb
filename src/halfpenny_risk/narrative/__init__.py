"""Prose about the figures. It is written after everything is decided and can change nothing."""

from halfpenny_risk.narrative.facts import Facts, facts_of, template
from halfpenny_risk.narrative.writer import Cache, MongoCache, NoCache, TemplateNarrator, WritingNarrator

__all__ = [
    "Cache",
    "Facts",
    "MongoCache",
    "NoCache",
    "TemplateNarrator",
    "WritingNarrator",
    "facts_of",
    "template",
]
