"""What a journey shows and how it asks: every request, event and balance on the console, every answer checked."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
from rich.console import Console
from rich.markup import escape
from rich.table import Table

Result = TypeVar("Result")

API = "/api/v1"


class JourneyFailed(Exception):
    """Something was not as it must be; the message has what was expected and what came."""


@dataclass
class Participant:
    """Somebody on the journey. ``token`` is there once they have signed in."""

    name: str
    role: str
    email: str
    password: str
    token: str = field(default="", repr=False)
    user_id: str = ""


def new_participant(name: str, role: str) -> Participant:
    """Somebody new: no second journey on the same data meets the account of the first."""
    mark = secrets.token_hex(4)
    first = name.split(maxsplit=1)[0].lower()
    return Participant(name, role, f"{first}.{mark}@journey.example", f"{secrets.token_urlsafe(18)}-{mark}")


class JourneySession:
    """One journey's requests and its screen. Raises JourneyFailed at the first answer that is not as it must be."""

    def __init__(self, client: httpx2.AsyncClient, console: Console) -> None:
        self.client = client
        self.console = console
        self.requests = 0
        self._sections = 0

    def begin_section(self, title: str) -> None:
        """A new part of the scenario."""
        self._sections += 1
        self.console.print()
        self.console.rule(f"[bold]{self._sections}. {escape(title)}", align="left", style="green")

    def print_note(self, text: str) -> None:
        self.console.print(f"  [dim]{escape(text)}[/]", highlight=False)

    async def request(
        self,
        who: Participant | None,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        pays: bool = False,
        status: int = 200,
        code: str | None = None,
        show: str = "",
        quiet: bool = False,
    ) -> Any:
        """One request and its checked answer as JSON.

        ``pays`` sends an Idempotency-Key (``key``, or a fresh one). ``code`` is the named refusal that must come.
        ``show`` names a member of the answer to print, dotted; ``quiet`` prints nothing when all is well.
        """
        headers = {"authorization": f"Bearer {who.token}"} if who and who.token else {}
        if pays or key is not None:
            headers["idempotency-key"] = key or str(uuid4())
        began = time.perf_counter()
        answer = await self.client.request(method, path, json=body, headers=headers)
        took_ms = (time.perf_counter() - began) * 1000
        self.requests += 1
        found: Any = answer.json() if answer.content else None
        if answer.status_code != status or (code is not None and found.get("code") != code):
            wanted = f"{status} {code or ''}".strip()
            raise JourneyFailed(
                f"{method} {path} answered {answer.status_code} where {wanted} was due: {answer.text[:500]}"
            )
        if not quiet:
            shown = f"{code}: {_detail(found)}" if code else _member(found, show)
            self._line(who, method, path, answer.status_code, took_ms, shown)
        return found

    def _line(self, who: Participant | None, method: str, path: str, status: int, took_ms: float, shown: str) -> None:
        mark = "[yellow]✗[/]" if status >= 400 else "[green]→[/]"
        name = who.name.split()[0] if who else "anyone"
        short = path.removeprefix(API)
        for part in short.split("/"):
            if len(part) == 36 and part.count("-") == 4:
                short = short.replace(part, part[:8] + "…")
        asked = f"{mark} {name:<8} {method:<4} {escape(short):<44}"
        self.console.print(f"  {asked} [bold]{status}[/] [dim]{took_ms:4.0f} ms[/]  {escape(shown)}", highlight=False)

    async def wait_for(self, what: str, poll: Callable[[], Awaitable[Result | None]], within_s: float = 90.0) -> Result:
        """Ask again until ``poll`` gives something; raises JourneyFailed when it takes too long."""
        began = time.monotonic()
        while True:
            found = await poll()
            if found is not None:
                self.print_note(f"{what} after {time.monotonic() - began:.1f} s")
                return found
            if time.monotonic() - began > within_s:
                raise JourneyFailed(f"{what} did not happen within {within_s:g} seconds")
            await asyncio.sleep(0.05)

    def expect(self, condition: bool, what: str, found: object = "") -> None:
        """A statement that must hold, ticked off on the screen."""
        if not condition:
            raise JourneyFailed(f"{what} does not hold: {found}")
        self.console.print(f"  [green]✓[/] {escape(what)}", highlight=False)

    def table(self, title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2))
        for place, column in enumerate(columns):
            table.add_column(column, justify="left" if place == 0 else "right", style="" if place else "cyan")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self.console.print(table)


def _detail(problem: Any) -> str:
    """Why: the first fault of a malformed body, else the problem's own message."""
    faults = (problem.get("data") or {}).get("errors")
    return f"{faults[0]['pointer']}: {faults[0]['detail']}" if faults else str(problem["detail"])


def _member(found: Any, path: str) -> str:
    """The members named in ``path`` (dotted, parted by blanks), as ``name value`` pairs."""
    shown = []
    for one in path.split():
        value = found
        try:
            for step in one.split("."):
                value = value[step]
        except (KeyError, TypeError):
            raise JourneyFailed(f"the answer has no {one}: {str(found)[:300]}") from None
        shown.append(f"{one.rpartition('.')[2]} {value}")
    return ", ".join(shown)
