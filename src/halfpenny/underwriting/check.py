"""Underwriting's part of `check books`: a report's document is the one that was checked, a review's events are true.

Each column of a report, a valuer and a review is held against the history of its row as well. Words that may be about a
person stay out of that history, which is never erased: they are held against their digest in the audit trail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from halfpenny.platform import audit
from halfpenny.platform.consistency import Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT, reported
from halfpenny.underwriting import answers_check
from halfpenny.underwriting.reviews.model import ReviewStatus
from halfpenny.underwriting.reviews.service import (
    DECIDED_ACTION,
    REQUESTED_ACTION,
    REVIEW_DECIDED,
    REVIEW_REQUESTED,
)
from halfpenny.underwriting.valuation_reports.service import REFUSED_ACTION

UNCHECKED: Mapping[str, str] = {
    "panel_valuer.name": "may name a person: it stays out of a history that is never erased",
}

DIGEST_BASIS = "the digest in the audit trail"
DOCUMENTS = Comparison(
    "valuation_report_document",
    "coalesce(d.report_id, r.id)",
    "valuation_report r FULL JOIN valuation_report_document d ON d.report_id = r.id",
    {"content": ("encode(sha256(d.content), 'hex')", "r.document_sha256")},
    "the hash in its report",
    present="d.report_id IS NOT NULL",
    wanted="r.id IS NOT NULL",
)
APPLICATION_DOCUMENTS = Comparison(
    "application_document",
    "d.id",
    "application_document d",
    {"document": ("encode(sha256(d.document), 'hex')", "d.document_sha256")},
    "the hash beside it",
)


def _sealed_words(table: str, column: str, action: str, key: str) -> Comparison:
    """The words in a column against the digest in the audit entry of whoever wrote them."""
    return Comparison(
        table,
        "r.id",
        f"""{table} r LEFT JOIN audit_entry a
  ON a.subject = 'loan' AND a.subject_id = r.loan_id AND a.action = '{action}' AND a.data->>'{key}' = r.id::text""",
        {column: (audit.text_digest_sql("r.id", f"r.{column}"), f"a.data->>'{column}_sha256'")},
        DIGEST_BASIS,
    )


WORDS = (
    _sealed_words("decision_review", "statement", REQUESTED_ACTION, "review_id"),
    _sealed_words("decision_review", "answer", DECIDED_ACTION, "review_id"),
    _sealed_words("valuation_report", "note", REFUSED_ACTION, "report_id"),
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
    comparisons = (DOCUMENTS, APPLICATION_DOCUMENTS, *WORDS, EVENTS, REPORTED, *answers_check.COMPARISONS)
    async for finding in compare(connection, comparisons, progress, "underwriting"):
        yield finding
    async for finding in answers_check.different_answers(connection):
        yield finding
