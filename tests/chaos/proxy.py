"""A TCP proxy before PostgreSQL that can lose the reply to a COMMIT, or go silent."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit, urlunsplit

# A simple query message: its type, its length, the text and a zero byte.
_COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class Proxy:
    """``url`` leads through the proxy. ``lose_replies`` counts down with each COMMIT whose reply is dropped."""

    def __init__(self, target_url: str) -> None:
        self._target = urlsplit(target_url)
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self.lose_replies = 0
        self.lost = 0
        self.refusing = False

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for pipe in list(self._pipes):
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        credentials = self._target.netloc.rpartition("@")[0]
        return urlunsplit(self._target._replace(netloc=f"{credentials}@127.0.0.1:{port}"))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            if not self.refusing:
                await self._pipe(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # either side is gone: so is the connection
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        losing = False

        async def up() -> None:
            nonlocal losing
            while data := await reader.read(65_536):
                if data == _COMMIT and self.lose_replies > 0:
                    self.lose_replies -= 1
                    losing = True
                back.write(data)
                await back.drain()

        async def down() -> None:
            while data := await there.read(65_536):
                if losing:
                    self.lost += 1
                    return
                writer.write(data)
                await writer.drain()

        one, other = asyncio.create_task(up()), asyncio.create_task(down())
        try:
            await asyncio.wait((one, other), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (one, other):
                task.cancel()
            await asyncio.gather(one, other, return_exceptions=True)
            with contextlib.suppress(OSError):
                back.close()
