"""Two thousand WebSockets on one loan, in a process of their own that does nothing with what it receives.

    python -m investing.watchers PORT LOAN_ID COUNT

It prints "watching" when everyone has subscribed, and at SIGTERM how many frames arrived.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys


class Watcher(asyncio.Protocol):
    """The least that a client can be: a handshake, one masked frame, and then only counting."""

    def __init__(self, port: int, loan_id: str, ready: asyncio.Future[None], counts: list[int]) -> None:
        self._request = (
            f"GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
            f"Origin: http://localhost:{port}\r\n\r\n"
        ).encode()
        self._subscribe = json.dumps({"op": "subscribe", "topic": f"loan:{loan_id}"}).encode()
        self._ready = ready
        self._counts = counts
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._ready.done():
            self._counts[0] += 1
            self._counts[1] += len(data)
            return
        if b" 101 " not in data[:40]:
            self._ready.set_exception(RuntimeError(data[:200].decode("latin-1")))
            return
        mask = os.urandom(4)
        body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(self._subscribe))
        assert self._transport is not None
        self._transport.write(bytes([0x81, 0x80 | len(body)]) + mask + body)
        self._ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ready.done():
            self._ready.set_exception(exc or ConnectionResetError())
        self._counts[2] += 1


async def watch(port: int, loan_id: str, count: int) -> None:
    loop = asyncio.get_running_loop()
    counts = [0, 0, 0]
    for start in range(0, count, 100):
        ready = []
        for _ in range(min(100, count - start)):
            one: asyncio.Future[None] = loop.create_future()
            await loop.create_connection(lambda one=one: Watcher(port, loan_id, one, counts), "127.0.0.1", port)  # type: ignore[misc]
            ready.append(one)
        await asyncio.gather(*ready)
    print("watching", flush=True)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    print(f"reads {counts[0]} bytes {counts[1]} lost {counts[2]}", flush=True)


if __name__ == "__main__":
    asyncio.run(watch(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
