"""uvicorn inside this process, on one address: signals stay ours, and clients that send nothing are disconnected."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from halfpenny_risk.errors import BadSettings

IDLE_TIMEOUT_S = 30
MAX_HEAD_BYTES = 32 * 1024
MAX_CONNECTIONS = 64
BACKLOG = 128


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # ``serve`` stops the whole program on a signal, its consumer first; uvicorn would raise it again.
        yield


class _HeadTimeout(H11Protocol):
    """Closes a connection whose request's head does not come: uvicorn itself waits for one for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()

    def _expect_head(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


class HttpListener:
    """Serves ``app`` on one address until closed."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_HeadTimeout,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=MAX_CONNECTIONS,
                timeout_keep_alive=IDLE_TIMEOUT_S,
                timeout_graceful_shutdown=5,
                h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            )
        )
        self._running: asyncio.Task[None] | None = None

    async def open(self) -> int:
        """Listen; returns the port. Raises ``BadSettings`` when the address cannot be had."""
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[0]
            listening = socket.socket(family, kind, protocol)
        except OSError as error:
            raise BadSettings(f"HALFPENNY_RISK_HOST: {self._host} is no address ({error.strerror})") from None
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            fault = f"cannot listen on {self._host}, port {self._port} ({error.strerror})"
            at_fault = "HOST" if error.errno == errno.EADDRNOTAVAIL else "PORT"
            raise BadSettings(f"HALFPENNY_RISK_{at_fault}: {fault}") from None
        port: int = listening.getsockname()[1]
        self._running = asyncio.create_task(self._server.serve(sockets=[listening]))
        await self._server.listening.wait()
        return port

    async def close(self) -> None:
        """Take no more connections; let running answers finish for a while."""
        if self._running is not None:
            self._server.should_exit = True
            await self._running
