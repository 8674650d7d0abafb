"""Matching a bank's statement against our books. Pure: lines and payments in, findings out.

Every finding names the account that it concerns and what somebody has to do. ``suspense_minor`` is how far
the bank and our client account are apart because of it; so much stands in suspense until it is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from halfpenny.funding.bank import BankStatement, CashDirection, StatementLine
from halfpenny.funding.model import WalletPayment
from halfpenny.funding.receipts import BankReceipt
from halfpenny.funding.statuses import PaymentDirection
from halfpenny.primitives.ids import uuid7


class MismatchKind(StrEnum):
    MISSING = "missing"
    DUPLICATE = "duplicate"
    WRONG_AMOUNT = "wrong_amount"
    LATE = "late"
    UNKNOWN = "unknown"


class Resolution(StrEnum):
    """How a finding ends: the first two for money too many, the others for money too few."""

    RETURNED = "returned"
    CREDITED = "credited"
    CORRECTED = "corrected"
    COVERED = "covered"


REQUIRED_ACTIONS = {
    (
        MismatchKind.MISSING,
        CashDirection.IN,
    ): "Ask the bank where the deposit is; cover it with own money if it does not come.",
    (
        MismatchKind.MISSING,
        CashDirection.OUT,
    ): "Ask the bank why the withdrawal was not paid; pay it again or credit the wallet.",
    (
        MismatchKind.DUPLICATE,
        CashDirection.IN,
    ): "Return the second payment to its sender, or credit it to the wallet if it is wanted.",
    (
        MismatchKind.DUPLICATE,
        CashDirection.OUT,
    ): "Ask the bank to return the second payment; cover it with own money meanwhile.",
    (
        MismatchKind.WRONG_AMOUNT,
        CashDirection.IN,
    ): "Ask the payer and the bank; return or credit what is too much, or claim the rest.",
    (MismatchKind.WRONG_AMOUNT, CashDirection.OUT): "Ask the bank to correct the payment.",
    (MismatchKind.LATE, CashDirection.IN): "Nothing moves. Check why the bank booked it on another day than we did.",
    (MismatchKind.LATE, CashDirection.OUT): "Nothing moves. Check why the bank booked it on another day than we did.",
    (MismatchKind.UNKNOWN, CashDirection.IN): "Find out whose money this is; credit it, or return it to its sender.",
    (MismatchKind.UNKNOWN, CashDirection.OUT): "Nobody ordered this payment: ask the bank at once.",
}


# How a finding names our own account; a wallet's is wallet:USER_ID.
CLIENT_BANK = "client_bank"
MISSING_RECEIPT = "Ask the bank where the receipt is that was posted ahead; reverse it if it does not come."


@dataclass(frozen=True, slots=True)
class ReconciliationItem:
    """One line that does not agree. Amounts are minor units; ``expected`` is ours, ``found`` the bank's.

    ``account`` names the account concerned, as ``wallet:USER_ID`` or ``client_bank``.
    """

    kind: MismatchKind
    reference: str
    account: str
    direction: CashDirection
    currency: str
    expected_minor: int
    found_minor: int
    suspense_minor: int
    action: str
    id: UUID = field(default_factory=uuid7)
    line_id: UUID | None = None
    question: str | None = None
    question_data: Mapping[str, Any] | None = None
    resolved_minor: int = 0
    allocated_minor: int = 0

    @property
    def remaining_minor(self) -> int:
        """What of it still stands in suspense: neither resolved nor allocated to loans."""
        return self.suspense_minor - self.resolved_minor - self.allocated_minor

    @property
    def surplus_minor(self) -> int:
        """What the bank has more (positive) or less (negative) than our books."""
        return self.suspense_minor if self._is_surplus else -self.suspense_minor

    @property
    def _is_surplus(self) -> bool:
        more = self.found_minor - self.expected_minor
        return more > 0 if self.direction is CashDirection.IN else more < 0


@dataclass(frozen=True, slots=True)
class SeenBefore:
    """What earlier statements have brought: payers' references, and the bank's own with what each moved."""

    end_to_end_ids: frozenset[str] = frozenset()
    entries: frozenset[tuple[str, CashDirection, int]] = frozenset()


def match(
    statement: BankStatement,
    payments: Mapping[str, WalletPayment],
    settled_on: Mapping[str, date],
    already_reported: SeenBefore,
    known_lines: frozenset[UUID] = frozenset(),
) -> list[ReconciliationItem]:
    """Compare one statement. ``payments`` are those of the lines and those that we settled in its days, by reference.

    ``settled_on`` is the business date on which our books have each of them; ``known_lines`` are lines that are
    receipts of ours already, which move nothing.
    """
    findings: list[ReconciliationItem] = []
    seen, entries = set(already_reported.end_to_end_ids), set(already_reported.entries)
    for line in statement.lines:
        if line.id in known_lines:
            continue
        payment = payments.get(line.end_to_end_id)
        entry = (line.bank_reference, line.direction, line.amount_minor)
        if payment is None or _direction(payment) is not line.direction:
            kind = MismatchKind.DUPLICATE if line.bank_reference and entry in entries else MismatchKind.UNKNOWN
            findings.append(_finding(kind, line, statement.currency, None, 0))
        elif line.end_to_end_id in seen:
            findings.append(_finding(MismatchKind.DUPLICATE, line, statement.currency, payment, 0))
        elif line.amount_minor != payment.amount_minor:
            findings.append(
                _finding(MismatchKind.WRONG_AMOUNT, line, statement.currency, payment, payment.amount_minor)
            )
        elif settled_on.get(line.end_to_end_id) != line.booked_on:
            findings.append(_finding(MismatchKind.LATE, line, statement.currency, payment, payment.amount_minor))
        seen.add(line.end_to_end_id)
        if line.bank_reference:
            entries.add(entry)
    findings += [
        _missing(reference, payments[reference])
        for reference, day in settled_on.items()
        if day <= statement.day and reference not in seen
    ]
    return findings


def _direction(payment: WalletPayment) -> CashDirection:
    return CashDirection.IN if payment.direction is PaymentDirection.DEPOSIT else CashDirection.OUT


def _finding(
    kind: MismatchKind, line: StatementLine, currency: str, payment: WalletPayment | None, expected_minor: int
) -> ReconciliationItem:
    return ReconciliationItem(
        kind=kind,
        line_id=line.id,
        reference=line.end_to_end_id or line.bank_reference,
        account=CLIENT_BANK if payment is None else f"wallet:{payment.user_id}",
        direction=line.direction,
        currency=currency,
        expected_minor=expected_minor,
        found_minor=line.amount_minor,
        suspense_minor=abs(line.amount_minor - expected_minor),
        action=REQUIRED_ACTIONS[kind, line.direction],
    )


def _missing(reference: str, payment: WalletPayment) -> ReconciliationItem:
    direction = _direction(payment)
    return ReconciliationItem(
        kind=MismatchKind.MISSING,
        reference=reference,
        account=f"wallet:{payment.user_id}",
        direction=direction,
        currency=payment.currency,
        expected_minor=payment.amount_minor,
        found_minor=0,
        suspense_minor=payment.amount_minor,
        action=REQUIRED_ACTIONS[MismatchKind.MISSING, direction],
    )


def missing_receipt(receipt: BankReceipt) -> ReconciliationItem:
    """A receipt that two people posted ahead, and that the statements up to its day do not show."""
    return ReconciliationItem(
        kind=MismatchKind.MISSING,
        reference=receipt.id.hex,
        account=CLIENT_BANK,
        direction=CashDirection.IN,
        currency=receipt.currency,
        expected_minor=receipt.amount_minor,
        found_minor=0,
        suspense_minor=receipt.amount_minor,
        action=MISSING_RECEIPT,
    )


def reversed_credit(line: StatementLine, currency: str) -> ReconciliationItem:
    """A line that was a receipt posted ahead, which its loan has given back: it is unknown again."""
    return _finding(MismatchKind.UNKNOWN, line, currency, None, 0)


def payment_reference(line: StatementLine) -> UUID | None:
    """The payment of ours that a line may name: those are UUIDs in 32 hexadecimal digits, as others' may be."""
    try:
        return UUID(hex=line.end_to_end_id)
    except ValueError:
        return None


def payment_references(statement: BankStatement) -> Sequence[UUID]:
    """Every payment of ours that the lines may name."""
    return [named for named in map(payment_reference, statement.lines) if named is not None]
