"""The queue's part of `check books`: every published event reached each queue that listens to it, and only once.

Events are pruned a week after they were published, so younger ones are compared. A broker's queues are its own:
with RabbitMQ only what stands in PostgreSQL can be seen, and this check is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from halfpenny.platform.consistency import Check, Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection

UNCHECKED: Mapping[str, str] = {
    "dead_letter.*": "events that were given up: an operator reads and replays them from the outbox's own row",
    "delivery.*": "what still waits: that every event waits, was handled or was given up is checked of the event",
    "failure_note.*": "why a broker's consumer gave a message up",
    "inbox.handled_at": "when an effect happened, not whether",
    "outbox.*": "copies for consumers, pruned after a week: that each fact has its event is checked of the fact",
    "subscription.*": "what the consumers declared when they started, and declare again",
}
# Nothing younger has been pruned, whenever the last pruning was.
RECENT = "now() - interval '6 days'"

# An event that is in the inbox has had its effect; one that still waits there as well would never have it.
ONCE = Comparison(
    "delivery",
    "concat_ws('/', d.queue, d.event_id)",
    "delivery d LEFT JOIN inbox i ON i.queue = d.queue AND i.event_id = d.event_id",
    {"handled_at": ("i.handled_at", "NULL::timestamptz")},
    "an event waits or has been handled",
)


def _reached(queues: Sequence[str]) -> Comparison:
    names = ", ".join(f"'{queue}'" for queue in queues)
    return Comparison(
        "inbox",
        "concat_ws('/', s.queue, o.event_id, o.name)",
        f"""outbox o JOIN subscription s ON s.event_name = o.name AND s.queue IN ({names})
  AND o.recorded_at > s.subscribed_at AND o.published_at IS NOT NULL AND o.recorded_at > {RECENT}
LEFT JOIN inbox i ON i.queue = s.queue AND i.event_id = o.event_id
LEFT JOIN delivery d ON d.queue = s.queue AND d.event_id = o.event_id
LEFT JOIN dead_letter l ON l.queue = s.queue AND l.event_id = o.event_id""",
        {},
        "the event was published to this queue",
        present="coalesce(i.event_id, d.event_id, l.event_id) IS NOT NULL",
    )


def queue_check(queues: Sequence[str]) -> Check:
    """The check of the queues that keep their inbox in PostgreSQL, where PostgreSQL carries them too."""
    comparisons = (ONCE, *([_reached(queues)] if queues else []))

    async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
        async for finding in compare(connection, comparisons, progress, "queues"):
            yield finding

    return check
