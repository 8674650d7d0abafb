"""SQL of the platform's published figures, from the log of servicing events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from halfpenny.platform.database import Connection
from halfpenny.servicing.codec import EVENT_NAMES
from halfpenny.servicing.model.delinquency import DefaultRateRecord
from halfpenny.servicing.model.events import Default, WriteOff

RECORDS = f"""
SELECT l.advanced_on, l.closed_on,
  (SELECT array_agg(i.due_on ORDER BY i.number) FROM instalment i WHERE i.loan_id = l.loan_id) AS due_on,
  (SELECT min(e.effective_date) FROM servicing_event e
   WHERE e.loan_id = l.loan_id AND e.kind = '{EVENT_NAMES[Default]}') AS defaulted_on,
  (SELECT min(e.effective_date) FROM servicing_event e
   WHERE e.loan_id = l.loan_id AND e.kind = '{EVENT_NAMES[WriteOff]}') AS lost_on
FROM serviced_loan l ORDER BY l.loan_id
"""


async def loan_records(connection: Connection) -> list[DefaultRateRecord]:
    """Every loan ever drawn, as the definition of the default rate needs it."""
    return [
        DefaultRateRecord(
            advanced_on=row["advanced_on"],
            due_on=tuple(row["due_on"] or ()),
            defaulted_on=row["defaulted_on"],
            ended_on=min(filter(None, (row["closed_on"], row["lost_on"])), default=None),
        )
        for row in await connection.fetch(RECORDS, timeout=120)
    ]


@dataclass(frozen=True, slots=True)
class ServicingFacts:
    """What has become of a drawn loan, as reports on many loans need it.

    ``first_due_on`` is the end of the first schedule, whatever was extended since; ``defaulted_on`` the first default,
    also of a loan that was cured; ``was_late`` whether an instalment was ever settled after it fell due; ``lost_minor``
    the principal written off less what was recovered of it since, minor units.
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
  (SELECT min(e.effective_date) FROM servicing_event e
   WHERE e.loan_id = l.loan_id AND e.kind = '{EVENT_NAMES[Default]}') AS defaulted_on,
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
