"""Bodies of servicing's routes."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from halfpenny.funding import PositiveAmountText
from halfpenny.platform.http import AmountText, CurrencyText, DateText, IdText, LineText, ProseText, RequestModel
from halfpenny.servicing.model.events import Apply
from halfpenny.servicing.model.waterfall import WaivedComponent
from halfpenny.servicing.statuses import OverpaidBearer

APPLY = "What the part beyond the amount due does: ``due`` waits for the next instalment, ``prepay`` repays principal."


class PaymentRequest(RequestModel):
    amount: AmountText
    currency: CurrencyText
    apply: Annotated[Apply | None, Field(strict=False, description=APPLY)] = None


class BankReceiptRequest(RequestModel):
    """A credit at the bank: the line of a statement that ``line_id`` names, or one that no statement shows yet.

    Without ``loan_id`` it waits for its line, which stands in suspense.
    """

    amount: PositiveAmountText
    currency: CurrencyText
    received_on: DateText
    payer: LineText
    reference: LineText
    loan_id: IdText | None = None
    line_id: IdText | None = None
    apply: Annotated[Apply | None, Field(strict=False, description=APPLY)] = None


class LinePartRequest(RequestModel):
    loan_id: IdText
    amount: PositiveAmountText | None = None
    apply: Annotated[Apply | None, Field(strict=False, description=APPLY)] = None


class ReversalRequest(RequestModel):
    """``reference`` names the statement line that took the money back."""

    reversed_on: DateText
    reference: LineText
    reason: ProseText


class UnmatchRequest(RequestModel):
    """All of it, or so much of the one part that it went to."""

    amount: PositiveAmountText | None = None
    reason: ProseText


class MatchRequest(RequestModel):
    """One loan, for all that is left or an amount; or ``parts`` of it for several."""

    loan_id: IdText | None = None
    amount: PositiveAmountText | None = None
    apply: Annotated[Apply | None, Field(strict=False, description=APPLY)] = None
    parts: Annotated[list[LinePartRequest], Field(min_length=1, max_length=100)] | None = None
    reason: ProseText | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.loan_id is None) == (self.parts is None) or (
            self.parts is not None and (self.amount is not None or self.apply is not None)
        ):
            raise PydanticCustomError("loan_or_parts", "Name one loan, or the parts for several.")
        if self.parts is not None and len({one.loan_id for one in self.parts}) < len(self.parts):
            raise PydanticCustomError("loan_or_parts", "Name each loan once.")
        if self.parts is not None and len(self.parts) > 1 and any(one.amount is None for one in self.parts):
            raise PydanticCustomError("loan_or_parts", "Each part of several names its amount.")
        return self

    @property
    def wanted(self) -> list[LinePartRequest]:
        if self.parts is not None:
            return self.parts
        return [LinePartRequest.model_construct(loan_id=self.loan_id, amount=self.amount, apply=self.apply)]


class JoinLineRequest(RequestModel):
    line_id: IdText


class ReasonRequest(RequestModel):
    reason: ProseText


class SettlementRequest(RequestModel):
    bearer: Annotated[OverpaidBearer, Field(strict=False)]
    reason: ProseText


class CureRequest(RequestModel):
    """``unlikely_to_pay`` says whether the mark stays; needed where the loan has it."""

    unlikely_to_pay: bool | None = None
    reason: ProseText


UNLIKELY = (
    "Whether the borrower is unlikely to pay from now on, which is a default. Left out: yes where anything is past "
    "due. ``false`` takes a second person there, and the reason says why not."
)


class ForbearanceRequest(RequestModel):
    unlikely_to_pay: Annotated[bool | None, Field(description=UNLIKELY)] = None
    reason: ProseText


class ExtensionRequest(ForbearanceRequest):
    months: Annotated[int, Field(ge=1, le=24)]


class PauseRequest(ForbearanceRequest):
    first: DateText
    last: DateText


class WaiverRequest(ForbearanceRequest):
    """What is given up of what is due. Principal is written off instead."""

    component: Annotated[WaivedComponent, Field(strict=False)]
    amount: PositiveAmountText
    currency: CurrencyText


class CostRequest(RequestModel):
    amount: AmountText
    currency: CurrencyText
    kind: LineText
    reason: ProseText


class UpdateRequest(RequestModel):
    text: ProseText


class SimulationRequest(RequestModel):
    """What would an amount pay? ``owed`` amounts by component; components left out owe nothing."""

    amount: AmountText
    owed: dict[str, AmountText]
    defaulted: bool = False


class TaxProfileRequest(RequestModel):
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    treaty_form: bool = False
