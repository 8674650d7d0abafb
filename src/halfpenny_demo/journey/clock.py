"""The sandbox's business clock, moved by its own command, and the check of the books by its own."""

from __future__ import annotations

import asyncio
import sys

from halfpenny_demo.journey.session import JourneyFailed, JourneySession

_TIMEOUT_S = 300.0


async def advance(session: JourneySession, by: str) -> None:
    """``halfpenny sandbox advance 5d``: reflection, accrual and arrears see the days pass."""
    await _command(session, "sandbox", "advance", by)


async def check_books(session: JourneySession) -> None:
    """``halfpenny check books``: the oracle over everything that is stored. Raises JourneyFailed where it objects."""
    await _command(session, "check", "books")


async def _command(session: JourneySession, *arguments: str) -> None:
    """Run a command of ours as anybody would; it finds the running demo by its data folder or DATABASE_URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "halfpenny.entrypoints.cli",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise JourneyFailed(f"halfpenny {' '.join(arguments)} took longer than {_TIMEOUT_S:g} seconds") from None
    lines = [line.rstrip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    if process.returncode != 0:
        raise JourneyFailed(
            f"halfpenny {' '.join(arguments)} ended with {process.returncode}: {' / '.join(lines[-5:])}"
        )
    session.console.print(f"  [magenta]$[/] halfpenny {' '.join(arguments)}", highlight=False)
    for line in lines[-4:]:
        session.print_note(line)
