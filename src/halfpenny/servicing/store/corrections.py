"""SQL of corrections: what each holder has had of a loan, and the shares that bring it to what they should have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.correcting import Correction
from halfpenny.servicing.statuses import DistributionStatus, OverpaidBearer
from halfpenny.servicing.store.serviced_loans import LAST_EVENT

# What every holding has had by its shares, whether they have been paid out yet or not.
HOLDERS = """
SELECT h.position_id, h.investor_id, h.wallet_account_id, h.stake_minor, h.lost_minor, h.recovered_minor,
       h.interest_minor AS all_interest_minor, h.withheld_minor, h.overpaid_minor,
       coalesce(t.withholding_millionths, 0) AS withholding_millionths,
       coalesce(s.principal_minor, 0) AS principal_minor, coalesce(s.interest_minor, 0) AS interest_minor,
       coalesce(s.default_interest_minor, 0) AS default_interest_minor
FROM holding h
LEFT JOIN (
  SELECT s.position_id, sum(s.principal_minor)::bigint AS principal_minor,
         sum(s.interest_minor)::bigint AS interest_minor,
         sum(s.default_interest_minor)::bigint AS default_interest_minor
  FROM distribution_share s JOIN distribution d ON d.id = s.distribution_id WHERE d.loan_id = $1
  GROUP BY s.position_id) s ON s.position_id = h.position_id
LEFT JOIN tax_profile t ON t.investor_id = h.investor_id
WHERE h.loan_id = $1 ORDER BY h.position_id
"""
INSERT_SHARES = """
INSERT INTO distribution_share (distribution_id, position_id, investor_id, weight_principal, weight_interest,
    principal_minor, interest_minor, default_interest_minor, recovered_minor, withheld_minor,
    withholding_millionths, netted_minor, wallet_account_id)
SELECT $1, h.position_id, h.investor_id, h.outstanding_minor, h.principal_days, x.principal, x.interest,
       x.default_interest, x.recovered, x.withheld, coalesce(t.withholding_millionths, 0), x.netted,
       h.wallet_account_id
FROM unnest($3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
  AS x(position_id, principal, interest, default_interest, recovered, withheld, netted)
JOIN holding h ON h.loan_id = $2 AND h.position_id = x.position_id
LEFT JOIN tax_profile t ON t.investor_id = h.investor_id
"""
# The rate by which each day's interest was taxed, where it is another than the profile's of now.
RATES_OF_DAYS = """
SELECT DISTINCT s.position_id, d.effective_date, s.withholding_millionths
FROM distribution d JOIN distribution_share s ON s.distribution_id = d.id
LEFT JOIN tax_profile t ON t.investor_id = s.investor_id
WHERE d.loan_id = $1 AND NOT d.correction AND d.interest_minor + d.default_interest_minor > 0
  AND s.withholding_millionths <> coalesce(t.withholding_millionths, 0)
"""
UPDATE_HOLDINGS = """
UPDATE holding h SET outstanding_minor = x.outstanding, principal_days = x.principal_days, counted_to = x.counted_to,
  interest_minor = h.interest_minor + x.interest, withheld_minor = h.withheld_minor + x.withheld,
  recovered_minor = h.recovered_minor + x.recovered, lost_minor = h.lost_minor + x.lost,
  overpaid_minor = h.overpaid_minor - x.netted
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::date[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
  $10::bigint[]) AS x(position_id, outstanding, principal_days, counted_to, interest, withheld, recovered, lost, netted)
WHERE h.loan_id = $1 AND h.position_id = x.position_id
"""
INSERT_LOSSES = """
INSERT INTO loss_share (loan_id, position_id, number, after_distribution, effective_date, lost_minor)
SELECT $1, x.position_id,
       1 + (SELECT count(*) FROM loss_share l WHERE l.loan_id = $1 AND l.position_id = x.position_id),
       coalesce((SELECT max(number) FROM distribution WHERE loan_id = $1), 0), $2, x.lost
FROM unnest($3::uuid[], $4::bigint[]) AS x(position_id, lost)
"""


LIST_OVERPAID = (
    "SELECT position_id, investor_id, overpaid_minor FROM holding WHERE loan_id = $1 AND overpaid_minor > 0 "
    "ORDER BY position_id FOR UPDATE"
)
SETTLEMENTS = (
    "SELECT settled_on, bearer, sum(amount_minor)::bigint AS amount_minor FROM overpaid_settlement WHERE loan_id = $1 "
    "GROUP BY settled_on, bearer ORDER BY settled_on, bearer"
)
SETTLE = """
INSERT INTO overpaid_settlement (loan_id, position_id, number, after_distribution, settled_on, bearer, amount_minor)
SELECT h.loan_id, h.position_id,
       1 + (SELECT count(*) FROM overpaid_settlement o WHERE o.loan_id = $1 AND o.position_id = h.position_id),
       coalesce((SELECT max(number) FROM distribution WHERE loan_id = $1), 0), $2, $3, h.overpaid_minor
FROM holding h WHERE h.loan_id = $1 AND h.overpaid_minor > 0
"""


async def lock_overpaid(connection: Connection, loan_id: UUID) -> list[Record]:
    """The holdings that have had too much, locked, by position."""
    return await connection.fetch(LIST_OVERPAID, loan_id)


async def overpaid_sum(connection: Connection, loan_id: UUID) -> tuple[int, int]:
    """What holders have had too much in all, in minor units, and how many of them."""
    row = await connection.fetchrow(
        "SELECT coalesce(sum(overpaid_minor), 0)::bigint AS minor, count(*) AS holders FROM holding "
        "WHERE loan_id = $1 AND overpaid_minor > 0",
        loan_id,
    )
    return (row["minor"], row["holders"]) if row else (0, 0)


async def settlements(connection: Connection, loan_id: UUID) -> list[Record]:
    """What was settled on each day, and who bore it, oldest first."""
    return await connection.fetch(SETTLEMENTS, loan_id)


async def settle(connection: Connection, loan_id: UUID, on: date, bearer: OverpaidBearer) -> None:
    """Nobody has had too much any more: it was borne by ``bearer``."""
    await connection.execute(SETTLE, loan_id, on, bearer.value)
    await connection.execute("UPDATE holding SET overpaid_minor = 0 WHERE loan_id = $1 AND overpaid_minor > 0", loan_id)


async def covered_to(connection: Connection, loan_id: UUID) -> date | None:
    """The last day whose money and losses have been declared; None before the first."""
    found: date | None = await connection.fetchval(
        "SELECT greatest((SELECT max(covers_to) FROM distribution WHERE loan_id = $1), "
        "(SELECT max(effective_date) FROM loss_share WHERE loan_id = $1))",
        loan_id,
    )
    return found


async def holders(connection: Connection, loan_id: UUID) -> list[Record]:
    """Every holding with what it has had, by position; all that is declared must have been shared out."""
    return await connection.fetch(HOLDERS, loan_id, timeout=120)


async def rates_of_days(connection: Connection, loan_id: UUID) -> dict[tuple[UUID, date], int]:
    """Millionths of a percent by (position, day) of the days that were taxed at another rate than today's."""
    rows = await connection.fetch(RATES_OF_DAYS, loan_id, timeout=120)
    return {(row["position_id"], row["effective_date"]): row["withholding_millionths"] for row in rows}


async def insert(
    connection: Connection,
    loan_id: UUID,
    currency: Currency,
    on: date,
    covers_to: date,
    corrections: Sequence[Correction],
) -> None:
    """Write the correction as a distribution that is shared out already, and the holdings as they should be."""
    distribution_id = uuid7()
    await connection.execute(
        "INSERT INTO distribution (id, loan_id, number, currency, effective_date, covers_to, after_event, correction, "
        "status, principal_minor, interest_minor, default_interest_minor, recovered_minor) "
        f"SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, {LAST_EVENT.format(loan='$2')}, true, "
        f"'{DistributionStatus.SHARED}', "
        "$6, $7, $8, $9 "
        "FROM distribution WHERE loan_id = $2",
        distribution_id,
        loan_id,
        currency.value,
        on,
        covers_to,
        *(sum(getattr(c, part) for c in corrections) for part in _PARTS),
    )

    def column(name: str) -> list[int]:
        return [getattr(correction, name) for correction in corrections]

    ids = [correction.position_id for correction in corrections]
    shares = [column(name) for name in (*_PARTS, "withheld", "netted")]
    await connection.execute(INSERT_SHARES, distribution_id, loan_id, ids, *shares, timeout=120)
    if any(column("lost")):
        await connection.execute(INSERT_LOSSES, loan_id, on, ids, column("lost"), timeout=120)
    await connection.execute(
        UPDATE_HOLDINGS,
        loan_id,
        ids,
        column("outstanding"),
        column("principal_days"),
        [correction.counted_to for correction in corrections],
        [c.interest + c.default_interest for c in corrections],
        column("withheld"),
        column("recovered"),
        column("lost"),
        column("netted"),
        timeout=120,
    )


_PARTS = ("principal", "interest", "default_interest", "recovered")
