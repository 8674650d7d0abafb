"""Whether the servers that the settings name are there: asked before a program starts, which then fails in one line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import asyncpg
import msgspec
import structlog

from halfpenny.entrypoints.settings import Settings, WrongSettings
from halfpenny.identity.shown_logins import shown_logins
from halfpenny.platform import clock
from halfpenny.platform.database import CONNECTION_ERRORS
from halfpenny.platform.documents import DocumentStore
from halfpenny.primitives.wording import counted

log = structlog.get_logger("halfpenny.connectivity")

REFUSED: tuple[type[BaseException], ...] = (*CONNECTION_ERRORS, asyncpg.PostgresError, ValueError)


async def require_database(settings: Settings) -> None:
    """Raises WrongSettings, which names DATABASE_URL and the reason, where PostgreSQL does not let us in."""
    timeout_s = settings.database.timeout_s
    try:
        connection = await asyncpg.connect(settings.require_database(), timeout=timeout_s)
        await connection.close(timeout=timeout_s)
    except REFUSED as error:
        raise WrongSettings(f"DATABASE_URL: cannot connect to PostgreSQL ({_reason(error)})") from None


async def require_schema(settings: Settings) -> None:
    """Raises WrongSettings where the database of DATABASE_URL has never been migrated."""
    connection = await asyncpg.connect(settings.require_database(), timeout=settings.database.timeout_s)
    try:
        if await connection.fetchval("SELECT to_regclass('public.alembic_version') IS NULL"):
            raise WrongSettings("DATABASE_URL: this database has no schema yet: run halfpenny migrate")
    finally:
        await connection.close(timeout=settings.database.timeout_s)


async def require_real_time(settings: Settings) -> None:
    """Raises WrongSettings where production is to start on a database whose business clock a sandbox has moved.

    Nothing can be put right by setting the clock back: what is booked from now on would be dated before what was.
    """
    if settings.environment != "production":
        return
    connection = await asyncpg.connect(settings.require_database(), timeout=settings.database.timeout_s)
    try:
        offset = await clock.offset_of(connection)
        if offset:
            raise WrongSettings(
                f"DATABASE_URL: the business clock of this database runs {_days(offset)} ahead: a sandbox moved it. "
                "Production needs a database that never was one: create an empty one and run halfpenny migrate, or "
                "restore a backup from before the clock was moved. Setting it back would date new money before old."
            )
        await clock.fix_at_real_time(connection)
    finally:
        await connection.close(timeout=settings.database.timeout_s)


def _days(offset: timedelta) -> str:
    days, rest = divmod(offset, timedelta(days=1))
    return f"{counted(days, 'day')} and {rest}" if rest else counted(days, "day")


async def require_broker(settings: Settings) -> None:
    """Raises WrongSettings, which names AMQP_URL and the reason, where a RabbitMQ is set and does not let us in."""
    if not settings.queue.amqp_url:
        return
    from halfpenny.platform.queue.broker import Broker, BrokerUnavailable

    broker = Broker(settings.queue.amqp_url)
    try:
        with _quiet("aiormq"):  # it logs the failure that we raise
            await broker.open_channel()
    except BrokerUnavailable as unavailable:
        raise WrongSettings(f"AMQP_URL: {_reason(unavailable)}") from None
    finally:
        await broker.close()


async def require_documents(settings: Settings) -> None:
    """Raises WrongSettings, which names MONGO_URL and the reason, where a document store is set and does not answer."""
    given = settings.documents
    if not given.url:
        return
    store = await DocumentStore.connect(given.url, given.name, timeout_s=given.timeout_s)
    try:
        fault = await store.fault()
    finally:
        await store.close()
    if fault:
        raise WrongSettings(f"MONGO_URL: no document store answers there ({fault})")


async def warn_without_documents(settings: Settings) -> None:
    """Money moves without listings, so their outage must not stop a start; a wrong address is reported all the same."""
    try:
        await require_documents(settings)
    except WrongSettings as wrong:
        log.warning("documents_unavailable", reason=str(wrong), meanwhile="listings and assessments are not shown")


async def warn_without_broker(settings: Settings) -> None:
    """As ``warn_without_documents``, for RabbitMQ: only the worker cannot do without."""
    try:
        await require_broker(settings)
    except WrongSettings as wrong:
        log.warning("broker_unavailable", reason=str(wrong), meanwhile="events wait in the outbox")


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


def require_shown_logins(settings: Settings) -> None:
    """Raises WrongSettings where the sign-in page could not show the file of logins that is set."""
    file = settings.identity.shown_logins_file
    try:
        shown_logins(file)
    except (OSError, msgspec.DecodeError):
        raise WrongSettings(f"HALFPENNY_SHOWN_LOGINS_FILE: {file} is no file of logins (JSON)") from None
