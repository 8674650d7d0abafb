"""The connection to RabbitMQ, the exchanges and queues there, and publishing with confirms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from pamqp.common import FieldTable
from yarl import URL

from halfpenny.platform.queue.messages import Message, encode
from halfpenny.platform.queue.subscription import RemoteQueue, Subscription
from halfpenny.primitives.errors import Unavailable
from halfpenny_messages import (
    CONFIRM_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    DEAD_LETTER_EXCHANGE,
    EVENTS_EXCHANGE,
    HEARTBEAT_S,
    QueueArguments,
    dead_letter_queue,
    dead_letter_queue_arguments,
    queue_arguments,
)


class BrokerUnavailable(Unavailable):
    code = "broker_unavailable"
    message = "The message broker does not answer. Events wait in the outbox."


class Broker:
    """One connection, opened on first use and again after every loss. Its channels are the callers' own."""

    def __init__(self, url: str) -> None:
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_S)
        self._connection: AbstractConnection | None = None
        self._opening = asyncio.Lock()

    async def open_channel(self, prefetch: int = 0) -> AbstractChannel:
        """A channel with publisher confirms. Raises BrokerUnavailable, naming the address."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await self._connected()
                channel = connection.channel(on_return_raises=True)
                await channel.initialize()
                if prefetch:
                    await channel.set_qos(prefetch_count=prefetch)
        except (OSError, TimeoutError, aio_pika.exceptions.AMQPError) as error:
            where = f"{self._url.host}:{self._url.port}"
            raise BrokerUnavailable(f"no RabbitMQ at {where} ({type(error).__name__}: {error})") from error
        return channel

    @asynccontextmanager
    async def channel(self, prefetch: int = 0) -> AsyncIterator[AbstractChannel]:
        channel = await self.open_channel(prefetch)
        try:
            yield channel
        finally:
            with contextlib.suppress(OSError, TimeoutError, aio_pika.exceptions.AMQPError):
                if not channel.is_closed:
                    await asyncio.wait_for(channel.close(), CONNECT_TIMEOUT_S)

    async def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError, TimeoutError, aio_pika.exceptions.AMQPError):
                await asyncio.wait_for(self._connection.close(), CONNECT_TIMEOUT_S)
            self._connection = None

    async def _connected(self) -> AbstractConnection:
        async with self._opening:
            connection = self._connection
            if connection is None or connection.is_closed or not connection.connected.is_set():
                self._connection = connection = await aio_pika.connect(self._url, timeout=CONNECT_TIMEOUT_S)
        return connection


async def declare(channel: AbstractChannel, queue: Subscription | RemoteQueue, dropped: Collection[str]) -> None:
    """Make the queue, its dead-letter queue and its bindings; unbind the events that it no longer wants."""
    events = await channel.declare_exchange(EVENTS_EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD_LETTER_EXCHANGE, aio_pika.ExchangeType.DIRECT, durable=True)
    dead_letters = await channel.declare_queue(
        dead_letter_queue(queue.queue), durable=True, arguments=_table(dead_letter_queue_arguments())
    )
    await dead_letters.bind(dead, queue.queue)
    declared = await channel.declare_queue(queue.queue, durable=True, arguments=_table(queue_arguments(queue.queue)))
    for name in queue.events:
        await declared.bind(events, name)
    for name in dropped:
        await declared.unbind(events, name)


def _table(arguments: QueueArguments) -> FieldTable:
    return {**arguments}


def packed(message: Message) -> aio_pika.Message:
    return aio_pika.Message(
        encode(message),
        content_type="application/json",
        message_id=str(message.id),
        type=message.name,
        timestamp=message.recorded_at,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


async def publish(channel: AbstractChannel, messages: Sequence[Message]) -> list[Exception | None]:
    """Publish in order and wait for every confirm. None where it came; a message without a queue is an error."""
    exchange = await channel.get_exchange(EVENTS_EXCHANGE, ensure=False)
    outcomes = await asyncio.gather(*(_publish(exchange, message) for message in messages), return_exceptions=True)
    failures: list[Exception | None] = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
            raise outcome
        failures.append(outcome)
    return failures


async def _publish(exchange: AbstractExchange, message: Message) -> None:
    await exchange.publish(packed(message), message.name, mandatory=True, timeout=CONFIRM_TIMEOUT_S)
