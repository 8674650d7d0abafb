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
    """48 bits of milliseconds since the epoch, 12 bits of their fraction, 62 random bits.

    The fraction (RFC 9562, section 6.2, method 3; PostgreSQL's uuidv7() does the same) keeps ids of one process in the
    order in which they were made, so that what was asked for first is also first by id.
    """
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4_096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)
