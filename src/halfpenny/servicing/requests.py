"""Bodies of servicing's routes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from halfpenny.platform.http import AmountText, CurrencyText, DateText, IdText, LineText, ProseText, RequestModel


class PaymentRequest(RequestModel):
    amount: AmountText
    currency: CurrencyText


class BankReceiptRequest(RequestModel):
    """A line of the bank's statement. Without ``loan_id`` it waits in suspense."""

    amount: AmountText
    currency: CurrencyText
    received_on: DateText
    payer: LineText
    reference: LineText
    loan_id: IdText | None = None


class MatchRequest(RequestModel):
    loan_id: IdText


class ReasonRequest(RequestModel):
    reason: ProseText


class ExtensionRequest(RequestModel):
    months: Annotated[int, Field(ge=1, le=24)]
    reason: ProseText


class PauseRequest(RequestModel):
    first: DateText
    last: DateText
    reason: ProseText


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
