"""A small HTTP/1.1 listener for one ASGI application: the port is for tools and probes, not for the public.

h11 reads and writes the protocol; what is left is to bound it: head, body, time and connections. An embedded web
server was tried first and aborted the process now and then when it was stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import h11
import structlog

from halfpenny_risk.errors import BadSettings

log = structlog.get_logger("halfpenny_risk.http")

IDLE_TIMEOUT_S = 30.0
READ_BYTES = 64 * 1024
MAX_HEAD_BYTES = 32 * 1024
MAX_LEFT_BYTES = 256 * 1024
MAX_CONNECTIONS = 64


class Listener:
    """Serves ``app`` on one address until closed."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self) -> int:
        """Listen; returns the port. Raises ``BadSettings`` when the address cannot be had."""
        try:
            self._server = await asyncio.start_server(self._accept, self._host, self._port)
        except OSError as error:
            raise BadSettings(
                f"HALFPENNY_RISK_PORT {self._port}: cannot listen on {self._host} ({error.strerror})"
            ) from None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self, grace_s: float = 5.0) -> None:
        """Take no more connections; let running answers finish for a while."""
        if self._server is None:
            return
        self._server.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=grace_s)
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a connection is always served by a task
        self._connections.add(task)
        try:
            if len(self._connections) <= MAX_CONNECTIONS:
                await self._serve(reader, writer)
        except (TimeoutError, ConnectionError, h11.ProtocolError, asyncio.CancelledError):
            # A client that is slow, gone or speaks nonsense gets no more of our time.
            return
        finally:
            self._connections.discard(task)
            with contextlib.suppress(OSError):
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        while True:
            event = await _next_event(connection, reader)
            if not isinstance(event, h11.Request):
                return
            await _Exchange(connection, reader, writer).run(self._app, event)
            await _read_out(connection, reader)
            closing = self._server is None or not self._server.is_serving()
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE or closing:
                return
            connection.start_next_cycle()


async def _next_event(connection: h11.Connection, reader: asyncio.StreamReader) -> Any:
    while True:
        event = connection.next_event()
        if event is not h11.NEED_DATA:
            return event
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            connection.receive_data(await reader.read(READ_BYTES))


async def _read_out(connection: h11.Connection, reader: asyncio.StreamReader) -> None:
    """Read the little that the application left of a request; of much, the connection is closed instead."""
    left = MAX_LEFT_BYTES
    while connection.their_state is h11.SEND_BODY and left > 0:
        event = await _next_event(connection, reader)
        left -= len(event.data) if isinstance(event, h11.Data) else 0


class _Exchange:
    """One request and its answer, in the terms of ASGI."""

    def __init__(self, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connection = connection
        self._reader = reader
        self._writer = writer

    async def run(self, app: Any, request: h11.Request) -> None:
        path, _, query = request.target.partition(b"?")
        scope = {
            "type": "http",
            "http_version": request.http_version.decode(),
            "method": request.method.decode(),
            "path": path.decode("ascii", "replace"),
            "query_string": query,
            "headers": [(bytes(name), bytes(value)) for name, value in request.headers],
        }
        await app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._connection.they_are_waiting_for_100_continue:
            await self._write(h11.InformationalResponse(status_code=100, headers=[]))
        event = await _next_event(self._connection, self._reader)
        if isinstance(event, h11.Data):
            return {"type": "http.request", "body": bytes(event.data), "more_body": True}
        if isinstance(event, h11.EndOfMessage):
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            await self._write(h11.Response(status_code=message["status"], headers=headers))
            return
        await self._write(h11.Data(data=message["body"]))
        if not message.get("more_body", False):
            await self._write(h11.EndOfMessage())

    async def _write(self, event: Any) -> None:
        data = self._connection.send(event)
        if data:
            self._writer.write(data)
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                await self._writer.drain()
