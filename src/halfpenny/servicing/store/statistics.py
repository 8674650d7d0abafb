"""SQL of the platform's published figures, from the log of servicing events."""

from __future__ import annotations

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
