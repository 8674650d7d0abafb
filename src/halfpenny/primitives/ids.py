"""UUIDv7 ids (RFC 9562), typed by entity: they sort by the time they were made, so indexes stay dense."""

from __future__ import annotations

import os
import time
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
CompanyId = NewType("CompanyId", UUID)
LoanId = NewType("LoanId", UUID)
InvestmentId = NewType("InvestmentId", UUID)
AccountId = NewType("AccountId", UUID)
JournalId = NewType("JournalId", UUID)
TransferId = NewType("TransferId", UUID)
EventId = NewType("EventId", UUID)


def uuid7() -> UUID:
    """48 bits of milliseconds since the epoch, then 74 random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
