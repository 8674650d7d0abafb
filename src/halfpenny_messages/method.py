"""How the risk service scores and prices, as it publishes it (Delegated Regulation (EU) 2024/358)."""

from __future__ import annotations

from datetime import date
from typing import Literal

from msgspec import Struct

from halfpenny_messages.assessed import Grade
from halfpenny_messages.values import CurrencyCode, DecimalText, Word

METHOD_PUBLISHED = "risk.method_published"


class MethodFactor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One factor and its weight: its part of all that moves a score, as a fraction of one."""

    code: Word
    weight: DecimalText


class MethodGrade(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One grade: the probabilities of default from (exclusive) and to (inclusive) which it reaches, and its answer."""

    grade: Grade
    probability_from: DecimalText
    probability_to: DecimalText
    answer: Literal["approve", "refer", "decline"]


class MethodLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Above ``refer`` a person decides, above ``decline`` the model recommends to decline."""

    code: Word
    refer: DecimalText
    decline: DecimalText


class MethodFigure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measured figure of a model, with its 95 % interval; ``model`` is borrower, seattle or lucas."""

    model: Word
    measure: str
    value: DecimalText
    low: DecimalText
    high: DecimalText


class MethodSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A published figure that levels of the policy are held against."""

    name: str
    figure: str
    source: str
    read_on: date
    reading: str


class MethodRate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The reference rate of one currency, in percent a year, which every price stands on."""

    currency: CurrencyCode
    name: str
    rate_percent: DecimalText
    as_of: date


class MethodPublished(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``risk.method_published`` version 1: the policy and the models that answer from now on.

    ``borrower_weight`` and ``exit_weight`` are those of the two parts of the score; ``referred`` names what makes a
    person decide whatever the grade.
    """

    policy_version: Word
    model_version: str
    effective_from: date
    central_tendency: DecimalText
    borrower_weight: DecimalText
    exit_weight: DecimalText
    factors: tuple[MethodFactor, ...]
    grades: tuple[MethodGrade, ...]
    limits: tuple[MethodLimit, ...]
    referred: tuple[Word, ...]
    figures: tuple[MethodFigure, ...]
    sources: tuple[MethodSource, ...]
    reference_rates: tuple[MethodRate, ...]
