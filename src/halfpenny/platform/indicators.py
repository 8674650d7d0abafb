"""Operating indicators: figures of which each has a limit, and a runbook for when it is above the limit.

A feature declares its own (``INDICATORS``); `halfpenny status`, the worker's metrics and the alert rules are made from
the same declarations. Each is measured by one short statement that an index serves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from halfpenny.platform.database import Connection, Database
from halfpenny.platform.queue import QueueDepth, Transport
from halfpenny.primitives.errors import Unavailable

RUNBOOKS: Final = "ops/runbooks"
# How the platform runs, not what anybody owns or owes.
UNCHECKED: Mapping[str, str] = {
    "books_check.*": "when the books were checked, and how many findings there were: the check itself says it again",
    "operating_alert.*": "who was notified of which indicator",
    "periodic_job.*": "when a job that recurs last succeeded",
}


class Severity(StrEnum):
    """``page``: money or people wait, somebody is called. ``ticket``: within the working day."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Sources:
    """What indicators are measured from: one snapshot of the database, and the queues, None while no broker answers."""

    connection: Connection
    depths: Sequence[QueueDepth] | None


# None where it cannot be measured.
Measure = Callable[[Sources], Awaitable[Mapping[str, float] | None]]


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure, or one for each value of ``label``. Above ``limit`` for ``lasting_s`` it is an alert."""

    name: str
    description: str
    measure: Measure
    limit: float
    severity: Severity
    lasting_s: int = 0
    label: str | None = None

    @property
    def metric(self) -> str:
        return f"halfpenny_{self.name}"

    @property
    def runbook(self) -> str:
        """What to do, as a path of the repository."""
        return f"{RUNBOOKS}/{self.name.replace('_', '-')}.md"


@dataclass(frozen=True, slots=True)
class Reading:
    """One measured figure. ``label_value`` is empty where its indicator has no label."""

    indicator: Indicator
    label_value: str
    figure: float

    @property
    def above_limit(self) -> bool:
        return self.figure > self.indicator.limit


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything that was measured at one moment. ``unknown`` names the indicators that could not be."""

    known: tuple[Reading, ...]
    unknown: frozenset[str] = frozenset()


def statement(sql: str, *arguments: object) -> Measure:
    """Measured by ``sql``, whose rows are (label value, figure); no row where there is nothing to measure."""

    async def measure(sources: Sources) -> Mapping[str, float]:
        rows = await sources.connection.fetch(sql, *arguments)
        return {row[0]: float(row[1]) for row in rows}

    return measure


def age(of: str, now: str = "now()") -> Measure:
    """Seconds since the moment that ``of`` selects, 0 where it finds none; by the business clock where ``now`` is."""
    return statement(f"SELECT '', coalesce(greatest(extract(epoch FROM {now} - ({of})), 0), 0)")


async def take_readings(database: Database, transport: Transport, indicators: Sequence[Indicator]) -> Readings:
    """Measure all of them in one snapshot."""
    try:
        depths = await transport.depths()
    except Unavailable:
        depths = None
    known: list[Reading] = []
    unknown = []
    async with database.reading() as connection:
        sources = Sources(connection, depths)
        for indicator in indicators:
            measured = await indicator.measure(sources)
            if measured is None:
                unknown.append(indicator.name)
            else:
                known += [Reading(indicator, value, figure) for value, figure in sorted(measured.items())]
    return Readings(tuple(known), frozenset(unknown))
