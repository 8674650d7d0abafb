"""The desk itself: one lane a process. Requests join a queue; whatever has gathered while one batch is
flushed is the next batch. There is no timer: a lone request is committed at once, a crowd shares a flush.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from halfpenny.funding.desk.batch import decide_and_write, has_no_effect
from halfpenny.funding.desk.queue import FairQueue, QueuedTicket
from halfpenny.funding.errors import DeskClosed, DeskFull, OutcomeUnknown
from halfpenny.funding.model import Decision, InvestmentConfirmation, Ticket
from halfpenny.platform import plans
from halfpenny.platform.database import (
    CONNECTION_ERRORS,
    TRANSACTION_CONFLICT_ERRORS,
    Connection,
    Database,
    DatabaseUnavailable,
)
from halfpenny.platform.idempotency import IdempotencyKeyInUse
from halfpenny.platform.plans import PlanRenewal
from halfpenny.primitives.errors import HalfpennyError

# The unique index that two processes can meet in when one key is sent to both at once.
_KEY_INDEX = "uq_investment_investor_id_idempotency_key"
_BACK_OFF_S = 0.05


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """Bounds in tickets and seconds.

    One try of a batch may take ``attempt_s``, all tries together ``settle_s``; a caller waits for its
    turn at most ``wait_s``. The first is shorter than the second so that a lost reply can still be settled.
    """

    batch_tickets: int = 512
    capacity_tickets: int = 4_096
    investor_capacity_tickets: int = 1_000
    investor_share_tickets: int = 64
    attempt_s: float = 2.0
    settle_s: float = 5.0
    wait_s: float = 5.0
    watch_every_s: float = 0.25


class FundingDesk:
    """Takes tickets and answers each. Start it before use; ``stop`` answers whoever still waits."""

    def __init__(
        self,
        database: Database,
        settings: DeskSettings | None = None,
        on_batch: Callable[[int, float], None] = lambda tickets, seconds: None,
    ) -> None:
        self._database = database
        self._settings = settings or DeskSettings()
        self._on_batch = on_batch
        self._queue = FairQueue(
            self._settings.capacity_tickets,
            self._settings.investor_capacity_tickets,
            self._settings.investor_share_tickets,
        )
        self._work = asyncio.Event()
        self._later: set[QueuedTicket] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._connection: PoolConnectionProxy[asyncpg.Record] | None = None
        self._renewal = PlanRenewal()
        self._closed = True

    def start(self) -> None:
        self._closed = False
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._time_out_waiting())]

    async def stop(self) -> None:
        """Finish the batch that is being flushed, and refuse every other ticket with DeskClosed."""
        self._closed = True
        self._work.set()
        run, watch = self._tasks
        watch.cancel()
        await asyncio.wait([run, watch])
        for waiting in [*self._queue.drain(), *self._later]:
            _resolve(waiting, DeskClosed())
        await self._release_connection(broken=False)

    def __len__(self) -> int:
        """How many tickets are queued."""
        return len(self._queue)

    @property
    def is_backlogged(self) -> bool:
        """Whether more wait than the next batch takes: then it is worth noticing callers that hang up."""
        return len(self._queue) > self._settings.batch_tickets

    def submit(self, ticket: Ticket) -> asyncio.Future[InvestmentConfirmation]:
        """Queue a ticket; the future has its answer once that is durable, or the named refusal.

        Cancelling the future before the ticket's turn takes it out of the queue. Raises DeskFull.
        """
        if self._closed:
            raise DeskClosed()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[InvestmentConfirmation] = loop.create_future()
        self._queue.put(QueuedTicket(ticket, answer, loop.time()))
        self._work.set()
        return answer

    async def invest(self, ticket: Ticket) -> InvestmentConfirmation:
        """Submit and wait. Raises the named refusal."""
        return await self.submit(ticket)

    async def _run(self) -> None:
        while not self._closed:
            await self._work.wait()
            batch = self._queue.take(self._settings.batch_tickets)
            if not batch:
                self._work.clear()
                continue
            started = asyncio.get_running_loop().time()
            await self._decide_batch(batch, started + self._settings.settle_s)
            self._on_batch(len(batch), asyncio.get_running_loop().time() - started)

    async def _time_out_waiting(self) -> None:
        """Time out whoever waits behind a batch that hangs."""
        while True:
            await asyncio.sleep(self._settings.watch_every_s)
            before = asyncio.get_running_loop().time() - self._settings.wait_s
            for waiting in self._queue.expire(before):
                _resolve(waiting, DatabaseUnavailable())

    async def _decide_batch(self, batch: list[QueuedTicket], until_s: float) -> None:
        """Try the batch until it is decided or its time is over, then answer everyone in it."""
        try:
            decisions = await self._until_decided([waiting.ticket for waiting in batch], until_s)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, HalfpennyError) as error:
            await self._bisect(batch, error, until_s)
        except Exception as error:
            for waiting in batch:
                _resolve(waiting, error)
        else:
            for waiting, decision in zip(batch, decisions, strict=True):
                if isinstance(decision, IdempotencyKeyInUse):
                    self._requeue_once_key_is_free(waiting, decision)
                else:
                    _resolve(waiting, decision)

    def _requeue_once_key_is_free(self, waiting: QueuedTicket, error: IdempotencyKeyInUse) -> None:
        """The ticket's key is being claimed for something else: ask again when that has ended, within its wait."""
        loop = asyncio.get_running_loop()
        if self._closed or loop.time() - waiting.since_s + _BACK_OFF_S > self._settings.wait_s:
            _resolve(waiting, error)
            return
        self._later.add(waiting)

        def requeue() -> None:
            self._later.discard(waiting)
            try:
                self._queue.put(waiting)
            except DeskFull as full:
                _resolve(waiting, full)
            self._work.set()

        loop.call_later(_BACK_OFF_S, requeue)

    async def _bisect(self, batch: list[QueuedTicket], error: Exception, until_s: float) -> None:
        """The database refused something in this batch and nothing of it was written: find the one item."""
        if isinstance(error, OutcomeUnknown | DatabaseUnavailable) or len(batch) == 1:
            for waiting in batch:
                _resolve(waiting, error)
            return
        middle = len(batch) // 2
        await self._decide_batch(batch[:middle], until_s)
        await self._decide_batch(batch[middle:], until_s)

    async def _until_decided(self, tickets: Sequence[Ticket], until_s: float) -> list[Decision]:
        """Run the batch; after a lost connection or a collision run it again: the stored keys decide.

        Raises OutcomeUnknown when COMMIT was sent and no answer could be had in time, DatabaseUnavailable
        when nothing can have been written.
        """
        loop = asyncio.get_running_loop()
        committing = False
        while True:
            attempt = _Attempt()
            try:
                async with asyncio.timeout(self._settings.attempt_s):
                    connection = await self._held_connection()
                    renew = self._renewal.is_due(len(tickets), loop.time())
                    return await attempt.run(connection, tickets, renew_plans=renew)
            except asyncpg.UniqueViolationError as error:
                await self._roll_back()
                if error.constraint_name != _KEY_INDEX:
                    raise
            except TRANSACTION_CONFLICT_ERRORS:
                await self._roll_back()
            except CONNECTION_ERRORS as lost:
                committing = committing or attempt.committing
                await self._release_connection(broken=True)
                if loop.time() + _BACK_OFF_S >= until_s:
                    raise (OutcomeUnknown() if committing else DatabaseUnavailable()) from lost
                await asyncio.sleep(_BACK_OFF_S)
            except BaseException:
                await self._roll_back()
                raise

    async def _held_connection(self) -> PoolConnectionProxy[asyncpg.Record]:
        """The desk keeps one connection: taking it from the pool anew would cost a round trip a batch."""
        if self._connection is None:
            connection = await self._database.pool.acquire(timeout=self._database.timeout_s)
            self._connection = connection
            self._renewal = PlanRenewal()
            await connection.execute(plans.KEPT)
        return self._connection

    async def _roll_back(self) -> None:
        if self._connection is None:
            return
        try:
            await self._connection.execute("ROLLBACK")
        except CONNECTION_ERRORS:
            await self._release_connection(broken=True)

    async def _release_connection(self, *, broken: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        # The pool takes a connection back by itself when the server hangs up; then there is nothing left to do.
        with contextlib.suppress(*CONNECTION_ERRORS):
            if broken:
                # Nothing more is sent to a server that may hang: it notices by itself and rolls back.
                connection.terminate()
            await self._database.pool.release(connection)


class _Attempt:
    """One run of a batch; keeps whether COMMIT had been sent when it failed."""

    def __init__(self) -> None:
        self.committing = False

    async def run(self, connection: Connection, tickets: Sequence[Ticket], *, renew_plans: bool) -> list[Decision]:
        # One message either way: renewing costs no round trip.
        await connection.execute(f"{plans.RENEW}; BEGIN" if renew_plans else "BEGIN")
        decisions = await decide_and_write(connection, tickets)
        if has_no_effect(decisions):
            await connection.execute("ROLLBACK")
        else:
            self.committing = True
            await connection.execute("COMMIT")
        return decisions


def _resolve(waiting: QueuedTicket, outcome: Decision | Exception) -> None:
    if waiting.answer.done():
        return
    if isinstance(outcome, Exception):
        waiting.answer.set_exception(outcome)
    else:
        waiting.answer.set_result(outcome.answer)
