"""The log of a program that did not set up its own: lines for whoever reads a terminal, with plain tracebacks.

structlog's own default prints the local variables of every frame where rich is installed, which it is with Typer:
passwords and tokens among them, and tens of seconds of formatting for one failed request.
"""

from __future__ import annotations

import sys

import structlog


def log_to_console() -> None:
    """Log to standard output until ``configure_logging`` is called; whoever configured structlog before keeps that."""
    if structlog.is_configured():
        return
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])
