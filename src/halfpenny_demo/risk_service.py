"""The risk service for the seed: a program of its own without a queue, asked over its own port."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec

from halfpenny.platform.servers import free_port
from halfpenny_demo.processes import Child, ProcessFailed
from halfpenny_messages import LoanAssessed, LoanSubmitted

_START_TIMEOUT_S = 120.0
_ANSWER_TIMEOUT_S = 60.0
_CONCURRENT = 4
# Without these no queue is consumed and no prose is written: the seed asks for nothing but figures.
_LEFT_OUT = ("DATABASE_URL", "AMQP_URL", "MONGO_URL", "HALFPENNY_RISK_NARRATIVE_URL")


class RiskService:
    """The running service: ``assess`` puts applications to it."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._semaphore = asyncio.Semaphore(_CONCURRENT)

    async def assess(self, loans: Sequence[LoanSubmitted]) -> list[LoanAssessed]:
        """The answers, in the order of ``loans``."""
        return list(await asyncio.gather(*(self._assess_one(loan) for loan in loans)))

    async def _assess_one(self, loan: LoanSubmitted) -> LoanAssessed:
        async with self._semaphore:
            answer = await self._client.post("/score", content=msgspec.json.encode(loan), timeout=_ANSWER_TIMEOUT_S)
        if answer.status_code != 200:
            raise ProcessFailed(f"the risk service refused an application of the seed: {answer.text[:200]}")
        return msgspec.json.decode(answer.content, type=LoanAssessed)


@asynccontextmanager
async def running_risk_service(log: Path) -> AsyncIterator[RiskService]:
    """Start it, and stop it at the end. Raises StartRefused or ProcessFailed where it does not start."""
    port = free_port()
    variables = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    variables["HALFPENNY_RISK_PORT"] = str(port)
    child = Child("risk service", "halfpenny_risk.cli", ("serve",), log, variables)
    child.start()
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await _until_ready(child, client)
            yield RiskService(client)
    finally:
        child.stop()


async def _until_ready(child: Child, client: httpx2.AsyncClient) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            if (await client.get("/readyz", timeout=2.0)).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        if child.has_exited:
            child.raise_refusal()
        if child.has_exited or time.monotonic() > deadline:
            raise ProcessFailed(f"the risk service for the seed did not start ({child.log})")
        await asyncio.sleep(0.05)
