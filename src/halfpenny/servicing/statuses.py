"""Statuses of distributions, and the kinds of accrual segments."""

from __future__ import annotations

from enum import StrEnum


class OverpaidBearer(StrEnum):
    """Who bears what holders had had too much when their loan closed: the platform's fees, or they themselves."""

    PLATFORM = "platform"
    HOLDERS = "holders"


class DistributionStatus(StrEnum):
    """``declared`` with the receipt, ``shared`` once every holding has its share, ``paid`` once all wallets have."""

    DECLARED = "declared"
    SHARED = "shared"
    PAID = "paid"


class SegmentKind(StrEnum):
    """Which interest an accrual segment accrues: the contract's, or default interest on overdue amounts."""

    CONTRACT = "contract"
    DEFAULT = "default"
