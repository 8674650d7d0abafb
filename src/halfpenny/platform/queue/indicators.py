"""Indicators of the queue: events are on their way: none waits in the outbox, none in its queue, none was given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from halfpenny.platform.indicators import Indicator, Measure, Severity, Sources, age
from halfpenny.platform.queue import QueueDepth


def _of_each(figure: Callable[[QueueDepth], float | None]) -> Measure:
    async def measure(sources: Sources) -> Mapping[str, float] | None:
        if sources.depths is None:
            return None
        figures = {each.queue: figure(each) for each in sources.depths}
        return {queue: value for queue, value in figures.items() if value is not None}

    return measure


async def _broker(sources: Sources) -> Mapping[str, float]:
    return {"": float(sources.depths is None)}


INDICATORS = (
    Indicator(
        "outbox_oldest_seconds",
        "Age of the oldest event that no relay has published.",
        age("SELECT recorded_at FROM outbox WHERE published_at IS NULL ORDER BY seq LIMIT 1"),
        limit=60,
        lasting_s=60,
        severity=Severity.PAGE,
    ),
    Indicator(
        "broker_unreachable",
        "1 where the message broker does not answer.",
        _broker,
        limit=0,
        lasting_s=120,
        severity=Severity.PAGE,
    ),
    Indicator(
        "queue_oldest_seconds",
        "Age of the oldest event that waits in a queue of PostgreSQL.",
        _of_each(lambda each: each.oldest_s),
        limit=300,
        lasting_s=60,
        severity=Severity.PAGE,
        label="queue",
    ),
    Indicator(
        "queue_waiting_events",
        "Events that wait in a queue.",
        _of_each(lambda each: each.waiting),
        limit=10_000,
        lasting_s=300,
        severity=Severity.TICKET,
        label="queue",
    ),
    Indicator(
        "dead_letters",
        "Events that no consumer of the queue could handle.",
        _of_each(lambda each: each.dead),
        limit=0,
        severity=Severity.TICKET,
        label="queue",
    ),
)
