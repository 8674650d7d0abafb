"""The frame of a command that works on servers: settings are read, servers found or started, one coroutine is run."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec

from halfpenny.entrypoints.settings import Settings, WrongSettings

P = ParamSpec("P")


def on_servers(command: Callable[Concatenate[Settings, P], Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A command without its first parameter: settings whose servers answer, for as long as the command runs.

    The rest of the parameters and the docstring are what Typer shows and reads.
    """
    return _framed(command, needs_schema=True)


def on_any_servers(command: Callable[Concatenate[Settings, P], Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """The same for a command that brings the schema with it: the database may be empty, and is made where it is not."""
    return _framed(command, needs_schema=False)


def _framed(
    command: Callable[Concatenate[Settings, P], Coroutine[Any, Any, None]], *, needs_schema: bool
) -> Callable[P, None]:
    signature = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from halfpenny.entrypoints.servers import running_servers

        with running_servers(Settings.load(), make=not needs_schema) as settings:
            asyncio.run(_run(command(settings, *args, **kwargs), settings, needs_schema))

    _, *parameters = signature.parameters.values()
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


async def _run(command: Coroutine[Any, Any, None], settings: Settings, needs_schema: bool) -> None:
    from halfpenny.entrypoints.connectivity import require_database, require_schema

    try:
        await require_database(settings)
        if needs_schema:
            await require_schema(settings)
    except WrongSettings:
        command.close()
        raise
    await command
