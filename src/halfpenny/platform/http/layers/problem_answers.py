"""Every failure that reaches the edge is answered as a problem document, and logged when it is ours."""

from __future__ import annotations

import structlog

from halfpenny.platform.http.asgi import ASGIApp, ClientDisconnected, Message, Receive, Scope, Send, send_problem
from halfpenny.platform.http.problems import problem
from halfpenny.primitives.errors import HalfpennyError

log = structlog.get_logger("halfpenny.access")


class ProblemAnswers:
    """Turns exceptions into problem+json. What is no HalfpennyError is a 500 without details, and a log record."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = complete = False

        async def watched(message: Message) -> None:
            nonlocal started, complete
            if message["type"] == "http.response.start":
                started = True
            elif message["type"] == "http.response.body":
                complete = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnected:
            return
        except Exception as error:
            if not isinstance(error, HalfpennyError):
                log.exception("unhandled", method=scope["method"], path=scope["path"])
            if complete:
                return  # the framework has answered for it already
            if started:
                raise  # half an answer is out: the server must break the connection
            await send_problem(problem(error, scope["path"]), send)
