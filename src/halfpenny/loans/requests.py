"""The bodies of requests about loans, and how each becomes what the rules know."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from halfpenny.loans.decision import Decision, Verdict, check_reason
from halfpenny.loans.decision_reasons import DecisionReason
from halfpenny.loans.model import Application, Borrower, Charge, Insurance, Property, Valuation
from halfpenny.platform.clock import MARKET_ZONE
from halfpenny.platform.http import (
    AmountText,
    CountryText,
    CurrencyText,
    DateText,
    LineText,
    ProseText,
    RateText,
    RequestModel,
    code_of,
)
from halfpenny.primitives.money import parse_minor
from halfpenny_messages import (
    Condition,
    ExitStrategy,
    LoanInterestMode,
    LoanPurpose,
    Premises,
    PropertyKind,
    ValuationSource,
)

# What surveyors write as figures, in the words that the rest of the house uses.
_CONDITIONS = {1: "poor", 2: "fair", 3: "average", 4: "good", 5: "excellent"}


def _condition(value: Any) -> Any:
    return _CONDITIONS.get(value, value) if type(value) is int else value


def _moment(value: Any) -> datetime:
    """An RFC 3339 moment, or a date, which means the end of that day in the market's time zone."""
    if type(value) is str:
        try:
            if len(value) == 10:
                after = date.fromisoformat(value) + timedelta(days=1)
                return datetime.combine(after, time(), MARKET_ZONE).astimezone(UTC)
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError(
        "malformed_moment", 'A moment is a string with a time zone such as "2026-02-28T12:00:00Z", or a date.'
    )


MomentText = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-02-28T12:00:00Z"]}),
]
ConditionCode = Annotated[Condition, code_of(Condition), BeforeValidator(_condition)]
KindCode = Annotated[PropertyKind, code_of(PropertyKind)]
PurposeCode = Annotated[LoanPurpose, code_of(LoanPurpose)]
ExitCode = Annotated[ExitStrategy, code_of(ExitStrategy)]
InterestCode = Annotated[LoanInterestMode, code_of(LoanInterestMode)]
SourceCode = Annotated[ValuationSource, code_of(ValuationSource)]
ReasonCode = Annotated[DecisionReason, code_of(DecisionReason)]
PremisesCode = Annotated[Premises, code_of(Premises)]
NoteText = ProseText | Literal[""]


class PropertyRequest(RequestModel):
    """The security. ``country`` is ISO 3166-1 alpha-2 and holds the coordinates.

    Dwellings (house, townhouse, flat, multi_family) need ``year_built``, ``beds`` and ``condition``.
    ``valuation_source`` is the owner's estimate unless given otherwise; a survey names its ``valuer``, and counts as
    one once staff have verified its report. ``purchase_price`` may be left out where ``purchased_on`` is more than two
    years ago. ``gdv``, the value after the
    works, is not below ``valuation``.
    """

    kind: KindCode
    address: LineText
    city: LineText
    country: CountryText
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    description: Annotated[ProseText | Literal[""], Field(default="")]
    year_built: Annotated[int | None, Field(default=None, ge=1000, le=2200)]
    area_m2: Annotated[float, Field(gt=0, le=10_000_000, allow_inf_nan=False)]
    beds: Annotated[int | None, Field(default=None, ge=0, le=100)]
    condition: Annotated[ConditionCode | None, Field(default=None)]
    purchase_price: Annotated[AmountText | None, Field(default=None)]
    purchased_on: Annotated[DateText | None, Field(default=None)]
    valuation: AmountText
    valued_on: DateText
    valuation_source: Annotated[SourceCode, Field(default=ValuationSource.OWNER)]
    valuer: Annotated[LineText | None, Field(default=None)]
    renovation_cost: AmountText
    gdv: Annotated[AmountText | None, Field(default=None)]

    def read(self) -> Property:
        return self.read_as(Property, area_m2=Decimal(str(self.area_m2)).quantize(Decimal("0.01")))


class BorrowerRequest(RequestModel):
    """The business: yearly income and costs, assets and debts in the loan's currency, adverse records counted."""

    company: LineText
    income: AmountText
    assets: AmountText
    debts: AmountText
    adverse_records: Annotated[int, Field(ge=0, le=100)]
    years_trading: Annotated[int | None, Field(default=None, ge=0, le=500)]
    yearly_costs: Annotated[AmountText | None, Field(default=None)]
    premises: Annotated[PremisesCode | None, Field(default=None)]

    def read(self) -> Borrower:
        return self.read_as(Borrower)


class ApplicationRequest(RequestModel):
    """A whole application. A charge behind the first needs ``prior_debt``; the notes are free text beside the codes."""

    property: PropertyRequest
    borrower: BorrowerRequest
    charge_rank: Annotated[int, Field(ge=1, le=9)]
    prior_debt: AmountText
    amount: AmountText
    currency: CurrencyText
    term_months: Annotated[int, Field(ge=1, le=120)]
    purpose: PurposeCode
    purpose_note: Annotated[NoteText, Field(default="")]
    exit_strategy: ExitCode
    exit_note: Annotated[NoteText, Field(default="")]
    interest_mode: InterestCode

    def read(self) -> Application:
        return self.read_as(Application, property=self.property.read(), borrower=self.borrower.read())


class DecisionRequest(RequestModel):
    """``annual_rate`` is percent a year (the suggested rate where left out); the reason is a code, with words to it."""

    decision: Literal["approve", "decline"]
    version: Annotated[int, Field(ge=1)]
    annual_rate: Annotated[RateText | None, Field(default=None)]
    funding_deadline: Annotated[MomentText | None, Field(default=None)]
    reason_code: ReasonCode
    reason: ProseText

    def read(self) -> Decision:
        verdict = Verdict(self.decision)
        decision = Decision(
            verdict, self.version, self.reason_code, self.reason, self.annual_rate, self.funding_deadline
        )
        check_reason(decision)
        return decision


class ChargeRequest(RequestModel):
    rank: Annotated[int, Field(ge=1, le=9)]
    registered_on: DateText


class ValuationRequest(RequestModel):
    """Another valuation, in the loan's currency; without a ``source`` it is the owner's estimate."""

    amount: AmountText
    valued_on: DateText
    valuer: LineText
    source: Annotated[SourceCode, Field(default=ValuationSource.OWNER)]

    def read(self) -> Valuation:
        return Valuation(parse_minor(self.amount), self.valued_on, self.valuer, self.source)


class InsuranceRequest(RequestModel):
    insurer: LineText
    policy: LineText
    expires_on: DateText
    sum: AmountText


class ConditionsRequest(RequestModel):
    """Any of the three; amounts are in the loan's currency."""

    charge: Annotated[ChargeRequest | None, Field(default=None)]
    valuation: Annotated[ValuationRequest | None, Field(default=None)]
    insurance: Annotated[InsuranceRequest | None, Field(default=None)]

    def read(self) -> list[Charge | Valuation | Insurance]:
        evidence: list[Charge | Valuation | Insurance] = []
        if self.charge is not None:
            evidence.append(Charge(self.charge.rank, self.charge.registered_on))
        if self.valuation is not None:
            evidence.append(self.valuation.read())
        if self.insurance is not None:
            shown = self.insurance
            evidence.append(Insurance(shown.insurer, shown.policy, shown.expires_on, parse_minor(shown.sum)))
        return evidence
