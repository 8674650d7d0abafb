"""What the risk service answers: a grade, a loss, a price, and the reasons for them."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from msgspec import Struct

from halfpenny_messages.values import AmountText, CurrencyCode, DecimalText

LOAN_ASSESSED = "loan.assessed"
LOAN_NARRATIVE_WRITTEN = "loan.narrative_written"
# More than four reasons help nobody (official comment on 12 CFR 1002.9(b)(2)).
MOST_PRINCIPAL_REASONS = 4
Grade = Literal["A", "B", "C", "D", "E"]
Audience = Literal["borrower", "investor", "staff"]


class LocalisedText(Struct, frozen=True, forbid_unknown_fields=True):
    """One plain sentence in each language of the product."""

    en: str
    pl: str


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One factor that was actually scored. ``contribution`` is in log-odds of default: above 0 is worse.

    ``audience`` is who may see it: figures about the borrower's own affairs are not for investors.
    """

    code: str
    text: LocalisedText
    contribution: DecimalText
    audience: tuple[Audience, ...] = ("borrower", "investor", "staff")


class PrincipalReason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What weighed most for or against a loan: everything that was scored about one thing, in one sentence.

    ``change`` says what one change would do to a reason against, as the same model recomputed it, or that none alone
    betters the grade or the decision; None for what speaks for the loan. ``contribution`` is in log-odds of default:
    above 0 is worse.
    """

    code: str
    text: LocalisedText
    contribution: DecimalText
    change: LocalisedText | None = None
    audience: tuple[Audience, ...] = ("borrower", "investor", "staff")


class Comparable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sale near by: its price then, and adjusted to the property and to the valuation's date."""

    id: str
    distance_m: int
    age_months: int
    similarity: DecimalText
    price: AmountText
    adjusted_price: AmountText
    sold_on: date
    area_m2: DecimalText
    beds: int | None = None
    year_built: int | None = None


class Valuation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The market model's estimate in the loan's currency, or the value lent on where no model covers the property.

    ``source`` is ``both`` where a model's estimate stands beside the stated value, ``valuer`` outside every market that
    a model knows: then the stated value stands alone, whoever stated it. ``confidence`` is the coverage that the
    interval [low, high] was calibrated to. ``used`` is the value that the loan was measured against. ``as_of`` is the
    day of the last sale that the model knows; ``index_as_of`` the day to which a published index carried its prices,
    times ``index_level``; ``note`` says so in words. ``houses_value`` is what that model says of a house there, where
    the property is of a kind that it does not value.
    """

    source: Literal["valuer", "both"]
    market: str | None
    value: AmountText
    low: AmountText
    high: AmountText
    used: AmountText
    currency: CurrencyCode
    confidence: DecimalText
    index_volatility: DecimalText
    as_of: date | None = None
    index_as_of: date | None = None
    index_level: DecimalText | None = None
    note: LocalisedText | None = None
    houses_value: AmountText | None = None
    comparables: tuple[Comparable, ...] = ()


class PriceTerm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One term of the price, in percent a year; the terms add up to ``suggested_rate_percent`` exactly."""

    code: str
    text: LocalisedText
    rate_percent: DecimalText


class StressCell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stress test: the loan's figures if prices fell, the exit came late and rates rose, all at once."""

    price_change_percent: int
    extra_months: int
    rate_change_points: int
    exit_shortfall_probability: DecimalText
    loss_given_default: DecimalText
    expected_loss: DecimalText


class Narrative(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prose about the figures. It decides nothing; ``written_by`` is ``ai`` (``model`` names which) or ``template``."""

    text: LocalisedText
    label: LocalisedText
    written_by: Literal["ai", "template"]
    model: str | None = None


class Challenger(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The challenger model's figures for the same loan; recorded, never acted upon."""

    model_version: str
    grade: Grade
    probability_of_default: DecimalText


class LoanAssessed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``loan.assessed`` version 1. ``request_id`` is the id of the event that asked.

    Probabilities, losses and loan-to-value ratios are fractions of one; ``expected_loss`` is a fraction of
    the amount lent. ``ltv`` is against the value used, ``ltv_at_low`` against the low end of its interval.
    ``base_score`` and the contributions of ``reasons`` add up to ``score`` (log-odds of
    default) within 1e-9. ``principal_against`` holds at most four of the same, in order; ``principal_for`` what speaks
    for the loan. ``flags`` names what was missing, absurd or replaced by a fallback.
    ``recommendation`` is advice to the administrator, who decides.
    """

    loan_id: UUID
    request_id: UUID
    loan_version: int
    model_version: str
    grade: Grade
    recommendation: Literal["approve", "refer", "decline"]
    probability_of_default: DecimalText
    loss_given_default: DecimalText
    expected_loss: DecimalText
    exit_shortfall_probability: DecimalText
    suggested_rate_percent: DecimalText
    ltv: DecimalText
    ltv_at_low: DecimalText
    ltc: DecimalText | None
    ltgdv: DecimalText | None
    base_score: DecimalText
    score: DecimalText
    reasons: tuple[Reason, ...]
    principal_against: tuple[PrincipalReason, ...] = ()
    principal_for: tuple[PrincipalReason, ...] = ()
    valuation: Valuation
    price_terms: tuple[PriceTerm, ...]
    stress: tuple[StressCell, ...]
    narrative: Narrative | None = None
    challenger: Challenger | None = None
    flags: tuple[str, ...] = ()


class NarrativeWritten(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``loan.narrative_written`` version 1: prose for an answer that was sent before it was written.

    It belongs to the ``loan.assessed`` of the same loan, terms and model; ``request_id`` is that answer's.
    """

    loan_id: UUID
    request_id: UUID
    loan_version: int
    model_version: str
    narrative: Narrative
