"""Request bodies of funding, and the fingerprint of a ticket."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from halfpenny.funding.errors import AmountNotPositive
from halfpenny.platform.http import AmountText, CurrencyText, DateText, IdText, LineText, RequestModel
from halfpenny.primitives.money import parse_minor

BULK_MAX = 500


def _positive(amount: str) -> str:
    if parse_minor(amount) == 0:
        raise PydanticCustomError(AmountNotPositive.code, AmountNotPositive.message)
    return amount


PositiveAmountText = Annotated[AmountText, AfterValidator(_positive)]


class InvestRequest(RequestModel):
    """Money from the wallet in the loan's currency."""

    amount: PositiveAmountText
    currency: CurrencyText


class BulkTicket(RequestModel):
    loan_id: IdText
    amount: PositiveAmountText
    currency: CurrencyText


class BulkRequest(RequestModel):
    """Up to 500 tickets; each is decided by itself."""

    investments: Annotated[list[BulkTicket], Field(min_length=1, max_length=BULK_MAX)]


class AmountRequest(RequestModel):
    amount: PositiveAmountText


class CancelRequest(RequestModel):
    reason: LineText


class ResolveRequest(RequestModel):
    resolution: Literal["returned", "credited", "corrected", "covered"]


class BankCreditRequest(RequestModel):
    """What somebody pays from outside, in the sandbox; ``account`` is a client account's IBAN or its currency."""

    account: LineText
    amount: PositiveAmountText
    payer: LineText
    reference: LineText
    day: DateText


def ticket_fingerprint(loan_id: UUID, amount: str, currency: str) -> bytes:
    """What an investor's key stands for: this loan, this amount as it was written, this currency."""
    return hashlib.sha256(f"invest {loan_id} {amount} {currency}".encode()).digest()
