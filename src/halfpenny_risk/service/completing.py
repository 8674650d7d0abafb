"""Prose that is written after its answer was sent: beside the queue of requests, and never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from halfpenny_risk.service.assessor import Answer, Assessor, Completion

log = structlog.get_logger("halfpenny_risk.completing")

# A language model that falls behind by more loses the oldest: their answers keep the template's prose.
MAX_WAITING = 500

Send = Callable[[Completion], Awaitable[None]]


class Completing:
    """Writes prose for the answers that it is given, one after the other, and sends it; it never fails."""

    def __init__(self, assessor: Assessor, send: Send) -> None:
        self._assessor = assessor
        self._send = send
        self._waiting: asyncio.Queue[Answer] = asyncio.Queue(MAX_WAITING)

    def add(self, answer: Answer) -> None:
        """Take an answer that was sent."""
        if not self._assessor.completes:
            return
        if self._waiting.full():
            dropped = self._waiting.get_nowait()
            log.warning("narrative_dropped", loan_id=str(dropped.assessed.loan_id), waiting=MAX_WAITING)
        self._waiting.put_nowait(answer)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            answer = await self._waiting.get()
            try:
                completion = await self._assessor.complete(answer)
                if completion is not None:
                    await self._send(completion)
            except Exception:  # the answer stands with the template's prose, whatever went wrong here
                log.exception("narrative_not_sent", loan_id=str(answer.assessed.loan_id))
