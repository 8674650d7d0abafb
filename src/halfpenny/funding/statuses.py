"""The statuses and directions of investments, of the waiting list, of payments and of reconciliation items."""

from __future__ import annotations

from enum import StrEnum


class InvestmentStatus(StrEnum):
    """``committed`` while the money is in escrow or lent; revoked by the investor, or returned with the loan."""

    COMMITTED = "committed"
    REVOKED = "revoked"
    RETURNED = "returned"


class WaitingStatus(StrEnum):
    WAITING = "waiting"
    SERVED = "served"
    REFUSED = "refused"
    LEFT = "left"


class PaymentDirection(StrEnum):
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


class PaymentStatus(StrEnum):
    """``pending`` until the bank has answered; of a returned one the money is back in the wallet."""

    PENDING = "pending"
    SETTLED = "settled"
    RETURNED = "returned"


class ReconciliationStatus(StrEnum):
    """``open`` until somebody resolves the item, or the line that it waited for has come."""

    OPEN = "open"
    RESOLVED = "resolved"


class ReceiptStatus(StrEnum):
    """A bank credit that staff announced: it waits for its line, was posted ahead of it by two, or has its line.

    ``reversed`` is one that was posted ahead and that its loan has given back.
    """

    EXPECTED = "expected"
    POSTED_AHEAD = "posted_ahead"
    MATCHED = "matched"
    WITHDRAWN = "withdrawn"
    REVERSED = "reversed"
