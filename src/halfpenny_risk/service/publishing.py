"""The method is published when the service starts, and whenever another model or another policy comes into force."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, date, datetime

import structlog

from halfpenny_risk.service.assessor import Assessor, Publication

log = structlog.get_logger("halfpenny_risk.publishing")

# A policy comes into force at midnight; a lost connection is back sooner or later.
LOOK_AGAIN_S = 30.0

Send = Callable[[Publication], Awaitable[None]]
Today = Callable[[], date]


def _today() -> date:
    return datetime.now(UTC).date()


class Publishing:
    """Sends the method that is in force, once for each; one for the life of the process, whatever its connections."""

    def __init__(self, assessor: Assessor, today: Today = _today, look_again_s: float = LOOK_AGAIN_S) -> None:
        self._assessor = assessor
        self._today = today
        self._look_again_s = look_again_s
        self._published: tuple[str, str] | None = None

    async def run(self, send: Send) -> None:
        """Until cancelled; a send that fails is tried again."""
        changed = self._assessor.models_changed
        while True:
            changed.clear()
            today = self._today()
            version = self._assessor.method_version(today)
            if version != self._published:
                try:
                    await send(await asyncio.to_thread(self._assessor.method, today))
                    self._published = version
                except Exception as error:  # the queue may be away: applications are answered all the same
                    log.warning("method_not_published", error=f"{type(error).__name__}: {error}")
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), self._look_again_s)
