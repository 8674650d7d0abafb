"""Risk reporting's part of `check books`: each promotion of a model is what two people approved, and was announced.

Each column of a promotion, a report and a method is held against the history of its row as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from halfpenny.platform.consistency import Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT, reported
from halfpenny.risk_reporting.promotions import PROMOTE
from halfpenny_messages import MODEL_PROMOTED

APPROVED = Comparison(
    "risk_promotion",
    "coalesce(p.number::text, a.result->>'number')",
    f"""risk_promotion p
FULL JOIN (SELECT * FROM approval WHERE act = '{PROMOTE}' AND status = 'approved') a
  ON (a.result->>'number')::bigint = p.number""",
    {
        "champion_file": ("p.champion_file", "a.payload->'champion'->>'file'"),
        "champion_sha256": ("p.champion_sha256", "a.payload->'champion'->>'sha256'"),
        "challenger_file": ("p.challenger_file", "a.payload->'challenger'->>'file'"),
        "challenger_sha256": ("p.challenger_sha256", "a.payload->'challenger'->>'sha256'"),
        "judgement": ("p.judgement", "a.payload->'judgement'"),
        "proposed_by": ("p.proposed_by", "a.proposed_by"),
        "approved_by": ("p.approved_by", "a.decided_by"),
        "promoted_at": ("p.promoted_at", "(a.result->>'promoted_at')::timestamptz"),
    },
    "the approval that it rests on",
    present="p.number IS NOT NULL",
    wanted="a.id IS NOT NULL",
)
NUMBERS = Comparison(
    "risk_promotion",
    "p.number",
    "(SELECT number, row_number() OVER (ORDER BY number) AS place FROM risk_promotion) p",
    {"number": ("p.number", "p.place")},
    "promotions are counted from 1 without a gap",
)
EVENTS = Comparison(
    "outbox",
    f"concat_ws(' of promotion ', '{MODEL_PROMOTED}', p.number)",
    f"""(SELECT p.number, p.signed FROM risk_promotion p
  JOIN row_history h ON h.table_name = 'risk_promotion' AND h.row_key = p.number::text
  WHERE h.change = 'inserted' AND h.recorded_at > {RECENT}) p
LEFT JOIN outbox o ON o.name = '{MODEL_PROMOTED}' AND o.payload->>'signed' = p.signed""",
    {},
    "the promotion that it announces",
    present="o.event_id IS NOT NULL",
)
REPORTED = reported(
    "LEFT JOIN risk_promotion p ON p.signed = o.payload->>'signed'", "p.number", {MODEL_PROMOTED: "true"}, {}
)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """The promotions of models. Runs inside one view of the database."""
    comparisons = (APPROVED, NUMBERS, EVENTS, REPORTED)
    async for finding in compare(connection, comparisons, progress, "promotions of models"):
        yield finding
