"""The route /ws: who may open a socket, and how the server's own messages become texts."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketState

from halfpenny import identity
from halfpenny.platform.database import Database
from halfpenny.realtime.hub import Hub
from halfpenny.realtime.socket import Socket, closed_quietly

MAX_SOCKETS = 20_000
_DEFAULT_PORTS = {"http": 80, "https": 443}

router = APIRouter()


@router.websocket("/ws", dependencies=[identity.ANYONE])
async def watch(websocket: WebSocket) -> None:
    """Topics over one socket. The protocol is in docs/algorithms/realtime.md."""
    hub: Hub = websocket.app.state.hub
    database: Database = websocket.app.state.database
    allowed: frozenset[str] = websocket.app.state.websocket_origins
    if not origin_allowed(websocket.headers.get("origin"), websocket.headers.get("host", ""), allowed):
        # Closed before it is accepted: the handshake itself is refused with a 403.
        await websocket.close(1008)
        return
    if hub.sockets >= MAX_SOCKETS:
        await websocket.close(1013)
        return
    await websocket.accept()

    async def send(text: str) -> None:
        await websocket.send({"type": "websocket.send", "text": text})

    async def receive() -> str | None:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        if text is None:
            # Nothing of ours is binary; an empty text is answered as the malformed frame that it is.
            return ""
        return text

    closing = await Socket(hub, database, send).run(receive)
    if closing is not None and websocket.client_state is WebSocketState.CONNECTED:
        code, reason = closing
        await closed_quietly(websocket.close(code, reason))


def origin_allowed(origin: str | None, host: str, allowed: frozenset[str]) -> bool:
    """Our own pages and the named origins. Programs send no Origin; they bring no cookies either."""
    if origin is None or origin in allowed:
        return True
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        own = urlsplit(f"{parts.scheme}://{host}")
        own_port = own.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return False
    return parts.scheme in _DEFAULT_PORTS and (parts.hostname, port) == (own.hostname, own_port)
