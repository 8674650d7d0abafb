"""Receipts at the bank, pure: which announced receipt a statement line is, and which it may be.

A line is a receipt where amount and currency are the same and something else names it. What only may be the receipt
is left to people: until they have said so, the receipt is not posted beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from uuid import UUID

from halfpenny.funding.bank import StatementLine
from halfpenny.funding.statuses import ReceiptStatus

# A payment is on its way over a weekend and a holiday; one that was posted ahead and comes within it is that payment.
NEAR = timedelta(days=5)
# A shorter reference inside a payer's free text may be there by chance.
_MIN_SHARED_CHARACTERS = 6


class Likeness(IntEnum):
    """How surely a line of the same amount is a receipt; the higher, the surer."""

    NONE = 0
    NEAR_DAY = 1
    SAME_DAY = 2
    PAYER_AND_DAY = 3
    REFERENCE = 4


@dataclass(frozen=True, slots=True)
class BankReceipt:
    """A credit that staff know of: ``amount_minor`` in minor units of ``currency``, received on the day they name."""

    id: UUID
    currency: str
    amount_minor: int
    received_on: date
    payer: str
    reference: str
    loan_id: UUID | None
    status: ReceiptStatus
    line_id: UUID | None
    announced_by: UUID
    announced_at: datetime
    posted_by: UUID | None = None
    posted_at: datetime | None = None

    @property
    def in_the_books(self) -> bool:
        return self.posted_at is not None and self.status is not ReceiptStatus.REVERSED


def likeness(line: StatementLine, receipt: BankReceipt) -> Likeness:
    """How much a credit line looks like a receipt. Currencies are the caller's to compare."""
    if line.amount_minor != receipt.amount_minor:
        return Likeness.NONE
    wanted = _plain(receipt.reference)
    if wanted and wanted in (_plain(line.end_to_end_id), _plain(line.bank_reference), _plain(line.remittance)):
        return Likeness.REFERENCE
    if len(wanted) >= _MIN_SHARED_CHARACTERS and wanted in _plain(line.remittance):
        return Likeness.REFERENCE
    if receipt.received_on in (line.booked_on, line.value_on):
        return Likeness.PAYER_AND_DAY if _plain(line.payer) == _plain(receipt.payer) else Likeness.SAME_DAY
    return Likeness.NEAR_DAY if abs(line.booked_on - receipt.received_on) <= NEAR else Likeness.NONE


def is_the_receipt(line: StatementLine, receipt: BankReceipt) -> bool:
    """Whether the line is the receipt without anybody being asked.

    One that is in the books already takes any line of its amount about its day, or the same money would be there
    twice. One that is not must be named by reference, or by payer and day, or by the day where the bank names no payer.
    """
    found = likeness(line, receipt)
    if receipt.in_the_books:
        return found >= Likeness.NEAR_DAY
    return found >= Likeness.PAYER_AND_DAY or (found is Likeness.SAME_DAY and not line.payer)


def receipt_of(line: StatementLine, receipts: Sequence[BankReceipt]) -> BankReceipt | None:
    """The receipt that a line is: the surest, of equals one that is in the books, of those the oldest.

    None where two that are not in the books are equally sure and meant for different loans: people decide.
    """
    found = [(likeness(line, each), each) for each in receipts if is_the_receipt(line, each)]
    if not found:
        return None
    best = max(sure for sure, _ in found)
    equals = sorted((each for sure, each in found if sure is best), key=lambda each: (not each.in_the_books, each.id))
    first = equals[0]
    if not first.in_the_books and len({each.loan_id for each in equals}) > 1:
        return None
    return first


def match_receipts(lines: Iterable[StatementLine], receipts: Sequence[BankReceipt]) -> dict[UUID, BankReceipt]:
    """Receipts by the id of their line: each line is one receipt at most, and each receipt one line.

    The surest pairs are made first, so that a line that names a receipt is never taken by another of its amount.
    """
    made: dict[UUID, BankReceipt] = {}
    free = {receipt.id: receipt for receipt in receipts}
    waiting = list(lines)
    for at_least in (Likeness.REFERENCE, Likeness.PAYER_AND_DAY, Likeness.SAME_DAY, Likeness.NEAR_DAY):
        for line in waiting:
            found = receipt_of(line, [each for each in free.values() if likeness(line, each) >= at_least])
            if line.id not in made and found is not None:
                made[line.id] = free.pop(found.id)
    return made


def may_be(line: StatementLine, receipt: BankReceipt) -> bool:
    """Whether somebody has to look before the receipt is posted beside this line: same amount, about the same days."""
    return likeness(line, receipt) is not Likeness.NONE


def _plain(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
