"""From the commit of `loan.submitted` to the commit of `loan.assessed`, through the queue in PostgreSQL.

    .venv/bin/python bench/risk_latency.py [--loans 300] [--a-second 20]

Starts a database and the risk service of its own, relays as the worker does, and prints percentiles (to reach:
300 ms for the slowest in a hundred, with everything running).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "bench")]

from halfpenny.platform.migrations import migrate  # noqa: E402
from halfpenny.platform.servers import PostgresServer  # noqa: E402
from halfpenny_messages import LOAN_SUBMITTED, RISK_REQUESTS_EVENTS, RISK_REQUESTS_QUEUE, to_builtins  # noqa: E402
from risk import free_port, loan  # noqa: E402


async def relay(url: str, stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(url)
    wake = asyncio.Event()
    await connection.add_listener("outbox", lambda *_: wake.set())
    while not stop.is_set():
        wake.clear()
        if not await connection.fetchval("SELECT outbox_fan_out(500)"):
            try:
                await asyncio.wait_for(wake.wait(), 1.0)
            except TimeoutError:
                continue
    await connection.close()


async def measure(url: str, count: int, a_second: float) -> list[float]:
    stop = asyncio.Event()
    connection = await asyncpg.connect(url)
    await connection.execute("SELECT queue_subscribe($1, $2)", RISK_REQUESTS_QUEUE, list(RISK_REQUESTS_EVENTS))
    relaying = asyncio.create_task(relay(url, stop))
    # The first answers are given while caches fill; they are not counted.
    for number in range(count + 20):
        payload = to_builtins(loan(number))
        event = {"event_id": str(uuid4()), "name": LOAN_SUBMITTED, "version": 1, "aggregate_id": str(UUID(int=number))}
        body = msgspec.json.encode([event | {"payload": payload}]).decode()
        await connection.execute("SELECT outbox_append($1::jsonb)", body)
        await asyncio.sleep(1.0 / a_second)
    answered = "SELECT count(*) FROM outbox WHERE name = 'loan.assessed'"
    while await connection.fetchval(answered) < count + 20:  # noqa: ASYNC110 - another process answers
        await asyncio.sleep(0.1)
    rows = await connection.fetch(
        "SELECT 1000 * extract(epoch FROM a.recorded_at - s.recorded_at)::float8 AS ms FROM outbox a "
        "JOIN outbox s ON s.event_id = (a.payload->>'request_id')::uuid WHERE a.name = 'loan.assessed' ORDER BY s.seq"
    )
    stop.set()
    await relaying
    await connection.close()
    return [row["ms"] for row in rows[20:]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--loans", type=int, default=300)
    parser.add_argument("--a-second", type=float, default=20.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="halfpenny-bench-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            migrate(server.url)
            environment = {
                **os.environ,
                "PYTHONPATH": str(ROOT / "src"),
                "DATABASE_URL": server.url,
                "HALFPENNY_RISK_PORT": str(free_port()),
            }
            environment.pop("AMQP_URL", None)
            service = subprocess.Popen(
                [sys.executable, "-m", "halfpenny_risk.cli", "serve"], env=environment, stderr=subprocess.DEVNULL
            )
            try:
                time.sleep(3.0)
                times = asyncio.run(measure(server.url, options.loans, options.a_second))
            finally:
                service.terminate()
                service.wait(30)
        finally:
            server.stop()
    middle, late, worst = np.percentile(times, [50, 99, 100])
    print(f"{len(times)} loans at {options.a_second:g} a second: submitted to assessed {middle:.0f} ms in the middle, "
          f"{late:.0f} ms for the slowest in a hundred (under 300), {worst:.0f} ms at worst")  # fmt: skip


if __name__ == "__main__":
    main()
