"""Journeys through the public interfaces of a running demo: REST, GraphQL, WebSocket and our own commands.

A journey asserts at every step, so that its exit status is whether the last cent is where it belongs.
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
from halfpenny_demo.journey.session import JourneyFailed, JourneySession
from halfpenny_demo.logins import Logins

SCENARIOS: Mapping[str, Callable[[JourneySession, Logins], Awaitable[None]]] = {
    "journey": repaid.run_scenario,
    "default": defaulted.run_scenario,
}


def run(address: str, logins: Logins, *, scenario: str, console: Console) -> int:
    """Play a scenario against the demo at ``address``; returns the exit status: 0 only when everything held."""
    if scenario not in SCENARIOS:
        console.print(f"[red]there is no scenario {escape(scenario)!r}; there are: {', '.join(SCENARIOS)}[/]")
        return 2
    return asyncio.run(_run(address, logins, scenario, console))


async def _run(address: str, logins: Logins, scenario: str, console: Console) -> int:
    began = time.monotonic()
    async with httpx2.AsyncClient(base_url=address, timeout=30) as client:
        session = JourneySession(client, console)
        try:
            await SCENARIOS[scenario](session, logins)
        except (JourneyFailed, httpx2.HTTPError, WebSocketException, OSError) as failed:
            console.print(f"\n[bold red]The scenario {scenario} ended badly:[/] {escape(str(failed))}")
            return 1
    took_s = time.monotonic() - began
    console.print(
        f"\n[bold green]Every cent is where it belongs.[/] {session.requests} requests, {took_s:.1f} s", highlight=False
    )
    return 0
