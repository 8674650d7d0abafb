"""Underwriting's part of `check books`: a report's document is the one that was checked, a review's events are true.

Each column of a report, a valuer and a review is held against the history of its row as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from halfpenny.platform.consistency import Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT, reported
from halfpenny.underwriting.reviews.model import ReviewStatus
from halfpenny.underwriting.reviews.service import REVIEW_DECIDED, REVIEW_REQUESTED

UNCHECKED: Mapping[str, str] = {
    "decision_review.answer": "words of staff to a borrower: personal, they stay out of a history that is never erased",
    "decision_review.statement": "words of the borrower: they stay out of a history that is never erased",
    "panel_valuer.name": "may name a person: it stays out of a history that is never erased",
    "valuation_report.note": "words of staff about a report: they may name a person, and decide nothing",
}

DOCUMENTS = Comparison(
    "valuation_report_document",
    "coalesce(d.report_id, r.id)",
    "valuation_report r FULL JOIN valuation_report_document d ON d.report_id = r.id",
    {"content": ("encode(sha256(d.content), 'hex')", "r.document_sha256")},
    "the hash in its report",
    present="d.report_id IS NOT NULL",
    wanted="r.id IS NOT NULL",
)
EVENTS = Comparison(
    "outbox",
    "concat_ws(' of review ', n.name, r.id)",
    f"""(SELECT * FROM decision_review WHERE uuid_extract_timestamp(id) > {RECENT}) r
JOIN (VALUES ('{REVIEW_REQUESTED}', false), ('{REVIEW_DECIDED}', true)) n(name, decided)
  ON NOT n.decided OR r.status <> '{ReviewStatus.OPEN}'
LEFT JOIN outbox o ON o.name = n.name AND o.payload->>'review_id' = r.id::text""",
    {},
    "the review that it reports",
    present="o.event_id IS NOT NULL",
)
REPORTED = reported(
    "LEFT JOIN decision_review r ON r.id = (o.payload->>'review_id')::uuid AND r.loan_id = o.aggregate_id",
    "r.id",
    {REVIEW_REQUESTED: "true", REVIEW_DECIDED: f"r.status <> '{ReviewStatus.OPEN}'"},
    {
        "payload.loan_id": ("o.payload->>'loan_id'", "r.loan_id::text"),
        "payload.status": (
            "o.payload->>'status'",
            f"CASE o.name WHEN '{REVIEW_REQUESTED}' THEN '{ReviewStatus.OPEN}' ELSE r.status END",
        ),
    },
)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that underwriting keeps. Runs inside one view of the database."""
    async for finding in compare(connection, (DOCUMENTS, EVENTS, REPORTED), progress, "underwriting"):
        yield finding
