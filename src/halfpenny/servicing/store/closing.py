"""SQL of the daily close. Every statement works on a whole range of loans; amounts are minor units."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from halfpenny import ledger
from halfpenny.ledger import AccountKind
from halfpenny.platform.database import Connection, Record
from halfpenny.primitives.money import Currency
from halfpenny.servicing.model.delinquency import REGULATORY_DEFAULT_DAYS
from halfpenny.servicing.model.position import LoanStanding
from halfpenny.servicing.model.terms import InterestMode
from halfpenny.servicing.statuses import SegmentKind
from halfpenny.servicing.store.serviced_loans import LAST_EVENT

# The last loan of the next range: an index-only walk, so that ranges cost nothing to find.
RANGE_END = """
SELECT (array_agg(loan_id ORDER BY loan_id DESC))[1] AS last_loan_id,
       (array_agg(loan_id ORDER BY loan_id))[1] AS first_loan_id, count(*)::int AS loans
FROM (SELECT loan_id FROM serviced_loan WHERE closed_on IS NULL AND loan_id > $1 ORDER BY loan_id LIMIT $2) next
"""
# One segment a loan, found by its index from the day backwards; default interest only where something is overdue.
ACCRUE = f"""
WITH overdue AS MATERIALIZED (
  SELECT DISTINCT loan_id FROM instalment WHERE unpaid_minor > 0 AND due_on < $1 AND loan_id BETWEEN $2 AND $3
)
INSERT INTO accrual (business_date, loan_id, interest_minor, default_interest_minor)
SELECT $1, l.loan_id,
  div(2 * (c.accrued_before + c.per_day * ($1 - c.starts_on)) + c.scale, 2 * c.scale),
  coalesce(div(2 * (d.accrued_before + d.per_day * ($1 - d.starts_on)) + d.scale, 2 * d.scale) - d.less_minor, 0)
FROM serviced_loan l
CROSS JOIN LATERAL (
  SELECT * FROM accrual_segment s WHERE s.loan_id = l.loan_id AND s.kind = '{SegmentKind.CONTRACT}' AND s.starts_on < $1
  ORDER BY s.starts_on DESC LIMIT 1) c
LEFT JOIN overdue o ON o.loan_id = l.loan_id
LEFT JOIN LATERAL (
  SELECT * FROM accrual_segment s WHERE o.loan_id IS NOT NULL AND s.loan_id = l.loan_id
    AND s.kind = '{SegmentKind.DEFAULT}' AND s.starts_on < $1 ORDER BY s.starts_on DESC LIMIT 1) d ON true
WHERE l.loan_id BETWEEN $2 AND $3 AND l.closed_on IS NULL AND l.advanced_on < $1
ON CONFLICT (business_date, loan_id) DO NOTHING
"""
# The serviced loans whose reserve pays today, locked before their accounts are.
LOCK_RELEASING = """
SELECT l.loan_id FROM serviced_loan l
JOIN (SELECT DISTINCT loan_id FROM reserve_release WHERE due_on <= $1 AND loan_id BETWEEN $2 AND $3) due USING (loan_id)
ORDER BY l.loan_id FOR NO KEY UPDATE OF l
"""
RELEASE = f"""
WITH due AS (
  DELETE FROM reserve_release WHERE loan_id = ANY ($1) AND due_on <= $2
  RETURNING loan_id, due_on, amount_minor, fee_minor
), named AS (
  SELECT due.*, uuidv7() AS journal_id, uuidv7() AS distribution_id, l.currency, l.reserve_account_id,
         l.collections_account_id, l.payable_account_id,
         row_number() OVER (PARTITION BY due.loan_id ORDER BY due.due_on) AS place
  FROM due JOIN serviced_loan l USING (loan_id)
), collected AS (
  SELECT named.*, (collections_account_id, 'collections', loan_id, currency)::account_name AS collections FROM named
), lines AS (
  SELECT journal_id, 0 AS ordinal, loan_id, due_on,
         (reserve_account_id, 'interest_reserve', loan_id, currency)::account_name AS debit, collections AS credit,
         amount_minor AS amount FROM collected
  UNION ALL
  SELECT journal_id, 1, loan_id, due_on, collections,
         (payable_account_id, 'distribution_payable', loan_id, currency)::account_name, amount_minor - fee_minor
  FROM collected WHERE amount_minor > fee_minor
  UNION ALL
  SELECT n.journal_id, 2, n.loan_id, n.due_on, n.collections,
         (f.account_id, 'fee_income', NULL, f.currency)::account_name, n.fee_minor
  FROM collected n JOIN unnest($3::text[], $4::uuid[]) AS f(currency, account_id) USING (currency)
  WHERE n.fee_minor > 0
), posted AS (
  SELECT ledger_post(array_agg(
    (journal_id, ordinal, 'retained_interest_due', loan_id, NULL, due_on, debit, credit, amount)::posting
    ORDER BY loan_id, due_on, ordinal))
  FROM lines HAVING count(*) > 0
), declared AS (
  INSERT INTO distribution (id, loan_id, number, currency, effective_date, covers_to, after_event, principal_minor,
      interest_minor, default_interest_minor, recovered_minor)
  SELECT n.distribution_id, n.loan_id,
         n.place + coalesce((SELECT max(d.number) FROM distribution d WHERE d.loan_id = n.loan_id), 0),
         n.currency, n.due_on, n.due_on, {LAST_EVENT.format(loan="n.loan_id")}, 0, n.amount_minor - n.fee_minor, 0, 0
  FROM named n WHERE n.amount_minor > n.fee_minor RETURNING 1
), sums AS (
  SELECT loan_id, sum(amount_minor) AS amount, sum(fee_minor) AS fee FROM named GROUP BY loan_id
), kept AS (
  UPDATE serviced_loan l SET posted = l.posted || jsonb_build_object(
      'released', (l.posted->>'released')::bigint + sums.amount,
      'interest', (l.posted->>'interest')::bigint + sums.amount - sums.fee,
      'fees', (l.posted->>'fees')::bigint + sums.fee)
  FROM sums WHERE sums.loan_id = l.loan_id RETURNING 1
)
SELECT (SELECT count(*) FROM kept)::int AS loans, (SELECT count(*) FROM posted) AS journals,
       (SELECT count(*) FROM declared) AS distributions
"""
AGE = f"""
WITH unpaid AS (
  SELECT loan_id, min(due_on) AS oldest, sum(unpaid_minor)::bigint AS minor FROM instalment
  WHERE unpaid_minor > 0 AND due_on <= $1 AND loan_id BETWEEN $2 AND $3 GROUP BY loan_id
)
UPDATE serviced_loan l SET
  oldest_unpaid_due_on = u.oldest,
  days_past_due = ($1 - u.oldest) + l.count_due_date::int,
  total_due_minor = u.minor + coalesce((SELECT a.default_interest_minor FROM accrual a
    WHERE a.business_date = $1 AND a.loan_id = l.loan_id), 0),
  standing = CASE WHEN l.standing = '{LoanStanding.CURRENT}' AND ($1 - u.oldest) + l.count_due_date::int > 0
    THEN '{LoanStanding.LATE}'
    ELSE l.standing END
FROM unpaid u WHERE u.loan_id = l.loan_id AND l.closed_on IS NULL
"""
# Of loans l: one that was set aside is posted once a close, after all others.
NOT_SET_ASIDE = "NOT EXISTS (SELECT FROM loan_set_aside s WHERE s.loan_id = l.loan_id AND s.posted_at IS NULL)"
LIST_TO_REPLAY = f"""
SELECT loan_id FROM (
  SELECT loan_id FROM serviced_loan WHERE days_past_due > {REGULATORY_DEFAULT_DAYS} AND closed_on IS NULL
    AND defaulted_on IS NULL AND standing <> '{LoanStanding.WRITTEN_OFF}' AND loan_id BETWEEN $2 AND $3
  UNION
  SELECT loan_id FROM serviced_loan WHERE matures_on = $1 AND closed_on IS NULL AND loan_id BETWEEN $2 AND $3
    AND terms->>'interest_mode' IN ('{InterestMode.RETAINED}', '{InterestMode.MIXED}')) l
WHERE {NOT_SET_ASIDE} ORDER BY loan_id
"""
# Loans with an event that was recorded before its day, which has come; and those that paid ahead for what falls due.
LIST_PLANNED = f"""
SELECT loan_id FROM (
  SELECT e.loan_id FROM servicing_event e JOIN serviced_loan l ON l.loan_id = e.loan_id
  WHERE e.planned AND e.effective_date = $1 AND e.loan_id BETWEEN $2 AND $3 AND l.closed_on IS NULL
  UNION
  SELECT l.loan_id FROM serviced_loan l
  WHERE l.advance_payment_minor > 0 AND l.loan_id BETWEEN $2 AND $3
    AND EXISTS (SELECT FROM instalment i WHERE i.loan_id = l.loan_id AND i.due_on = $1 AND i.unpaid_minor > 0)) l
WHERE {NOT_SET_ASIDE} ORDER BY loan_id
"""
LIST_MATURED = f"""
SELECT loan_id FROM serviced_loan WHERE matures_on = $1::date - 1 AND closed_on IS NULL AND loan_id BETWEEN $2 AND $3
  AND defaulted_on IS NULL AND standing <> '{LoanStanding.WRITTEN_OFF}' ORDER BY loan_id
"""


async def first_day(connection: Connection) -> date | None:
    """The first business day that has not been closed: after the last closed one, or when servicing began."""
    day: date | None = await connection.fetchval(
        "SELECT coalesce((SELECT max(business_date) + 1 FROM business_day), "
        "(SELECT min(advanced_on) FROM serviced_loan))"
    )
    return day


async def ranges(connection: Connection, size: int) -> list[Record]:
    """(first_loan_id, last_loan_id, loans) of consecutive ranges over all running loans."""
    found: list[Record] = []
    last = UUID(int=0)
    while True:
        row = await connection.fetchrow(RANGE_END, last, size, timeout=120)
        if row is None or not row["loans"]:
            return found
        found.append(row)
        last = row["last_loan_id"]


async def is_closed(connection: Connection, day: date, first_loan_id: UUID) -> bool:
    done = await connection.fetchval(
        "SELECT true FROM close_range WHERE business_date = $1 AND first_loan_id = $2", day, first_loan_id
    )
    return bool(done)


async def accrue(connection: Connection, day: date, first: UUID, last: UUID) -> None:
    await connection.execute(ACCRUE, day, first, last, timeout=120)


async def release_reserves(connection: Connection, day: date, first: UUID, last: UUID) -> int:
    locked = await connection.fetch(LOCK_RELEASING, day, first, last, timeout=120)
    if not locked:
        return 0
    row = await connection.fetchrow(
        RELEASE,
        [row["loan_id"] for row in locked],
        day,
        [currency.value for currency in Currency],
        [ledger.account_id(AccountKind.FEE_INCOME, None, currency) for currency in Currency],
        timeout=120,
    )
    return int(row["loans"]) if row else 0


async def age(connection: Connection, day: date, first: UUID, last: UUID) -> int:
    status = await connection.execute(AGE, day, first, last, timeout=120)
    return int(status.split()[-1])


async def to_replay(connection: Connection, day: date, first: UUID, last: UUID) -> list[UUID]:
    rows = await connection.fetch(LIST_TO_REPLAY, day, first, last, timeout=120)
    return [row["loan_id"] for row in rows]


async def planned(connection: Connection, day: date, first: UUID, last: UUID) -> list[UUID]:
    rows = await connection.fetch(LIST_PLANNED, day, first, last, timeout=120)
    return [row["loan_id"] for row in rows]


async def matured(connection: Connection, day: date, first: UUID, last: UUID) -> list[UUID]:
    rows = await connection.fetch(LIST_MATURED, day, first, last, timeout=120)
    return [row["loan_id"] for row in rows]


async def set_aside(connection: Connection, loan_id: UUID, day: date, code: str) -> None:
    """Keep that the loan could not be posted on ``day``, and why; of several days the first, with the newest reason."""
    await connection.execute(
        "INSERT INTO loan_set_aside (loan_id, business_date, code) VALUES ($1, coalesce("
        "(SELECT business_date FROM loan_set_aside WHERE loan_id = $1 AND posted_at IS NULL), $2), $3) "
        "ON CONFLICT (loan_id, business_date) DO UPDATE SET code = EXCLUDED.code, posted_at = NULL",
        loan_id,
        day,
        code,
    )


async def clear_set_aside(connection: Connection, loan_id: UUID) -> None:
    """The loan has been posted: nothing of it waits any more."""
    await connection.execute(
        "UPDATE loan_set_aside SET posted_at = now() WHERE loan_id = $1 AND posted_at IS NULL", loan_id
    )


async def loans_set_aside(connection: Connection) -> dict[UUID, date]:
    """The loans that wait to be posted, each with the first day that it refused."""
    rows = await connection.fetch(
        "SELECT loan_id, business_date FROM loan_set_aside WHERE posted_at IS NULL ORDER BY 1"
    )
    return {row["loan_id"]: row["business_date"] for row in rows}


async def finish_range(connection: Connection, day: date, row: Record, released: int, late: int) -> None:
    await connection.execute(
        "INSERT INTO close_range (business_date, first_loan_id, last_loan_id, loans, released, late) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        day,
        row["first_loan_id"],
        row["last_loan_id"],
        row["loans"],
        released,
        late,
    )


async def finish_day(connection: Connection, day: date) -> bool:
    """Record that the day is closed; returns whether it was not before."""
    statement = "INSERT INTO business_day (business_date) VALUES ($1) ON CONFLICT DO NOTHING"
    return bool(await connection.execute(statement, day) == "INSERT 0 1")
