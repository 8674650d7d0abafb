"""What a bank statement says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class CashDirection(StrEnum):
    """ISO 20022 CreditDebitCode, seen from the account's holder: CRDT is money in."""

    IN = "CRDT"
    OUT = "DBIT"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One booked entry (``Ntry``). ``bank_reference`` is the bank's own, ``end_to_end_id`` the payer's."""

    bank_reference: str
    end_to_end_id: str
    direction: CashDirection
    amount_minor: int
    booked_on: date
    value_on: date


@dataclass(frozen=True, slots=True)
class BankStatement:
    """One day of the client account in one currency. Balances are minor units, signed."""

    message_id: str
    account: str
    currency: str
    day: date
    created_at: datetime
    opening_minor: int
    closing_minor: int
    lines: tuple[StatementLine, ...]
