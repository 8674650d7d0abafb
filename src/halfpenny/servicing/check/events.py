"""Servicing's events against the rows that they report, both ways, until the queue prunes them."""

from __future__ import annotations

from halfpenny.platform.consistency import Comparison
from halfpenny.platform.queue.check import RECENT, reported
from halfpenny.servicing import events


def _each(name: str, rows: str, key: str, joined: str) -> Comparison:
    """Every recent row (``rows`` r, its ``key`` as text) has its event ``o``, found by ``joined``."""
    return Comparison(
        "outbox",
        f"concat_ws(' of ', '{name}', {key})",
        f"{rows} r LEFT JOIN (SELECT * FROM outbox WHERE name = '{name}') o ON {joined}",
        {},
        "what it should report",
        present="o.event_id IS NOT NULL",
    )


_PAID = f"""(SELECT d.* FROM distribution d JOIN row_history h ON h.table_name = 'distribution'
  AND h.row_key = d.id::text AND h.data->>'status' = 'paid' AND h.recorded_at > {RECENT})"""
_UPDATES = f"""(SELECT u.* FROM recovery_update u JOIN row_history h ON h.table_name = 'recovery_update'
  AND h.row_key = concat_ws('/', u.loan_id, u.number) AND h.change = 'inserted' AND h.recorded_at > {RECENT})"""
_ACCELERATIONS = f"""(SELECT loan_id, effective_date AS effective_on FROM servicing_event
  WHERE kind = 'acceleration' AND recorded_at > {RECENT})"""
_OF_EVENT = "o.aggregate_id = r.loan_id AND (o.payload->>'number')::integer = r.number"


def _events_of(kind: str) -> str:
    return f"(SELECT * FROM servicing_event WHERE kind = '{kind}' AND recorded_at > {RECENT})"


def _reported_event(name: str, kind: str, columns: dict[str, tuple[str, str]]) -> Comparison:
    """Each recent report of an event of this kind has that event, with what the report says of it."""
    return reported(
        f"LEFT JOIN servicing_event r ON {_OF_EVENT} AND r.kind = '{kind}'",
        "r.loan_id",
        {name: "true"},
        {"payload.loan_id": ("o.payload->>'loan_id'", "r.loan_id::text"), **columns},
    )


EVENTS = (
    _each(events.INTEREST_PAUSED, _events_of("pause"), "concat_ws('/', r.loan_id, r.number)", _OF_EVENT),
    _each(events.WAIVED, _events_of("waiver"), "concat_ws('/', r.loan_id, r.number)", _OF_EVENT),
    _reported_event(
        events.INTEREST_PAUSED,
        "pause",
        {
            "payload.paused_from": ("(o.payload->>'paused_from')::date", "r.effective_date"),
            "payload.paused_to": ("o.payload->>'paused_to'", "r.data->>'until'"),
        },
    ),
    _reported_event(
        events.WAIVED,
        "waiver",
        {
            "payload.component": ("o.payload->>'component'", "r.data->>'component'"),
            "payload.amount": (
                "((o.payload->>'amount')::numeric * 100)::bigint",
                "(r.data->'amount'->>'minor')::bigint",
            ),
            "payload.currency": ("o.payload->>'currency'", "r.data->'amount'->>'currency'"),
        },
    ),
    _each(
        events.ACCELERATED,
        _ACCELERATIONS,
        "r.loan_id",
        "o.aggregate_id = r.loan_id AND (o.payload->>'effective_on')::date = r.effective_on",
    ),
    _each(events.DISTRIBUTION_PAID, _PAID, "r.id", "(o.payload->>'distribution_id')::uuid = r.id"),
    _each(
        events.RECOVERY_UPDATED,
        _UPDATES,
        "concat_ws('/', r.loan_id, r.number)",
        "o.aggregate_id = r.loan_id AND (o.payload->>'number')::integer = r.number",
    ),
    _each(
        events.RANGE_CLOSED,
        f"(SELECT * FROM close_range WHERE closed_at > {RECENT})",
        "concat_ws('/', r.business_date, r.first_loan_id)",
        "o.aggregate_id = r.first_loan_id AND (o.payload->>'business_date')::date = r.business_date",
    ),
    _each(
        events.DAY_CLOSED,
        f"(SELECT * FROM business_day WHERE closed_at > {RECENT})",
        "r.business_date",
        "(o.payload->>'business_date')::date = r.business_date",
    ),
    reported(
        "LEFT JOIN distribution r ON r.id = (o.payload->>'distribution_id')::uuid",
        "r.id",
        {events.DISTRIBUTION_PAID: "r.status = 'paid'"},
        {
            "aggregate_id": ("o.aggregate_id", "r.loan_id"),
            "payload.loan_id": ("o.payload->>'loan_id'", "r.loan_id::text"),
        },
    ),
    reported(
        """LEFT JOIN servicing_event r ON r.loan_id = o.aggregate_id AND r.kind = 'acceleration'
  AND r.effective_date = (o.payload->>'effective_on')::date""",
        "r.loan_id",
        {events.ACCELERATED: "true"},
        {"payload.loan_id": ("o.payload->>'loan_id'", "r.loan_id::text")},
    ),
    reported(
        "LEFT JOIN recovery_update r ON r.loan_id = o.aggregate_id AND r.number = (o.payload->>'number')::integer",
        "r.loan_id",
        {events.RECOVERY_UPDATED: "true"},
        {"payload.published_on": ("(o.payload->>'published_on')::date", "r.published_on")},
    ),
    reported(
        """LEFT JOIN close_range r ON r.first_loan_id = o.aggregate_id
  AND r.business_date = (o.payload->>'business_date')::date""",
        "r.business_date",
        {events.RANGE_CLOSED: "true"},
        {
            "payload.loans": ("(o.payload->>'loans')::integer", "r.loans"),
            "payload.released": ("(o.payload->>'released')::integer", "r.released"),
            "payload.late": ("(o.payload->>'late')::integer", "r.late"),
        },
    ),
    reported(
        """LEFT JOIN business_day r ON r.business_date = (o.payload->>'business_date')::date
  AND NOT EXISTS (SELECT FROM outbox x WHERE x.name = o.name AND x.payload->>'business_date' = r.business_date::text
    AND x.event_id < o.event_id)""",
        "r.business_date",
        {events.DAY_CLOSED: "true"},
        {},
    ),
)
