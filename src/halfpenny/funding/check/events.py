"""Funding's events against the money that they report, both ways, until the queue prunes them."""

from __future__ import annotations

from halfpenny.funding import events
from halfpenny.funding.consumers import QUEUE as MILESTONES_QUEUE
from halfpenny.funding.model import MILESTONES_PERCENT
from halfpenny.platform.consistency import Comparison
from halfpenny.platform.queue.check import RECENT, reported

# One event reports several tickets; each ticket is reported once.
_TICKETS = f"""(SELECT o.event_id, o.name, o.aggregate_id AS loan_id, (i->>'id')::uuid AS id,
    (i->>'investor_id')::uuid AS investor_id, replace(i->>'amount', '.', '')::bigint AS minor,
    count(*) OVER (PARTITION BY o.name, i->>'id') AS times
  FROM outbox o CROSS JOIN LATERAL jsonb_array_elements(o.payload->'investments') i
  WHERE o.name IN ('{events.INVESTMENT_MADE}', '{events.INVESTMENT_REVOKED}', '{events.INVESTMENT_RETURNED}'))"""
_NAME = f"""CASE t.event WHEN 'invest' THEN '{events.INVESTMENT_MADE}' WHEN 'revoke' THEN '{events.INVESTMENT_REVOKED}'
  ELSE '{events.INVESTMENT_RETURNED}' END"""
TICKETS = Comparison(
    "outbox",
    "concat_ws(' of ', t.name, t.id)",
    f"""(SELECT coalesce(t.reverses, t.journal_id) AS id, t.reference AS loan_id, t.amount, {_NAME} AS name
  FROM transfer t WHERE t.event IN ('invest', 'revoke', 'cancel', 'expire') AND t.recorded_at > {RECENT}) t
LEFT JOIN {_TICKETS} o ON o.id = t.id AND o.name = t.name""",
    {"loan_id": ("o.loan_id", "t.loan_id"), "amount": ("o.minor", "t.amount")},
    "the transfer of the same transaction",
    present="o.id IS NOT NULL",
)
REPORTED_TICKETS = Comparison(
    "outbox",
    "concat_ws(' ', o.name, o.event_id, 'of', o.id)",
    f"""(SELECT t.* FROM {_TICKETS} t JOIN outbox e ON e.event_id = t.event_id WHERE e.recorded_at > {RECENT}) o
LEFT JOIN investment i ON i.id = o.id""",
    {
        "loan_id": ("o.loan_id", "i.loan_id"),
        "investor_id": ("o.investor_id", "i.investor_id"),
        "amount": ("o.minor", "i.amount_minor"),
        "times": ("o.times", "1::bigint"),
        "name": (
            "o.name",
            f"CASE WHEN o.name = '{events.INVESTMENT_MADE}' THEN o.name ELSE 'investment.' || i.status END",
        ),
    },
    "the investment that it reports",
    wanted="i.id IS NOT NULL",
)
PAYMENTS = Comparison(
    "outbox",
    "concat_ws(' of ', p.direction || '.' || p.status, p.id)",
    f"""(SELECT p.* FROM wallet_payment p
  JOIN row_history h ON h.table_name = 'wallet_payment' AND h.row_key = p.id::text AND h.change = 'updated'
    AND h.data ? 'status' AND h.recorded_at > {RECENT}
  WHERE p.status <> 'pending') p
LEFT JOIN (SELECT (payload->>'payment_id')::uuid AS id, max(name) AS name, count(*) AS times,
    max(replace(payload->>'amount', '.', '')::bigint) AS minor FROM outbox
  WHERE name IN ('{"', '".join(events.PAYMENT_ENDED)}')
  GROUP BY 1) o ON o.id = p.id""",
    {
        "name": ("o.name", "p.direction || '.' || p.status"),
        "amount": ("o.minor", "p.amount_minor"),
        "times": ("o.times", "1::bigint"),
    },
    "the payment that ended",
    present="o.id IS NOT NULL",
)
REPORTED_PAYMENTS = reported(
    "LEFT JOIN wallet_payment p ON p.id = (o.payload->>'payment_id')::uuid",
    "p.id",
    {name: "o.name = p.direction || '.' || p.status" for name in events.PAYMENT_ENDED},
    {
        "payload.amount": ("replace(o.payload->>'amount', '.', '')::bigint", "p.amount_minor"),
        "payload.currency": ("o.payload->>'currency'", "p.currency"),
        "payload.user_id": ("(o.payload->>'user_id')::uuid", "p.user_id"),
        "aggregate_id": ("o.aggregate_id", "p.user_id"),
    },
)
# A milestone is crossed by tickets: their event, of the same version of the loan's funding, stands beside it.
REPORTED_MILESTONES = reported(
    f"""LEFT JOIN outbox m ON m.name = '{events.INVESTMENT_MADE}' AND m.aggregate_id = o.aggregate_id
  AND m.payload - 'investments' = o.payload - 'percent'""",
    "m.event_id",
    {events.MILESTONE_REACHED: "true"},
    {},
)
# A total once reached stands in the ticket that brought it there, also when tickets went back since. Until the event
# has been handled there is no row yet.
_PERCENTS = ", ".join(f"({percent})" for percent in MILESTONES_PERCENT)
MILESTONES = Comparison(
    "funding_milestone",
    "concat_ws('/', coalesce(r.loan_id, m.loan_id), coalesce(r.percent, m.percent))",
    f"""(SELECT f.loan_id, p.percent FROM loan_funding f
  JOIN (SELECT loan_id, max(answer_funded_minor) AS minor FROM investment GROUP BY loan_id) i ON i.loan_id = f.loan_id
  JOIN (VALUES {_PERCENTS}) p(percent) ON i.minor::numeric * 100 >= p.percent * f.target_minor) r
FULL JOIN funding_milestone m ON m.loan_id = r.loan_id AND m.percent = r.percent
LEFT JOIN (SELECT DISTINCT o.aggregate_id AS loan_id, o.payload->>'percent' AS percent FROM outbox o
  LEFT JOIN inbox n ON n.queue = '{MILESTONES_QUEUE}' AND n.event_id = o.event_id
  WHERE o.name = '{events.MILESTONE_REACHED}' AND n.event_id IS NULL) w
  ON w.loan_id = r.loan_id AND w.percent = r.percent::text""",
    {},
    "what its loan was funded with",
    present="m.loan_id IS NOT NULL",
    wanted="r.loan_id IS NOT NULL AND (w.loan_id IS NULL OR m.loan_id IS NOT NULL)",
)
REPORTED_RECEIPTS = reported(
    "LEFT JOIN bank_receipt r ON r.id = o.aggregate_id AND r.line_id = (o.payload->>'line_id')::uuid",
    "r.id",
    {events.RECEIPT_ARRIVED: "r.status = 'matched'"},
    {"payload.loan_id": ("(o.payload->>'loan_id')::uuid", "r.loan_id")},
)
# A line that came with a statement as a receipt that was waited for; one joined by hand, later, moves its money itself.
RECEIPTS = Comparison(
    "outbox",
    f"concat_ws(' of ', '{events.RECEIPT_ARRIVED}', r.id)",
    f"""(SELECT r.id FROM bank_receipt r
  JOIN row_history h ON h.table_name = 'bank_receipt' AND h.row_key = r.id::text AND h.change = 'updated'
    AND h.data ? 'line_id' AND h.recorded_at > {RECENT}
  JOIN row_history l ON l.table_name = 'bank_statement_line' AND l.row_key = r.line_id::text
    AND l.change = 'inserted' AND l.xid = h.xid
  WHERE r.posted_at IS NULL) r
LEFT JOIN outbox o ON o.name = '{events.RECEIPT_ARRIVED}' AND o.aggregate_id = r.id""",
    {},
    "the receipt that came",
    present="o.event_id IS NOT NULL",
)
EVENTS = (
    RECEIPTS,
    TICKETS,
    REPORTED_TICKETS,
    PAYMENTS,
    REPORTED_PAYMENTS,
    MILESTONES,
    REPORTED_MILESTONES,
    REPORTED_RECEIPTS,
)
