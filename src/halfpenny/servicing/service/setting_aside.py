"""Posting many loans of one day, each by itself: a loan that refuses is set aside and stops no other.

A loan that is set aside stands in ``loan_set_aside`` with the first day and the newest error, is a finding of
``check books``, and is posted once more with each close until it can be.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from uuid import UUID

import structlog

from halfpenny.platform.database import Connection, Database
from halfpenny.primitives.errors import HalfpennyError
from halfpenny.servicing.store import closing

log = structlog.get_logger(__name__)


async def post_each(
    database: Database, loan_ids: Iterable[UUID], day: date, post: Callable[[Connection, UUID], Awaitable[object]]
) -> None:
    """Run ``post`` for each loan in a transaction of its own, and set aside those that refuse.

    Raises what says nothing of the loan: a database that is away, a collision.
    """
    for loan_id in loan_ids:
        try:
            async with database.unit_of_work() as connection:
                await post(connection, loan_id)
                await closing.clear_set_aside(connection, loan_id)
        except Exception as error:  # whatever one loan raises is kept with it: the others have their day closed
            if isinstance(error, HalfpennyError) and error.retryable:
                raise
            code = error.code if isinstance(error, HalfpennyError) else type(error).__name__
            log.exception("loan_set_aside", loan_id=str(loan_id), business_date=day.isoformat(), code=code)
            async with database.unit_of_work() as connection:
                await closing.set_aside(connection, loan_id, day, code)
