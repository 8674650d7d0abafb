"""The queue's part of `check books`: events say what they said, and every one reached each queue that listens to it.

What an event says is bound to its id, which deliveries and inboxes know it by; that there is one for each fact, and
none without one, each feature checks of its own facts. Events are pruned a week after they were published, so younger
ones are compared. A broker's queues are its own: with RabbitMQ only what stands in PostgreSQL can be seen, and
``queue_check`` is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from halfpenny.platform.consistency import Check, Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny_messages import LOAN_ASSESSED, LOAN_NARRATIVE_WRITTEN, METHOD_PUBLISHED

UNCHECKED: Mapping[str, str] = {
    "dead_letter.error": "what a handler said when it gave up: it may name a person, and decides nothing",
    "delivery.attempts": "how often a delivery was tried; at the limit it becomes a dead letter, and those are checked",
    "delivery.available_at": "when a delivery is tried next, within the hour; that the event waits is checked",
    "failure_note.*": "why a broker's consumer gave a message up",
    "inbox.handled_at": "when an event was handled: seen where it lies before the event; it only delays pruning",
    "outbox.published_at": "when an event left: not before it was recorded, and not after later ones have",
    "outbox.seq": "the order in which events leave; what waits carries it too, and is compared",
}
# Nothing younger has been pruned, whenever the last pruning was.
RECENT = "now() - interval '6 days'"
# Two readings of the database's clock may lie apart where it was set back in between.
_MARGIN = "interval '10 seconds'"
# The risk service repeats itself under ids of its own: underwriting and risk reporting hold what they keep against it.
OF_OTHERS = ", ".join(f"'{name}'" for name in (LOAN_ASSESSED, LOAN_NARRATIVE_WRITTEN, METHOD_PUBLISHED))

CONTENTS = Comparison(
    "outbox",
    "concat_ws(' ', o.name, o.event_id)",
    f"(SELECT * FROM outbox WHERE name NOT IN ({OF_OTHERS})) o",
    {
        "payload": (
            "right(replace(o.event_id::text, '-', ''), 15)",
            "outbox_event_digest(o.name, o.version, o.aggregate_id, o.payload)",
        ),
        "recorded_at": (
            "date_trunc('milliseconds', o.recorded_at)",
            "coalesce(uuid_extract_timestamp(o.event_id), 'infinity')",
        ),
    },
    "its id, which is made of its moment and of what it says",
)
# What a moment is moved to must not take an event out of what is compared here.
PUBLISHED = Comparison(
    "outbox",
    "concat_ws(' ', o.name, o.event_id)",
    "(SELECT * FROM outbox WHERE published_at IS NOT NULL) o",
    {"published_at": ("o.published_at", f"greatest(o.published_at, o.recorded_at - {_MARGIN})")},
    "an event is recorded before it is published",
)
HANDLED_AFTER = Comparison(
    "inbox",
    "concat_ws('/', i.queue, i.event_id)",
    "inbox i JOIN outbox o ON o.event_id = i.event_id",
    {"handled_at": ("i.handled_at", f"greatest(i.handled_at, o.recorded_at - {_MARGIN})")},
    "an event is recorded before it is handled",
)
LETTERS = Comparison(
    "dead_letter",
    "concat_ws('/', l.queue, l.event_id)",
    "dead_letter l LEFT JOIN outbox o ON o.event_id = l.event_id",
    {
        "name": ("l.name", "o.name"),
        "version": ("l.version", "o.version"),
        "payload": ("l.payload", "o.payload"),
        "recorded_at": ("l.recorded_at", "o.recorded_at"),
    },
    "the event that was given up",
    wanted="o.event_id IS NOT NULL",
)
# An event that is in the inbox has had its effect; one that still waits there as well would never have it.
ONCE = Comparison(
    "delivery",
    "concat_ws('/', d.queue, d.event_id)",
    """delivery d LEFT JOIN inbox i ON i.queue = d.queue AND i.event_id = d.event_id
LEFT JOIN outbox o ON o.event_id = d.event_id
LEFT JOIN (SELECT DISTINCT row_key FROM row_history WHERE table_name = 'subscription') s
  ON s.row_key = concat_ws('/', d.queue, o.name)""",
    {
        "handled_at": ("i.handled_at", "NULL::timestamptz"),
        "seq": ("d.seq", "o.seq"),
        "queue": ("concat_ws('/', d.queue, o.name)", "s.row_key"),
        "available_at": ("d.available_at", "least(d.available_at, now() + interval '1 hour')"),
    },
    "a published event waits for its subscriber, or has been handled",
    wanted="o.published_at IS NOT NULL",
)
# Events leave in their order: one that has not left is younger than the last that has, but for a moment.
UNPUBLISHED = Comparison(
    "outbox",
    "concat_ws(' ', o.name, o.event_id)",
    f"""(SELECT * FROM outbox WHERE published_at IS NULL) o
LEFT JOIN (SELECT seq, published_at FROM outbox WHERE published_at IS NOT NULL ORDER BY seq DESC LIMIT 1) l
  ON l.seq > o.seq AND l.published_at > o.recorded_at + {_MARGIN}
LEFT JOIN (SELECT event_id FROM inbox UNION SELECT event_id FROM delivery UNION SELECT event_id FROM dead_letter) e
  ON e.event_id = o.event_id""",
    {
        "published_at": (
            "'not published'",
            "CASE WHEN l.seq IS NULL AND e.event_id IS NULL THEN 'not published' ELSE 'published' END",
        )
    },
    "later events have left, or somebody has received it",
)


def reported(source: str, key: str, names: Mapping[str, str], columns: Mapping[str, tuple[str, str]]) -> Comparison:
    """Recent events of the ``names``, each held against the one row that it reports.

    ``names`` gives each event's condition for the row; ``source`` is SQL that LEFT JOINs the rows to ``o``, the event,
    and ``key`` is one of their columns, NULL where there is none. An event may be reported once only.
    """
    listed = ", ".join(f"'{name}'" for name in names)
    found = " ".join(f"WHEN '{name}' THEN {condition}" for name, condition in names.items())
    return Comparison(
        "outbox",
        "concat_ws(' ', o.name, o.event_id)",
        f"""(SELECT *, count(*) OVER (PARTITION BY name, aggregate_id, payload) AS times FROM outbox
  WHERE name IN ({listed}) AND recorded_at > {RECENT}) o
{source}""",
        {"times": ("o.times", "1::bigint"), **columns},
        "what it reports",
        wanted=f"{key} IS NOT NULL AND coalesce(CASE o.name {found} END, false)",
    )


def _reached(queues: Collection[str]) -> Comparison:
    names = ", ".join(f"'{queue}'" for queue in queues)
    return Comparison(
        "inbox",
        "concat_ws('/', s.queue, o.event_id, o.name)",
        f"""outbox o JOIN subscription s ON s.event_name = o.name AND s.queue IN ({names})
  -- What was waiting when the queue subscribed reaches it too: an event is published before or after, never meanwhile.
  -- What was recorded after it was published after it, whatever is said of the latter: an id keeps the former.
  AND o.published_at IS NOT NULL AND (o.recorded_at > s.subscribed_at OR o.published_at > s.subscribed_at)
  AND o.recorded_at > {RECENT}
LEFT JOIN inbox i ON i.queue = s.queue AND i.event_id = o.event_id
LEFT JOIN delivery d ON d.queue = s.queue AND d.event_id = o.event_id
LEFT JOIN dead_letter l ON l.queue = s.queue AND l.event_id = o.event_id""",
        {},
        "the event was published to this queue",
        present="coalesce(i.event_id, d.event_id, l.event_id) IS NOT NULL",
    )


# Nothing is handled that was never recorded, before the queue prunes both.
def _handled(queues: Collection[str]) -> Comparison:
    names = ", ".join(f"'{queue}'" for queue in queues)
    return Comparison(
        "inbox",
        "concat_ws('/', i.queue, i.event_id)",
        f"""(SELECT * FROM inbox WHERE queue IN ({names}) AND handled_at > {RECENT}) i
LEFT JOIN outbox o ON o.event_id = i.event_id""",
        {},
        "an event that was published",
        wanted="o.published_at IS NOT NULL",
    )


def _subscribed(declared: Mapping[str, Sequence[str]]) -> Comparison:
    pairs = ", ".join(f"('{queue}', '{name}')" for queue, names in declared.items() for name in names)
    return Comparison(
        "subscription",
        "concat_ws('/', d.queue, d.event_name)",
        # A queue that this release declares and that has not been started yet is not missed.
        f"""(VALUES {pairs}) d(queue, event_name)
JOIN (SELECT DISTINCT row_key FROM row_history WHERE table_name = 'subscription') h
  ON h.row_key = concat_ws('/', d.queue, d.event_name)
LEFT JOIN subscription s ON s.queue = d.queue AND s.event_name = d.event_name""",
        {},
        "its consumer declares it",
        present="s.queue IS NOT NULL",
    )


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """What the outbox and the dead letters keep, whoever carries them."""
    comparisons = (CONTENTS, PUBLISHED, HANDLED_AFTER, LETTERS)
    async for finding in compare(connection, comparisons, progress, "events"):
        yield finding


def queue_check(queues: Sequence[str], declared: Mapping[str, Sequence[str]]) -> Check:
    """The check where PostgreSQL carries the events: of all queues as ``declared`` (the events of each), and of the
    effects of those ``queues`` that keep their inbox there."""
    comparisons = [ONCE, UNPUBLISHED]
    if queues:
        comparisons += [_reached(queues), _handled(queues)]
    if declared:
        comparisons.append(_subscribed(declared))

    async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
        async for finding in compare(connection, comparisons, progress, "queues"):
            yield finding

    return check
