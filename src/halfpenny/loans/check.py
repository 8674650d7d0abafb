"""Loans' part of `check books`: a loan's status was reached along the table, and its offer is what was decided.

Every column of a loan is held against the history of its rows as well; here is what has to fit together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping

from halfpenny.loans.events import CHANGE_EVENTS, SUBMITTED
from halfpenny.loans.model import (
    ASSESSMENT_RECORDED,
    CONDITION_RECORDED,
    CONDITIONS,
    REASSESS,
    REASSESSMENT_REQUESTED,
    RESCHEDULED,
    REVALUED,
    RUNNING_STATUSES,
    TRANSITIONS,
    ActorKind,
    Status,
    Transition,
)
from halfpenny.loans.store import AGREED_TERMS, DECIDED_ON
from halfpenny.platform.consistency import Comparison, Finding, Progress, compare
from halfpenny.platform.database import Connection
from halfpenny.platform.queue.check import RECENT

UNCHECKED: Mapping[str, str] = {
    "application_form.fields": "typed and not sent yet, with words about persons: no rule reads it before it is sent",
    "loan.company": "may name a person: it stays out of a history that is never erased",
    "loan_funding.version": "counts changes for watchers; that it is not behind its investments is checked",
    "property.address": "personal: it stays out of a history that is never erased",
    "property.description": "words of the borrower: they stay out of a history that is never erased",
}
_UNDECIDED = frozenset({Status.DRAFT, Status.SUBMITTED, Status.ASSESSED, Status.WITHDRAWN, Status.DECLINED})
_DECIDED = ", ".join(f"'{status}'" for status in Status if status not in _UNDECIDED)
_EVENTS_OF: dict[tuple[str, str], list[str]] = {}
_EDGES_OF: dict[tuple[str, str], list[Transition]] = {}
for _edge in TRANSITIONS.values():
    for _source in sorted(_edge.sources):
        _EVENTS_OF.setdefault((_source, _edge.target), []).append(_edge.event)
        _EDGES_OF.setdefault((_source, _edge.target), []).append(_edge)
_REPORTED = ", ".join(
    f"('{source}', '{target}', '{{{','.join(names)}}}'::text[])" for (source, target), names in _EVENTS_OF.items()
)
# Two transitions may lead from one status to the same other one, and history does not know which of them it was: the
# event that there is decides, and its own id binds it to its contents.
_AMBIGUOUS = ", ".join(f"'{name}'" for names in _EVENTS_OF.values() if len(names) > 1 for name in names)
_NAMES = ", ".join(f"'{name}'" for name in sorted({*CHANGE_EVENTS, SUBMITTED, REASSESSMENT_REQUESTED}))
# They carry the loan's version too, and no transition.
_OTHERS = ", ".join(f"'{name}'" for name in (REVALUED, RESCHEDULED, ASSESSMENT_RECORDED, CONDITION_RECORDED))
_QUESTIONS = f"('{SUBMITTED}', '{REASSESSMENT_REQUESTED}')"
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
# What both sides are bound to since the offer was accepted stands in the sealed audit trail as well.
_MAY_BE_NOT_AGREED = _UNDECIDED | {Status.APPROVED, Status.OFFERED, Status.EXPIRED}
_AGREED_STATUSES = ", ".join(f"'{status}'" for status in Status if status not in _MAY_BE_NOT_AGREED)
_TYPES = {"annual_rate": "numeric(9,6)", "fees": "jsonb", "product_terms": "jsonb", "funding_deadline": "timestamptz"}


_INTEGERS = ("term_months", "charge_rank", "adverse_records", "years_trading")


def _terms_of(names: Collection[str]) -> dict[str, tuple[str, str]]:
    """The columns of the terms as they stand in a table r, and as the audit entry ``a`` has them."""
    kinds = _TYPES | {name: "uuid" for name in names if name.endswith("_id")}
    kinds |= {name: "bigint" for name in names if name.endswith("_minor")} | dict.fromkeys(_INTEGERS, "integer")
    return {name: (f"r.{name}", f"(a.terms->>'{name}')::{kinds.get(name, 'text')}") for name in names}


_ACCEPTANCES = """(SELECT subject_id, (array_agg(data->'terms' ORDER BY id))[1] AS terms, count(*) AS times
  FROM audit_entry WHERE subject = 'loan' AND action = 'loan.accept' GROUP BY subject_id)"""
AGREED = Comparison(
    "loan",
    "r.id",
    f"""loan r LEFT JOIN {_ACCEPTANCES} a ON a.subject_id = r.id""",
    {"acceptances": ("a.times", "1::bigint"), **_terms_of(AGREED_TERMS["loan"])},
    "the audit entry of its acceptance",
    present="a.subject_id IS NOT NULL",
    wanted=f"a.subject_id IS NOT NULL OR r.status IN ({_AGREED_STATUSES})",
)
AGREED_FUNDING = Comparison(
    "loan_funding",
    "r.loan_id",
    f"""loan_funding r JOIN {_ACCEPTANCES} a ON a.subject_id = r.loan_id""",
    _terms_of(AGREED_TERMS["loan_funding"]),
    "the audit entry of its loan's acceptance",
)
# A true entry of its history leaves them alone from then on, but for the day on which it matures.
_TERMS = ", ".join(f"'{name}'" for name in AGREED_TERMS["loan"])
UNCHANGED = Comparison(
    "row_history",
    "h.seq",
    """row_history h
JOIN (SELECT row_key, min(seq) AS seq FROM row_history WHERE table_name = 'loan' AND data->>'status' = 'accepted'
  GROUP BY row_key) a ON a.row_key = h.row_key AND h.seq > a.seq AND h.table_name = 'loan'""",
    {
        "data": (
            f"CASE WHEN h.data ?| ARRAY[{_TERMS}] THEN 'changed terms of loan ' || h.row_key END",
            "NULL::text",
        )
    },
    "nobody changes the terms of an accepted offer",
)
# Each decision is an audit entry of whoever made it, with the terms that were decided.
DECIDED = Comparison(
    "loan_decision",
    "coalesce(d.id, a.id)",
    """loan_decision d FULL JOIN (
  SELECT (data->>'decision_id')::uuid AS id, subject_id, actor_id, action, data FROM audit_entry
  WHERE subject = 'loan' AND data ? 'decision_id') a ON a.id = d.id""",
    {
        "loan_id": ("d.loan_id", "a.subject_id"),
        "made_by": ("d.made_by", "a.actor_id"),
        "loan_version": ("d.loan_version", "(a.data->>'decided_version')::bigint"),
        "verdict": ("d.verdict", "CASE a.action WHEN 'loan.decline' THEN 'decline' ELSE 'approve' END"),
        "final": ("d.final", "(a.data->>'final')::boolean"),
        "annual_rate": ("d.annual_rate", "(a.data->>'annual_rate')::numeric(9,6)"),
        "funding_deadline": ("d.funding_deadline", "(a.data->>'funding_deadline')::timestamptz"),
        "reason": ("d.reason", "a.data->>'reason'"),
    },
    "the audit entry of the decision",
    present="d.id IS NOT NULL",
    wanted="a.id IS NOT NULL",
)
DECIDED_FIGURES = Comparison(
    "loan",
    "r.id",
    """loan r JOIN (SELECT DISTINCT ON (subject_id) subject_id, data->'decided_on' AS terms FROM audit_entry
  WHERE subject = 'loan' AND data->>'final' = 'true' ORDER BY subject_id, id DESC) a ON a.subject_id = r.id""",
    _terms_of(DECIDED_ON),
    "the audit entry of its decision",
)
# Whoever says what a property is worth leaves an audit entry with the figure.
VALUED = Comparison(
    "property",
    "p.id",
    """loan l JOIN property p ON p.id = l.property_id
LEFT JOIN (SELECT DISTINCT ON (subject_id) subject_id, (data->>'valuation_minor')::bigint AS valuation_minor
  FROM audit_entry WHERE subject = 'loan' AND data ? 'valuation_minor' ORDER BY subject_id, id DESC) a
ON a.subject_id = l.id""",
    {"valuation_minor": ("p.valuation_minor", "a.valuation_minor")},
    "the audit entry of its last valuation",
)
ASSESSED = Comparison(
    "loan",
    "l.id",
    """loan l LEFT JOIN (SELECT DISTINCT ON (subject_id) subject_id, data->'risk' AS risk FROM audit_entry
  WHERE subject = 'loan' AND action = 'loan.assess' ORDER BY subject_id, id DESC) a ON a.subject_id = l.id""",
    {"risk": ("l.risk", "a.risk")},
    "the audit entry of its last assessment",
)
_EVIDENCE = ("charge_rank", "registered_on", "valuer", "valued_on", "insurer", "policy", "expires_on", "amount_minor")
EVIDENCE = Comparison(
    "loan_condition",
    "coalesce(c.id::text, a.evidence->>'id')",
    """loan_condition c FULL JOIN (SELECT subject_id, actor_id, jsonb_array_elements(data->'evidence') AS evidence
  FROM audit_entry WHERE subject = 'loan' AND action = 'loan.record_conditions') a ON a.evidence->>'id' = c.id::text""",
    {
        "loan_id": ("c.loan_id", "a.subject_id"),
        "recorded_by": ("c.recorded_by", "a.actor_id"),
        "kind": ("c.kind", "a.evidence->>'kind'"),
        **{name: (f"c.{name}::text", f"a.evidence->>'{name}'") for name in _EVIDENCE},
    },
    "the audit entry of whoever recorded it",
    present="c.id IS NOT NULL",
    wanted="a.evidence IS NOT NULL",
)
# What only persons do stands in the audit trail, under the version that it led to.
_BY_PERSONS = {
    pair: [f"loan.{edge.name}" for edge in edges]
    for pair, edges in _EDGES_OF.items()
    if not any(ActorKind.SYSTEM in edge.actor_kinds for edge in edges)
}
_PERSONAL = ", ".join(
    f"('{source}', '{target}', '{{{','.join(actions)}}}'::text[])" for (source, target), actions in _BY_PERSONS.items()
)
ACTED = Comparison(
    "loan",
    "s.row_key",
    f"""(SELECT row_key, data->>'status' AS status, data->>'version' AS version,
    lag(data->>'status') OVER (PARTITION BY row_key ORDER BY seq) AS before
  FROM row_history WHERE table_name = 'loan' AND data ? 'status') s
JOIN (VALUES {_PERSONAL}) e(source, target, actions) ON e.source = s.before AND e.target = s.status
LEFT JOIN audit_entry a ON a.subject = 'loan' AND a.subject_id = s.row_key::uuid AND a.action = ANY(e.actions)
  AND a.data->>'version' = s.version AND a.actor_id IS NOT NULL""",
    {"status": ("s.status", "CASE WHEN a.id IS NOT NULL THEN s.status ELSE s.before END")},
    "the audit entry of whoever moved it",
)
# What the system does follows from a rule.
_AFTER_CONDITIONS = ", ".join(f"'{status}'" for status in sorted({Status.CONDITIONS_MET, *RUNNING_STATUSES}))
RULES = Comparison(
    "loan",
    "l.id",
    "loan l",
    {
        "status": (
            "l.status",
            f"CASE WHEN l.status IN ({_AFTER_CONDITIONS}) AND cardinality(l.conditions) < {len(CONDITIONS)} "
            f"THEN '{Status.FUNDED}' "
            f"WHEN l.status = '{Status.MATURED}' AND l.matures_on > business_date() THEN '{Status.ACTIVE}' "
            "ELSE l.status END",
        )
    },
    "what makes the system move it",
)
# Every change of a loan as its history has it, with the event that has to report it: a transition's follows from where
# it led from and to. What the risk service is asked counts the versions of the terms.
_CHANGES = f"""(SELECT l.*, CASE l.event WHEN '{SUBMITTED}' THEN l.next_terms
    WHEN '{REASSESSMENT_REQUESTED}' THEN l.terms_now ELSE l.version END AS reported_version
  FROM (
    SELECT k.*, n.data->>'status' AS status,
           CASE WHEN a.name = ANY(e.events) THEN a.name ELSE e.events[1] END AS event
    FROM (
      SELECT h.row_key::uuid AS loan_id, h.seq, h.recorded_at, (h.data->>'version')::bigint AS version,
             (h.data->>'terms_version')::bigint AS terms, h.change = 'updated' AND h.data ? 'status' AS moved,
             max((h.data->>'terms_version')::bigint) OVER own AS terms_now,
             lead((h.data->>'terms_version')::bigint) OVER own AS next_terms,
             max(h.seq) FILTER (WHERE h.data ? 'status') OVER own AS status_since,
             max(h.seq) FILTER (WHERE h.data ? 'status') OVER (own ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
               AS before_since
      FROM row_history h WHERE h.table_name = 'loan' WINDOW own AS (PARTITION BY h.row_key ORDER BY h.seq)
    ) k
    LEFT JOIN row_history n ON n.seq = k.status_since
    LEFT JOIN row_history b ON b.seq = k.before_since
    LEFT JOIN (VALUES {_REPORTED}) e(source, target, events)
      ON k.moved AND e.source = b.data->>'status' AND e.target = n.data->>'status'
    LEFT JOIN (SELECT DISTINCT ON (aggregate_id, payload->>'version') aggregate_id, name,
        (payload->>'version')::bigint AS version
      FROM outbox WHERE name IN ({_AMBIGUOUS}) ORDER BY aggregate_id, payload->>'version', name) a
      ON a.aggregate_id = k.loan_id AND a.version = k.version
  ) l)"""
_REPORTED_VERSION = "coalesce(payload->'loan'->>'version', payload->>'version')::bigint"
_REPORTS = f"""(SELECT aggregate_id, name, {_REPORTED_VERSION} AS version, count(*) AS times,
    max(payload->>'status') AS status
  FROM outbox WHERE name IN ({_NAMES}) GROUP BY 1, 2, 3)"""
# Each transition has its event in the outbox, once, until the queue prunes it.
EVENTS = Comparison(
    "outbox",
    "concat_ws(' ', s.event, 'of loan', s.loan_id, 'version', s.reported_version)",
    f"""(SELECT * FROM {_CHANGES} c WHERE c.moved AND c.recorded_at > {RECENT}) s
LEFT JOIN {_REPORTS} o ON o.aggregate_id = s.loan_id AND o.name = s.event AND o.version = s.reported_version""",
    {
        "payload.status": (
            "CASE WHEN s.event NOT IN " + _QUESTIONS + " THEN o.status END",
            "CASE WHEN s.event NOT IN " + _QUESTIONS + " THEN s.status END",
        ),
        "times": ("CASE s.event WHEN '" + REASSESSMENT_REQUESTED + "' THEN 1 ELSE o.times END", "1::bigint"),
    },
    "the loan's transition",
    present="o.name IS NOT NULL",
)
# So has every other version of a loan that was sent: the question that new terms put again, or what else was recorded.
OTHER_EVENTS = Comparison(
    "outbox",
    "concat_ws(' ', 'event of loan', s.loan_id, 'version', s.version)",
    f"""(SELECT * FROM {_CHANGES} c WHERE NOT c.moved AND c.version IS NOT NULL AND c.status <> 'draft'
    AND c.recorded_at > {RECENT}) s
LEFT JOIN (SELECT DISTINCT aggregate_id, version, name IN {_QUESTIONS} AS question FROM {_REPORTS} r) o
  ON o.aggregate_id = s.loan_id AND o.version = s.version AND o.question = (s.terms IS NOT NULL)""",
    {},
    "the loan's version",
    present="o.version IS NOT NULL",
)
# And every event of a loan reports a version that there was, in the status that it had.
REPORTED = Comparison(
    "outbox",
    "concat_ws(' ', o.name, o.event_id)",
    f"""(SELECT *, {_REPORTED_VERSION} AS reported_version,
    count(*) OVER (PARTITION BY name, aggregate_id, {_REPORTED_VERSION}) AS times FROM outbox
  WHERE name IN ({_NAMES}) AND recorded_at > {RECENT}) o
LEFT JOIN {_CHANGES} s ON s.loan_id = o.aggregate_id
  AND CASE WHEN o.name IN {_QUESTIONS} THEN s.terms ELSE s.version END = o.reported_version""",
    {
        "name": (
            "o.name",
            f"CASE WHEN o.name NOT IN {_QUESTIONS} THEN coalesce(s.event, CASE WHEN o.name IN ({_OTHERS}) THEN o.name "
            "ELSE 'an event of no transition' END) ELSE o.name END",
        ),
        # A question may be put again, to another model.
        "times": (f"CASE o.name WHEN '{REASSESSMENT_REQUESTED}' THEN 1 ELSE o.times END", "1::bigint"),
        "payload.loan_id": (
            "coalesce(o.payload->'loan'->>'loan_id', o.payload->>'loan_id')",
            "o.aggregate_id::text",
        ),
        "payload.status": (
            f"CASE WHEN o.name NOT IN {_QUESTIONS} THEN o.payload->>'status' END",
            f"CASE WHEN o.name NOT IN {_QUESTIONS} THEN s.status END",
        ),
    },
    "the history of its loan",
    wanted="s.loan_id IS NOT NULL",
)
# The same terms may be put to the risk service again and again: each time leaves an audit entry and an event.
REPEATED_QUESTIONS = Comparison(
    "outbox",
    f"concat_ws(' ', '{REASSESSMENT_REQUESTED}', 'of loan', a.subject_id, 'version', a.version)",
    f"""(SELECT subject_id, (data->>'version')::bigint AS version, count(*) AS times FROM audit_entry
  WHERE subject = 'loan' AND action = '{REASSESS}' AND recorded_at > {RECENT} GROUP BY 1, 2) a
LEFT JOIN (SELECT aggregate_id, (payload->'loan'->>'version')::bigint AS version, count(*) AS times FROM outbox
  WHERE name = '{REASSESSMENT_REQUESTED}' GROUP BY 1, 2) o
  ON o.aggregate_id = a.subject_id AND o.version = a.version""",
    {"times": ("o.times >= a.times", "true")},
    "the audit entries of those who asked",
    present="o.times IS NOT NULL",
)
COMPARISONS = (
    DECISIONS,
    APPROVED,
    DECLINED,
    DECIDED,
    DECIDED_FIGURES,
    VALUED,
    ASSESSED,
    EVIDENCE,
    ACTED,
    RULES,
    STEPS,
    CONDITIONS_SHOWN,
    PROPERTIES,
    AGREED,
    AGREED_FUNDING,
    UNCHANGED,
    EVENTS,
    OTHER_EVENTS,
    REPORTED,
    REPEATED_QUESTIONS,
)


async def check(connection: Connection, progress: Progress) -> AsyncIterator[Finding]:
    """Everything that loans keep. Runs inside one view of the database."""
    async for finding in compare(connection, COMPARISONS, progress, "loans"):
        yield finding
