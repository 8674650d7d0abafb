"""A loan that was corrected, shared out again from its first day: everybody has what that comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
# The rate by which each day's interest was taxed; of days that were reported late, that of the last correction.
_RATES = """
SELECT s.position_id, d.effective_date, s.withholding_millionths, d.correction
FROM distribution d JOIN distribution_share s ON s.distribution_id = d.id
WHERE d.loan_id = $1 AND d.status <> 'declared' AND (d.correction OR d.interest_minor + d.default_interest_minor > 0)
ORDER BY d.number
"""
_BASIS = "the loan shared out again from its first day"


async def corrected(connection: Connection, loan_ids: Sequence[UUID]) -> dict[UUID, date]:
    """The corrected ones of these loans, each with the last day whose money has been shared out."""
    rows = await connection.fetch(_CORRECTED, loan_ids, timeout=TIMEOUT_S)
    return {row["loan_id"]: row["shared_to"] for row in rows}


@dataclass(frozen=True, slots=True)
class HeldRows:
    """What every holding has had by its shares, how it stands, and the rates that its shares were taxed by."""

    had: Sequence[Record]
    state: Sequence[Record]
    rates: Sequence[Record]

    def tax_millionths(self) -> Callable[[UUID, date], int]:
        """The rate by position and day."""
        late = {row["position_id"]: row["withholding_millionths"] for row in self.rates if row["correction"]}
        of_day = {
            (row["position_id"], row["effective_date"]): row["withholding_millionths"]
            for row in self.rates
            if not row["correction"]
        }
        return lambda position_id, day: of_day.get((position_id, day), late.get(position_id, 0))


async def held(connection: Connection, loan_id: UUID) -> HeldRows:
    """All rows of a corrected loan's holdings."""
    return HeldRows(
        await store.holders(connection, loan_id),
        await connection.fetch(_STATE, loan_id, timeout=TIMEOUT_S),
        await connection.fetch(_RATES, loan_id, timeout=TIMEOUT_S),
    )


def correction_findings(
    loan_id: UUID,
    advanced_on: date,
    days: Sequence[DistributionPart],
    shared_to: date,
    rows: HeldRows,
) -> Iterator[Finding]:
    """Compare each holding and its shares with ``days`` up to ``shared_to``, shared out again."""
    had, state = rows.had, rows.state
    shared = [day for day in days if day.effective_date <= shared_to]
    stakes = [(row["position_id"], row["stake_minor"]) for row in had]
    should = share_from_the_first_day(stakes, advanced_on, shared, rows.tax_millionths())
    for one, row, now in zip(should, had, state, strict=True):
        expected = {
            "principal_minor": one.principal,
            "interest_minor": one.interest,
            "default_interest_minor": one.default_interest,
            "recovered_minor": one.recovered,
            "lost_minor": one.lost,
            "withheld_minor": one.withheld,
        }
        found = {column: row[column] for column in expected}
        expected |= {"outstanding_minor": one.outstanding, "principal_days": one.principal_days}
        found |= {"outstanding_minor": now["outstanding_minor"], "principal_days": now["principal_days"]}
        for column, value in expected.items():
            if found[column] != value:
                name = f"{loan_id}/{row['investor_id']}"
                yield Finding("holding", name, column, str(found[column]), str(value), _BASIS)
