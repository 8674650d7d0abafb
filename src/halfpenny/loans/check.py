"""Loans' part of `check books`: a loan's status was reached along the table, and its offer is what was decided.

Every column of a loan is held against the history of its rows as well; here is what has to fit together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from halfpenny.loans.events import SUBMITTED
from halfpenny.loans.model import REASSESSMENT_REQUESTED, TRANSITIONS, Status
from halfpenny.platform.consistency import Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT

UNCHECKED: Mapping[str, str] = {
    "loan.company": "may name a person: it stays out of a history that is never erased",
    "loan_funding.version": "counts changes for watchers; that it is not behind its investments is checked",
    "property.address": "personal: it stays out of a history that is never erased",
    "property.description": "words of the borrower: they stay out of a history that is never erased",
}
_UNDECIDED = frozenset({Status.DRAFT, Status.SUBMITTED, Status.ASSESSED, Status.WITHDRAWN, Status.DECLINED})
_DECIDED = ", ".join(f"'{status}'" for status in Status if status not in _UNDECIDED)
_EDGES = ", ".join(f"('{source}', '{edge.target}')" for edge in TRANSITIONS.values() for source in sorted(edge.sources))

DECISIONS = Comparison(
    "loan",
    "l.id",
    """loan l
LEFT JOIN loan_decision d ON d.loan_id = l.id AND d.verdict = 'approve' AND d.final""",
    {
        "annual_rate": ("CASE WHEN d.id IS NOT NULL THEN l.annual_rate END", "d.annual_rate"),
        "funding_deadline": ("CASE WHEN d.id IS NOT NULL THEN l.funding_deadline END", "d.funding_deadline"),
        "decided_by": ("CASE WHEN d.id IS NOT NULL THEN l.decided_by END", "d.made_by"),
        "decided_at": ("CASE WHEN d.id IS NOT NULL THEN l.decided_at END", "d.made_at"),
    },
    "its final approval",
)
APPROVED = Comparison(
    "loan_decision",
    "'of loan ' || l.id",
    f"""(SELECT * FROM loan WHERE status IN ({_DECIDED})) l
LEFT JOIN (SELECT loan_id, count(*) AS finals FROM loan_decision WHERE verdict = 'approve' AND final GROUP BY loan_id) d
ON d.loan_id = l.id""",
    {"final approvals": ("d.finals", "1::bigint")},
    "a loan is offered after one final approval",
    present="d.loan_id IS NOT NULL",
)
DECLINED = Comparison(
    "loan_decision",
    "'of loan ' || l.id",
    """(SELECT * FROM loan WHERE status = 'declined') l
LEFT JOIN (SELECT DISTINCT ON (loan_id) * FROM loan_decision WHERE verdict = 'decline' ORDER BY loan_id, id DESC) d
ON d.loan_id = l.id""",
    {"made_by": ("d.made_by", "l.decided_by"), "made_at": ("d.made_at", "l.decided_at")},
    "its loan was declined",
    present="d.loan_id IS NOT NULL",
)
STEPS = Comparison(
    "loan",
    "s.row_key",
    f"""(SELECT row_key, data->>'status' AS status,
    lag(data->>'status') OVER (PARTITION BY row_key ORDER BY seq) AS before
  FROM row_history WHERE table_name = 'loan' AND data ? 'status') s
LEFT JOIN (VALUES {_EDGES}) e(source, target) ON e.source = s.before AND e.target = s.status""",
    {
        "status": (
            "s.status",
            "CASE WHEN s.before IS NULL THEN 'draft' WHEN e.target IS NULL THEN 'what may follow ' || s.before "
            "ELSE s.status END",
        )
    },
    "the table of transitions",
)
CONDITIONS_SHOWN = Comparison(
    "loan",
    "l.id",
    """loan l LEFT JOIN (SELECT loan_id, array_agg(DISTINCT kind ORDER BY kind) AS kinds FROM loan_condition
  GROUP BY loan_id) c ON c.loan_id = l.id""",
    {"conditions": ("l.conditions", "coalesce(c.kinds, '{}')")},
    "the evidence that was recorded",
)
PROPERTIES = Comparison(
    "property",
    "coalesce(l.property_id, p.id)",
    "loan l FULL JOIN property p ON p.id = l.property_id",
    {"currency": ("p.currency", "l.currency")},
    "the loan that it secures",
    present="p.id IS NOT NULL",
    wanted="l.id IS NOT NULL",
)
# Each transition has its event in the outbox, until the queue prunes it.
EVENTS = Comparison(
    "outbox",
    "concat_ws(' of version ', s.row_key, s.version)",
    # What the risk service is asked counts the versions of the terms: there the question itself must be there.
    f"""(SELECT row_key, CASE data->>'status' WHEN 'submitted' THEN 'its question' ELSE data->>'version' END AS version,
    data->>'status' AS status FROM row_history
  WHERE table_name = 'loan' AND change = 'updated' AND data ? 'status' AND recorded_at > {RECENT}) s
LEFT JOIN (SELECT aggregate_id::text AS row_key, CASE WHEN name IN ('{SUBMITTED}', '{REASSESSMENT_REQUESTED}')
    THEN 'its question' ELSE payload->>'version' END AS version, max(payload->>'status') AS status
  FROM outbox WHERE name LIKE 'loan.%' GROUP BY 1, 2) o ON o.row_key = s.row_key AND o.version = s.version""",
    {"payload.status": ("CASE s.version WHEN 'its question' THEN s.status ELSE o.status END", "s.status")},
    "the loan's transition",
    present="o.row_key IS NOT NULL",
)
COMPARISONS = (DECISIONS, APPROVED, DECLINED, STEPS, CONDITIONS_SHOWN, PROPERTIES, EVENTS)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that loans keep. Runs inside one view of the database."""
    async for finding in compare(connection, COMPARISONS, progress, "loans"):
        yield finding
