"""Somebody who watches over the WebSocket while the journey goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from websockets.asyncio.client import ClientConnection, connect

from halfpenny_demo.journey.session import API, JourneyFailed, JourneySession, Participant

Frame = dict[str, Any]


@dataclass
class Watcher:
    """``frames`` are those of its topic in the order in which they came."""

    topic: str
    frames: list[Frame] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def record(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._news.set()

    async def wait_for(self, what: str, wanted: Callable[[Frame], bool], within_s: float = 90.0) -> Frame:
        """The first frame that is wanted, come already or still to come."""
        place = 0
        try:
            async with asyncio.timeout(within_s):
                while True:
                    while place < len(self.frames):
                        if wanted(self.frames[place]):
                            return self.frames[place]
                        place += 1
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise JourneyFailed(
                f"{self.topic}: no frame within {within_s:g} s with {what}; the last were {self.frames[-3:]}"
            ) from None


@asynccontextmanager
async def watching(session: JourneySession, topic: str, who: Participant | None = None) -> AsyncIterator[Watcher]:
    """Subscribe to a topic; ``me`` with a connection token of ``who``. Yields once the snapshot is there."""
    address = str(session.client.base_url).rstrip("/").replace("http", "ws", 1) + "/ws"
    subscription: Frame = {"op": "subscribe", "topic": topic}
    if who is not None:
        answer = await session.request(who, "POST", f"{API}/realtime/connection-token", {}, quiet=True, status=201)
        subscription["connection_token"] = answer["connection_token"]
    watcher = Watcher(topic)
    async with connect(address, origin=str(session.client.base_url).rstrip("/")) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps(subscription))
        reading = asyncio.create_task(_read(session, socket, watcher, who))
        try:
            await watcher.wait_for("snapshot", lambda frame: frame["type"] == "snapshot")
            yield watcher
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(session: JourneySession, socket: ClientConnection, watcher: Watcher, who: Participant | None) -> None:
    async for text in socket:
        frame = json.loads(text)
        watcher.record(frame)
        name = who.name.split()[0] if who else "watcher"
        session.console.print(
            f"  [blue]~[/] {name:<8} {frame['topic'][:13]:<14} seq {frame['seq']!s:<5} "
            f"[blue]{frame['type']:<12}[/] {escape(_describe(frame.get('data') or {}))}",
            highlight=False,
        )


def _describe(data: Any) -> str:
    if isinstance(data, dict) and "funded" in data:
        return f"funded {data['funded']} of {data['target']} by {data['investors']}"
    if isinstance(data, dict) and "kind" in data:
        return f"{data['kind']}: {data['data'].get('text', data['data'])}"
    return json.dumps(data, ensure_ascii=False)[:100]
