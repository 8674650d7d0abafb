"""A queue of amounts that have fallen due, paid oldest first."""

from __future__ import annotations

from collections import deque
from datetime import date


class Dues:
    """Amounts in minor units with the instalment (by its place) that each belongs to, if any."""

    __slots__ = ("_queue", "total")

    def __init__(self) -> None:
        self._queue: deque[tuple[date, int, int | None]] = deque()
        self.total = 0

    def add(self, due_on: date, amount: int, row: int | None) -> None:
        if amount:
            self._queue.append((due_on, amount, row))
            self.total += amount

    def pay(self, amount: int) -> list[tuple[int, int | None]]:
        """Pay up to ``amount``; returns the parts paid with their instalments."""
        parts = []
        while amount and self._queue:
            due_on, owed, row = self._queue[0]
            part = min(owed, amount)
            if part == owed:
                self._queue.popleft()
            else:
                self._queue[0] = (due_on, owed - part, row)
            amount -= part
            self.total -= part
            parts.append((part, row))
        return parts

    def take_row(self, row: int) -> int:
        """What is unpaid of one instalment, which is not due any more; returns it."""
        taken = sum(owed for _, owed, place in self._queue if place == row)
        self._queue = deque(one for one in self._queue if one[2] != row)
        self.total -= taken
        return taken

    def by_row(self) -> dict[int, int]:
        """What is unpaid of each instalment."""
        return {row: owed for _, owed, row in self._queue if row is not None}
