"""The sandbox's business clock, moved by its own command, and the check of the books by its own."""

from __future__ import annotations

import asyncio
import sys

from halfpenny_demo.journey.stage import JourneyFailed, Stage

_TIMEOUT_S = 300.0


async def advance(stage: Stage, by: str) -> None:
    """``halfpenny sandbox advance 5d``: reflection, accrual and arrears see the days pass."""
    await _command(stage, "sandbox", "advance", by)


async def check_books(stage: Stage) -> None:
    """``halfpenny check books``: the oracle over everything that is stored. Raises JourneyFailed where it objects."""
    await _command(stage, "check", "books")


async def _command(stage: Stage, *arguments: str) -> None:
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
    stage.console.print(f"  [magenta]$[/] halfpenny {' '.join(arguments)}", highlight=False)
    for line in lines[-4:]:
        stage.say(line)
