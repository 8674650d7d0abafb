"""UUIDv7 ids (RFC 9562), typed by entity: they sort by the time they were made, so indexes stay dense."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGEST_BITS = 60


def uuid7_of(moment: datetime, content: bytes) -> UUID:
    """A UUIDv7 that follows from a moment, to the millisecond, and from what it stands for.

    The moment is read back with ``uuid_extract_timestamp`` in PostgreSQL; the last 15 hexadecimal digits are the first
    15 of the content's SHA-256. Whoever has the id can so check both.
    """
    digest = int.from_bytes(hashlib.sha256(content).digest(), "big")
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    fraction = digest & 0xFFF
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | digest >> (256 - _DIGEST_BITS))


def whole_milliseconds(moment: datetime) -> datetime:
    """The moment cut to the millisecond that an id can carry."""
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
