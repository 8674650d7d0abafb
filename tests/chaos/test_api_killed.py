"""The API killed with kill -9 at random moments under load: what was answered is there, what was not happens once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from chaos.tally import Order, Outcome, Tally, drive, settle, size, verdict
from funding.world import World, make_world
from halfpenny import identity
from halfpenny.identity import Role
from halfpenny.platform.database import Database
from halfpenny.platform.servers.process import free_port
from support.people import signing_key_file, tokens_for

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(3_600)


class Api:
    """`halfpenny serve` on one port, as often as it takes."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.port = free_port()
        self._environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "HALFPENNY_PORT": str(self.port),
            "HALFPENNY_DATA": str(folder),
            "HALFPENNY_SIGNING_KEY_FILE": str(signing_key_file()),
            "PYTHONPATH": str(ROOT / "src"),
        }
        self._log = folder / "api.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "halfpenny.entrypoints.cli", "serve"],
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"http://127.0.0.1:{self.port}/livez", timeout=1).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self._log.read_text()[-2_000:])

    def kill(self) -> None:
        """The server and its workers, at once and without a word."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


async def tokens_of(database: Database, world: World) -> list[str]:
    async with database.unit_of_work() as connection:
        sessions = await identity.open_sessions(connection, world.investors, timedelta(hours=2))
    issuer = tokens_for(database)
    return [issuer.issue(person, Role.INVESTOR, session, 7_200) for person, session in sessions]


async def test_api_killed_under_load(database: Database, database_url: str, tmp_path: Path) -> None:
    tally = Tally(seed=random.randrange(2**32))
    world = await make_world(database, target_minor=90_000_000, investors=30, balance_minor=900_000_000)
    tokens = await tokens_of(database, world)
    api, dice, stop = Api(database_url, tmp_path), random.Random(tally.seed), asyncio.Event()
    await asyncio.to_thread(api.start)
    limits = httpx2.Limits(max_connections=64)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", timeout=20, limits=limits) as client:

        async def ask(order: Order) -> Outcome:
            headers = {"authorization": f"Bearer {tokens[order.investor]}", "idempotency-key": order.key}
            body = {"amount": f"{order.amount_minor // 100}.{order.amount_minor % 100:02d}", "currency": "EUR"}
            try:
                answer = await client.post(f"/api/v1/loans/{order.loan_id}/invest", json=body, headers=headers)
            except httpx2.HTTPError:
                return Outcome(503)
            return Outcome(answer.status_code, answer.json()["investment"]["id"] if answer.status_code == 201 else None)

        load = asyncio.create_task(drive(ask, world, tally, stop, callers=16))
        for _ in range(size(3, 200)):
            await asyncio.sleep(dice.uniform(0.2, 1.0))
            api.kill()
            tally.faults += 1
            await asyncio.to_thread(api.start)
        await asyncio.sleep(0.5)
        stop.set()
        await load
        await settle(ask, tally)
    api.kill()
    assert set(tally.statuses) <= {201, 409, 503}, tally.statuses
    await verdict(database, world, tally)
