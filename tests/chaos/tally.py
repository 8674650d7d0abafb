"""Load that records every outcome, and the count of what was lost or done twice."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from funding.world import World, check_books
from halfpenny.platform.database import Database
from halfpenny.primitives.ids import uuid7

LONG = os.environ.get("HALFPENNY_CHAOS") == "long"


def size(short: int, long: int) -> int:
    """How often a fault is made: short in CI, long by hand (``make chaos``)."""
    return long if LONG else short


@dataclass(frozen=True)
class Order:
    """What one caller wants; repeated with the same key until it is answered."""

    loan_id: UUID
    investor: int
    amount_minor: int
    key: str


@dataclass(frozen=True)
class Outcome:
    """An answer: ``investment_id`` where it was a 201, ``unknown`` where the caller has to ask again."""

    status: int
    investment_id: str | None = None

    @property
    def unknown(self) -> bool:
        return self.status == 503


Ask = Callable[[Order], Awaitable[Outcome]]


@dataclass
class Tally:
    """Every order and the last outcome that its caller got."""

    seed: int
    operations: int = 0
    faults: int = 0
    acknowledged: dict[tuple[int, str], str] = field(default_factory=dict)
    open: dict[tuple[int, str], Order] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    changed_its_mind: list[str] = field(default_factory=list)

    def note_outcome(self, order: Order, outcome: Outcome) -> None:
        place = (order.investor, order.key)
        self.statuses[outcome.status] += 1
        if outcome.unknown:
            self.open[place] = order
            return
        self.open.pop(place, None)
        if outcome.investment_id is None:
            if place in self.acknowledged:
                self.changed_its_mind.append(order.key)
            return
        if self.acknowledged.setdefault(place, outcome.investment_id) != outcome.investment_id:
            self.changed_its_mind.append(order.key)


async def drive(
    ask: Ask, world: World, tally: Tally, until: asyncio.Event, *, callers: int, limit: int = 10**9
) -> None:
    """Many callers at once; each repeats an unanswered order with its key, as clients are asked to."""
    dice = random.Random(tally.seed)

    async def caller() -> None:
        while not until.is_set() and tally.operations < limit:
            order = Order(world.loan.id, dice.randrange(len(world.investors)), 5_000 + dice.randrange(100), uuid7().hex)
            tally.operations += 1
            while not until.is_set():
                outcome = await ask(order)
                tally.note_outcome(order, outcome)
                if not outcome.unknown:
                    break
                await asyncio.sleep(0.02)

    await asyncio.gather(*(caller() for _ in range(callers)))


async def settle(ask: Ask, tally: Tally, timeout_s: float = 60) -> None:
    """Ask for whatever is still open until all of it is answered, and a part of the rest once more."""
    async with asyncio.timeout(timeout_s):
        while tally.open:
            for order in list(tally.open.values()):
                tally.note_outcome(order, await ask(order))


async def verdict(database: Database, world: World, tally: Tally) -> dict[str, Any]:
    """Count what was lost or done twice, print it, and fail on any."""
    async with database.reading() as connection:
        rows = await connection.fetch(
            "SELECT i.id, i.investor_id, i.idempotency_key, count(t.journal_id) AS moves FROM investment i "
            "LEFT JOIN transfer t ON t.journal_id = i.id GROUP BY i.id"
        )
    stored = {(row["investor_id"], row["idempotency_key"]): row for row in rows}
    lost = [
        key
        for (investor, key), investment_id in tally.acknowledged.items()
        if str(getattr(stored.get((world.investors[investor], key)), "get", lambda _: None)("id")) != investment_id
    ]
    doubled = [row["idempotency_key"] for row in rows if row["moves"] != 1] + tally.changed_its_mind
    output = {
        "operations": tally.operations,
        "faults": tally.faults,
        "acknowledged": len(tally.acknowledged),
        "stored": len(rows),
        "lost": len(lost),
        "doubled": len(doubled),
        "unanswered": len(tally.open),
        "seed": tally.seed,
    }
    print(output)
    assert not lost and not doubled and not tally.open, (lost[:5], doubled[:5])
    # Nothing is there that nobody asked for, and nothing of which its caller got a refusal.
    assert len(rows) == len(tally.acknowledged), output
    await check_books(database)
    return output
