"""A loan that was corrected, shared out again from its first day: everybody has what that comes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from uuid import UUID

from halfpenny.platform.consistency import TIMEOUT_S, Finding
from halfpenny.platform.database import Connection, Record
from halfpenny.servicing.model.flows import DistributionPart
from halfpenny.servicing.model.sharing import share_from_the_first_day
from halfpenny.servicing.store import corrections as store

# The last day whose money has been shared out, of the loans that were ever corrected.
_CORRECTED = """
SELECT d.loan_id, greatest(max(d.covers_to) FILTER (WHERE d.status <> 'declared'),
       (SELECT max(l.effective_date) FROM loss_share l WHERE l.loan_id = d.loan_id)) AS shared_to
FROM distribution d WHERE d.loan_id = ANY ($1) GROUP BY d.loan_id HAVING bool_or(d.correction)
"""
_STATE = (
    "SELECT position_id, outstanding_minor, principal_days, counted_to FROM holding WHERE loan_id = $1 "
    "ORDER BY position_id"
)
_BASIS = "the loan shared out again from its first day"


async def corrected(connection: Connection, loan_ids: Sequence[UUID]) -> dict[UUID, date]:
    """The corrected ones of these loans, each with the last day whose money has been shared out."""
    rows = await connection.fetch(_CORRECTED, loan_ids, timeout=TIMEOUT_S)
    return {row["loan_id"]: row["shared_to"] for row in rows}


async def held(connection: Connection, loan_id: UUID) -> tuple[list[Record], list[Record]]:
    """What every holding has had by its shares, and how it stands."""
    return await store.holders(connection, loan_id), await connection.fetch(_STATE, loan_id, timeout=TIMEOUT_S)


def correction_findings(
    loan_id: UUID,
    advanced_on: date,
    days: Sequence[DistributionPart],
    shared_to: date,
    rows: tuple[Sequence[Record], Sequence[Record]],
) -> Iterator[Finding]:
    """Compare each holding and its shares with ``days`` up to ``shared_to``, shared out again."""
    had, state = rows
    shared = [day for day in days if day.effective_date <= shared_to]
    stakes = [(row["position_id"], row["stake_minor"]) for row in had]
    should = share_from_the_first_day(stakes, advanced_on, shared)
    for one, row, now in zip(should, had, state, strict=True):
        expected = {
            "principal_minor": one.principal,
            "interest_minor": one.interest,
            "default_interest_minor": one.default_interest,
            "recovered_minor": one.recovered,
            "lost_minor": one.lost,
        }
        found = {column: row[column] for column in expected}
        expected |= {"outstanding_minor": one.outstanding, "principal_days": one.principal_days}
        found |= {"outstanding_minor": now["outstanding_minor"], "principal_days": now["principal_days"]}
        for column, value in expected.items():
            if found[column] != value:
                name = f"{loan_id}/{row['investor_id']}"
                yield Finding("holding", name, column, str(found[column]), str(value), _BASIS)
