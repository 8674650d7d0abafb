"""Telemetry: one JSON log line for each event, Prometheus metrics, and probes."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
import structlog
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from halfpenny.platform.http.layers.request_log import REQUEST_ID

Check = Callable[[], Awaitable[bool]]

# How long a probe waits for one part; probes themselves are usually given a second or two.
_CHECK_TIMEOUT_S = 1.0


def configure_logging(service: str, level: str = "info") -> None:
    """Write every record of ours and of our libraries to standard error, as one line of escaped JSON.

    ``service`` names the process (api, worker, ...). JSON escapes line breaks, so no text that a caller sent
    can begin a line of its own.
    """
    shared: list[structlog.typing.Processor] = [
        _add_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )

    def name_service(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        return {"service": service, **event}

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                name_service,
                structlog.processors.JSONRenderer(sort_keys=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiormq", "aio_pika", "pymongo", "httpx", "granian.access"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def _add_request_id(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    request_id = REQUEST_ID.get()
    return event if request_id is None else {"request_id": request_id, **event}


def access_writer(service: str, level: str = "info") -> Callable[[dict[str, Any]], None]:
    """Writes the line of one request to standard error, in the shape of every other line but at a tenth of the cost.

    The investing route answers thousands a second; through two logging libraries their lines would cost as much as
    their answers. Level and standard error are read once.
    """
    if logging.getLevelName(level.upper()) > logging.INFO:
        return lambda fields: None
    encode = msgspec.json.Encoder().encode
    head = {"service": service, "event": "request", "level": "info", "logger": "halfpenny.access"}

    def write(fields: dict[str, Any]) -> None:
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        os.write(2, encode({**head, **fields, "at": at}) + b"\n")

    return write


def figures() -> bytes:
    """Everything counted so far, in Prometheus' text format; of all API processes where there are several."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def probes(*, needed: Mapping[str, Check], useful: Mapping[str, Check]) -> APIRouter:
    """Routes for whoever runs us: /livez (the process turns), /readyz (what it needs answers) and /metrics.

    A missing ``needed`` part makes /readyz answer 503. A missing ``useful`` part is only reported as degraded:
    money goes on moving without it.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        names = [*needed, *useful]
        answers = await asyncio.gather(*(_answers(check) for check in (*needed.values(), *useful.values())))
        found = dict(zip(names, answers, strict=True))
        ready = all(found[name] for name in needed)
        parts = {name: "ok" if found[name] else "unavailable" if name in needed else "degraded" for name in names}
        return JSONResponse({"status": "ready" if ready else "unready", "parts": parts}, 200 if ready else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(await asyncio.to_thread(figures), media_type=CONTENT_TYPE_LATEST)

    return router


async def reachable(url: str) -> bool:
    """Whether something accepts connections at the URL's host and port."""
    address = urlsplit(url)
    default_port = 5671 if address.scheme == "amqps" else 5672
    try:
        _, writer = await asyncio.open_connection(address.hostname, address.port or default_port)
    except OSError:
        return False
    writer.close()
    return True


async def _answers(check: Check) -> bool:
    try:
        return await asyncio.wait_for(check(), _CHECK_TIMEOUT_S)
    except Exception:  # whatever is wrong with a part, the probe's answer is that it is not well
        return False
