"""The GraphQL types of assessments; they mirror the documents of the collection ``assessments``."""

from __future__ import annotations

from enum import StrEnum

import strawberry

from halfpenny.marketplace.graphql.amount import Amount


@strawberry.enum(description="The grade of a loan, the best first.")
class Grade(StrEnum):
    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


@strawberry.enum(description="What the model recommends: refer leaves the decision to a person.")
class Recommendation(StrEnum):
    approve = "approve"
    refer = "refer"
    decline = "decline"


@strawberry.enum(description="Whether a model's estimate stands beside the stated value.")
class ValueSource(StrEnum):
    valuer = "valuer"
    both = "both"


@strawberry.type(name="LocalisedText", description="One plain sentence in each language.")
class Localised:
    en: str
    pl: str


@strawberry.type(description="A sale near by that the valuation rests on; others than staff cannot tell which it was.")
class Comparable:
    id: str | None = strawberry.field(description="The model's name of the sale, for staff; null for others.")
    distance_m: int = strawberry.field(description="Metres; for others than staff up to the next 500, at least 500.")
    age_months: int | None = strawberry.field(
        description="Months between the sale and the assessment, for staff; null for others."
    )
    similarity: str | None = strawberry.field(
        description="From 0 to 1, a decimal string, for staff; null for others, who get the newest sale first."
    )
    price: Amount | None = strawberry.field(
        description="What was paid, in the loan's currency, for staff; null for others."
    )
    adjusted_price: Amount = strawberry.field(
        description="In the loan's currency, adjusted to the property and to the valuation's date; for others than "
        "staff to the nearest thousand."
    )
    sold_on: str = strawberry.field(description="ISO 8601: a day, for others than staff a year.")
    area_m2: str | None = strawberry.field(description="Square metres, for staff; null for others.")
    beds: int | None = strawberry.field(description="For staff; null for others.")
    year_built: int | None = strawberry.field(description="For staff; null for others.")


@strawberry.type(name="Valuation", description="What the property is worth by the models, beside the stated value.")
class AssessedValuation:
    source: ValueSource
    market: str | None = strawberry.field(description="The market model that knows the place; null outside of all.")
    value: Amount
    low: Amount
    high: Amount
    used: Amount = strawberry.field(description="The value that the loan was measured against.")
    confidence: str = strawberry.field(description="The coverage that low and high are calibrated to, a share of one.")
    index_volatility: str
    as_of: str | None = strawberry.field(description="The day of the last sale that the model knows.")
    index_as_of: str | None = strawberry.field(description="The day to which a published index carried its prices.")
    index_level: str | None
    note: Localised | None
    comparables: list[Comparable]


@strawberry.type(description="The loan's figures if prices fell, the exit came late and rates rose, all at once.")
class StressCell:
    price_change_percent: int
    extra_months: int
    rate_change_points: int
    exit_shortfall_probability: str
    loss_given_default: str
    expected_loss: str


@strawberry.type(
    name="Assessment",
    description="The assessment that a loan goes by. Probabilities, losses and ratios are shares of one.",
)
class LoanAssessment:
    model_version: str
    loan_version: int = strawberry.field(description="The version of the loan's terms that was assessed.")
    received_at: str = strawberry.field(description="RFC 3339 in UTC.")
    grade: Grade
    probability_of_default: str
    loss_given_default: str
    expected_loss: str
    exit_shortfall_probability: str
    suggested_rate_percent: str
    ltv: str = strawberry.field(description="Against the value that was used.")
    ltv_at_low: str = strawberry.field(description="Against the low end of its interval.")
    ltgdv: str | None
    valuation: AssessedValuation
    stress: list[StressCell]
    flags: list[str] = strawberry.field(
        description="Codes of what was missing, absurd or replaced; of the borrower's own affairs only for staff."
    )


@strawberry.type(description="Everything that was scored about one thing. `contribution` is in log-odds of default.")
class ScoredReason:
    code: str
    text: Localised
    contribution: str
    change: Localised | None = strawberry.field(description="What one change would do to a principal reason against.")
    audience: list[str]


@strawberry.type(description="The challenger's figures for the same loan; never acted upon.")
class ChallengerFigures:
    model_version: str
    grade: Grade
    probability_of_default: str


@strawberry.type(description="An assessment as staff see it: with scores, reasons, recommendation and every flag.")
class StaffAssessment(LoanAssessment):
    ltc: str | None = strawberry.field(description="Over price and works; null where no price counts.")
    recommendation: Recommendation
    score: str
    base_score: str
    challenger: ChallengerFigures | None
    reasons: list[ScoredReason]
    principal_against: list[ScoredReason]
    principal_for: list[ScoredReason]
