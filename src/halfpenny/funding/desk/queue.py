"""The desk's queue: bounded (back-pressure), round-robin over loans, with a bound for each investor."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from uuid import UUID

from halfpenny.funding.errors import DeskFull
from halfpenny.funding.model import InvestmentConfirmation, Ticket


@dataclass(slots=True, eq=False)
class QueuedTicket:
    """A ticket and whoever waits for its answer. ``since_s`` is the event loop's time when it came."""

    ticket: Ticket
    answer: asyncio.Future[InvestmentConfirmation]
    since_s: float
    number: int = 0


class FairQueue:
    """Serves loans round-robin, and gives one investor at most ``investor_share`` of a batch that others wait for."""

    def __init__(self, capacity: int, investor_capacity: int, investor_share: int) -> None:
        self._capacity = capacity
        self._investor_capacity = investor_capacity
        self._investor_share = investor_share
        self._lanes: dict[UUID, deque[QueuedTicket]] = {}
        self._rotation: deque[UUID] = deque()
        self._of_investor: Counter[UUID] = Counter()
        self._number = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def put(self, waiting: QueuedTicket) -> None:
        """Join the queue. Raises DeskFull where it, or this investor's part of it, is at its bound."""
        investor = waiting.ticket.investor_id
        if self._length >= self._capacity or self._of_investor[investor] >= self._investor_capacity:
            raise DeskFull(retry_after_s=1)
        self._number += 1
        waiting.number = self._number
        lane = self._lanes.get(waiting.ticket.loan_id)
        if lane is None:
            lane = self._lanes[waiting.ticket.loan_id] = deque()
            self._rotation.append(waiting.ticket.loan_id)
        lane.append(waiting)
        self._of_investor[investor] += 1
        self._length += 1

    def take(self, limit: int) -> list[QueuedTicket]:
        """The next batch in arrival order; callers that hung up before this moment are dropped here."""
        taken: list[QueuedTicket] = []
        put_back: list[QueuedTicket] = []
        share: Counter[UUID] = Counter()
        crowded = self._length > limit
        while self._length and len(taken) < limit:
            waiting = self._next()
            if waiting.answer.done():
                continue
            investor = waiting.ticket.investor_id
            share[investor] += 1
            if crowded and share[investor] > self._investor_share:
                put_back.append(waiting)
            else:
                taken.append(waiting)
        # The share only matters while others wait: what room is left goes to whoever is there.
        room = limit - len(taken)
        taken += put_back[:room]
        self._return(put_back[room:])
        taken.sort(key=_number)
        return taken

    def expire(self, before_s: float) -> list[QueuedTicket]:
        """Remove and return everyone who has waited since before ``before_s``."""
        late = [w for lane in self._lanes.values() for w in lane if w.since_s < before_s]
        if late:
            numbers = {waiting.number for waiting in late}
            kept = [w for lane in self._lanes.values() for w in lane if w.number not in numbers]
            self._clear()
            self._return(sorted(kept, key=_number))
        return late

    def drain(self) -> list[QueuedTicket]:
        """Remove and return everyone: the desk closes."""
        everyone = [waiting for lane in self._lanes.values() for waiting in lane]
        self._clear()
        return everyone

    def _next(self) -> QueuedTicket:
        loan_id = self._rotation.popleft()
        lane = self._lanes[loan_id]
        waiting = lane.popleft()
        if lane:
            self._rotation.append(loan_id)
        else:
            del self._lanes[loan_id]
        self._length -= 1
        investor = waiting.ticket.investor_id
        self._of_investor[investor] -= 1
        if not self._of_investor[investor]:
            del self._of_investor[investor]
        return waiting

    def _return(self, put_back: list[QueuedTicket]) -> None:
        for waiting in reversed(put_back):
            loan_id = waiting.ticket.loan_id
            lane = self._lanes.get(loan_id)
            if lane is None:
                lane = self._lanes[loan_id] = deque()
                self._rotation.append(loan_id)
            lane.appendleft(waiting)
            self._of_investor[waiting.ticket.investor_id] += 1
            self._length += 1

    def _clear(self) -> None:
        self._lanes.clear()
        self._rotation.clear()
        self._of_investor.clear()
        self._length = 0


def _number(waiting: QueuedTicket) -> int:
    return waiting.number
