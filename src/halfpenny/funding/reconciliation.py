"""Matching a bank's statement against our books. Pure: lines and payments in, findings out.

Every finding names the account that it concerns and what somebody has to do. ``suspense_minor`` is how far
the bank and our client account are apart because of it; so much stands in suspense until it is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from halfpenny.funding.bank import BankStatement, CashDirection, StatementLine
from halfpenny.funding.model import WalletPayment
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
    ): "Ask the bank to cached the second payment; cover it with own money meanwhile.",
    (
        MismatchKind.WRONG_AMOUNT,
        CashDirection.IN,
    ): "Ask the payer and the bank; return or credit what is too much, or claim the rest.",
    (MismatchKind.WRONG_AMOUNT, CashDirection.OUT): "Ask the bank to correct the payment.",
    (
        MismatchKind.LATE,
        CashDirection.IN,
    ): "Nothing moves. Check why the bank booked it on another day than we did.",
    (
        MismatchKind.LATE,
        CashDirection.OUT,
    ): "Nothing moves. Check why the bank booked it on another day than we did.",
    (
        MismatchKind.UNKNOWN,
        CashDirection.IN,
    ): "Find out whose money this is; credit it, or return it to its sender.",
    (MismatchKind.UNKNOWN, CashDirection.OUT): "Nobody ordered this payment: ask the bank at once.",
}


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

    @property
    def surplus_minor(self) -> int:
        """What the bank has more (positive) or less (negative) than our books."""
        return self.suspense_minor if self._is_surplus else -self.suspense_minor

    @property
    def _is_surplus(self) -> bool:
        more = self.found_minor - self.expected_minor
        return more > 0 if self.direction is CashDirection.IN else more < 0


def match(
    statement: BankStatement,
    payments: Mapping[str, WalletPayment],
    settled_on: Mapping[str, date],
    already_reported: frozenset[str],
) -> list[ReconciliationItem]:
    """Compare one day. ``payments`` are those of the lines and those that we settled that day, by reference.

    ``settled_on`` is the business date on which our books have each of them; ``already_reported`` are references
    that an earlier statement has brought already.
    """
    findings: list[ReconciliationItem] = []
    seen = set(already_reported)
    for line in statement.lines:
        payment = payments.get(line.end_to_end_id)
        if payment is None or _direction(payment) is not line.direction:
            findings.append(_finding(MismatchKind.UNKNOWN, line, statement.currency, None, 0))
        elif line.end_to_end_id in seen:
            findings.append(_finding(MismatchKind.DUPLICATE, line, statement.currency, payment, 0))
        elif line.amount_minor != payment.amount_minor:
            findings.append(
                _finding(MismatchKind.WRONG_AMOUNT, line, statement.currency, payment, payment.amount_minor)
            )
        elif settled_on.get(line.end_to_end_id) != line.booked_on:
            findings.append(_finding(MismatchKind.LATE, line, statement.currency, payment, payment.amount_minor))
        seen.add(line.end_to_end_id)
    findings += [
        _missing(reference, payments[reference])
        for reference, day in settled_on.items()
        if day == statement.day and reference not in seen
    ]
    return findings


def _direction(payment: WalletPayment) -> CashDirection:
    return CashDirection.IN if payment.direction is PaymentDirection.DEPOSIT else CashDirection.OUT


def _finding(
    kind: MismatchKind, line: StatementLine, currency: str, payment: WalletPayment | None, expected_minor: int
) -> ReconciliationItem:
    return ReconciliationItem(
        kind=kind,
        reference=line.end_to_end_id,
        account="client_bank" if payment is None else f"wallet:{payment.user_id}",
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


def payment_references(statement: BankStatement) -> Sequence[UUID]:
    """The payments that the lines may name: ours are UUIDs in 32 hexadecimal digits."""
    found = []
    for line in statement.lines:
        try:
            found.append(UUID(hex=line.end_to_end_id))
        except ValueError:
            continue  # somebody else's reference: the line will be unknown
    return found
