"""One connection that LISTENs, reconnects by itself, and says so: what was missed meanwhile must be looked up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from halfpenny.platform.database import LOST, Connection

log = structlog.get_logger("halfpenny.listener")

_HEARTBEAT_S = 0.5
_ANSWER_S = 1.0


class Listener:
    """Calls back with the payload of each NOTIFY, and with None whenever the connection is new.

    After None a callback must assume that it missed something. Callbacks run in the event loop and must
    not block. A connection that does not answer a heartbeat is replaced.
    """

    def __init__(self, url: str, *, retry_s: float = 0.5) -> None:
        self._url = url.replace("+asyncpg", "").replace("+psycopg", "")
        self._retry_s = retry_s
        self._callbacks: dict[str, list[Callable[[str | None], None]]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    def on(self, channel: str, callback: Callable[[str | None], None]) -> None:
        """Call back for this channel from now on. May be called while it runs."""
        self._callbacks.setdefault(channel, []).append(callback)
        self.listening.clear()
        self._changed.set()

    def off(self, channel: str, callback: Callable[[str | None], None]) -> None:
        self._callbacks[channel].remove(callback)

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="listener")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except LOST as error:
                log.warning("listener_lost", error=f"{type(error).__name__}: {error}")
            self.listening.clear()
            await asyncio.sleep(self._retry_s)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=5,
            command_timeout=_ANSWER_S,
            server_settings={"application_name": "halfpenny listener"},
        )
        listened: set[str] = set()
        try:
            while True:
                self._changed.clear()
                for channel in self._callbacks.keys() - listened:
                    await connection.add_listener(channel, self._on_notification)
                    listened.add(channel)
                    self._call(channel, None)
                if not self._changed.is_set():
                    self.listening.set()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _HEARTBEAT_S)
                await connection.fetchval("SELECT 1")
        finally:
            connection.terminate()

    def _on_notification(self, _connection: Connection | Any, _pid: int, channel: str, payload: object) -> None:
        self._call(channel, str(payload))

    def _call(self, channel: str, payload: str | None) -> None:
        for callback in tuple(self._callbacks[channel]):
            callback(payload)
