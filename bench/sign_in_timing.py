"""Whether the time of an answer discloses whether an address is known: sign-in, registration and deleted passwords.

Known and unknown addresses are asked about alternately, with the parameters of production; prints medians and
their ratio, which should be one.

    PYTHONPATH=src python bench/sign_in_timing.py
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from halfpenny.identity import Identity, IdentitySettings, InvalidCredentials, Role
from halfpenny.identity.service import passwords, registering, signing_in
from halfpenny.platform.database import Database
from halfpenny.platform.migrations import migrate
from halfpenny.platform.servers import PostgresServer
from halfpenny.primitives.ids import uuid7

ROUNDS = 40
PASSWORD = "larch tumbler otter quay"  # noqa: S105 - of nobody
KNOWN = "known@example.com"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        try:
            migrate(server.url)
            asyncio.run(_measure(server.url, Path(folder) / "key.json"))
        finally:
            server.stop()


async def _measure(url: str, key: Path) -> None:
    unlimited = "1000000/minute"
    settings = IdentitySettings(
        key,
        verify_email=True,
        register_per_address=unlimited,
        failures_per_address=unlimited,
        failures_per_account=unlimited,
        failures_per_account_and_address=unlimited,
    )
    database = await Database.connect(url)
    identity = Identity(settings, database)
    try:
        await registering.register(identity, KNOWN, PASSWORD, "Ada Winterbourne", Role.INVESTOR, "192.0.2.1")

        async def sign_in(email: str) -> None:
            try:
                await signing_in.sign_in(identity, email, "not the right password", "192.0.2.1")
            except InvalidCredentials:
                return
            raise SystemExit("a wrong password was taken")

        async def register(email: str) -> None:
            await registering.register(identity, email, PASSWORD, "Ada Winterbourne", Role.INVESTOR, "192.0.2.1")

        async def forgot(email: str) -> None:
            await passwords.forgot_password(identity, email, "192.0.2.1")

        for name, ask in (("sign-in", sign_in), ("registration", register), ("forgotten password", forgot)):
            await _compare(name, ask)
    finally:
        await identity.close()
        await database.close()


async def _compare(name: str, ask: Callable[[str], Awaitable[None]]) -> None:
    known: list[float] = []
    unknown: list[float] = []
    for turn in range(ROUNDS):
        pair = [(known, KNOWN), (unknown, f"{uuid7().hex}@example.com")]
        # Each goes first as often as the other: the second of two finds everything warm.
        for times, email in pair if turn % 2 else reversed(pair):
            started = time.perf_counter()
            await ask(email)
            times.append(time.perf_counter() - started)
    one, other = statistics.median(known), statistics.median(unknown)
    spread = statistics.quantiles(known, n=4)
    print(
        f"{name}: known {one * 1e3:.1f} ms, unknown {other * 1e3:.1f} ms, ratio {one / other:.3f} "
        f"(quartiles of known {spread[0] * 1e3:.1f} to {spread[2] * 1e3:.1f} ms)"
    )


if __name__ == "__main__":
    main()
