"""Listens on PostgreSQL for revoked sessions, on a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import asyncpg
import structlog

from halfpenny.identity.tokens import Tokens
from halfpenny.platform.database import LOST

CHANNEL = "session_revoked"
HEARTBEAT_S = 0.3
# Without a notification a cached token is trusted for this long after a heartbeat: a revocation is effective within
# a second even where the connection died without a word.
TRUSTED_S = 0.9

log = structlog.get_logger("halfpenny.identity")


class RevocationListener:
    """Keeps ``tokens`` informed until it is closed; reconnects by itself."""

    def __init__(self, tokens: Tokens, url: str) -> None:
        self._tokens = tokens
        self._url = url.replace("+asyncpg", "").replace("+psycopg", "")
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="revocation-listener")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except LOST as error:
                log.warning("revocation_listener_lost", error=type(error).__name__)
            finally:
                self.listening.clear()
                self._tokens.clear_cache()
            await asyncio.sleep(HEARTBEAT_S)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._url, timeout=5, command_timeout=TRUSTED_S, server_settings={"application_name": "halfpenny listener"}
        )
        try:
            await connection.add_listener(CHANNEL, self._on_notification)
            # A session may have ended between a token's verification and the moment LISTEN took effect.
            self._tokens.clear_cache()
            while True:
                asked_at = time.time()
                await connection.fetchval("SELECT 1")
                self._tokens.trust_until(asked_at + TRUSTED_S)
                self.listening.set()
                await asyncio.sleep(HEARTBEAT_S)
        finally:
            connection.terminate()

    def _on_notification(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._tokens.on_revocation(str(payload))
