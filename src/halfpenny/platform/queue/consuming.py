"""The loops of a worker: relay the outbox, consume each queue, survive whatever is away, stop gracefully."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog

from halfpenny.platform.database import Database
from halfpenny.platform.queue.handling import DeadLettered, Failed, Handled, Postponed, Verdict, handle
from halfpenny.platform.queue.messages import Message
from halfpenny.platform.queue.metrics import RELAYED, VERDICTS
from halfpenny.platform.queue.subscription import RemoteQueue, Subscription
from halfpenny.platform.queue.transport import Source, Transport, first_set
from halfpenny.primitives.errors import Unavailable

log = structlog.get_logger("halfpenny.queue")

_MAX_BACKOFF_S = 5.0
_INITIAL_BACKOFF_S = 0.2
_UNAVAILABLE_RETRY_S = 1.0
GRACE_S = 10.0


async def run_consumers(
    database: Database,
    transport: Transport,
    subscriptions: Sequence[Subscription],
    remote: Sequence[RemoteQueue] = (),
    stop: asyncio.Event | None = None,
) -> None:
    """Relay events and run the subscriptions until ``stop`` is set or this is cancelled.

    ``remote`` are the queues that other programs consume: they fill up while those programs are away.
    Nothing here gives up: a missing broker or database is logged once for each pause, and waited for.
    Stopping lets what is being handled finish for GRACE_S seconds; the rest is delivered again later.
    """
    stop = stop or asyncio.Event()
    prepared = asyncio.Event()
    queues: list[Subscription | RemoteQueue] = [*subscriptions, *remote]

    async def relay() -> None:
        await transport.prepare(queues)
        prepared.set()
        while not stop.is_set():
            moved = await transport.relay()
            RELAYED.inc(moved)
            if not moved:
                await transport.wait_for_events(stop)

    async def consume(subscription: Subscription) -> None:
        await first_set(stop, prepared)
        if stop.is_set():
            return
        async with transport.source(subscription) as source:
            await _Consumer(database, subscription, source).run(stop)

    loops = [asyncio.create_task(_run_with_restarts("relay", relay, stop), name="relay")]
    for subscription in subscriptions:
        name = subscription.queue
        loops.append(
            asyncio.create_task(_run_with_restarts(name, partial(consume, subscription), stop), name=f"consume {name}")
        )
    try:
        await asyncio.gather(*loops)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait(loops, timeout=GRACE_S)
        raise
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def _run_with_restarts(name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run again after every failure, with a growing pause: a worker outlives its broker and its database."""
    pause_s = _INITIAL_BACKOFF_S
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        started = loop.time()
        try:
            await run()
        except Exception as error:  # a worker survives one failure: it is logged, and tried again
            if loop.time() - started > _MAX_BACKOFF_S:
                pause_s = _INITIAL_BACKOFF_S
            log.error("queue_interrupted", what=name, error=f"{type(error).__name__}: {error}", retry_in_s=pause_s)
            await pause(stop, pause_s)
            pause_s = min(pause_s * 2, _MAX_BACKOFF_S)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, unless asked to stop."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


class _Consumer:
    """Takes messages of one queue, at most ``max_in_flight`` unfinished: each by itself, or all as one batch."""

    def __init__(self, database: Database, subscription: Subscription, source: Source) -> None:
        self._database = database
        self._subscription = subscription
        self._source = source
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        limit = self._subscription.max_in_flight
        try:
            while not stop.is_set():
                taken = await self._source.take(limit - len(self._running), stop)
                if self._subscription.handle_many is not None:
                    if taken:
                        await self._handle(taken, stop)
                    continue
                for message in taken:
                    self._running.add(asyncio.create_task(self._handle_alone(message, stop)))
                # Taking only when half are done asks the database once for several messages.
                while len(self._running) > limit // 2:
                    await self._some_finished()
        except asyncio.CancelledError:
            for task in self._running:
                task.cancel()
            raise
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=GRACE_S)

    async def _some_finished(self) -> None:
        _, self._running = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _handle_alone(self, message: Message, stop: asyncio.Event) -> None:
        try:
            await self._handle([message], stop)
        except Exception as error:  # the transport was lost: it delivers this message again by itself
            log.warning("message_unsettled", queue=self._subscription.queue, error=f"{type(error).__name__}: {error}")

    async def _handle(self, messages: Sequence[Message], stop: asyncio.Event) -> None:
        waiting = list(messages)
        away_s = _UNAVAILABLE_RETRY_S
        while waiting:
            verdicts = await handle(self._database, self._subscription, waiting, self._source.finish)
            kept = []
            for message, verdict in zip(waiting, verdicts, strict=True):
                try:
                    settled = await self._settle(message, verdict, away_s)
                except Unavailable:
                    # The verdict could not be written down; handling it again finds the same one.
                    settled = False
                if not settled:
                    kept.append(message)
            waiting = kept
            if waiting:
                await pause(stop, away_s)
                if stop.is_set():
                    return
                away_s = min(away_s * 2, 4 * _MAX_BACKOFF_S)

    async def _settle(self, message: Message, verdict: Verdict, away_s: float) -> bool:
        """Act on the verdict; False when the message must be kept and handled again here."""
        VERDICTS.labels(self._subscription.queue, type(verdict).__name__.lower()).inc()
        match verdict:
            case Handled():
                await self._source.done(message)
            case Failed():
                await self._source.failed(message, verdict)
            case DeadLettered():
                log.error(
                    "message_buried", queue=self._subscription.queue, message=str(message.id), reason=verdict.reason
                )
                await self._source.dead_letter(message, verdict)
            case Postponed():
                log.warning("message_waits", queue=self._subscription.queue, error=verdict.error)
                return await self._source.release(message, away_s)
        return True
