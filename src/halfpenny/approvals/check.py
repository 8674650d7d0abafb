"""Approvals' part of `check books`: every proposal and every end of one is reported, once, as it was.

Each column of an approval is held against the history of its row as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from halfpenny.approvals.events import EVENT_OF, PROPOSED
from halfpenny.platform.consistency import Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT, reported

_ENDS = {name: status for status, name in EVENT_OF.items() if name != PROPOSED}
_NAMED = ", ".join(f"('{status}', '{name}')" for status, name in EVENT_OF.items())
EVENTS = Comparison(
    "outbox",
    "concat_ws(' of ', n.name, h.row_key)",
    f"""(SELECT row_key, data->>'status' AS status FROM row_history
  WHERE table_name = 'approval' AND data ? 'status' AND recorded_at > {RECENT}) h
JOIN (VALUES {_NAMED}) n(status, name) ON n.status = h.status
LEFT JOIN outbox o ON o.name = n.name AND o.aggregate_id = h.row_key::uuid""",
    {},
    "the approval that it reports",
    present="o.event_id IS NOT NULL",
)
REPORTED = reported(
    "LEFT JOIN approval r ON r.id = o.aggregate_id",
    "r.id",
    {PROPOSED: "true", **{name: f"r.status = '{status}'" for name, status in _ENDS.items()}},
    {
        "payload.act": ("o.payload->>'act'", "r.act"),
        "payload.object_id": ("o.payload->>'object_id'", "r.object_id::text"),
        "payload.proposed_by": ("o.payload->>'proposed_by'", "r.proposed_by::text"),
        "payload.decided_by": (
            f"CASE WHEN o.name <> '{PROPOSED}' THEN o.payload->>'decided_by' END",
            f"CASE WHEN o.name <> '{PROPOSED}' THEN r.decided_by::text END",
        ),
    },
)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that approvals keep. Runs inside one view of the database."""
    async for finding in compare(connection, (EVENTS, REPORTED), progress, "approvals"):
        yield finding
