"""Journeys through the public interfaces of a running demo: REST, GraphQL, WebSocket and our own commands.

A journey asserts at every step, so that its exit status says whether the last cent is where it belongs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import httpx2
from rich.console import Console
from rich.markup import escape
from websockets.exceptions import WebSocketException

from halfpenny_demo.journey import defaulted, repaid
from halfpenny_demo.journey.stage import JourneyFailed, Stage
from halfpenny_demo.logins import Logins

STORIES: Mapping[str, Callable[[Stage, Logins], Awaitable[None]]] = {
    "journey": repaid.play,
    "default": defaulted.play,
}


def run(address: str, logins: Logins, *, story: str, console: Console) -> int:
    """Play a story against the demo at ``address``; returns the exit status: 0 only when everything held."""
    if story not in STORIES:
        console.print(f"[red]there is no story {escape(story)!r}; there are: {', '.join(STORIES)}[/]")
        return 2
    return asyncio.run(_play(address, logins, story, console))


async def _play(address: str, logins: Logins, story: str, console: Console) -> int:
    began = time.monotonic()
    async with httpx2.AsyncClient(base_url=address, timeout=30) as client:
        stage = Stage(client, console)
        try:
            await STORIES[story](stage, logins)
        except (JourneyFailed, httpx2.HTTPError, WebSocketException, OSError) as failed:
            console.print(f"\n[bold red]The story {story} ended badly:[/] {escape(str(failed))}")
            return 1
    took_s = time.monotonic() - began
    console.print(
        f"\n[bold green]Every cent is where it belongs.[/] {stage.requests} requests, {took_s:.1f} s", highlight=False
    )
    return 0
