"""Whether the servers that the settings name are there: asked before a program starts, which then fails in one line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.platform.database import LOST

REFUSED: tuple[type[BaseException], ...] = (*LOST, asyncpg.PostgresError, ValueError)


async def require_database(settings: Settings) -> None:
    """Raises WrongSettings, which names DATABASE_URL and the reason, where PostgreSQL does not let us in."""
    timeout_s = settings.database.timeout_s
    try:
        connection = await asyncpg.connect(settings.require_database(), timeout=timeout_s)
        await connection.close(timeout=timeout_s)
    except REFUSED as error:
        raise WrongSettings(f"DATABASE_URL: cannot connect to PostgreSQL ({_reason(error)})") from None


async def require_broker(settings: Settings) -> None:
    """Raises WrongSettings, which names AMQP_URL and the reason, where a RabbitMQ is set and does not let us in."""
    if not settings.queue.amqp_url:
        return
    from halfpenny.platform.queue.broker import Broker, BrokerUnavailable

    broker = Broker(settings.queue.amqp_url)
    try:
        with _quiet("aiormq"):  # it logs what we are about to say
            await broker.open_channel()
    except BrokerUnavailable as unavailable:
        raise WrongSettings(f"AMQP_URL: {_reason(unavailable)}") from None
    finally:
        await broker.close()


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    known = logging.getLogger(logger)
    level = known.level
    known.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        known.setLevel(level)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError) and not str(error):
        return "no answer in time"
    return str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
