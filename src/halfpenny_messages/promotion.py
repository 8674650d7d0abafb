"""Promotions of borrower models: what is proposed, what was approved, and how it reaches the risk service.

The platform signs an approved promotion; the risk service trusts the signature alone, not the queue that carried it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from halfpenny_messages.values import DecimalText

MODEL_PROMOTED = "risk.model_promoted"
PROMOTION_RESTATED = "risk.promotion_restated"
PROMOTION_ASKED = "risk.promotion_asked"
RISK_PROMOTIONS_QUEUE = "risk.promotions"
RISK_PROMOTIONS_EVENTS = (MODEL_PROMOTED, PROMOTION_RESTATED)

SIGNATURE_TYPE = "halfpenny-promotion"
"""The ``typ`` of the signature's header: what was signed for another purpose is no promotion."""
SIGNATURE_ALGORITHM = "ES256"

MODEL_FILE_PATTERN = r"borrower_[a-z0-9_]{1,60}\.json"
SHA256_PATTERN = r"[0-9a-f]{64}"
"""Of the whole text, to be anchored as the reader's library does it."""

ModelFileName = Annotated[str, Meta(pattern=rf"\A{MODEL_FILE_PATTERN}\Z", max_length=80)]
Sha256Text = Annotated[str, Meta(pattern=rf"\A{SHA256_PATTERN}\Z", max_length=64)]


class ModelFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of the models' folder, and the SHA-256 of its bytes in hex."""

    file: ModelFileName
    sha256: Sha256Text


class MeasuredFigure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure with its 95 % bootstrap interval."""

    value: DecimalText
    low: DecimalText
    high: DecimalText


class Judgement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a candidate was found to be on rows that it had not seen (nested folds), against the champion then.

    ``brier_difference`` is the candidate's Brier score less the champion's: below zero the candidate is better.
    ``slope`` and ``intercept`` are those of the calibration. Of ``monotone_trials`` applications that were made worse,
    ``monotone_breaks`` scored better. Which figures a candidate may have: ``promotion_gates``.
    """

    champion: ModelFile
    judged_on: date
    data_sha256: Sha256Text
    rows: int
    monotone_trials: int
    monotone_breaks: int
    brier: MeasuredFigure
    brier_difference: MeasuredFigure
    slope: MeasuredFigure
    intercept: MeasuredFigure


class Promotion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The signed content: from now on ``champion`` answers and ``challenger`` runs beside it.

    ``number`` counts promotions from 1 without a gap; a service takes none that is not above the one in force.
    ``judgement`` is what the two people were shown; a service takes none of which its own folder says otherwise.
    """

    number: Annotated[int, Meta(ge=1)]
    champion: ModelFile
    challenger: ModelFile
    judgement: Judgement
    promoted_at: datetime


class ModelPromoted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``risk.model_promoted`` version 1: ``signed`` is a JWS in its compact form (RFC 7515) over a ``Promotion``."""

    signed: Annotated[str, Meta(max_length=6_000)]


class PromotionRestated(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``risk.promotion_restated`` version 1: the promotion in force once more, for a service that asked."""

    signed: Annotated[str, Meta(max_length=6_000)]


class PromotionAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``risk.promotion_asked`` version 1: which one is in force? The service answers by ``number`` (0: none)."""

    number: Annotated[int, Meta(ge=0)]
