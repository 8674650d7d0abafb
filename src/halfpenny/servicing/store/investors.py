"""SQL of investor reporting: what came from which distribution, and what is still to come."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny.platform.database import Connection, Record

LIST_HOLDINGS = (
    "SELECT h.*, l.currency, l.matures_on, l.standing, l.days_past_due FROM holding h "
    "JOIN serviced_loan l ON l.loan_id = h.loan_id WHERE h.investor_id = $1 "
    "AND h.loan_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') ORDER BY h.loan_id DESC LIMIT $3"
)
RECEIVED = """
SELECT d.loan_id, d.currency, d.effective_date, d.id AS distribution_id, s.journal_id, s.principal_minor,
       s.interest_minor, s.default_interest_minor, s.recovered_minor, s.withheld_minor, s.netted_minor
FROM distribution_share s JOIN distribution d ON d.id = s.distribution_id
WHERE s.investor_id = $1 AND s.paid AND ($2::uuid IS NULL OR d.loan_id = $2)
  AND d.effective_date BETWEEN $3 AND $4
ORDER BY d.effective_date, d.loan_id, d.number
"""
LOSSES = """
SELECT s.loan_id, l.currency, s.effective_date, s.lost_minor
FROM loss_share s JOIN holding h ON h.position_id = s.position_id JOIN serviced_loan l ON l.loan_id = s.loan_id
WHERE h.investor_id = $1 AND ($2::uuid IS NULL OR s.loan_id = $2) AND s.effective_date BETWEEN $3 AND $4
ORDER BY s.effective_date, s.loan_id, s.number
"""
# What was still lent at the end of a day: the stake, less the principal that came back and what was lost by then.
OUTSTANDING_AT = """
SELECT h.loan_id, l.currency, h.stake_minor
  - coalesce((SELECT sum(s.principal_minor) FROM distribution_share s JOIN distribution d ON d.id = s.distribution_id
              WHERE s.position_id = h.position_id AND d.effective_date <= $2), 0)::bigint
  - coalesce((SELECT sum(x.lost_minor) FROM loss_share x
              WHERE x.position_id = h.position_id AND x.effective_date <= $2), 0)::bigint AS outstanding_minor
FROM holding h JOIN serviced_loan l ON l.loan_id = h.loan_id
WHERE h.investor_id = $1 AND l.advanced_on <= $2 ORDER BY h.loan_id
"""
# An instalment is expected as far as it is unpaid. The reserve pays the interest of its day when that day is closed, or
# when an event of the day replays the loan: until then it is expected too.
EXPECTED = """
SELECT i.due_on, CASE WHEN to_come.release THEN i.interest_minor + i.principal_minor ELSE i.unpaid_minor END
         AS expected_minor
FROM instalment i JOIN serviced_loan l ON l.loan_id = i.loan_id
CROSS JOIN LATERAL (SELECT i.reserved AND i.due_on > greatest(
  l.replayed_on, (SELECT max(business_date) FROM business_day)) AS release) to_come
WHERE i.loan_id = $1 AND (i.unpaid_minor > 0 OR to_come.release) ORDER BY i.number
"""


async def holding(connection: Connection, investor_id: UUID, loan_id: UUID) -> Record | None:
    return await connection.fetchrow(
        "SELECT h.*, l.currency, l.advanced_on, l.principal_outstanding_minor, l.standing, l.days_past_due "
        "FROM holding h "
        "JOIN serviced_loan l ON l.loan_id = h.loan_id WHERE h.investor_id = $1 AND h.loan_id = $2",
        investor_id,
        loan_id,
    )


async def holders_page(connection: Connection, loan_id: UUID, after: UUID | None, limit: int) -> list[Record]:
    """Who holds a part of a drawn loan, with the stake and what was lost, by positions."""
    return await connection.fetch(
        "SELECT position_id, investor_id, stake_minor, lost_minor FROM holding WHERE loan_id = $1 "
        "AND position_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY position_id LIMIT $3",
        loan_id,
        after,
        limit,
    )


async def holdings(connection: Connection, investor_id: UUID, after: UUID | None, limit: int) -> list[Record]:
    """What an investor holds in drawn loans, newest loan first, those before the loan ``after``."""
    return await connection.fetch(LIST_HOLDINGS, investor_id, after, limit)


async def received(
    connection: Connection, investor_id: UUID, loan_id: UUID | None, first: date, last: date
) -> list[Record]:
    return await connection.fetch(RECEIVED, investor_id, loan_id, first, last)


async def losses(
    connection: Connection, investor_id: UUID, loan_id: UUID | None, first: date, last: date
) -> list[Record]:
    """What was written off of an investor's principal, in one loan or in all, by its day."""
    return await connection.fetch(LOSSES, investor_id, loan_id, first, last)


async def outstanding_at(connection: Connection, investor_id: UUID, day: date) -> list[Record]:
    """What an investor had lent in each drawn loan at the end of a day."""
    return await connection.fetch(OUTSTANDING_AT, investor_id, day)


async def expected(connection: Connection, loan_id: UUID) -> list[Record]:
    """The instalments that are to come, with ``expected_minor`` of all holders, before tax."""
    return await connection.fetch(EXPECTED, loan_id)
