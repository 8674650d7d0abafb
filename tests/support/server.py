"""The API as a process of its own, as ``halfpenny serve`` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from halfpenny.platform.servers import free_port
from support.people import signing_key_file


@contextmanager
def api_process(database_url: str, mongo_url: str, log: Path, **settings: str) -> Iterator[str]:
    """Serve until the block ends; yields the base URL. What it logs is in ``log``."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HALFPENNY_")} | {
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "DATABASE_URL": database_url,
        "MONGO_URL": mongo_url,
        "HALFPENNY_DATA": str(log.parent),
        "HALFPENNY_PORT": str(port),
        "HALFPENNY_SIGNING_KEY_FILE": str(signing_key_file()),
        "HALFPENNY_ARGON2_TIME_COST": "1",
        "HALFPENNY_ARGON2_MEMORY_KIB": "64",
        "HALFPENNY_ARGON2_LANES": "1",
        **settings,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "halfpenny.entrypoints.cli", "serve"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(process, url, log)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx2.get(f"{url}/livez", timeout=5).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the API did not start:\n{log.read_text()[-4_000:]}")
