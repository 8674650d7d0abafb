"""How the service logs: one line of escaped JSON for each event, as the marketplace's processes do."""

from __future__ import annotations

import sys

import structlog


def configure_logging() -> None:
    """Write every event to standard error; JSON escapes line breaks, so no text can begin a line of its own."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            lambda _logger, _method, event: {"service": "risk", **event},
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
