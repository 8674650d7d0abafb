"""Risk reporting's part of `check books`: each promotion of a model is what two people approved, and was announced.

Each column of a promotion, a report and a method is held against the history of its row as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from halfpenny.platform.consistency import LIMIT, ROW, TIMEOUT_S, Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT, reported
from halfpenny.risk_reporting.consumers import SUBSCRIPTION
from halfpenny.risk_reporting.promotions import PROMOTE
from halfpenny.risk_reporting.promotions import SUBSCRIPTION as PROMOTIONS
from halfpenny_messages import (
    METHOD_PUBLISHED,
    MODEL_PROMOTED,
    PROMOTION_ASKED,
    PROMOTION_RESTATED,
    MessageError,
    decode_payload,
)

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
# A promotion is stated once more for a service that asked by an older number, once for each question. Two answers that
# are made at once may state different promotions, the older of them last: each is held against the questions that it
# or an earlier answer of no later a promotion can rest on.
RESTATED = Comparison(
    "outbox",
    f"concat_ws(' of ', '{PROMOTION_ASKED}', o.name, o.event_id)",
    f"""(SELECT o.*, p.number FROM outbox o LEFT JOIN risk_promotion p ON p.signed = o.payload->>'signed'
  WHERE o.name = '{PROMOTION_RESTATED}' AND o.recorded_at > {RECENT}) o
LEFT JOIN LATERAL (SELECT count(*) AS answers FROM outbox a JOIN risk_promotion s ON s.signed = a.payload->>'signed'
  WHERE a.name = '{PROMOTION_RESTATED}' AND a.recorded_at > {RECENT} AND s.number <= o.number
  AND (a.recorded_at, a.event_id) <= (o.recorded_at, o.event_id)) a ON true
LEFT JOIN LATERAL (SELECT count(*) AS questions FROM outbox q WHERE q.name = '{PROMOTION_ASKED}'
  AND q.recorded_at <= o.recorded_at AND (q.payload->>'number')::bigint < o.number) q ON true""",
    {"payload.signed": ("o.payload->>'signed'", "CASE WHEN o.number IS NOT NULL THEN o.payload->>'signed' END")},
    "the question that it answers",
    present="q.questions >= a.answers OR o.number IS NULL",
)
# And each question by an older number that came after a promotion was answered with it, in the same transaction. Once
# its announcement was published a promotion is there for whoever asks: what was recorded before was no commit yet.
ASKED = Comparison(
    "outbox",
    f"concat_ws(' of ', '{PROMOTION_RESTATED}', q.name, q.event_id)",
    f"""(SELECT q.*, row_number() OVER (ORDER BY q.recorded_at, q.event_id) AS place FROM outbox q
  JOIN inbox i ON i.queue = '{PROMOTIONS.queue}' AND i.event_id = q.event_id
  WHERE q.name = '{PROMOTION_ASKED}' AND q.recorded_at > {RECENT}
    AND EXISTS (SELECT FROM risk_promotion p
      LEFT JOIN outbox e ON e.name = '{MODEL_PROMOTED}' AND e.payload->>'signed' = p.signed
      WHERE p.number > (q.payload->>'number')::bigint
        AND (e.published_at < q.recorded_at OR e.event_id IS NULL AND p.promoted_at < {RECENT}))) q
CROSS JOIN (SELECT count(*) AS answers FROM outbox
  WHERE name = '{PROMOTION_RESTATED}' AND recorded_at > {RECENT}) o""",
    {},
    "the question that it answers",
    present="o.answers >= q.place",
)
_METHODS_KEPT = f"""
SELECT m.id, m.content FROM risk_method m WHERE uuid_extract_timestamp(m.id) > {RECENT}
  AND NOT EXISTS (SELECT FROM outbox o WHERE o.name = '{METHOD_PUBLISHED}' AND o.payload = m.content)
ORDER BY m.id LIMIT {LIMIT}
"""
_METHODS_PUBLISHED = f"""
SELECT o.event_id, o.payload FROM outbox o JOIN inbox i ON i.queue = '{SUBSCRIPTION.queue}' AND i.event_id = o.event_id
WHERE o.name = '{METHOD_PUBLISHED}' AND o.recorded_at > {RECENT}
  AND NOT EXISTS (SELECT FROM risk_method m WHERE m.content = o.payload)
ORDER BY o.seq LIMIT {LIMIT}
"""


async def _methods(connection: Connection) -> AsyncIterator[Finding]:
    """Each method that was published is kept."""
    published = await connection.fetch(_METHODS_PUBLISHED, timeout=TIMEOUT_S)
    if published:
        kept = [row["content"] for row in await connection.fetch("SELECT content FROM risk_method")]
        for row in published:
            if not _is_among(row["payload"], kept):
                event = f"{METHOD_PUBLISHED} {row['event_id']}"
                yield Finding("outbox", event, ROW, "present", "missing", "the methods that are kept")


async def methods_check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Where PostgreSQL carries the events: each method that is kept was published, each restatement was asked for."""
    async for finding in compare(connection, (RESTATED, ASKED), progress, "restated promotions"):
        yield finding
    kept = await connection.fetch(_METHODS_KEPT, timeout=TIMEOUT_S)
    if kept:
        sql = f"SELECT payload FROM outbox WHERE name = '{METHOD_PUBLISHED}'"
        published = [row["payload"] for row in await connection.fetch(sql)]
        for row in kept:
            if not _is_among(row["content"], published):
                event = f"{METHOD_PUBLISHED} of method {row['id']}"
                yield Finding("outbox", event, ROW, "missing", "present", "the method that is kept")


def _is_among(method: object, others: list[object]) -> bool:
    """As messages: one release may keep a member that another did not send, with its default."""
    try:
        wanted = decode_payload(METHOD_PUBLISHED, 1, method)
    except MessageError:
        return False
    for other in others:
        try:
            if decode_payload(METHOD_PUBLISHED, 1, other) == wanted:
                return True
        except MessageError:
            continue
    return False


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """The promotions of models. Runs inside one view of the database."""
    comparisons = (APPROVED, NUMBERS, EVENTS, REPORTED)
    async for finding in compare(connection, comparisons, progress, "promotions of models"):
        yield finding
    async for finding in _methods(connection):
        yield finding
