"""Bank statements and their lines."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from halfpenny.primitives.ids import uuid7


class CashDirection(StrEnum):
    """ISO 20022 CreditDebitCode, seen from the account's holder: CRDT is money in."""

    IN = "CRDT"
    OUT = "DBIT"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One booked payment: an entry (``Ntry``), or one transaction of an entry that is a batch.

    ``bank_reference`` is the bank's own and ``end_to_end_id`` the payer's; either is empty where the bank gives none.
    ``payer`` is the other side, whichever way the money went. ``remark`` says what of the line was not understood.
    """

    bank_reference: str
    end_to_end_id: str
    direction: CashDirection
    amount_minor: int
    booked_on: date
    value_on: date
    payer: str = ""
    payer_account: str = ""
    remittance: str = ""
    remark: str = ""
    id: UUID = field(default_factory=uuid7, compare=False)

    @property
    def received_on(self) -> date:
        """The day that it counts from: its value date, but never a day on which it was not there yet."""
        return min(self.value_on, self.booked_on)

    @property
    def signed_minor(self) -> int:
        return self.amount_minor if self.direction is CashDirection.IN else -self.amount_minor


@dataclass(frozen=True, slots=True)
class BankStatement:
    """One account over one day or more, in one currency. Balances are minor units, signed.

    ``day`` is that of the closing balance. ``remarks`` list what stands on the statement and moved nothing that we
    could book: entries that are not booked yet, entries of zero.
    """

    message_id: str
    account: str
    currency: str
    day: date
    created_at: datetime
    opening_minor: int
    closing_minor: int
    lines: tuple[StatementLine, ...]
    remarks: tuple[str, ...] = ()

    @property
    def digest(self) -> bytes:
        """The same for the same contents, whatever message they came in."""
        content = [
            self.account,
            self.currency,
            self.day,
            self.opening_minor,
            self.closing_minor,
            [
                (line.bank_reference, line.end_to_end_id, line.direction, line.amount_minor, line.booked_on)
                for line in self.lines
            ],
        ]
        return hashlib.sha256(msgspec.json.encode(content)).digest()
