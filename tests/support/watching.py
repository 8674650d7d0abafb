"""A watcher over the hub, without a network: what it sends and what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from halfpenny.platform.database import Database
from halfpenny.realtime.hub import Hub
from halfpenny.realtime.socket import Socket

Frame = dict[str, Any]


@dataclass
class Watcher:
    """``frames`` are those received, in their order. While ``reading`` is cleared it takes nothing."""

    frames: list[Frame] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    requests: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Future[tuple[int, str] | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, **request: Any) -> None:
        self.send(json.dumps(request))

    def send(self, text: str) -> None:
        self.requests.put_nowait(text)

    async def until(self, wanted: Callable[[Frame], bool]) -> Frame:
        """The first frame that is wanted, come already or still to come."""
        async with asyncio.timeout(20):
            while True:
                for frame in self.frames:
                    if wanted(frame):
                        return frame
                self._changed.clear()
                await self._changed.wait()

    async def first_frames(self, count: int) -> list[Frame]:
        """The first ``count`` frames."""
        await self.until(lambda _: len(self.frames) >= count)
        return self.frames[:count]

    async def answered(self) -> list[Frame]:
        """Everything that came before the answer to a ping that is sent now."""
        before = sum(frame["type"] == "pong" for frame in self.frames)
        self.ask(op="ping")
        await self.until(lambda _: sum(frame["type"] == "pong" for frame in self.frames) > before)
        return [frame for frame in self.frames if frame["type"] != "pong"]

    async def take(self, text: str) -> None:
        await self.reading.wait()
        self.texts.append(text)
        self.frames.append(json.loads(text))
        self._changed.set()


@asynccontextmanager
async def watching(hub: Hub, database: Database) -> AsyncIterator[Watcher]:
    """A socket of the hub's process, open until the block ends or the hub closes it."""
    watcher = Watcher()
    watcher.reading.set()

    async def serve() -> None:
        socket = Socket(hub, database, watcher.take)
        watcher.closed.set_result(await socket.run(watcher.requests.get))

    serving = asyncio.create_task(serve())
    try:
        yield watcher
    finally:
        watcher.reading.set()
        watcher.requests.put_nowait(None)
        await serving
