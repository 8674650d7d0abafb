"""SQL of the platform's published figures, from the log of servicing events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.platform.database import Connection
from halfpenny.servicing.codec import EVENT_NAMES
from halfpenny.servicing.model.default_rates import DefaultRates, RunningLoans, default_rates, window_bounds
from halfpenny.servicing.model.events import Cure, Default, DefaultDisproved, WriteOff
from halfpenny.servicing.model.position import LoanStanding

# The defaults of a loan that stand, each with the day of its cure: one that receipts reported late disproved never was.
_DEFAULTS = f"""(
  SELECT d.loan_id, d.effective_date AS started_on,
    (SELECT min(c.effective_date) FROM servicing_event c WHERE c.loan_id = d.loan_id
       AND c.kind = '{EVENT_NAMES[Cure]}' AND c.effective_date >= d.effective_date) AS cured_on
  FROM servicing_event d
  WHERE d.kind = '{EVENT_NAMES[Default]}' AND ((d.data->>'unlikely_to_pay')::boolean OR NOT EXISTS (
    SELECT FROM servicing_event x WHERE x.loan_id = d.loan_id AND x.kind = '{EVENT_NAMES[DefaultDisproved]}'
      AND (x.data->>'defaulted_on')::date = d.effective_date)))"""
_ENDED_ON = f"""least(l.closed_on, (SELECT min(e.effective_date) FROM servicing_event e
  WHERE e.loan_id = l.loan_id AND e.kind = '{EVENT_NAMES[WriteOff]}'))"""
# (defaulted, loans) of each ``DefaultWindow``. Set by set and not loan by loan, as every loan ever drawn is counted.
WINDOWS = f"""
WITH drawn_loan AS MATERIALIZED (
  SELECT l.loan_id, l.advanced_on, {_ENDED_ON} AS ended_on, coalesce(o.risk->>'grade', '') AS grade
  FROM serviced_loan l JOIN loan o ON o.id = l.loan_id),
defaults AS MATERIALIZED (SELECT * FROM {_DEFAULTS} d)
SELECT r.grade, w.starts_on, count(*) AS loans,
  count(*) FILTER (WHERE EXISTS (SELECT FROM defaults d WHERE d.loan_id = r.loan_id
    AND d.started_on >= w.starts_on AND d.started_on < w.ends_on)) AS defaulted
FROM unnest($1::date[], $2::date[]) w(starts_on, ends_on)
JOIN drawn_loan r ON r.advanced_on < w.starts_on AND (r.ended_on IS NULL OR r.ended_on >= w.starts_on)
WHERE EXISTS (SELECT FROM instalment i WHERE i.loan_id = r.loan_id AND i.due_on >= w.starts_on AND i.due_on < w.ends_on)
  AND NOT EXISTS (SELECT FROM defaults d WHERE d.loan_id = r.loan_id AND d.started_on < w.starts_on
    AND (d.cured_on IS NULL OR d.cured_on >= w.starts_on))
GROUP BY r.grade, w.starts_on
"""
RUNNING = f"""
SELECT coalesce(o.risk->>'grade', '') AS grade, count(*) AS loans,
  count(o.risk->>'probability_of_default') AS assessed,
  coalesce(sum((o.risk->>'probability_of_default')::numeric), 0) AS probability_sum
FROM serviced_loan l JOIN loan o ON o.id = l.loan_id
WHERE l.closed_on IS NULL AND l.defaulted_on IS NULL AND l.standing <> '{LoanStanding.WRITTEN_OFF}'
GROUP BY 1
"""


async def default_rates_on(connection: Connection, as_of: date) -> DefaultRates:
    """The default rates of all loans ever drawn and by grade: ``''`` is that of loans that were never assessed."""
    first = await connection.fetchval("SELECT min(advanced_on) FROM serviced_loan")
    bounds = window_bounds(first, as_of)
    starts, ends = [start for start, _ in bounds], [end for _, end in bounds]
    counted = await connection.fetch(WINDOWS, starts, ends, timeout=120)
    running = await connection.fetch(RUNNING, timeout=120)
    return default_rates(
        bounds,
        {(row["grade"], row["starts_on"]): (row["defaulted"], row["loans"]) for row in counted},
        {row["grade"]: RunningLoans(row["loans"], row["assessed"], row["probability_sum"]) for row in running},
    )


@dataclass(frozen=True, slots=True)
class ServicingFacts:
    """What has become of a drawn loan, as reports on many loans need it.

    ``first_due_on`` is the end of the first schedule, whatever was extended since; ``defaulted_on`` the day of the
    first default, cured or not, None where each was disproved by a receipt reported late; ``ended_on`` the day on which
    it was paid off, or else written off; ``was_late`` whether an instalment was ever settled after it fell due;
    ``lost_minor`` the principal written off less what was recovered of it since, minor units.
    """

    advanced_on: date
    first_due_on: date
    matures_on: date
    principal_outstanding_minor: int
    days_past_due: int
    unlikely_to_pay: bool
    defaulted_on: date | None
    ended_on: date | None
    was_late: bool
    lost_minor: int


FACTS = f"""
SELECT l.loan_id, l.advanced_on,
  (l.advanced_on + make_interval(months => (l.terms->>'periods')::int))::date AS first_due_on, l.matures_on,
  l.principal_outstanding_minor, l.days_past_due, l.unlikely_to_pay,
  (SELECT min(d.started_on) FROM {_DEFAULTS} d WHERE d.loan_id = l.loan_id) AS defaulted_on,
  coalesce(l.closed_on, (SELECT min(e.effective_date) FROM servicing_event e
   WHERE e.loan_id = l.loan_id AND e.kind = '{EVENT_NAMES[WriteOff]}')) AS ended_on,
  EXISTS (SELECT FROM instalment i WHERE i.loan_id = l.loan_id AND i.settled_on > i.due_on) AS was_late,
  greatest((l.posted->>'lost')::bigint - (l.posted->>'recovered')::bigint, 0) AS lost_minor
FROM serviced_loan l WHERE l.loan_id = ANY($1)
"""


async def facts_of(connection: Connection, loan_ids: Sequence[UUID]) -> dict[UUID, ServicingFacts]:
    """The facts of those of the loans that were drawn down."""
    found = {}
    for row in await connection.fetch(FACTS, list(loan_ids)):
        loan_id, *facts = row.values()
        found[loan_id] = ServicingFacts(*facts)
    return found
