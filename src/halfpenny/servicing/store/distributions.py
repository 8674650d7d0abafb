"""SQL of holdings and distributions. Sharing out and paying are set-based: no row travels to Python and back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import AccountKind
from halfpenny.platform import rows
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.ids import uuid7
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.flows import DistributionPart
from halfpenny.servicing.statuses import DistributionStatus
from halfpenny.servicing.store.serviced_loans import LAST_EVENT

# Largest remainder, ties by position id: the whole part of each share, then a cent each to the largest fractions.
# `weight` sums to a positive number wherever `total` is not zero.
_SPLIT = """
{name}_parts AS (
  SELECT position_id, div({total} * weight, whole) AS part,
         {total} * weight - div({total} * weight, whole) * whole AS remainder
  FROM (SELECT position_id, ({weight})::numeric AS weight, greatest(sum({weight}) OVER (), 1)::numeric AS whole
        FROM weighed) w
), {name}_shares AS (
  SELECT position_id, part + (row_number() OVER (ORDER BY remainder DESC, position_id)
         <= {total} - sum(part) OVER ())::int AS minor
  FROM {name}_parts
)"""

SHARE_OUT = f"""
WITH d AS (SELECT * FROM distribution WHERE id = $1 AND status = '{DistributionStatus.DECLARED}'),
held AS (
  SELECT h.position_id, h.investor_id, h.wallet_account_id, h.outstanding_minor, h.stake_minor, h.overpaid_minor,
         h.lost_minor - h.recovered_minor AS loss_minor,
         h.principal_days + h.outstanding_minor * greatest(d.effective_date - h.counted_to, 0) AS principal_days
  FROM holding h JOIN d ON d.loan_id = h.loan_id
), sums AS (
  SELECT sum(outstanding_minor) AS outstanding, sum(principal_days) AS principal_days FROM held
), weighed AS (
  SELECT held.*,
         -- Interest of a day's loan has no days to go by, and late interest may follow the last principal.
         CASE WHEN sums.principal_days > 0 THEN held.principal_days
              WHEN sums.outstanding > 0 THEN held.outstanding_minor ELSE held.stake_minor END AS interest_weight,
         CASE WHEN sums.outstanding > 0 THEN held.outstanding_minor ELSE held.stake_minor END AS default_weight
  FROM held CROSS JOIN sums
), {_SPLIT.format(name="principal", total="(SELECT principal_minor FROM d)", weight="outstanding_minor")},
{_SPLIT.format(name="interest", total="(SELECT interest_minor FROM d)", weight="interest_weight")},
{_SPLIT.format(name="default", total="(SELECT default_interest_minor FROM d)", weight="default_weight")},
{_SPLIT.format(name="recovered", total="(SELECT recovered_minor FROM d)", weight="loss_minor")}
INSERT INTO distribution_share (distribution_id, position_id, investor_id, weight_principal, weight_interest,
    principal_minor, interest_minor, default_interest_minor, recovered_minor, withheld_minor,
    withholding_millionths, netted_minor, wallet_account_id)
SELECT $1, w.position_id, w.investor_id, w.outstanding_minor, w.interest_weight, p.minor, i.minor, f.minor, r.minor,
       x.withheld, coalesce(t.withholding_millionths, 0),
       least(w.overpaid_minor, p.minor + i.minor + f.minor + r.minor - x.withheld),
       w.wallet_account_id
FROM weighed w
JOIN principal_shares p USING (position_id) JOIN interest_shares i USING (position_id)
JOIN default_shares f USING (position_id) JOIN recovered_shares r USING (position_id)
LEFT JOIN tax_profile t ON t.investor_id = w.investor_id
-- Half up to the cent, on all interest; percent is in millionths.
CROSS JOIN LATERAL (SELECT div(2 * (i.minor + f.minor) * coalesce(t.withholding_millionths, 0) + 100000000, 200000000)
  AS withheld) x
"""
APPLY_SHARES = """
UPDATE holding h SET
  outstanding_minor = h.outstanding_minor - s.principal_minor,
  principal_days = CASE WHEN d.interest_minor > 0 THEN 0
    ELSE h.principal_days + h.outstanding_minor * greatest(d.effective_date - h.counted_to, 0) END,
  counted_to = greatest(h.counted_to, d.effective_date),
  interest_minor = h.interest_minor + s.interest_minor + s.default_interest_minor,
  withheld_minor = h.withheld_minor + s.withheld_minor,
  recovered_minor = h.recovered_minor + s.recovered_minor,
  overpaid_minor = h.overpaid_minor - s.netted_minor
FROM distribution_share s JOIN distribution d ON d.id = s.distribution_id
WHERE d.id = $1 AND h.loan_id = d.loan_id AND h.position_id = s.position_id
"""
PAY_CHUNK = """
WITH chunk AS (
  SELECT s.*, d.loan_id, d.currency, d.effective_date, l.payable_account_id
  FROM distribution_share s JOIN distribution d ON d.id = s.distribution_id
  JOIN serviced_loan l ON l.loan_id = d.loan_id
  WHERE s.distribution_id = $1 AND NOT s.paid ORDER BY s.position_id LIMIT $2
  FOR UPDATE OF s
), lines AS (
  SELECT journal_id, 0 AS ordinal, currency, effective_date, loan_id, payable_account_id,
         (wallet_account_id, 'wallet', investor_id, currency)::account_name AS credit,
         principal_minor + interest_minor + default_interest_minor + recovered_minor - withheld_minor - netted_minor
           AS amount
  FROM chunk
  UNION ALL
  SELECT journal_id, 1, currency, effective_date, loan_id, payable_account_id,
         ($3::uuid, 'tax_payable', NULL, currency)::account_name, withheld_minor FROM chunk
  UNION ALL
  SELECT journal_id, 2, currency, effective_date, loan_id, payable_account_id,
         ($4::uuid, 'overpaid_distribution', loan_id, currency)::account_name, netted_minor FROM chunk
), posted AS (
  SELECT ledger_post(array_agg(
    (journal_id, ordinal, 'distribution', loan_id, NULL, effective_date,
     (payable_account_id, 'distribution_payable', loan_id, currency)::account_name, credit, amount)::posting
    ORDER BY journal_id, ordinal))
  FROM lines WHERE amount > 0 HAVING count(*) > 0
), marked AS (
  UPDATE distribution_share s SET paid = true FROM chunk
  WHERE s.distribution_id = chunk.distribution_id AND s.position_id = chunk.position_id
  RETURNING 1
)
SELECT (SELECT count(*) FROM marked) AS shares, (SELECT count(*) FROM posted) AS journals
"""
# A loss goes by what is outstanding. A loss that a replay takes back ($4 = -1) goes by what each has lost.
SHARE_LOSS = f"""
WITH lost AS (SELECT $2::numeric AS minor),
weighed AS (
  SELECT position_id, CASE WHEN $4::int > 0 THEN outstanding_minor ELSE lost_minor END AS weight_minor
  FROM holding WHERE loan_id = $1
),
{_SPLIT.format(name="loss", total="(SELECT minor FROM lost)", weight="weight_minor")},
kept AS (
  INSERT INTO loss_share (loan_id, position_id, number, after_distribution, effective_date, lost_minor)
  SELECT $1, s.position_id,
         1 + (SELECT count(*) FROM loss_share l WHERE l.loan_id = $1 AND l.position_id = s.position_id),
         coalesce((SELECT max(number) FROM distribution WHERE loan_id = $1), 0), $3, $4 * s.minor
  FROM loss_shares s
)
UPDATE holding h SET
  principal_days = h.principal_days + h.outstanding_minor * greatest($3::date - h.counted_to, 0),
  counted_to = greatest(h.counted_to, $3::date),
  outstanding_minor = h.outstanding_minor - $4 * s.minor, lost_minor = h.lost_minor + $4 * s.minor
FROM loss_shares s WHERE h.loan_id = $1 AND h.position_id = s.position_id
"""
LIST_OF_LOAN = "SELECT * FROM distribution WHERE loan_id = $1 AND number > $2 ORDER BY loan_id, number LIMIT $3"
LIST_SHARES = (
    "SELECT * FROM distribution_share WHERE distribution_id = $1 "
    "AND position_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY position_id LIMIT $3"
)


async def insert_holdings(
    connection: Connection, loan_id: UUID, stakes: Sequence[tuple[UUID, int]], currency: Currency, since: date
) -> None:
    """One holding an investor; ``stakes`` are (investor, minor units). Position ids follow the order given."""
    await connection.execute(
        "INSERT INTO holding (loan_id, investor_id, position_id, stake_minor, outstanding_minor, counted_to, "
        "wallet_account_id) SELECT $1, i, p, s, s, $5, w FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $6::uuid[]) "
        "AS x(i, p, s, w)",
        loan_id,
        [investor for investor, _ in stakes],
        [uuid7() for _ in stakes],
        [stake for _, stake in stakes],
        since,
        [ledger.account_id(AccountKind.WALLET, investor, currency) for investor, _ in stakes],
    )


async def declare(connection: Connection, loan_id: UUID, currency: Currency, part: DistributionPart) -> UUID:
    """The loan's events are recorded before; callers hold its lock."""
    found = await connection.fetchval(
        "INSERT INTO distribution (id, loan_id, number, currency, effective_date, covers_to, after_event, "
        "principal_minor, interest_minor, default_interest_minor, recovered_minor) "
        f"SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $4, {LAST_EVENT.format(loan='$2')}, $5, $6, $7, $8 "
        "FROM distribution WHERE loan_id = $2 RETURNING id",
        uuid7(),
        loan_id,
        currency.value,
        part.effective_date,
        part.principal,
        part.interest,
        part.default_interest,
        part.recovered,
    )
    return UUID(str(found))


async def next_unfinished(connection: Connection, limit: int) -> list[Record]:
    """The first unfinished distribution of each loan: a loan's distributions are paid in their order."""
    return await connection.fetch(
        "SELECT DISTINCT ON (loan_id) id, loan_id, status, currency FROM distribution "
        f"WHERE status <> '{DistributionStatus.PAID}' ORDER BY loan_id, number LIMIT $1",
        limit,
    )


async def unshared_of_loan(connection: Connection, loan_id: UUID) -> list[Record]:
    return await connection.fetch(
        "SELECT id, loan_id, status, currency FROM distribution "
        f"WHERE loan_id = $1 AND status = '{DistributionStatus.DECLARED}' ORDER BY number",
        loan_id,
    )


async def lock(connection: Connection, distribution_id: UUID) -> Record | None:
    return await connection.fetchrow("SELECT * FROM distribution WHERE id = $1 FOR NO KEY UPDATE", distribution_id)


async def share_out(connection: Connection, distribution_id: UUID) -> None:
    await connection.execute(SHARE_OUT, distribution_id, timeout=120)
    await connection.execute(APPLY_SHARES, distribution_id, timeout=120)
    await rows.update(connection, "distribution", {"status": DistributionStatus.SHARED}, "id = $1", distribution_id)


async def pay_chunk(connection: Connection, distribution_id: UUID, loan_id: UUID, currency: Currency, size: int) -> int:
    """Pay the next shares into their wallets; returns how many. None left: the distribution is paid."""
    tax = ledger.account_id(AccountKind.TAX_PAYABLE, None, currency)
    overpaid = ledger.account_id(AccountKind.OVERPAID_DISTRIBUTION, loan_id, currency)
    row = await connection.fetchrow(PAY_CHUNK, distribution_id, size, tax, overpaid, timeout=120)
    shares = int(row["shares"]) if row else 0
    if shares < size:
        paid = {"status": DistributionStatus.PAID}
        await rows.update(connection, "distribution", paid, "id = $1", distribution_id, also="paid_at = business_now()")
    return shares


async def share_loss(connection: Connection, loan_id: UUID, lost_minor: int, on: date) -> None:
    """Spread a loss over the holdings, or take it back where it is negative (minor units)."""
    sign = 1 if lost_minor > 0 else -1
    await connection.execute(SHARE_LOSS, loan_id, abs(lost_minor), on, sign, timeout=120)


def paid_minor(share: Record) -> int:
    """What reached the investor's wallet of a share, in minor units."""
    parts = ("principal", "interest", "default_interest", "recovered")
    return (
        sum(int(share[f"{part}_minor"]) for part in parts) - int(share["withheld_minor"]) - int(share["netted_minor"])
    )


async def get(connection: Connection, distribution_id: UUID) -> Record | None:
    return await connection.fetchrow("SELECT * FROM distribution WHERE id = $1", distribution_id)


async def page_of_loan(connection: Connection, loan_id: UUID, after: int, limit: int) -> list[Record]:
    return await connection.fetch(LIST_OF_LOAN, loan_id, after, limit)


async def shares(connection: Connection, distribution_id: UUID, after: UUID | None, limit: int) -> list[Record]:
    return await connection.fetch(LIST_SHARES, distribution_id, after, limit)


async def share_of(connection: Connection, distribution_id: UUID, investor_id: UUID) -> Record | None:
    return await connection.fetchrow(
        "SELECT * FROM distribution_share WHERE investor_id = $1 AND distribution_id = $2", investor_id, distribution_id
    )


async def tax_profile(connection: Connection, investor_id: UUID) -> Record | None:
    """An investor's country, treaty form and rate in millionths of a percent; None for whoever has given none."""
    return await connection.fetchrow("SELECT * FROM tax_profile WHERE investor_id = $1", investor_id)


async def set_tax_profile(
    connection: Connection, investor_id: UUID, country: str, treaty_form: bool, withholding_millionths: int
) -> None:
    profile = {"country": country, "treaty_form": treaty_form, "withholding_millionths": withholding_millionths}
    replaced = ", ".join(f"{column} = excluded.{column}" for column in profile)
    await rows.insert(
        connection,
        "tax_profile",
        {"investor_id": investor_id, **profile},
        then=f"ON CONFLICT (investor_id) DO UPDATE SET {replaced}, changed_at = now()",
    )
