"""Underwriting's part of `check books` on the risk service's answers: each request that was handled has its answer, and
each answer and each prose is kept as it came.

With RabbitMQ the answers are in no outbox here, and nothing is compared.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from halfpenny.platform.consistency import LIMIT, ROW, TIMEOUT_S, Comparison, Finding, more
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT
from halfpenny.underwriting.consumers import SUBSCRIPTION
from halfpenny_messages import (
    LOAN_ASSESSED,
    LOAN_NARRATIVE_WRITTEN,
    RISK_REQUESTS_QUEUE,
    MessageError,
    decode_payload,
)

# The risk service ends a delivery and records its answer in one transaction, however long the answer took.
_REQUESTS = f"(SELECT * FROM inbox WHERE queue = '{RISK_REQUESTS_QUEUE}')"
_AT_ONCE = "interval '1 minute'"
ANSWERED = Comparison(
    "outbox",
    f"concat_ws(' of request ', '{LOAN_ASSESSED}', i.event_id)",
    f"""(SELECT * FROM {_REQUESTS} r WHERE handled_at > {RECENT}) i
LEFT JOIN outbox e ON e.event_id = i.event_id
LEFT JOIN (SELECT o.*, count(*) OVER (PARTITION BY o.payload->>'request_id') AS times FROM outbox o
  WHERE o.name = '{LOAN_ASSESSED}') o ON o.payload->>'request_id' = i.event_id::text""",
    {
        "aggregate_id": ("o.aggregate_id", "coalesce(e.aggregate_id, o.aggregate_id)"),
        "payload.loan_id": ("o.payload->>'loan_id'", "coalesce(e.aggregate_id::text, o.payload->>'loan_id')"),
        "payload.loan_version": (
            "o.payload->>'loan_version'",
            "coalesce(e.payload->'loan'->>'version', e.payload->>'version', o.payload->>'loan_version')",
        ),
        "recorded_at": (
            "o.recorded_at",
            f"CASE WHEN o.recorded_at BETWEEN i.handled_at - {_AT_ONCE} AND i.handled_at + {_AT_ONCE} "
            "THEN o.recorded_at ELSE i.handled_at END",
        ),
        "times": ("o.times", "1::bigint"),
    },
    "the request that was handled",
    present="o.event_id IS NOT NULL",
)
# A model's second answer to the same terms is not kept; then the first one is.
KEPT = Comparison(
    "outbox",
    "concat_ws(' ', o.name, o.event_id)",
    f"""(SELECT *, count(*) OVER (PARTITION BY name, payload->>'request_id', payload->>'model_version') AS times
  FROM outbox WHERE name IN ('{LOAN_ASSESSED}', '{LOAN_NARRATIVE_WRITTEN}') AND recorded_at > {RECENT}) o
LEFT JOIN {_REQUESTS} r ON r.event_id::text = o.payload->>'request_id'
LEFT JOIN inbox h ON h.queue = '{SUBSCRIPTION.queue}' AND h.event_id = o.event_id
LEFT JOIN assessment a ON a.loan_id = o.aggregate_id AND a.loan_version::text = o.payload->>'loan_version'
  AND a.model_version = o.payload->>'model_version'
LEFT JOIN assessment_narrative n ON n.assessment_id = a.id""",
    {
        "kept": (
            "'kept'",
            f"CASE WHEN h.event_id IS NULL OR CASE o.name WHEN '{LOAN_ASSESSED}' THEN a.id "
            "ELSE n.assessment_id END IS NOT NULL THEN 'kept' ELSE 'not kept' END",
        ),
        "version": ("o.version", "1"),
        "payload.loan_id": ("o.payload->>'loan_id'", "o.aggregate_id::text"),
        "times": ("o.times", "1::bigint"),
    },
    "the request that it answers, and what is kept of it",
    wanted="r.event_id IS NOT NULL",
)
# Prose about an answer that came by an event came by one too: of that answer, or of a later one to the same terms.
NARRATED = Comparison(
    "outbox",
    f"concat_ws(' ', '{LOAN_NARRATIVE_WRITTEN}', o.event_ids, 'of assessment', n.id)",
    f"""(SELECT a.*, n.narrative FROM assessment_narrative n JOIN assessment a ON a.id = n.assessment_id
  WHERE uuid_extract_timestamp(a.id) > {RECENT}) n
JOIN {_REQUESTS} r ON r.event_id::text = n.answer->>'request_id'
LEFT JOIN (SELECT aggregate_id, payload->>'loan_version' AS loan_version, payload->>'model_version' AS model_version,
    string_agg(event_id::text, ' ') AS event_ids, array_agg(payload->'narrative') AS narratives
  FROM outbox WHERE name = '{LOAN_NARRATIVE_WRITTEN}' GROUP BY 1, 2, 3) o
  ON o.aggregate_id = n.loan_id AND o.loan_version = n.loan_version::text AND o.model_version = n.model_version""",
    {},
    "the prose that is kept",
    # A release may keep a member that an earlier one did not send, with its default.
    present="EXISTS (SELECT FROM unnest(o.narratives) AS narrative WHERE n.narrative @> narrative)",
)
COMPARISONS = (ANSWERED, KEPT, NARRATED)

_DIFFERENT = f"""
SELECT o.event_id, o.payload, a.answer
FROM (SELECT * FROM outbox WHERE name = '{LOAN_ASSESSED}') o
JOIN (SELECT * FROM assessment WHERE uuid_extract_timestamp(id) > {RECENT}) a
  ON a.answer->>'request_id' = o.payload->>'request_id'
WHERE a.answer IS DISTINCT FROM o.payload LIMIT $1
"""


async def different_answers(connection: Connection) -> AsyncIterator[Finding]:
    """Answers that say something else than what is kept of them. Runs inside one view of the database."""
    basis = "the answer that is kept"
    found = 0
    async for row in connection.cursor(_DIFFERENT, 50 * LIMIT, timeout=TIMEOUT_S):
        if _same_answer(row["payload"], row["answer"]):
            continue
        found += 1
        if found > LIMIT:
            yield more("outbox", basis)
            return
        yield Finding("outbox", f"{LOAN_ASSESSED} {row['event_id']}", ROW, "different", "equal", basis)


def _same_answer(payload: object, answer: object) -> bool:
    """Whether both are the same message: one release may keep a member that another did not send, with its default."""
    try:
        return decode_payload(LOAN_ASSESSED, 1, payload) == decode_payload(LOAN_ASSESSED, 1, answer)
    except MessageError:
        return False
