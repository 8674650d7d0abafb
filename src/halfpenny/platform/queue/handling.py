"""Handling one message: effect and inbox row in one transaction, and a verdict that any transport can act on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from halfpenny.platform.database import CONNECTION_ERRORS, Connection, Database
from halfpenny.platform.queue.messages import Message, Poison
from halfpenny.platform.queue.subscription import Subscription
from halfpenny.primitives.errors import HalfpennyError

log = structlog.get_logger("halfpenny.queue")


@dataclass(frozen=True, slots=True)
class Handled:
    """The effect is committed, now or by an earlier delivery."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Trying again may help, and costs an attempt."""

    error: str


@dataclass(frozen=True, slots=True)
class DeadLettered:
    """Trying again cannot help."""

    reason: str
    error: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Something that the handler needs does not answer; the message is not to blame."""

    error: str


Verdict: TypeAlias = Handled | Failed | DeadLettered | Postponed
# Called inside the unit of work, after the effect: where the transport shares the database, the delivery
# ends in the same commit.
Finish: TypeAlias = Callable[[Connection, Sequence[Message]], Awaitable[None]]

_INSERT_INBOX = """
    INSERT INTO inbox (queue, event_id) SELECT $1, unnest($2::uuid[])
    ON CONFLICT DO NOTHING RETURNING event_id
"""


async def handle(
    database: Database, subscription: Subscription, messages: Sequence[Message], finish: Finish
) -> list[Verdict]:
    """Handle messages that arrived together; one verdict for each, in their order.

    A batch that fails as a whole is handled again one by one, so that only the message that is at fault
    pays for it.
    """
    verdicts: dict[int, Verdict] = {}
    known: list[Message] = []
    for place, message in enumerate(messages):
        if message.version in subscription.versions:
            known.append(message)
        else:
            verdicts[place] = DeadLettered(
                "unknown_version", f"{message.name} version {message.version} is not known to {subscription.queue}"
            )
    outcome = await _attempt(database, subscription, known, finish) if known else Handled()
    handled = [outcome] * len(known)
    if len(known) > 1 and isinstance(outcome, Failed | DeadLettered):
        handled = [await _attempt(database, subscription, [message], finish) for message in known]
    remaining = iter(handled)
    return [verdicts[place] if place in verdicts else next(remaining) for place in range(len(messages))]


async def _attempt(
    database: Database, subscription: Subscription, messages: Sequence[Message], finish: Finish
) -> Verdict:
    try:
        async with asyncio.timeout(subscription.timeout_s):
            if subscription.inbox == "transaction":
                await _in_one_transaction(database, subscription, messages, finish)
            else:
                async with database.reading() as connection:
                    await _call(subscription, connection, messages)
                    await finish(connection, messages)
    except Poison as poison:
        return DeadLettered(poison.reason, str(poison))
    except TimeoutError:
        return Failed(f"timed out after {subscription.timeout_s:g} s")
    except HalfpennyError as error:
        return Postponed(_error_text(error)) if error.retryable else _failed(subscription, messages, error)
    except CONNECTION_ERRORS as error:
        return Postponed(_error_text(error))
    except Exception as error:  # whatever a handler raises is a verdict on its message, not on the consumer
        return _failed(subscription, messages, error)
    return Handled()


async def _in_one_transaction(
    database: Database, subscription: Subscription, messages: Sequence[Message], finish: Finish
) -> None:
    async with database.unit_of_work() as connection:
        # A double that is handled elsewhere at this moment waits here for the other's commit.
        rows = await connection.fetch(_INSERT_INBOX, subscription.queue, [message.id for message in messages])
        new = {row["event_id"] for row in rows}
        fresh = [message for message in messages if message.id in new]
        if fresh:
            await _call(subscription, connection, fresh)
        await finish(connection, messages)


async def _call(subscription: Subscription, connection: Connection, messages: Sequence[Message]) -> None:
    if subscription.handle_many is not None:
        await subscription.handle_many(connection, messages)
    elif subscription.handler is not None:
        for message in messages:
            await subscription.handler(connection, message)


def _failed(subscription: Subscription, messages: Sequence[Message], error: Exception) -> Failed:
    log.warning(
        "message_failed",
        queue=subscription.queue,
        events=[str(message.id) for message in messages[:5]],
        attempt=messages[0].attempt,
        error=_error_text(error),
        exc_info=error,
    )
    return Failed(_error_text(error))


def _error_text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
