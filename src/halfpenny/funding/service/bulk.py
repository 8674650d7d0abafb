"""Many tickets in one request, on the same desk as everyone else's, each with its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from halfpenny.funding import views
from halfpenny.funding.desk.desk import FundingDesk
from halfpenny.funding.model import InvestmentConfirmation, Ticket
from halfpenny.platform.database import Database
from halfpenny.platform.http import problem
from halfpenny.platform.idempotency import RequestKey, claim, remember
from halfpenny.primitives.errors import HalfpennyError, Unavailable

Results = dict[str, Any]


async def invest_many(
    database: Database, desk: FundingDesk, request: RequestKey, tickets: Sequence[Ticket], instance: str
) -> Results:
    """The answers in the order of the tickets: ``results`` of {status, investment, funding} or {status, problem}.

    The whole request is one idempotency key and each ticket has a key of its own beneath it. A run that was
    cut short is finished by the next request with the same key: tickets that were taken stay taken.
    Raises IdempotencyKeyReused, and Unavailable while the outcome of a ticket is not known.
    """
    async with database.unit_of_work() as connection:
        stored = await claim(connection, request)
    if stored is not None and stored.body is not None:
        kept: Results = stored.body
        return kept
    outcomes = await asyncio.gather(*(_invest(desk, ticket) for ticket in tickets))
    results = {"results": [_result(outcome, instance) for outcome in outcomes]}
    async with database.unit_of_work() as connection:
        await remember(connection, request, 200, results)
    return results


async def _invest(desk: FundingDesk, ticket: Ticket) -> InvestmentConfirmation | HalfpennyError:
    """One ticket's answer or named refusal; while its outcome is unknown the whole list is not final."""
    try:
        return await desk.invest(ticket)
    except Unavailable:
        raise
    except HalfpennyError as refusal:
        return refusal


def _result(outcome: InvestmentConfirmation | HalfpennyError, instance: str) -> dict[str, Any]:
    if isinstance(outcome, InvestmentConfirmation):
        body: dict[str, Any] = msgspec.json.decode(views.invest_answer(outcome))
        return {"status": 201, **body}
    refusal = problem(outcome, instance)
    return {"status": refusal.status, "problem": msgspec.json.decode(refusal.body)}
